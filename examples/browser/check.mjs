// Clicks through the page: see the script `check`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Browser } from "../common/browser.mjs";

const [folder, wasm] = process.argv.slice(2);
// Only there so that what hangs ends.
const PATIENCE = 60_000;
const children = [];

function start(name, args) {
  const child = spawn(join(folder, name), args, { stdio: ["ignore", "pipe", "inherit"] });
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

// Waits until an expression has a value that contains the text.
async function until(tab, expression, text) {
  for (;;) {
    const value = await tab.evaluate(expression);
    assert.deepEqual(tab.errors, []);
    if (value?.includes(text)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Types as a person does, and presses Enter.
async function type(tab, text) {
  await tab.evaluate("document.getElementById('text').focus()");
  await tab.call("Input.insertText", { text });
  const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
  await tab.call("Input.dispatchKeyEvent", { type: "keyDown", ...key });
  await tab.call("Input.dispatchKeyEvent", { type: "keyUp", ...key });
}

let browser;
let step = "the broker does not start";
const hanging = setTimeout(() => {
  console.error(step);
  end(1);
}, PATIENCE);

async function end(code) {
  clearTimeout(hanging);
  for (const child of children) child.kill("SIGKILL");
  await browser?.stop();
  process.exit(code);
}

try {
  const broker = await serve("broker", []);
  step = "the relay does not start";
  const relay = await serve("relay", ["--to", `127.0.0.1:${broker}`, "--wasm", wasm]);
  step = "Chromium does not start";
  browser = await Browser.start("/usr/bin/chromium");
  const tab = await browser.open(`http://127.0.0.1:${relay}/?to=typed&from=shown`);
  const [state, list] = ["state", "messages"].map((id) => `document.getElementById('${id}')?.textContent`);
  step = "the page does not connect";
  await until(tab, state, "ready");

  step = "a typed message does not arrive";
  const typed = "typed in a page: grüße";
  await type(tab, typed);
  await until(tab, list, `${typed} (Accepted)`);
  const received = await run("receive", [`amqp://127.0.0.1:${broker}/typed`, "--count", "1"]);
  assert.ok(received.includes(typed), received);
  console.log("a message that was typed into the page arrived at receive");

  step = "a message that was sent does not appear";
  const body = `sent to the page: ${"x".repeat(100_000)}`;
  await run("send", [`amqp://127.0.0.1:${broker}/shown`, "--body", body]);
  await until(tab, list, body);
  console.log("a message of send is shown in the page");

  if (process.env.SCREENSHOT) await tab.picture(process.env.SCREENSHOT);
  assert.deepEqual(tab.errors, []);
  await end(0);
} catch (error) {
  console.error(error);
  await end(1);
}
