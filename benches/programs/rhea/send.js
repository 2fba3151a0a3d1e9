'use strict';
// Sends messages over several connections, to a queue each, and waits until all are accepted:
//   node send.js PORT ADDRESS COUNT SIZE CONNECTIONS

const rhea = require('rhea');

const [port, address, count, size, connections] = process.argv.slice(2).map((word, at) => (at === 1 ? word : Number(word)));
const body = rhea.message.data_section(Buffer.alloc(size, 'x'));
let accepted = 0;

function fail(context) {
  const error = context.error || context;
  process.stderr.write(`rhea: ${error.condition || error.code || ''} ${error.description || error.message || ''}\n`);
  process.exit(1);
}

for (const name of ['connection_error', 'session_error', 'sender_error', 'protocol_error', 'error', 'rejected', 'released', 'modified']) {
  rhea.on(name, fail);
}
rhea.on('sendable', ({ sender }) => {
  sender.sent = sender.sent || 0;
  while (sender.sent < count && sender.sendable()) sender.send({ message_id: sender.sent++, body });
});
rhea.on('accepted', ({ sender, connection }) => {
  sender.accepted = (sender.accepted || 0) + 1;
  accepted += 1;
  if (sender.accepted === count) connection.close();
  if (accepted === count * connections) process.stdout.write(`sent ${accepted} accepted ${accepted}\n`);
});
for (let at = 0; at < connections; at++) {
  rhea.connect({ host: '127.0.0.1', port, username: 'anonymous', reconnect: false }).open_sender(`${address}${at}`);
}
