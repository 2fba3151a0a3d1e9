'use strict';
// Typed AMQP values to and from the notation of values.json: ["uint", "5"], ["list", [...]] and so on.

const types = require('rhea').types;

const int64 = text => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(text)));
  return bytes;
};
const hex = text => Buffer.from(text, 'hex');

const MAKE = {
  null: () => types.Null(),
  boolean: v => types.wrap_boolean(v),
  ubyte: v => types.wrap_ubyte(Number(v)),
  ushort: v => types.wrap_ushort(Number(v)),
  uint: v => types.wrap_uint(Number(v)),
  ulong: v => types.wrap_ulong(int64(v)),
  byte: v => types.wrap_byte(Number(v)),
  short: v => types.wrap_short(Number(v)),
  int: v => types.wrap_int(Number(v)),
  long: v => types.wrap_long(int64(v)),
  float: v => types.wrap_float(hex(v).readFloatBE()),
  double: v => types.wrap_double(hex(v).readDoubleBE()),
  decimal32: v => types.Decimal32(hex(v)),
  decimal64: v => types.Decimal64(hex(v)),
  decimal128: v => types.Decimal128(hex(v)),
  char: v => types.wrap_char(Number(v)),
  timestamp: v => types.wrap_timestamp(Number(v)),
  uuid: v => types.wrap_uuid(hex(v)),
  binary: v => types.wrap_binary(hex(v)),
  string: v => types.wrap_string(v),
  symbol: v => types.wrap_symbol(v),
  list: v => types.wrap_list(v.map(make)),
  map: v => types.wrap_map_as_map(new Map(v.map(([key, value]) => [make(key), make(value)]))),
  array: (element, v) => types.wrap_array(v.map(e => make(e).value), ELEMENT[element].typecode),
  described: (descriptor, v) => types.described(make(descriptor), make(v)),
};

// The constructor an array's elements share; rhea picks none by itself.
const ELEMENT = {
  boolean: types.Boolean, uint: types.Uint, ulong: types.Ulong, int: types.Int, double: types.Double,
  uuid: types.Uuid, binary: types.Vbin32, string: types.Str32, symbol: types.Sym32,
};

function make([name, ...rest]) {
  return MAKE[name](...rest);
}

const NAMES = {
  True: 'boolean', False: 'boolean', SmallUint: 'uint', Uint0: 'uint', SmallUlong: 'ulong', Ulong0: 'ulong',
  SmallInt: 'int', SmallLong: 'long', CharUTF32: 'char', Vbin8: 'binary', Vbin32: 'binary', Str8: 'string',
  Str32: 'string', Sym8: 'symbol', Sym32: 'symbol', List0: 'list', List8: 'list', List32: 'list', Map8: 'map',
  Map32: 'map', Array8: 'array', Array32: 'array',
};
const nameOf = typeName => NAMES[typeName] || typeName.toLowerCase();

const bits = (size, write) => v => {
  const bytes = Buffer.alloc(size);
  bytes[write](v);
  return bytes.toString('hex');
};
const whole = read => v => (Buffer.isBuffer(v) ? v[read]() : BigInt(v)).toString();
const asHex = v => Buffer.from(v).toString('hex');
const SHOW = {
  null: () => undefined,
  boolean: v => Boolean(v),
  ulong: whole('readBigUInt64BE'),
  long: whole('readBigInt64BE'),
  float: bits(4, 'writeFloatBE'),
  double: bits(8, 'writeDoubleBE'),
  timestamp: v => String(Number(v)),
  decimal32: asHex, decimal64: asHex, decimal128: asHex, uuid: asHex, binary: asHex,
  string: v => v,
  symbol: v => v,
};

// What a value that rhea has read looks like in the notation.
function show(typed) {
  if (typed.descriptor) {
    const bare = Object.assign(Object.create(Object.getPrototypeOf(typed)), typed, { descriptor: undefined });
    return ['described', show(typed.descriptor), show(bare)];
  }
  const name = nameOf(typed.type.name);
  if (name === 'list') return [name, typed.value.map(show)];
  if (name === 'map') {
    const pairs = [];
    for (let i = 0; i < typed.value.length; i += 2) pairs.push([show(typed.value[i]), show(typed.value[i + 1])]);
    return [name, pairs];
  }
  if (name === 'array') {
    return [name, nameOf(types.by_code[typed.array_constructor.typecode].name), typed.value.map(show)];
  }
  const shown = (SHOW[name] || String)(typed.value);
  return shown === undefined ? [name] : [name, shown];
}

const APPLICATION_PROPERTIES = 0x74;
const AMQP_VALUE = 0x77;

// The amqp-value body and the application-properties of an encoded message, in the notation.
function read(encoded) {
  const reader = new types.Reader(encoded);
  const found = { body: undefined, properties: {} };
  while (reader.remaining()) {
    const section = reader.read();
    const code = Number(section.descriptor.value);
    section.descriptor = undefined;
    if (code === AMQP_VALUE) found.body = show(section);
    if (code === APPLICATION_PROPERTIES) {
      for (let i = 0; i < section.value.length; i += 2) found.properties[section.value[i].value] = show(section.value[i + 1]);
    }
  }
  return found;
}

module.exports = { make, read };
