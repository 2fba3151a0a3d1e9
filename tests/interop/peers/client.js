'use strict';
// A client on rhea: sends, receives and checks numbered messages, or leaves in anger.
//   node client.js send|receive|fault [--port P] [--address A] [--count N] [--size B] [--settled] [--drain]
//     [--sasl none|anonymous|plain|external] [--user U] [--password P] [--max-frame-size N] [--idle-timeout MS]
//     [--ca FILE] [--cert FILE --key FILE] [--values FILE] [--fault connection|session|link|drop]
// With --ca over TLS, to a server that this authority vouches for; the certificate and key are the client's.
// The last line of output says what came of it, in JSON; exit 1 and a reason on standard error if it failed.

const fs = require('fs');
const rhea = require('rhea');
const { body, wrong } = require('./body');
const { options } = require('./options');
const { make, read } = require('./values');

const job = process.argv[2];
const given = options(process.argv.slice(3), {
  port: 0, address: 'queue', count: 1, size: 10, settled: false, drain: false, sasl: 'anonymous', user: 'guest', password: 'guest',
  'max-frame-size': 0, 'idle-timeout': 0, ca: '', cert: '', key: '', values: '', fault: 'connection',
});
const values = given.values ? JSON.parse(fs.readFileSync(given.values)) : undefined;
const count = values ? values.length : given.count;
const SETTLED = 1;
const UNSETTLED = 0;
const ERROR = { condition: 'amqp:internal-error', description: 'the peer leaves on purpose' };

const fail = text => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};
let over = false;
const finish = (context, result) => {
  if (over) return;
  over = true;
  process.stdout.write(`${JSON.stringify(result)}\n`);
  context.connection.close();
};

for (const name of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'protocol_error', 'error']) {
  rhea.on(name, context => {
    const end = context.error || context;
    const ends = [end, context.receiver, context.sender, context.session].map(e => e && (e.error || e)).filter(Boolean);
    const told = ends.find(e => e.condition) || end;
    fail(`${name}: ${told.condition || told.code || ''} ${told.description || told.message || told}`);
  });
}
rhea.on('disconnected', context => over || fail(`disconnected: ${context.error || 'with no close'}`));

function message(n) {
  if (!values) return { message_id: n, body: body(n, given.size) };
  const { body: value, properties } = values[n];
  const made = Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, make(property)]));
  return { message_id: n, body: make(value), application_properties: made };
}

function send() {
  let sent = 0;
  const outcomes = { accepted: 0, rejected: 0, released: 0, modified: 0 };
  const done = context => finish(context, { sent, ...outcomes });
  rhea.on('sendable', context => {
    while (sent < count && context.sender.sendable()) context.sender.send(message(sent++));
    // rhea queues what it has no window for, and a settled delivery reports nothing when it leaves.
    const { outgoing } = context.session;
    if (given.settled && sent === count) {
      const look = () => (outgoing.next_pending_delivery === outgoing.next_delivery_id ? done(context) : setTimeout(look, 5));
      look();
    }
  });
  for (const name of Object.keys(outcomes)) {
    rhea.on(name, context => {
      outcomes[name]++;
      if (Object.values(outcomes).reduce((a, b) => a + b) === count) done(context);
    });
  }
  const snd_settle_mode = given.settled ? SETTLED : UNSETTLED;
  return { target: { address: given.address }, snd_settle_mode, treat_modified_as_released: false };
}

function differ(name, got, due) {
  const [found, wanted] = [JSON.stringify(got), JSON.stringify(due)];
  return found === wanted ? undefined : `${name}: got ${found} where ${wanted} was due`;
}

function check(n, context, encoded) {
  if (!values) return wrong(context.message.body, n, given.size);
  const { name, body: value, properties } = values[n];
  const found = read(encoded);
  return differ(name, found.body, value)
    || Object.keys(properties).map(key => differ(key, found.properties[key], properties[key])).find(Boolean);
}

function receive() {
  let encoded;
  let received = 0;
  const { decode } = rhea.message;
  rhea.message.decode = buffer => decode((encoded = buffer));
  rhea.on('message', context => {
    if (received === count) fail(`one message more than ${count}`);
    if (Boolean(context.delivery.remote_settled) !== given.settled) fail(`message ${received}: settled is not ${given.settled}`);
    const fault = check(received++, context, encoded);
    if (fault) fail(fault);
    // After the disposition of this message, which rhea writes at the end of the turn.
    if (received === count && !given.drain) setImmediate(() => finish(context, { received }));
  });
  rhea.on('receiver_open', context => {
    if (!given.drain) return;
    context.receiver.add_credit(count + 5);
    context.receiver.drain_credit();
  });
  rhea.on('receiver_drained', context => {
    if (received !== count) fail(`drained with ${received} messages where ${count} were due`);
    finish(context, { received });
  });
  const snd_settle_mode = given.settled ? SETTLED : UNSETTLED;
  return { source: { address: given.address }, snd_settle_mode, credit_window: given.drain ? 0 : 200 };
}

function fault() {
  rhea.once('sendable', context => context.sender.send(message(0)));
  rhea.once('accepted', context => {
    over = true;
    process.stdout.write('{"left": true}\n');
    if (given.fault === 'drop') {
      context.connection.socket.destroy();
      // rhea's timer for heartbeats outlives the socket, and the program with it.
      process.exit();
    } else if (given.fault === 'link') context.sender.close(ERROR);
    else if (given.fault === 'session') context.session.close(ERROR);
    else context.connection.close(ERROR);
  });
  const bye = context => context.connection.close();
  rhea.on('sender_close', bye);
  rhea.on('session_close', bye);
  return { target: { address: given.address } };
}

const connect = { host: '127.0.0.1', port: given.port, reconnect: false };
if (given['max-frame-size']) connect.max_frame_size = given['max-frame-size'];
if (given['idle-timeout']) connect.idle_time_out = given['idle-timeout'];
if (given.sasl === 'anonymous' || given.sasl === 'plain') connect.username = given.user;
if (given.sasl === 'plain') connect.password = given.password;
if (given.ca) Object.assign(connect, { transport: 'tls', ca: [fs.readFileSync(given.ca)], servername: 'localhost' });
if (given.cert) Object.assign(connect, { cert: fs.readFileSync(given.cert), key: fs.readFileSync(given.key), enable_sasl_external: true });
const link = { send, receive, fault }[job]();
const connection = rhea.connect(connect);
if (job === 'receive') connection.open_receiver(link);
else connection.open_sender(link);
