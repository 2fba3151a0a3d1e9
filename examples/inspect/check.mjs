// Makes the pages and looks at them. Called by `check`.
import { spawn, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "../common/browser.mjs";
import * as wire from "./wire.mjs";

const [programs, chromium, pictures] = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "inspect-"));
const program = (name) => path.join(programs, name);
let checks = 0;
function check(holds, text) {
  if (!holds) throw new Error(`does not hold: ${text}`);
  checks++;
}

async function run(name, ...args) {
  const child = spawn(program(name), args, { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise((resolve) => child.on("close", resolve));
  check(code === 0, `${name} ends with 0, not ${code}`);
}

async function withBroker(body) {
  const broker = spawn(program("broker"), ["--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const port = await new Promise((resolve, reject) => {
      let text = "";
      broker.on("close", () => reject(new Error("the broker ended")));
      broker.stdout.on("data", (bytes) => {
        text += bytes;
        const found = /listening on \S+:(\d+)/.exec(text);
        if (found) resolve(Number(found[1]));
      });
    });
    return await wire.relay(port, body);
  } finally {
    broker.kill();
  }
}

/** A conversation of `send`, and of `receive` if asked for, with our broker. */
const record = (count, receives) => withBroker(async (port) => {
  await run("send", `amqp://127.0.0.1:${port}/orders`, "--count", String(count), "--size", "40");
  if (receives) await run("receive", `amqp://127.0.0.1:${port}/orders`, "--count", String(count), "--quiet");
});

export const hostile = `</script><script>window.broken=1</script><img src=x onerror="window.broken=2">'"&amp;`;

/** A sender without credit for 4.2 s with 17 messages waiting, that then sends one all the same. */
function planted() {
  const { uint, text, none, yes, no, binary, list, frame } = wire;
  const recording = [];
  const say = (at, from, bytes) => recording.push({ at: at * 1000, from, bytes, connection: 0 });
  const attach = (role) => list(0x12, text(hostile), uint(0), role, none, none, list(0x28, text("shop")), list(0x29, text("orders")), none, none, role === no ? uint(0) : none);
  // A second session, on channel 1, has a link the other way.
  const prices = (role) => list(0x12, text("prices"), uint(0), role, none, none, list(0x28, text("prices")), list(0x29), none, none, role === no ? uint(0) : none);
  const flow = (incoming, outgoing, count, credit, available) =>
    list(0x13, uint(incoming), uint(100), uint(outgoing), uint(100), uint(0), uint(count), uint(credit), available ? uint(available) : none);
  const transfer = (id) => frame(0, list(0x14, uint(0), uint(id), binary(`tag-${id}`), uint(0), no), Buffer.from("hello"));
  const settle = (first, last) => frame(0, list(0x15, yes, uint(first), uint(last), yes, list(0x24)));
  say(0, "client", wire.header);
  say(1, "server", wire.header);
  say(2, "client", frame(0, list(0x10, text("shop"))));
  say(4, "server", frame(0, list(0x10, text("broker"))));
  say(5, "client", frame(0, list(0x11, none, uint(0), uint(100), uint(100))));
  say(6, "server", frame(0, list(0x11, Buffer.from([0x60, 0, 0]), uint(0), uint(100), uint(100))));
  say(7, "client", frame(0, attach(no)));
  say(8, "server", frame(0, attach(yes)));
  say(9, "server", frame(0, flow(0, 0, 0, 3)));
  say(10, "client", frame(1, list(0x11, none, uint(0), uint(8), uint(8))));
  say(11, "server", frame(1, list(0x11, Buffer.from([0x60, 0, 1]), uint(0), uint(8), uint(8))));
  say(12, "client", frame(1, prices(yes)));
  say(13, "server", frame(1, prices(no)));
  say(14, "client", frame(1, flow(0, 0, 0, 9)));
  for (const id of [0, 1, 2]) say(20 + id, "client", transfer(id));
  say(30, "server", settle(0, 2));
  say(40, "client", frame(0, flow(0, 3, 3, 0, 17)));
  say(4240, "server", frame(0, flow(3, 0, 3, 2)));
  for (const id of [0, 1]) say(4250 + id, "server", frame(1, list(0x14, uint(0), uint(id), binary(`price-${id}`), uint(0), yes), Buffer.from("42")));
  for (const id of [3, 4, 5]) say(4300 + id, "client", transfer(id));
  say(4400, "server", settle(3, 4));
  say(4500, "client", frame(0, list(0x18)));
  say(4510, "server", frame(0, list(0x18)));
  return recording;
}

function write(name, bytes) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, bytes);
  return file;
}
const inspect = (...args) => execFileSync(program("inspect"), args, { encoding: "utf8", maxBuffer: 1 << 28 });
const lines = (file) => inspect("--json", file).trim().split("\n").map((line) => JSON.parse(line));

/** The page of a recording or of a capture, with the frames that it must show. */
function page(name, recording) {
  const isFile = typeof recording === "string";
  const capture = isFile ? recording : write(`${name}.pcap`, wire.pcap(wire.packets(recording)));
  const html = path.join(folder, `${name}.html`);
  inspect("--html", html, capture);
  const seen = lines(capture);
  const isFinding = (line) => line.kind === "violation" || line.kind === "stall";
  const frames = seen.filter((line) => line.connection === 1 && line.kind !== "connection" && !isFinding(line));
  return { name, html, frames: frames.length, findings: seen.filter(isFinding), seen };
}

/** Formats, link types and disorder change nothing. */
function captures(recording) {
  const without = (file) => lines(file).map(({ client, server, ...rest }) => JSON.stringify(rest)).join("\n");
  const plain = without(write("plain.pcap", wire.pcap(wire.packets(recording))));
  const cut = { most: 50 };
  const variants = {
    "segments of 50 bytes": wire.pcap(wire.packets(recording, cut)),
    "segments out of order and twice": wire.pcap(wire.packets(recording, { ...cut, messy: true })),
    "pcapng, Ethernet": wire.pcapng(wire.packets(recording), 0x0800),
    "pcapng, Ethernet, IPv6": wire.pcapng(wire.packets(recording, { v6: true, messy: true }), 0x86dd),
  };
  for (const [name, bytes] of Object.entries(variants)) check(without(write("variant", bytes)) === plain, `${name}: the same frames`);
  const followed = execFileSync(program("inspect"), ["--follow", "--json", "-"], { input: variants["pcapng, Ethernet"], encoding: "utf8", maxBuffer: 1 << 28 });
  check(followed.split("\n").length === plain.split("\n").length + 1, "--follow prints as many lines");
  const other = lines(write("other.pcap", wire.pcap(wire.packets([{ at: 0, from: "client", connection: 0, bytes: Buffer.from("GET / HTTP/1.1\r\n\r\n") }]))));
  check(other.length === 1 && other[0].kind === "note", "a capture without AMQP has a note and no frame");
}

async function look(browser, page, marks) {
  const tab = await browser.open(pathToFileURL(page.html).href);
  const rows = () => tab.evaluate(`document.querySelectorAll("#rows .arrow").length`);
  check((await rows()) > 0, `${page.name}: the diagram has arrows`);
  check((await rows()) < 200, `${page.name}: only the rows in view are in the page`);
  const facts = await tab.evaluate(`document.getElementById("facts").textContent`);
  check(facts.includes(`${page.frames.toLocaleString("en")} frame`), `${page.name}: ${page.frames} frames, in "${facts}"`);
  check(await tab.evaluate(`document.getElementById("client").textContent.startsWith("client 10.0.0.1")`), `${page.name}: the ends`);
  for (const scheme of ["light", "dark"]) {
    await tab.scheme(scheme);
    if (pictures) await tab.picture(path.join(pictures, `observer-${page.name}-${scheme}.png`));
  }
  await tab.scheme("light");
  await tab.evaluate(`document.querySelector("#rows .row:not(.finding):last-child, #rows .row:not(.finding)").click()`);
  check(await tab.evaluate(`document.querySelectorAll("#rows .fields td").length > 1`), `${page.name}: a click shows the fields`);
  await tab.evaluate(`(() => { const rows = [...document.querySelectorAll("#rows .row:not(.finding)")]; (rows.find((row) => row.textContent.includes("attach")) || rows[0]).click(); })()`);
  if (pictures) await tab.picture(path.join(pictures, `observer-${page.name}-fields.png`));
  await marks(tab);
  check((await tab.evaluate(`String(window.broken)`)) === "undefined", `${page.name}: no text became a program`);
  check(tab.errors.length === 0, `${page.name}: no script error, but ${tab.errors.join("; ")}`);
  await tab.close();
}

/** Types into the search field, and returns what is left in the diagram. */
async function search(tab, text) {
  await tab.evaluate(`(() => { const field = document.getElementById("search"); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event("input")); })()`);
  await new Promise((resolve) => setTimeout(resolve, 400));
  return tab.evaluate(`[...document.querySelectorAll("#rows .row")].map((row) => row.textContent)`);
}

async function main() {
  const small = await record(60, true);
  captures(small);
  const large = await record(9890, false);
  const pages = {
    3: page("3", small.slice(0, 1).concat(small.slice(1, 2))),
    300: page("300", await record(290, false)),
    10000: page("10000", large),
    both: page("both", small),
    proton: page("proton", "tests/captures/proton-0.40.0-clients.pcap"),
    planted: page("planted", planted()),
  };
  for (const name of ["3", "300", "10000", "both", "proton"]) check(pages[name].findings.length <= (name === "3" ? 2 : 0), `${name}: our own programs break nothing: ${JSON.stringify(pages[name].findings[0])}`);
  check(pages[10000].frames > 9000, `${pages[10000].frames} frames are many`);
  const texts = pages.planted.findings.map((line) => `${line.content.section} ${line.content.text}`);
  check(texts.includes("2.6.7 credit 0 for 4.2 s, 17 messages waiting"), `the stall: ${texts}`);
  check(texts.some((text) => text.startsWith("2.6.7 a transfer without credit")), `the violation: ${texts}`);
  check(!/<\/script><script>window/.test(fs.readFileSync(pages.planted.html, "utf8")), "the hostile name is escaped");
  if (!chromium) {
    console.log(`${checks} checks hold; the pages were not opened: there is no Chromium here`);
    return;
  }
  const browser = await Browser.start(chromium);
  try {
    for (const name of ["3", "300", "10000", "proton"]) {
      await look(browser, pages[name], async (tab) => {
        if (name === "3") return;
        check(await tab.evaluate(`document.querySelectorAll("#charts svg path").length >= 4`), `${name}: charts`);
        const found = await search(tab, "#7");
        check(found.length >= 1 && found.every((text) => /transfer|disposition/.test(text)), `${name}: delivery 7 is found: ${found.slice(0, 3)}`);
      });
    }
    await look(browser, pages.both, async (tab) => {
      await tab.evaluate(`(() => { const field = document.getElementById("connection"); field.value = "1"; field.dispatchEvent(new Event("change")); })()`);
      check(await tab.evaluate(`document.querySelectorAll("#rows .arrow").length > 5`), "the second connection is shown");
    });
    await look(browser, pages.planted, async (tab) => {
      const onlyFindings = `[...document.querySelectorAll("#kinds button")].find((button) => button.textContent === "findings").click()`;
      await tab.evaluate(onlyFindings);
      const notes = await tab.evaluate(`[...document.querySelectorAll("#rows .note")].map((note) => note.textContent)`);
      check(notes.length === 2, `two findings: ${notes}`);
      check(notes.some((text) => text.includes("2.6.7") && text.includes("credit 0 for 4.2 s, 17 messages waiting")), `the stall is marked: ${notes}`);
      check(notes.some((text) => text.includes("2.6.7") && text.includes("a transfer without credit")), `the violation is marked: ${notes}`);
      await tab.evaluate(onlyFindings);
      check(await tab.evaluate(`document.querySelectorAll("#charts .band").length > 0 && document.querySelectorAll("#charts .fault").length > 0`), "both are in a chart");
      check(await tab.evaluate(`document.querySelector("#links .what").textContent.startsWith(${JSON.stringify(hostile)})`), "the hostile name is shown as it is");
      const tagged = await search(tab, "tag-4");
      check(tagged.length === 1 && tagged[0].includes("#4"), `a tag is found: ${tagged}`);
      check((await search(tab, "window.broken=1")).length >= 7, "a link is found by its name");
    });
  } finally {
    await browser.stop();
  }
  console.log(`${checks} checks hold`);
}

try {
  await main();
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
