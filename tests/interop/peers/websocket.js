'use strict';
// AMQP over WebSocket with rhea and ws.
//   node websocket.js relay --port P --to P                               from WebSocket to a port without it
//   node websocket.js client --port P --address A --count N --size B      sends and receives numbered messages
//   node websocket.js server --port P [--bare]                            accepts messages and prints them
// A bare server does not choose the subprotocol. The servers print READY. The client's last line of output says what
// came of it, in JSON; exit 1 and a reason on standard error if it failed.

const net = require('net');
const rhea = require('rhea');
const WebSocket = require('ws');
const { body, wrong } = require('./body');
const { options } = require('./options');

const job = process.argv[2];
const given = options(process.argv.slice(3), { port: 0, to: 0, address: 'queue', count: 1, size: 10, bare: false });
const SUBPROTOCOL = 'amqp';

const fail = text => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

function listen() {
  const handleProtocols = protocols => !given.bare && protocols.has(SUBPROTOCOL) && SUBPROTOCOL;
  const server = new WebSocket.Server({ host: '127.0.0.1', port: given.port, handleProtocols });
  server.on('listening', () => process.stdout.write('READY\n'));
  return server;
}

function relay() {
  listen().on('connection', socket => {
    const tcp = net.connect(given.to, '127.0.0.1');
    socket.on('message', bytes => tcp.write(bytes));
    tcp.on('data', bytes => socket.send(bytes));
    socket.on('close', () => tcp.end());
    socket.on('error', () => tcp.end());
    tcp.on('end', () => socket.close());
    tcp.on('error', () => socket.close());
  });
}

function server() {
  rhea.sasl_server_mechanisms.enable_anonymous();
  rhea.on('receiver_open', ({ receiver }) => receiver.set_target({ address: receiver.target.address }));
  rhea.on('message', ({ receiver, message }) => process.stdout.write(`received ${receiver.target.address} ${message.body}\n`));
  for (const name of ['error', 'protocol_error', 'connection_error']) rhea.on(name, context => process.stderr.write(`${name}: ${context.message || ''}\n`));
  listen().on('connection', socket => rhea.websocket_accept(socket, { container_id: 'websocket-server' }));
}

function client() {
  const connect = rhea.websocket_connect(WebSocket);
  const details = connect(`ws://127.0.0.1:${given.port}`, [SUBPROTOCOL], {});
  const connection = rhea.connect({ connection_details: details, username: 'guest', reconnect: false });
  let [sent, accepted, received, over] = [0, 0, 0, false];
  const look = () => {
    if (accepted < given.count || received < given.count || over) return;
    over = true;
    process.stdout.write(`${JSON.stringify({ accepted, received })}\n`);
    connection.close();
  };
  rhea.on('connection_open', () => {
    connection.open_receiver(given.address);
    connection.open_sender(given.address);
  });
  rhea.on('sendable', ({ sender }) => {
    while (sent < given.count && sender.sendable()) sender.send({ body: body(sent++, given.size) });
  });
  rhea.on('accepted', () => { accepted++; look(); });
  rhea.on('message', ({ message }) => {
    const fault = wrong(message.body, received++, given.size);
    if (fault) fail(fault);
    // After the disposition of this message, which rhea writes at the end of the turn.
    setImmediate(look);
  });
  for (const name of ['rejected', 'released', 'connection_error', 'session_error', 'sender_error', 'receiver_error', 'protocol_error', 'error']) {
    rhea.on(name, context => fail(`${name}: ${context.message || (context.connection && context.connection.error) || ''}`));
  }
  rhea.on('disconnected', context => over || fail(`disconnected: ${context.error || 'with no close'}`));
}

({ relay, server, client })[job]();
