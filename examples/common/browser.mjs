// Headless Chromium by its DevTools protocol, over a pipe.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export class Browser {
  static async start(chromium) {
    const browser = new Browser();
    browser.profile = fs.mkdtempSync(path.join(os.tmpdir(), "chromium-profile-"));
    const options = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", `--user-data-dir=${browser.profile}`];
    browser.child = spawn(chromium, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    browser.calls = new Map();
    browser.listeners = new Map();
    browser.last = 0;
    // A browser that ends breaks the pipe.
    for (const pipe of browser.child.stdio.slice(3)) pipe.on("error", () => {});
    browser.ended = new Promise((resolve) => browser.child.on("close", resolve));
    browser.ended.then(() => browser.calls.forEach((call) => call.reject(new Error("Chromium ended"))));
    let text = Buffer.alloc(0);
    browser.child.stdio[4].on("data", (bytes) => {
      text = Buffer.concat([text, bytes]);
      for (let end; (end = text.indexOf(0)) >= 0; text = text.subarray(end + 1)) browser.read(JSON.parse(text.subarray(0, end)));
    });
    return browser;
  }

  read(message) {
    const call = this.calls.get(message.id);
    if (call) {
      this.calls.delete(message.id);
      if (message.error) call.reject(new Error(message.error.message));
      else call.resolve(message.result);
    } else if (message.sessionId) {
      const listener = this.listeners.get(message.sessionId);
      if (listener) listener(message);
    }
  }

  call(method, params = {}, sessionId = undefined) {
    const id = ++this.last;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.calls.set(id, { resolve, reject }));
  }

  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, targetId, sessionId);
    await tab.load(url);
    return tab;
  }

  async stop() {
    const late = new Promise((resolve) => setTimeout(resolve, 10_000).unref());
    this.call("Browser.close").catch(() => {});
    await Promise.race([this.ended, late]);
    this.child.kill("SIGKILL");
    await this.ended;
    try {
      fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    } catch {
      // A process of the browser's is still writing. The folder is a temporary one.
    }
  }
}

class Tab {
  constructor(browser, target, session) {
    Object.assign(this, { browser, target, session, errors: [] });
    this.call = (method, params) => browser.call(method, params, session);
    browser.listeners.set(session, ({ method, params }) => {
      if (method === "Page.loadEventFired") this.loaded();
      if (method === "Runtime.exceptionThrown") this.errors.push(params.exceptionDetails.exception?.description || params.exceptionDetails.text);
      if (method === "Log.entryAdded" && params.entry.level === "error") this.errors.push(params.entry.text);
      if (method === "Runtime.consoleAPICalled" && params.type === "error") this.errors.push("console.error");
    });
  }

  async load(url) {
    for (const domain of ["Page", "Runtime", "Log"]) await this.call(`${domain}.enable`);
    await this.call("Emulation.setDeviceMetricsOverride", { width: 1440, height: 900, deviceScaleFactor: 1, mobile: false });
    const loaded = new Promise((resolve) => { this.loaded = resolve; });
    await this.call("Page.navigate", { url });
    await loaded;
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  scheme(value) {
    return this.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  async picture(file) {
    await this.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
    const { data } = await this.call("Page.captureScreenshot", { format: "png" });
    fs.writeFileSync(file, Buffer.from(data, "base64"));
  }

  async close() {
    await this.browser.call("Target.closeTarget", { targetId: this.target });
  }
}
