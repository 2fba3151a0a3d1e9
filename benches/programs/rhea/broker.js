'use strict';
// Keeps messages in queues and passes them on: node broker.js PORT

const rhea = require('rhea');

const CREDIT = 1000;
const queues = new Map();

function queueOf(address) {
  if (!queues.has(address)) queues.set(address, { messages: [], first: 0, consumers: new Set() });
  return queues.get(address);
}

function serve(queue, consumer) {
  while (queue.first < queue.messages.length && consumer.sendable()) {
    const message = queue.messages[queue.first];
    queue.messages[queue.first++] = undefined;
    consumer.send(message);
  }
  if (queue.first === queue.messages.length) {
    queue.messages = [];
    queue.first = 0;
  }
}

rhea.on('receiver_open', ({ receiver }) => {
  receiver.set_target({ address: receiver.target.address });
  receiver.queue = queueOf(receiver.target.address);
});
rhea.on('message', ({ receiver, message }) => {
  receiver.queue.messages.push(message);
  for (const consumer of receiver.queue.consumers) serve(receiver.queue, consumer);
});
rhea.on('sender_open', ({ sender }) => {
  sender.set_source({ address: sender.source.address });
  sender.queue = queueOf(sender.source.address);
  sender.queue.consumers.add(sender);
});
// Not in the same turn: to a peer that pipelines attach and flow, rhea would write the transfers before its attach.
rhea.on('sendable', ({ sender }) => setImmediate(() => serve(sender.queue, sender)));
const forget = sender => sender.queue && sender.queue.consumers.delete(sender);
rhea.on('sender_close', ({ sender }) => forget(sender));
const gone = ({ connection }) => connection.each_sender && connection.each_sender(forget);
rhea.on('connection_close', gone);
rhea.on('disconnected', gone);

rhea.sasl_server_mechanisms.enable_anonymous();
const server = rhea.listen({
  host: '127.0.0.1', port: Number(process.argv[2]), receiver_options: { credit_window: CREDIT },
});
server.on('listening', () => process.stdout.write(`listening on 127.0.0.1:${server.address().port}\n`));
