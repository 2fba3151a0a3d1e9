'use strict';
// The body of message number n: its number, then a run of letters that depends on it, SIZE bytes in all.
// Short ones go as an amqp-value string, long ones as a data section.

const { message } = require('rhea');

const LETTERS = Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(2));
const SHORT = 64;

function text(n, size) {
  const number = String(n).padStart(10, '0').slice(-size);
  const start = n % 26;
  return Buffer.concat([Buffer.from(number), Buffer.alloc(size - number.length, LETTERS.subarray(start, start + 26))]);
}

exports.body = (n, size) => (size <= SHORT ? text(n, size).toString() : message.data_section(text(n, size)));

const bytes = body =>
  typeof body === 'string' ? Buffer.from(body) : body && Buffer.isBuffer(body.content) ? body.content : undefined;

// What is wrong with a message body, if anything, when number n is expected. Of one that another program
// made up (`any`) only the size is known, and that it begins with its number.
exports.wrong = (body, n, size, any) => {
  const got = bytes(body);
  if (!got) return `message ${n}: a body that is neither string nor binary`;
  if (got.length !== size) return `message ${n}: ${got.length} bytes where ${size} were due`;
  const same = any ? 10 : size;
  if (!got.subarray(0, same).equals(text(n, size).subarray(0, same))) return `message ${n}: wrong bytes, ${got.subarray(0, 16).toString('latin1')}...`;
  return undefined;
};
