// The loop around the engine: a WebSocket carries the bytes, a timer the deadlines. The page has the messages.

// The kinds of events, as in src/lib.rs.
const [NONE, MESSAGE, OUTCOME, READY, ERROR] = [0, 1, 2, 3, 4];
// The largest binary message, and the bytes that may wait in the WebSocket: more waits in the engine, which has a bound.
const MAX_MESSAGE = 64 * 1024;
const MAX_BUFFERED = 1024 * 1024;
// How soon a full WebSocket is looked at again: it has no event for that.
const LOOK_AGAIN = 10;
// The longest wait that a timer takes.
const MAX_WAIT = 2 ** 31 - 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Opens a connection. Returns its `send`, which is false as long as a message has to wait, and its `close`.
export async function connect({ url, to, from, onState, onMessage, onOutcome }) {
  const { instance } = await WebAssembly.instantiateStreaming(fetch("client.wasm"));
  const engine = instance.exports;
  const socket = new WebSocket(url, "amqp");
  socket.binaryType = "arraybuffer";
  let timer;

  // The memory may move when it grows, so each view is made for one use.
  const view = () => {
    const length = engine.buffer_len();
    return new Uint8Array(engine.memory.buffer, engine.buffer(length), length);
  };
  const fill = (bytes) => {
    engine.buffer(bytes.length);
    view().set(bytes);
  };

  function handleEvents() {
    let handled = false;
    for (let kind = engine.event(); kind !== NONE; kind = engine.event()) {
      handled = true;
      const text = decoder.decode(view());
      if (kind === MESSAGE) onMessage(text);
      else if (kind === OUTCOME) onOutcome(text);
      else if (kind === READY) onState("ready");
      else onState(kind === ERROR ? `error: ${text}` : text);
    }
    return handled;
  }

  function write() {
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_BUFFERED) {
      engine.output(performance.now(), MAX_MESSAGE);
      if (engine.buffer_len() === 0) return true;
      socket.send(view().slice());
    }
    return false;
  }

  // Handles events and writes output until there is neither, then sets the timer.
  function pump() {
    let written;
    do {
      handleEvents();
      written = write();
      // What the engine had no room for before.
      fill([]);
      engine.input(performance.now());
    } while (handleEvents());
    clearTimeout(timer);
    const wait = engine.timeout(performance.now());
    const isFull = !written && socket.readyState === WebSocket.OPEN;
    if (isFull) timer = setTimeout(pump, LOOK_AGAIN);
    else if (wait >= 0) timer = setTimeout(onTimeout, Math.min(wait, MAX_WAIT));
  }

  function onTimeout() {
    engine.handle_timeout(performance.now());
    pump();
  }

  socket.onopen = pump;
  socket.onmessage = ({ data }) => {
    fill(new Uint8Array(data));
    engine.input(performance.now());
    pump();
  };
  // An error is followed by it.
  socket.onclose = () => {
    engine.end_of_input(performance.now());
    pump();
  };

  fill(encoder.encode(`${to}\n${from}`));
  if (engine.start() !== 1) throw new Error("the client cannot be made");

  return {
    send(text) {
      fill(encoder.encode(text));
      const isSent = engine.send() === 1;
      pump();
      return isSent;
    },
    close() {
      engine.close();
      pump();
    },
  };
}
