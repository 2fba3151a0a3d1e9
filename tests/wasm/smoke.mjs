// Runs the WebAssembly module named on the command line: two connections open over bytes carried here.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const [CLIENT, SERVER] = [0, 1];
const PROTOCOL_HEADER = [0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0];
const HEADER_SIZE = 8;

const module = await WebAssembly.compile(await readFile(process.argv[2]));
// The engine needs no clock, no randomness and no I/O, so there is nothing for the host to provide.
assert.deepEqual(WebAssembly.Module.imports(module), []);

// Returns a new client and server. What an end does not take, such as half a frame, is handed over again with the rest.
async function instance() {
  const unread = [[], []];
  const { open, buffer, output, input, is_open, memory } = (await WebAssembly.instantiate(module)).exports;
  return {
    open,
    output(end) {
      const length = output(end);
      return new Uint8Array(memory.buffer, buffer(length), length).slice();
    },
    input(end, bytes) {
      const all = [...unread[end], ...bytes];
      const address = buffer(all.length);
      new Uint8Array(memory.buffer, address, all.length).set(all);
      unread[end] = all.slice(all.length - input(end));
    },
    isOpen: (end) => is_open(end) === 1,
  };
}

// 2.2, 2.3: the protocol header, then an open in an AMQP frame on channel 0.
function assertHeaderAndOpen(bytes) {
  assert.deepEqual([...bytes.slice(0, HEADER_SIZE)], PROTOCOL_HEADER);
  const frame = bytes.slice(HEADER_SIZE);
  assert.equal(new DataView(frame.buffer).getUint32(0), frame.length);
  assert.deepEqual([...frame.slice(4, 11)], [2, 0, 0, 0, 0x00, 0x53, 0x10]);
}

const pair = await instance();
assert.equal(pair.output(CLIENT).length, 0);
assert.equal(pair.open(), 1);
let bytes = pair.output(CLIENT);
assertHeaderAndOpen(bytes);
pair.input(SERVER, bytes);
bytes = pair.output(SERVER);
assertHeaderAndOpen(bytes);
assert.deepEqual([pair.isOpen(CLIENT), pair.isOpen(SERVER)], [false, true]);
for (const byte of bytes) pair.input(CLIENT, [byte]);
assert.deepEqual([pair.isOpen(CLIENT), pair.isOpen(SERVER)], [true, true]);

// Another protocol is answered with ours, not with a trap.
const other = await instance();
other.input(SERVER, new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
assert.deepEqual([...other.output(SERVER)], PROTOCOL_HEADER);
assert.equal(other.isOpen(SERVER), false);

console.log("two connections opened in WebAssembly, which imports nothing");
