'use strict';
// A server on rhea whose addresses are tasks:
//   sink/COUNT/SIZE          takes COUNT messages and checks that each is SIZE bytes
//   source/COUNT/SIZE/DELAY  after DELAY ms sends COUNT numbered messages of SIZE bytes
//   fail/connection, fail/session, fail/link
//                            answers the attach and ends that endpoint with an error
//   node server.js [--port P] [--sasl any|plain|external] [--user U] [--password P] [--max-frame-size N] [--idle-timeout MS]
//     [--cert FILE --key FILE [--client-ca FILE]]
// With a certificate and its key over TLS. Prints READY PORT, then for each sink and source that has gone one line of JSON.

const fs = require('fs');
const rhea = require('rhea');
const { body, wrong } = require('./body');
const { options } = require('./options');

const given = options(process.argv.slice(2), {
  port: 0, sasl: 'any', user: 'guest', password: 'guest', 'max-frame-size': 0, 'idle-timeout': 0, cert: '', key: '', 'client-ca': '',
});
const SETTLED = 1;
const ERROR = { condition: 'amqp:resource-limit-exceeded', description: 'the peer has had enough' };

const tasks = new Map();

// A link's task, once; what its address asks for.
function start(link, address) {
  const [kind, first, size, delay] = (address || '').split('/');
  const task = { address, kind, count: Number(first), size: Number(size), delay: Number(delay || 0), done: 0, accepted: 0, settled: 0, wrong: null };
  tasks.set(link, task);
  if (kind === 'fail') setImmediate(() => ({ connection: link.connection, session: link.session, link })[first].close(ERROR));
  return task;
}

function report(link) {
  const task = tasks.get(link);
  tasks.delete(link);
  if (!task || task.kind === 'fail') return;
  const { address, done, accepted, settled, wrong: fault } = task;
  process.stdout.write(`${JSON.stringify({ address, done, accepted, settled, wrong: fault })}\n`);
}

rhea.on('receiver_open', context => {
  const { receiver } = context;
  const address = receiver.target && receiver.target.address;
  receiver.set_target({ address });
  start(receiver, address);
});
rhea.on('message', context => {
  const task = tasks.get(context.receiver);
  const { message_id: id, body: content } = context.message;
  const fault = wrong(content, task.done, task.size, true);
  const next = typeof id === 'number' && task.last !== undefined && id !== task.last + 1 ? `message-id ${id} after ${task.last}` : undefined;
  task.last = id;
  task.done++;
  if (context.delivery.remote_settled) task.settled++;
  task.wrong = task.wrong || fault || next || null;
});

rhea.on('sender_open', context => {
  const { sender } = context;
  const address = sender.source && sender.source.address;
  sender.set_source({ address });
  sender.local.attach.snd_settle_mode = sender.snd_settle_mode;
  const task = start(sender, address);
  task.ready = task.delay === 0;
  if (task.delay) setTimeout(() => { task.ready = true; fill(sender); }, task.delay);
});
function fill(sender) {
  const task = tasks.get(sender);
  while (task && task.kind === 'source' && task.ready && task.done < task.count && sender.sendable()) {
    sender.send({ message_id: task.done, body: body(task.done, task.size) });
    task.done++;
  }
}
// Not in the same turn: to a peer that pipelines attach and flow, rhea would write the transfers before its attach.
rhea.on('sendable', context => setImmediate(() => fill(context.sender)));
rhea.on('sender_draining', context => setImmediate(() => {
  fill(context.sender);
  context.sender.set_drained(true);
}));
rhea.on('accepted', context => { const task = tasks.get(context.sender); if (task) task.accepted++; });

// In the next turn: rhea tells of the outcomes that came along with a detach or close only after that.
const later = link => setImmediate(() => report(link));
rhea.on('receiver_close', context => later(context.receiver));
rhea.on('sender_close', context => later(context.sender));
const gone = context => { for (const link of tasks.keys()) if (link.connection === context.connection) later(link); };
rhea.on('connection_close', gone);
rhea.on('disconnected', gone);
for (const name of ['error', 'protocol_error', 'connection_error', 'session_error', 'sender_error', 'receiver_error']) {
  rhea.on(name, context => process.stderr.write(`${name}: ${context.message || (context.error && context.error.message) || ''}\n`));
}

if (given.sasl !== 'external') rhea.sasl_server_mechanisms.enable_plain((user, password) => user === given.user && password === given.password);
if (given.sasl === 'any') rhea.sasl_server_mechanisms.enable_anonymous();
const listen = { host: '127.0.0.1', port: given.port, require_sasl: given.sasl !== 'any', receiver_options: { credit_window: 200 } };
if (given['max-frame-size']) listen.max_frame_size = given['max-frame-size'];
if (given['idle-timeout']) listen.idle_time_out = given['idle-timeout'];
if (given.cert) Object.assign(listen, { transport: 'tls', cert: fs.readFileSync(given.cert), key: fs.readFileSync(given.key) });
if (given['client-ca']) Object.assign(listen, { ca: [fs.readFileSync(given['client-ca'])], requestCert: true, enable_sasl_external: true });
const server = rhea.listen(listen);
server.on('listening', () => process.stdout.write(`READY ${server.address().port}\n`));
