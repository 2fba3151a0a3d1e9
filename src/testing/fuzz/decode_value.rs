//! Bytes as a value, as a value of each type there is, and back.

use core::fmt::Debug;

use bytes::Bytes;

use crate::{
    codec::{Decode, DecodeLimits, Decoder, Encode, from_bytes, to_vec},
    spec::{
        delivery_state::{DeliveryState, Outcome},
        messaging::{Header, MessageId, Properties},
        performatives::Performative,
        sasl::SaslFrame,
        terminus::{LifetimePolicy, Source, TargetArchetype},
        transaction::CoordinatorRequest,
    },
    types::{Annotations, Fields, Kind, Multiple, Symbol, Value},
};

/// Decodes the bytes as a value of any type and as each type of the standard. Whatever is accepted is encoded
/// again, comes back equal, and is never longer than it was; whatever is refused is refused within the bytes.
///
/// # Panics
/// Where that does not hold.
pub fn decode_value(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    check::<Value>(&bytes);
    check::<Performative>(&bytes);
    check::<SaslFrame>(&bytes);
    check::<DeliveryState>(&bytes);
    check::<Outcome>(&bytes);
    check::<Source>(&bytes);
    check::<TargetArchetype>(&bytes);
    check::<LifetimePolicy>(&bytes);
    check::<CoordinatorRequest>(&bytes);
    check::<Header>(&bytes);
    check::<Properties>(&bytes);
    check::<MessageId>(&bytes);
    check::<Fields>(&bytes);
    check::<Annotations>(&bytes);
    check::<Multiple<Symbol>>(&bytes);
}

fn check<T: Decode + Encode + Debug + PartialEq>(bytes: &Bytes) {
    let mut reader = Decoder::new(bytes, DecodeLimits::DEFAULT);
    match T::decode(&mut reader) {
        Ok(value) => {
            let read = reader.offset();
            assert_eq!(reader.take_rest().len().saturating_add(read), bytes.len());
            again(&value, &bytes.slice(..read));
        }
        Err(error) => assert!(error.offset <= bytes.len(), "{error} of {}", bytes.len()),
    }
}

/// That the value, which the bytes gave, is encoded in no more of them, and is the same when decoded again.
fn again<T: Decode + Encode + Debug + PartialEq>(value: &T, bytes: &Bytes) {
    assert_eq!(from_bytes::<T>(bytes, DecodeLimits::DEFAULT).as_ref(), Ok(value), "the rest matters");
    let encoded = Bytes::from(to_vec(value));
    assert_eq!(from_bytes::<T>(&encoded, DecodeLimits::DEFAULT).as_ref(), Ok(value), "not the same again");
    let untyped = from_bytes::<Value>(&encoded, DecodeLimits::DEFAULT);
    if !untyped.as_ref().is_ok_and(widens) {
        assert!(encoded.len() <= bytes.len(), "{} bytes became {}", bytes.len(), encoded.len());
    }
}

/// Whether the value has an array whose elements may have taken no bytes, which they do when written.
fn widens(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(widens),
        Value::Map(map) => map.iter().any(|(key, value)| widens(key) || widens(value)),
        Value::Described(described) => widens(&described.descriptor) || widens(&described.value),
        Value::Array(array) => {
            matches!(array.kind(), Kind::Boolean | Kind::Uint | Kind::Ulong | Kind::List)
                || array.descriptors().iter().chain(array.items()).any(widens)
        }
        _ => false,
    }
}
