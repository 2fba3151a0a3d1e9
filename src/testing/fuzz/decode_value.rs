//! The fuzz target that decodes bytes as each type and encodes the result again.

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

/// Decodes the bytes as a value of any type, and as each type of the standard. A value that decodes is encoded again.
///
/// # Panics
/// If the value decodes differently a second time, its encoding is longer than the input, or the offset of an error is
/// outside the input.
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
    let mut decoder = Decoder::new(bytes, DecodeLimits::DEFAULT);
    match T::decode(&mut decoder) {
        Ok(value) => {
            let read = decoder.offset();
            assert_eq!(decoder.take_rest().len().saturating_add(read), bytes.len());
            check_round_trip(&value, &bytes.slice(..read));
        }
        Err(error) => assert!(error.offset <= bytes.len(), "{error} of {}", bytes.len()),
    }
}

/// Fails unless the value, decoded from `bytes`, is encoded in no more bytes, and decodes from them to an equal value.
fn check_round_trip<T: Decode + Encode + Debug + PartialEq>(value: &T, bytes: &Bytes) {
    assert_eq!(
        from_bytes::<T>(bytes, DecodeLimits::DEFAULT).as_ref(),
        Ok(value),
        "depends on the bytes behind it"
    );
    let encoded = Bytes::from(to_vec(value));
    assert_eq!(
        from_bytes::<T>(&encoded, DecodeLimits::DEFAULT).as_ref(),
        Ok(value),
        "changed by a round trip"
    );
    let untyped = from_bytes::<Value>(&encoded, DecodeLimits::DEFAULT);
    if !untyped.as_ref().is_ok_and(may_widen) {
        assert!(encoded.len() <= bytes.len(), "{} bytes became {}", bytes.len(), encoded.len());
    }
}

/// True if the value has an array whose elements may have been encoded without bytes. Their new encoding has some.
fn may_widen(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(may_widen),
        Value::Map(map) => map.iter().any(|(key, value)| may_widen(key) || may_widen(value)),
        Value::Described(described) => may_widen(&described.descriptor) || may_widen(&described.value),
        Value::Array(array) => {
            matches!(array.kind(), Kind::Boolean | Kind::Uint | Kind::Ulong | Kind::List)
                || array.descriptors().iter().chain(array.items()).any(may_widen)
        }
        _ => false,
    }
}
