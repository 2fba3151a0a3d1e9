'use strict';
// Microsoft's clients of Service Bus and Event Hubs against a node on loopback, as if it were their emulator.
//   node azure.js JOB... --port P --address A --count N [--tls]
// Jobs, in turn: as in servicebus.py send, batch, complete, abandon, delete, dead, defer, peek, renew; as in eventhub.py
// hub-properties, hub-send, hub-receive. With --tls as if the node were no emulator, and with the authorities that
// NODE_EXTRA_CA_CERTS names. The last line of output has, in JSON, what each job saw: the delivery counts of its messages,
// or how many events or partitions; exit 1 and a reason on standard error if one failed.

const { ServiceBusClient } = require('@azure/service-bus');
const { EventHubProducerClient, EventHubConsumerClient } = require('@azure/event-hubs');
const { options } = require('./options');

const first = process.argv.findIndex((word, at) => at > 1 && word.startsWith('--'));
const jobs = process.argv.slice(2, first);
const given = options(process.argv.slice(first), { port: 0, address: 'queue', count: 1, tls: false });

const KEY = 'SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE';
const emulator = given.tls ? '' : ';UseDevelopmentEmulator=true';
const endpoint = `Endpoint=sb://localhost:${given.port};${KEY}${emulator}`;
// Everything is tried once, and a missing answer ends the job.
const retryOptions = { maxRetries: 0, timeoutInMs: 60000 };
// The longest time for which nothing comes; what is there comes at once.
const maxWaitTimeInMs = 30000;

const numbers = Array.from({ length: given.count }, (_, n) => n);
const due = numbers.map(n => `message ${n}`);
const messages = numbers.map(n => ({ body: `message ${n}`, messageId: String(n) }));
const zeros = numbers.map(() => 0);

function check(what, got, wanted) {
  const [found, expected] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (found !== expected) throw new Error(`${what}: ${found} where ${expected} was due`);
}

// Receives the messages, each of which has to come once, and settles them when all are there.
async function take(receiver, settle) {
  const taken = [];
  while (taken.length < given.count) {
    const more = await receiver.receiveMessages(given.count - taken.length, { maxWaitTimeInMs });
    if (!more.length) throw new Error(`${taken.length} messages where ${given.count} were due`);
    taken.push(...more);
  }
  // Abandoned messages return to the queue one by one, so in no certain order.
  check('messages', taken.map(message => message.body).sort(), due);
  for (const message of taken) await settle(message);
  return taken;
}
const counts = taken => taken.map(message => message.deliveryCount || 0);

async function receiving(client, settle, receiverOptions) {
  const receiver = client.createReceiver(given.address, receiverOptions);
  const taken = await take(receiver, message => settle(receiver, message));
  await receiver.close();
  return taken;
}

const busJobs = {
  async send(client) {
    const sender = client.createSender(given.address);
    for (const message of messages) await sender.sendMessages(message);
    await sender.close();
    return zeros;
  },
  async batch(client) {
    const sender = client.createSender(given.address);
    const batch = await sender.createMessageBatch();
    for (const message of messages) check('room in the batch', batch.tryAddMessage(message), true);
    await sender.sendMessages(batch);
    await sender.close();
    return zeros;
  },
  complete: async client => counts(await receiving(client, (receiver, message) => receiver.completeMessage(message))),
  abandon: async client => counts(await receiving(client, (receiver, message) => receiver.abandonMessage(message))),
  delete: async client => counts(await receiving(client, () => {}, { receiveMode: 'receiveAndDelete' })),
  async dead(client) {
    const why = { deadLetterReason: 'spoiled', deadLetterErrorDescription: 'its date has passed' };
    await receiving(client, (receiver, message) => receiver.deadLetterMessage(message, why));
    const taken = await receiving(client, (receiver, message) => receiver.completeMessage(message), { subQueueType: 'deadLetter' });
    const reasons = taken.map(({ deadLetterReason, deadLetterErrorDescription }) => ({ deadLetterReason, deadLetterErrorDescription }));
    check('reasons', reasons, numbers.map(() => why));
    return zeros;
  },
  async defer(client) {
    const receiver = client.createReceiver(given.address);
    const put = await take(receiver, message => receiver.deferMessage(message));
    const taken = await receiver.receiveDeferredMessages(put.map(message => message.sequenceNumber));
    check('deferred messages', taken.map(message => message.body).sort(), due);
    for (const message of taken) await receiver.completeMessage(message);
    await receiver.close();
    return zeros;
  },
  async peek(client) {
    const receiver = client.createReceiver(given.address);
    const taken = await receiver.peekMessages(given.count);
    check('messages', taken.map(message => message.body), due);
    await receiver.close();
    return zeros;
  },
  async renew(client) {
    return counts(await receiving(client, async (receiver, message) => {
      const before = message.lockedUntilUtc;
      const after = await receiver.renewMessageLock(message);
      check('locked for as long at least', Boolean(before) && after >= before, true);
      await receiver.completeMessage(message);
    }));
  },
};

const hub = `${endpoint};EntityPath=${given.address}`;
const hubJobs = {
  async 'hub-properties'() {
    const client = new EventHubProducerClient(hub, { retryOptions });
    const { name, partitionIds } = await client.getEventHubProperties();
    check('the hub', [name, partitionIds.includes('0')], [given.address, true]);
    const partition = await client.getPartitionProperties('0');
    check('the partition', [partition.eventHubName, partition.partitionId], [given.address, '0']);
    await client.close();
    return partitionIds.length;
  },
  async 'hub-send'() {
    const client = new EventHubProducerClient(hub, { retryOptions });
    const batch = await client.createBatch({ partitionId: '0' });
    for (const n of numbers) check('room in the batch', batch.tryAdd({ body: `event ${n}` }), true);
    await client.sendBatch(batch);
    await client.close();
    return batch.count;
  },
  async 'hub-receive'() {
    const client = new EventHubConsumerClient('$Default', hub, { retryOptions });
    const taken = [];
    await new Promise((resolve, reject) => {
      client.subscribe('0', {
        async processEvents(events) {
          // None if nothing arrived in the time that is allowed.
          if (!events.length) reject(new Error(`${taken.length} events where ${given.count} were due`));
          taken.push(...events.map(event => event.body));
          if (taken.length >= given.count) resolve();
        },
        async processError(error) { reject(error); },
      }, { startPosition: { offset: '-1' }, maxWaitTimeInSeconds: maxWaitTimeInMs / 1000 });
    });
    await client.close();
    check('events', taken, numbers.map(n => `event ${n}`));
    return taken.length;
  },
};

async function main() {
  const seen = {};
  const client = new ServiceBusClient(endpoint, { retryOptions });
  for (const job of jobs) seen[job] = await (busJobs[job] || hubJobs[job])(client);
  await client.close();
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

main().then(() => process.exit(0), error => {
  process.stderr.write(`${error.code || error.name}: ${error.message}\n`);
  process.exit(1);
});
