//! An encoder that takes any legal form instead of the smallest: what other peers may send.

use amqp_proto::types::{Array, Kind, Map, Value};

/// Writes values in forms that a stream of choices picks.
pub struct Loose<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    /// Whether arrays may have elements that take up no bytes, which are fewer than the smallest form has.
    pub zero_width: bool,
}

impl<'a> Loose<'a> {
    pub fn new(choices: &'a [u8]) -> Self {
        assert!(!choices.is_empty());
        Self { choices: choices.iter().cycle(), zero_width: false }
    }

    fn pick<T: Copy>(&mut self, legal: &[T]) -> T {
        legal[usize::from(*self.choices.next().unwrap()) % legal.len()]
    }

    pub fn encode(&mut self, value: &Value) -> Vec<u8> {
        if let Value::Described(described) = value {
            return [vec![0], self.encode(&described.descriptor), self.encode(&described.value)].concat();
        }
        let code = self.pick(&codes(value));
        [vec![code], self.body(code, value)].concat()
    }

    /// The value's bytes after the format code.
    fn body(&mut self, code: u8, value: &Value) -> Vec<u8> {
        let small = code & 0xf0 != 0xb0 && code & 0xf0 != 0xd0 && code & 0xf0 != 0xf0;
        match value {
            Value::Binary(bytes) => sized(small, bytes),
            Value::String(text) => sized(small, text.as_bytes()),
            Value::Symbol(text) => sized(small, text.as_bytes()),
            Value::List(_) if code == 0x45 => vec![],
            Value::List(items) => counted(small, items.len(), &self.all(items)),
            Value::Map(map) => counted(small, 2 * map.len(), &self.pairs(map)),
            Value::Array(array) => self.array(small, array),
            fixed => number(code, fixed),
        }
    }

    fn all(&mut self, items: &[Value]) -> Vec<u8> {
        items.iter().flat_map(|item| self.encode(item)).collect()
    }

    fn pairs(&mut self, map: &Map) -> Vec<u8> {
        map.iter().flat_map(|(key, value)| [self.encode(key), self.encode(value)].concat()).collect()
    }

    fn array(&mut self, small: bool, array: &Array) -> Vec<u8> {
        // Codes that fit every item; an empty array may have any of its kind.
        let mut legal = kind_codes(array.kind());
        legal.retain(|code| array.items().iter().all(|item| codes(item).contains(code)));
        if !self.zero_width {
            legal.retain(|code| array.kind() == Kind::Null || !matches!(code, 0x40..=0x45));
        }
        let code = self.pick(&legal);
        let mut bytes = Vec::new();
        for descriptor in array.descriptors() {
            bytes.push(0);
            bytes.extend(self.encode(descriptor));
        }
        bytes.push(code);
        for item in array.items() {
            bytes.extend(self.body(code, item));
        }
        counted(small, array.items().len(), &bytes)
    }
}

/// A size and the bytes.
fn sized(small: bool, bytes: &[u8]) -> Vec<u8> {
    let size = if small { vec![u8::try_from(bytes.len()).unwrap()] } else { be32(bytes.len()) };
    [size, bytes.to_vec()].concat()
}

/// A size, a count, and the bytes.
fn counted(small: bool, count: usize, bytes: &[u8]) -> Vec<u8> {
    let count = if small { vec![u8::try_from(count).unwrap()] } else { be32(count) };
    sized(small, &[count, bytes.to_vec()].concat())
}

fn be32(number: usize) -> Vec<u8> {
    u32::try_from(number).unwrap().to_be_bytes().to_vec()
}

/// The bytes of a value of fixed width: the last of its full width, as many as the code has.
fn number(code: u8, value: &Value) -> Vec<u8> {
    let full: Vec<u8> = match value {
        Value::Null => vec![],
        Value::Boolean(it) => vec![u8::from(*it)],
        Value::Ubyte(it) => it.to_be_bytes().to_vec(),
        Value::Ushort(it) => it.to_be_bytes().to_vec(),
        Value::Uint(it) => it.to_be_bytes().to_vec(),
        Value::Ulong(it) => it.to_be_bytes().to_vec(),
        Value::Byte(it) => it.to_be_bytes().to_vec(),
        Value::Short(it) => it.to_be_bytes().to_vec(),
        Value::Int(it) => it.to_be_bytes().to_vec(),
        Value::Long(it) => it.to_be_bytes().to_vec(),
        Value::Float(it) => it.to_bits().to_be_bytes().to_vec(),
        Value::Double(it) => it.to_bits().to_be_bytes().to_vec(),
        Value::Decimal32(it) => it.to_be_bytes().to_vec(),
        Value::Decimal64(it) => it.to_be_bytes().to_vec(),
        Value::Decimal128(it) => it.to_be_bytes().to_vec(),
        Value::Char(it) => u32::from(*it).to_be_bytes().to_vec(),
        Value::Timestamp(it) => it.as_millis().to_be_bytes().to_vec(),
        Value::Uuid(it) => it.to_bytes().to_vec(),
        other => panic!("{other:?} has no fixed width"),
    };
    let width = match code >> 4 {
        0x4 => 0,
        0x5 => 1,
        0x6 => 2,
        0x7 => 4,
        0x8 => 8,
        0x9 => 16,
        _ => panic!("{code:#04x} has no fixed width"),
    };
    full[full.len() - width..].to_vec()
}

/// The format codes of a kind of value.
fn kind_codes(kind: Kind) -> Vec<u8> {
    let rows = amqp_proto::codec::format_code::FORMAT_CODES.iter();
    rows.filter(|row| row.kind == kind).map(|row| row.code).collect()
}

/// The format codes that can carry a value. Whether the small form of a compound can is told by its widest
/// encoding, so that it always does.
fn codes(value: &Value) -> Vec<u8> {
    let mut codes = kind_codes(value.kind());
    codes.retain(|code| match (*code, value) {
        (0x41, value) => *value == Value::Boolean(true),
        (0x42, value) => *value == Value::Boolean(false),
        (0x43 | 0x44, value) => matches!(value, Value::Uint(0) | Value::Ulong(0)),
        (0x52, Value::Uint(it)) => *it < 256,
        (0x53, Value::Ulong(it)) => *it < 256,
        (0x54, Value::Int(it)) => i8::try_from(*it).is_ok(),
        (0x55, Value::Long(it)) => i8::try_from(*it).is_ok(),
        (0x45, Value::List(items)) => items.is_empty(),
        (0xa0, Value::Binary(it)) => it.len() < 256,
        (0xa1, Value::String(it)) => it.len() < 256,
        (0xa3, Value::Symbol(it)) => it.len() < 256,
        (0xc0 | 0xc1 | 0xe0, value) => widest(value) < 250,
        _ => true,
    });
    codes
}

/// At least as many bytes as the value takes in any form.
fn widest(value: &Value) -> usize {
    match value {
        Value::List(items) => 9 + items.iter().map(widest).sum::<usize>(),
        Value::Map(map) => 9 + map.iter().map(|(key, value)| widest(key) + widest(value)).sum::<usize>(),
        Value::Array(array) => {
            let descriptors = array.descriptors().iter().map(|descriptor| 1 + widest(descriptor));
            10 + descriptors.chain(array.items().iter().map(widest)).sum::<usize>()
        }
        Value::Described(described) => 1 + widest(&described.descriptor) + widest(&described.value),
        Value::Binary(it) => 5 + it.len(),
        Value::String(it) => 5 + it.len(),
        Value::Symbol(it) => 5 + it.len(),
        _ => 17,
    }
}
