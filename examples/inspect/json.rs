//! AMQP values as JSON, for people to read: types that JSON lacks become text.

use std::fmt::{self, Display, Formatter, Write as _};

use amqp_proto::{
    spec::{
        Composite, Field, definitions, delivery_state::*, messaging::*, performatives::*, sasl::*,
        terminus::*, transaction::*,
    },
    types::{Described, Value},
};
use serde_json::{Map, Value as Json, json};

/// The most bytes of a binary value that are shown; of a longer one the length follows.
const SHOWN: usize = 64;

macro_rules! composites {
    ($($ty:ty),* $(,)?) => {
        /// Composite types by their descriptors (1.4).
        const COMPOSITES: &[(u64, &str, &[Field])] = &[$((<$ty>::CODE, <$ty>::SYMBOL, <$ty>::FIELDS)),*];
    };
}

composites![
    Open,
    Begin,
    Attach,
    Flow,
    Transfer,
    Disposition,
    Detach,
    End,
    Close,
    definitions::AmqpError,
    Received,
    Accepted,
    Rejected,
    Released,
    Modified,
    Source,
    Target,
    DeleteOnClose,
    DeleteOnNoLinks,
    DeleteOnNoMessages,
    DeleteOnNoLinksOrMessages,
    Coordinator,
    Declare,
    Discharge,
    Declared,
    TransactionalState,
    SaslMechanisms,
    SaslInit,
    SaslChallenge,
    SaslResponse,
    SaslOutcome,
    Header,
    Properties,
];

/// A described value without its descriptor; a composite has its fields by name.
pub fn fields(value: &Value) -> Json {
    match value {
        Value::Described(described) => composite(described).unwrap_or_else(|| self::value(&described.value)),
        other => self::value(other),
    }
}

fn composite(described: &Described) -> Option<Json> {
    let (_, _, fields) = COMPOSITES.iter().find(|(code, symbol, _)| match &described.descriptor {
        Value::Ulong(number) => number == code,
        Value::Symbol(name) => name == symbol,
        _ => false,
    })?;
    let Value::List(items) = &described.value else { return None };
    let set = fields.iter().zip(items).filter(|(_, item)| **item != Value::Null);
    Some(set.map(|(field, item)| (field.name.to_string(), value(item))).collect::<Map<_, _>>().into())
}

/// Bytes, as text if they are printable and as hexadecimal digits otherwise.
pub fn bytes(bytes: &[u8]) -> Json {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let text = std::str::from_utf8(shown).ok().filter(|text| !text.chars().any(char::is_control));
    let text = text.map_or_else(
        || shown.iter().fold("0x".into(), |text: String, byte| text + &format!("{byte:02x}")),
        str::to_owned,
    );
    let cut = bytes.len().saturating_sub(shown.len());
    if cut == 0 { text.into() } else { format!("{text}.. and {cut} bytes more").into() }
}

/// Writes JSON with the characters escaped that are not shown themselves, such as marks of direction.
pub struct Printed<'a>(pub &'a Json);

impl Display for Printed<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.to_string().chars().try_for_each(|c| {
            // All but ASCII is within strings, and serde_json has escaped ASCII.
            if c.is_ascii() || c.escape_debug().count() == 1 {
                return f.write_char(c);
            }
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
        })
    }
}

fn value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(is) => json!(is),
        Value::Ubyte(number) => json!(number),
        Value::Ushort(number) => json!(number),
        Value::Uint(number) => json!(number),
        Value::Ulong(number) => json!(number),
        Value::Byte(number) => json!(number),
        Value::Short(number) => json!(number),
        Value::Int(number) => json!(number),
        Value::Long(number) => json!(number),
        // JSON has no infinity and no NaN.
        Value::Float(number) if number.get().is_finite() => json!(number.get()),
        Value::Double(number) if number.get().is_finite() => json!(number.get()),
        Value::Timestamp(moment) => json!(moment.as_millis()),
        Value::Char(char) => json!(char.to_string()),
        Value::Binary(binary) => bytes(binary),
        Value::String(text) => json!(text.as_str()),
        Value::Symbol(text) => json!(text.as_str()),
        Value::List(items) => items.iter().map(self::value).collect(),
        Value::Array(array) => array.items().iter().map(self::value).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, item)| (self::key(key), self::value(item))).collect()),
        Value::Described(described) => composite(described)
            .map_or_else(|| json!({ "descriptor": self::value(&described.descriptor), "value": self::value(&described.value) }), |fields| {
                json!({ "descriptor": self::value(&described.descriptor), "fields": fields })
            }),
        other => format!("{other:?}").into(),
    }
}

/// A map's key, always as text.
fn key(key: &Value) -> String {
    match self::value(key) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}
