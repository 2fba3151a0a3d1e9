// Captures for the check: frames by hand, a relay that records, and writers of pcap and pcapng.
import net from "node:net";

const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };
const u16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n & 0xffff); return b; };
const le32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n >>> 0); return b; };
const le16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16LE(n); return b; };

// ---- Values and frames ----
export const uint = (n) => Buffer.concat([Buffer.from([0x70]), u32(n)]);
export const text = (s) => Buffer.concat([Buffer.from([0xb1]), u32(Buffer.byteLength(s)), Buffer.from(s)]);
export const binary = (s) => Buffer.concat([Buffer.from([0xa0, s.length]), Buffer.from(s)]);
export const yes = Buffer.from([0x41]);
export const no = Buffer.from([0x42]);
export const none = Buffer.from([0x40]);
export const list = (code, ...items) => {
  const body = Buffer.concat(items);
  return Buffer.concat([Buffer.from([0x00, 0x53, code, 0xd0]), u32(body.length + 4), u32(items.length), body]);
};
export const frame = (channel, performative, payload = Buffer.alloc(0)) =>
  Buffer.concat([u32(8 + performative.length + payload.length), Buffer.from([2, 0]), u16(channel), performative, payload]);
export const header = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);

// ---- A relay that records both directions ----
/** Returns `[{ at, from, bytes, connection }]` in the order in which the bytes passed. */
export async function relay(port, body) {
  const recording = [];
  let connections = 0;
  const server = net.createServer({ noDelay: true }, (client) => {
    const connection = connections++;
    const broker = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const pass = (from, source, target) => {
      source.on("data", (bytes) => {
        recording.push({ at: Number(process.hrtime.bigint() / 1000n), from, bytes, connection });
        target.write(bytes);
      });
      source.on("end", () => target.end());
      source.on("error", () => target.destroy());
    };
    pass("client", client, broker);
    pass("server", broker, client);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await body(server.address().port);
  await new Promise((resolve) => server.close(resolve));
  return recording;
}

// ---- Captures ----
function tcp(from, to, sequence, flags, payload) {
  return Buffer.concat([u16(from), u16(to), u32(sequence), u32(1), Buffer.from([0x50, flags]), u16(0xffff), u16(0), u16(0), payload]);
}
function ipv4(segment, up) {
  const ends = up ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1];
  return Buffer.concat([Buffer.from([0x45, 0]), u16(20 + segment.length), u32(0), Buffer.from([64, 6, 0, 0, ...ends]), segment]);
}
function ipv6(segment, up) {
  const address = (last) => Buffer.from([0xfd, ...Array(14).fill(0), last]);
  return Buffer.concat([Buffer.from([0x60, 0, 0, 0]), u16(segment.length), Buffer.from([6, 64]), address(up ? 1 : 2), address(up ? 2 : 1), segment]);
}

/** Returns packets of a recording. With `messy`, segments change places and come twice. */
export function packets(recording, { v6 = false, messy = false, most = 16000 } = {}) {
  const next = new Map(), found = [];
  const ip = v6 ? ipv6 : ipv4;
  for (const { at, from, bytes, connection } of recording) {
    const up = from === "client", port = 40000 + connection;
    const key = `${connection} ${up}`;
    const ends = up ? [port, 5672] : [5672, port];
    if (!next.has(key)) {
      const start = up ? 0xffffff00 : 7000;
      found.push({ at, data: ip(tcp(...ends, start, up ? 2 : 18, Buffer.alloc(0)), up) });
      next.set(key, start + 1);
    }
    for (let place = 0; place < bytes.length; place += most) {
      const part = bytes.subarray(place, place + most);
      found.push({ at, up, connection, data: ip(tcp(...ends, next.get(key), 24, part), up) });
      next.set(key, (next.get(key) + part.length) >>> 0);
    }
  }
  if (!messy) return found;
  const out = [];
  for (let index = 0; index < found.length; index++) {
    const [one, two] = [found[index], found[index + 1]];
    if (two && one.up !== undefined && one.up === two.up && one.connection === two.connection && one.at === two.at) {
      out.push(two, one, two);
      index++;
    } else out.push(one);
  }
  return out;
}

export function pcap(found) {
  const records = found.map(({ at, data }) =>
    Buffer.concat([le32(Math.floor(at / 1e6)), le32(at % 1e6), le32(data.length), le32(data.length), data]));
  return Buffer.concat([le32(0xa1b2c3d4), le16(2), le16(4), le32(0), le32(0), le32(0x40000), le32(101), ...records]);
}

/** A pcapng capture of Ethernet packets, in nanoseconds. */
export function pcapng(found, etherType) {
  const block = (type, body) => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    return Buffer.concat([le32(type), le32(padded.length + 12), padded, le32(padded.length + 12)]);
  };
  const section = block(0x0a0d0d0a, Buffer.concat([le32(0x1a2b3c4d), le16(1), le16(0), Buffer.alloc(8, 0xff)]));
  const nanoseconds = Buffer.concat([le16(9), le16(1), Buffer.from([9, 0, 0, 0]), le32(0)]);
  const networks = block(1, Buffer.concat([le16(1), le16(0), le32(0), nanoseconds]));
  const frames = found.map(({ at, data }) => {
    const ether = Buffer.concat([Buffer.alloc(12, 2), u16(etherType), data]);
    const time = BigInt(at) * 1000n;
    const head = [0, Number(time >> 32n), Number(time & 0xffffffffn), ether.length, ether.length].map(le32);
    return block(6, Buffer.concat([...head, ether]));
  });
  return Buffer.concat([section, networks, ...frames]);
}
