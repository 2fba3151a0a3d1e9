// Clicks through the page: see the script `check`. Chromium is driven through a pipe, with its DevTools protocol.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [folder, wasm] = process.argv.slice(2);
// Only there so that what hangs ends.
const PATIENCE = 60_000;
const children = [];

function start(name, args, stdio = ["ignore", "pipe", "inherit"]) {
  const child = spawn(name.includes("/") ? name : join(folder, name), args, { stdio });
  children.push(child);
  return child;
}

// Starts a server, and returns the port that it prints.
async function serve(name, args) {
  const child = start(name, ["--listen", "127.0.0.1:0", ...args]);
  const [line] = await once(createInterface(child.stdout), "line");
  return line.match(/:(\d+)$/)[1];
}

// Runs a program to its end, and returns its output.
async function run(name, args) {
  const child = start(name, args);
  let output = "";
  child.stdout.on("data", (data) => { output += data; });
  const [code] = await once(child, "close");
  assert.equal(code, 0, `${name} ended with ${code}: ${output}`);
  return output;
}

// The DevTools protocol over a pipe: each message is JSON, with a NUL at its end.
class Browser {
  #pipe;
  #id = 0;
  #answers = new Map();
  errors = [];

  constructor(profile) {
    const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", `--user-data-dir=${profile}`,
      "--remote-debugging-pipe", "about:blank"];
    const child = start("/usr/bin/chromium", options, ["ignore", "ignore", "ignore", "pipe", "pipe"]);
    this.child = child;
    this.#pipe = child.stdio[3];
    // A browser that ends breaks the pipe.
    child.stdio[3].on("error", () => {});
    child.stdio[4].on("error", () => {});
    let unread = "";
    child.stdio[4].setEncoding("utf8").on("data", (data) => {
      const messages = (unread + data).split("\0");
      unread = messages.pop();
      messages.map(JSON.parse).forEach((message) => this.#on(message));
    });
  }

  #on({ id, result, error, method, params }) {
    if (id !== undefined) {
      const { resolve, reject } = this.#answers.get(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    } else if (method === "Runtime.exceptionThrown") {
      this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Log.entryAdded" && params.entry.level === "error") {
      this.errors.push(params.entry.text);
    }
  }

  call(method, params = {}) {
    const id = ++this.#id;
    this.#pipe.write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`);
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    this.session = (await this.call("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    await this.call("Runtime.enable");
    await this.call("Log.enable");
    await this.call("Page.navigate", { url });
  }

  async value(expression) {
    const { result } = await this.call("Runtime.evaluate", { expression, returnByValue: true });
    return result.value;
  }

  // Waits until an expression has a value that contains the text.
  async until(expression, text) {
    for (;;) {
      const value = await this.value(expression);
      assert.deepEqual(this.errors, []);
      if (value?.includes(text)) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  // Types as a person does, and presses Enter.
  async type(text) {
    await this.value("document.getElementById('text').focus()");
    await this.call("Input.insertText", { text });
    const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
    await this.call("Input.dispatchKeyEvent", { type: "keyDown", ...key });
    await this.call("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  }
}

const profile = await mkdtemp(join(tmpdir(), "amqp-browser-"));
let step = "the broker does not start";
const hanging = setTimeout(() => {
  console.error(step);
  end(1);
}, PATIENCE);

async function end(code) {
  clearTimeout(hanging);
  for (const child of children) child.kill("SIGKILL");
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}

try {
  const broker = await serve("broker", []);
  step = "the relay does not start";
  const relay = await serve("relay", ["--to", `127.0.0.1:${broker}`, "--wasm", wasm]);
  step = "Chromium does not start";
  const browser = new Browser(profile);
  await browser.open(`http://127.0.0.1:${relay}/?to=typed&from=shown`);
  const [state, list] = ["state", "messages"].map((id) => `document.getElementById('${id}')?.textContent`);
  step = "the page does not connect";
  await browser.until(state, "ready");

  step = "a typed message does not arrive";
  const typed = "typed in a page: grüße";
  await browser.type(typed);
  await browser.until(list, `${typed} (Accepted)`);
  const received = await run("receive", [`amqp://127.0.0.1:${broker}/typed`, "--count", "1"]);
  assert.ok(received.includes(typed), received);
  console.log("a message that was typed into the page arrived at receive");

  step = "a message that was sent does not appear";
  const body = `sent to the page: ${"x".repeat(100_000)}`;
  await run("send", [`amqp://127.0.0.1:${broker}/shown`, "--body", body]);
  await browser.until(list, body);
  console.log("a message of send is shown in the page");

  const { data } = await browser.call("Page.captureScreenshot");
  assert.ok(data.length > 0);
  if (process.env.SCREENSHOT) {
    await (await import("node:fs/promises")).writeFile(process.env.SCREENSHOT, Buffer.from(data, "base64"));
  }
  assert.deepEqual(browser.errors, []);
  await end(0);
} catch (error) {
  console.error(error);
  await end(1);
}
