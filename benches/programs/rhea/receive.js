'use strict';
// Receives messages over several connections, from a queue each, and accepts them:
//   node receive.js PORT ADDRESS COUNT CONNECTIONS

const rhea = require('rhea');

const CREDIT = 1000;
const [port, address, count, connections] = process.argv.slice(2).map((word, at) => (at === 1 ? word : Number(word)));
let received = 0;

function fail(context) {
  const error = context.error || context;
  process.stderr.write(`rhea: ${error.condition || error.code || ''} ${error.description || error.message || ''}\n`);
  process.exit(1);
}

for (const name of ['connection_error', 'session_error', 'receiver_error', 'protocol_error', 'error']) rhea.on(name, fail);
rhea.on('message', ({ receiver, connection }) => {
  receiver.received = (receiver.received || 0) + 1;
  received += 1;
  // After the disposition of this message, which rhea writes at the end of the turn.
  if (receiver.received === count) setImmediate(() => connection.close());
  if (received === count * connections) process.stdout.write(`received ${received}\n`);
});
for (let at = 0; at < connections; at++) {
  const connection = rhea.connect({ host: '127.0.0.1', port, username: 'anonymous', reconnect: false });
  connection.open_receiver({ source: { address: `${address}${at}` }, credit_window: CREDIT });
}
