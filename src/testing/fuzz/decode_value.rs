//! Octets as a value, as a value of each type there is, and back.

use core::fmt::Debug;

use bytes::Bytes;

use crate::{
    codec::{Decode, DecodeLimits, Encode, Reader, from_bytes, to_vec},
    spec::{
        delivery_state::{DeliveryState, Outcome},
        performatives::Performative,
        sasl::SaslFrame,
        section::{Header, MessageId, Properties},
        termini::{LifetimePolicy, Source, TargetArchetype},
        transaction::CoordinatorRequest,
    },
    types::{Annotations, Fields, Kind, Multiple, Symbol, Value},
};

/// Decodes the octets as a value of any type and as each type of the standard. Whatever is accepted is encoded
/// again, comes back equal, and is never longer than it was; whatever is refused is refused within the octets.
///
/// # Panics
/// Where that does not hold.
pub fn decode_value(data: &[u8]) {
    let octets = Bytes::copy_from_slice(data);
    check::<Value>(&octets);
    check::<Performative>(&octets);
    check::<SaslFrame>(&octets);
    check::<DeliveryState>(&octets);
    check::<Outcome>(&octets);
    check::<Source>(&octets);
    check::<TargetArchetype>(&octets);
    check::<LifetimePolicy>(&octets);
    check::<CoordinatorRequest>(&octets);
    check::<Header>(&octets);
    check::<Properties>(&octets);
    check::<MessageId>(&octets);
    check::<Fields>(&octets);
    check::<Annotations>(&octets);
    check::<Multiple<Symbol>>(&octets);
}

fn check<T: Decode + Encode + Debug + PartialEq>(octets: &Bytes) {
    let mut reader = Reader::new(octets, DecodeLimits::DEFAULT);
    match T::decode(&mut reader) {
        Ok(value) => {
            let read = reader.offset();
            assert_eq!(reader.take_rest().len().saturating_add(read), octets.len());
            again(&value, &octets.slice(..read));
        }
        Err(error) => assert!(error.offset <= octets.len(), "{error} of {}", octets.len()),
    }
}

/// That the value, which the octets gave, is encoded in no more of them, and is the same when decoded again.
fn again<T: Decode + Encode + Debug + PartialEq>(value: &T, octets: &Bytes) {
    assert_eq!(from_bytes::<T>(octets, DecodeLimits::DEFAULT).as_ref(), Ok(value), "the rest matters");
    let encoded = Bytes::from(to_vec(value));
    assert_eq!(from_bytes::<T>(&encoded, DecodeLimits::DEFAULT).as_ref(), Ok(value), "not the same again");
    let untyped = from_bytes::<Value>(&encoded, DecodeLimits::DEFAULT);
    if !untyped.as_ref().is_ok_and(widens) {
        assert!(encoded.len() <= octets.len(), "{} octets became {}", octets.len(), encoded.len());
    }
}

/// Whether the value has an array whose elements may have taken no octets, which they do when written.
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
