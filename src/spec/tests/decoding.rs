//! Properties of decoding any type from any bytes. The result is the same from shared and from copied bytes, and the
//! error is the same whether a value is made or only checked.

use alloc::{vec, vec::Vec};
use core::fmt::Debug;

use bytes::Bytes;
use proptest::{collection, prelude::*, sample::select};

use crate::{
    codec::{
        Decode, DecodeError, DecodeErrorKind, DecodeLimits, DecodeRef, Decoder, format_code, from_bytes,
    },
    spec::{
        Composite,
        definitions::AmqpError,
        delivery_state::{DeliveryState, Modified, Outcome, Received, Rejected},
        messaging::{Header, MessageId, Properties},
        performatives::{
            Attach, AttachRef, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer,
        },
        sasl::{SaslFrame, SaslInit, SaslMechanisms, SaslOutcome},
        terminus::{LifetimePolicy, Source, Target, TargetArchetype},
        tests::encodings::{EncodedStrategy, compound, fixed},
        transaction::{Coordinator, CoordinatorRequest, Declare, Declared, Discharge, TransactionalState},
    },
    types::{Handle, Multiple, Str, Symbol, Timestamp},
};

/// The value, where the decoder is behind it, and whether one more list fits the limits that are left; or the error.
type Outcome3<T> = Result<(T, usize, Result<(), DecodeErrorKind>), DecodeError>;

fn decode_with<'a, T>(
    mut decoder: Decoder<'a>,
    decode: impl FnOnce(&mut Decoder<'a>) -> Result<T, DecodeError>,
) -> Outcome3<T> {
    let value = decode(&mut decoder)?;
    Ok((value, decoder.offset(), decoder.spend(2, &[]).ok_or(DecodeErrorKind::TooManyElements)))
}

#[track_caller]
fn holds<T: Decode + Debug + PartialEq>(bytes: &[u8], limits: DecodeLimits) {
    let shared = Bytes::copy_from_slice(bytes);
    let decoded = decode_with(Decoder::new(&shared, limits), T::decode);
    assert_eq!(decode_with(Decoder::from_slice(bytes, limits), T::decode), decoded);
    // Without a reason noted, the error would be this.
    let unknown = DecodeErrorKind::InvalidChoice(core::any::type_name::<T>());
    match decoded {
        Ok((_, offset, _)) => assert!(offset <= bytes.len()),
        Err(error) => assert!(error.kind != unknown && error.offset <= bytes.len(), "{error}"),
    }
    let mut decoder = Decoder::new(&shared, limits);
    let result = decoder.value::<T>(&shared).is_some();
    assert_eq!(decoder.has_error(), !result);
}

/// Checking a value fails where and as decoding it does, and costs the same limits.
#[track_caller]
fn checks<T: for<'a> DecodeRef<'a> + Debug + PartialEq>(bytes: &[u8], limits: DecodeLimits) {
    holds::<T>(bytes, limits);
    let outcome = |decoded: Outcome3<()>| decoded.map(|(_, offset, left)| (offset, left));
    let decoded = decode_with(Decoder::from_slice(bytes, limits), |decoder| T::decode(decoder).map(drop));
    let checked = decode_with(Decoder::from_slice(bytes, limits), |decoder| {
        decoder.run(|rest, decoder| match rest.split_first() {
            Some((code, rest)) => T::decode_ref(*code, rest, decoder).map(|(_, rest)| ((), rest)),
            None => decoder.truncated(rest),
        })
    });
    assert_eq!(outcome(checked), outcome(decoded));
}

/// A binary, string or symbol in one of these forms.
fn variable(narrow: u8, wide: u8) -> EncodedStrategy {
    let bytes = prop_oneof![
        "[ -~]{0,40}".prop_map(alloc::string::String::into_bytes),
        "\\PC{0,12}".prop_map(alloc::string::String::into_bytes),
        collection::vec(any::<u8>(), 0..40),
    ];
    (bytes, any::<bool>())
        .prop_map(move |(bytes, is_wide)| {
            let length = u8::try_from(bytes.len()).unwrap();
            let head = if is_wide { vec![wide, 0, 0, 0, length] } else { vec![narrow, length] };
            [head, bytes].concat()
        })
        .boxed()
}

fn boolean() -> EncodedStrategy {
    prop_oneof![fixed(&[(0x41, 0), (0x42, 0)]), (0_u8..3).prop_map(|byte| vec![0x56, byte])].boxed()
}

fn symbol() -> EncodedStrategy {
    let known = select(
        &[
            "amqp:not-found",
            "amqp:decode-error",
            "session-end",
            "never",
            "move",
            "copy",
            "amqp:accepted:list",
        ][..],
    );
    let known = known.prop_map(|text| [&[0xa3, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
    prop_oneof![known, variable(format_code::SYM8, format_code::SYM32)].boxed()
}

/// A composite with the right kind of fields for the most part, and seldom too many or a wrong descriptor.
fn composite<T: Composite>(depth: u32) -> EncodedStrategy {
    let fields: Vec<EncodedStrategy> = T::FIELDS.iter().map(|field| self::field(field.ty, depth)).collect();
    let most = fields.len();
    let fields = (fields, 0..=most + 1).prop_map(move |(mut fields, count)| {
        fields.resize(count, vec![format_code::NULL]);
        fields
    });
    let list = prop_oneof![9 => compound(format_code::LIST8, format_code::LIST32, fields), 1 => Just(vec![format_code::LIST0])];
    let number = u8::try_from(T::CODE).unwrap();
    let symbol = [&[0, 0xa3, u8::try_from(T::SYMBOL.len()).unwrap()], T::SYMBOL.as_bytes()].concat();
    let descriptor = prop_oneof![
        16 => Just(vec![0, 0x53, number]),
        1 => Just(vec![0, 0x80, 0, 0, 0, 0, 0, 0, 0, number]),
        1 => Just(symbol),
        1 => any::<u8>().prop_map(|number| vec![0, 0x53, number]),
    ];
    (descriptor, list).prop_map(|(descriptor, list)| [descriptor, list].concat()).boxed()
}

fn states(depth: u32) -> EncodedStrategy {
    prop_oneof![
        Just(vec![0, 0x53, 0x24, 0x45]),
        Just(vec![0, 0x53, 0x26, 0xc0, 1, 0]),
        composite::<Received>(depth),
        composite::<Rejected>(depth),
        composite::<Modified>(depth),
        composite::<Declared>(depth),
        composite::<TransactionalState>(depth),
    ]
    .boxed()
}

/// A value for a field of this type, most of the time.
fn field(ty: &'static str, depth: u32) -> EncodedStrategy {
    let Some(deeper) = depth.checked_sub(1) else { return any_value() };
    let right = match ty {
        "bool" | "Role" => boolean(),
        "u8" | "SenderSettleMode" | "ReceiverSettleMode" | "SaslCode" => {
            (0_u8..6).prop_map(|byte| vec![0x50, byte]).boxed()
        }
        "Channel" => fixed(&[(0x60, 2)]),
        "u64" => fixed(&[(0x44, 0), (0x53, 1), (0x80, 8)]),
        "Timestamp" => fixed(&[(0x83, 8)]),
        "MessageId" => {
            let fixed = fixed(&[(0x44, 0), (0x53, 1), (0x80, 8), (0x98, 16)]);
            prop_oneof![fixed, variable(0xa0, 0xb0), variable(0xa1, 0xb1)].boxed()
        }
        "Str" => variable(format_code::STR8, format_code::STR32),
        "Bytes" | "DeliveryTag" | "TransactionId" => variable(format_code::VBIN8, format_code::VBIN32),
        "Symbol" => prop_oneof![3 => symbol(), 1 => symbols()].boxed(),
        "ErrorCondition" | "TerminusExpiryPolicy" | "DistributionMode" => symbol(),
        "Fields" | "FilterSet" => map(symbol()),
        "Unsettled" => map(variable(format_code::VBIN8, format_code::VBIN32)),
        "DeliveryState" | "Outcome" => states(deeper),
        "AmqpError" | "Box<AmqpError>" => composite::<AmqpError>(deeper),
        "Box<Source>" => composite::<Source>(deeper),
        "Box<TargetArchetype>" => {
            prop_oneof![composite::<Target>(deeper), composite::<Coordinator>(deeper)].boxed()
        }
        // The rest are numbers of 32 bits; some allow 0, 1 and 2 only.
        _ => prop_oneof![
            fixed(&[(0x43, 0), (0x52, 1), (0x70, 4)]),
            (0_u8..3).prop_map(|byte| vec![0x52, byte]),
        ]
        .boxed(),
    };
    prop_oneof![24 => right, 4 => Just(vec![format_code::NULL]), 1 => any_value()].boxed()
}

/// An array of symbols, of none or of any number.
fn symbols() -> EncodedStrategy {
    collection::vec("[a-z]{0,5}", 0..4)
        .prop_map(|texts| {
            let mut items = vec![0xa3];
            for text in &texts {
                items.push(u8::try_from(text.len()).unwrap());
                items.extend(text.bytes());
            }
            let count = u8::try_from(texts.len()).unwrap();
            [vec![0xe0, u8::try_from(items.len() + 1).unwrap(), count], items].concat()
        })
        .boxed()
}

fn map(key: EncodedStrategy) -> EncodedStrategy {
    let pairs = collection::vec((key, any_value()), 0..3);
    compound(
        format_code::MAP8,
        format_code::MAP32,
        pairs.prop_map(|pairs| pairs.into_iter().flat_map(<[_; 2]>::from).collect()),
    )
}

/// A value of any type.
fn any_value() -> EncodedStrategy {
    prop_oneof![
        Just(vec![format_code::NULL]),
        boolean(),
        fixed(&[(0x43, 0), (0x52, 1), (0x70, 4), (0x53, 1), (0x50, 1), (0x60, 2), (0x83, 8), (0x44, 0)]),
        variable(0xa0, 0xb0),
        variable(0xa1, 0xb1),
        symbol(),
        Just(vec![0xc0, 3, 2, 0x41, 0x43]),
        Just(vec![0x45]),
        Just(vec![0, 0x53, 0x99, 0x40]),
        any::<u8>().prop_map(|code| vec![code]),
    ]
    .boxed()
}

/// Changes one byte, or where the bytes end.
fn damaged(bytes: EncodedStrategy) -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![any::<u8>(), select(&[0_u8, 0x40, 0x43, 0x45, 0x53, 0x56, 0xa0, 0xa1, 0xa3, 0xc0][..])];
    let change = proptest::option::weighted(0.5, (any::<prop::sample::Index>(), byte, any::<bool>()));
    (bytes, change).prop_map(|(mut bytes, change)| {
        if let Some((at, byte, cut)) = change {
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
        }
        bytes
    })
}

/// Usual limits, and tight ones, strict and tolerant.
fn limits() -> impl Strategy<Value = DecodeLimits> {
    let tight = (0_u16..5, 0_u32..6, 0_u32..3);
    let tight = tight.prop_map(|(depth, elements, zero_width_elements)| DecodeLimits {
        max_depth: depth,
        max_elements: elements,
        max_zero_width_elements: zero_width_elements,
        ..DecodeLimits::DEFAULT
    });
    let limits = prop_oneof![4 => Just(DecodeLimits::DEFAULT), 1 => tight];
    (limits, any::<bool>()).prop_map(|(limits, tolerant)| limits.tolerant(tolerant))
}

/// Each type by itself, and the archetypes that it belongs to.
macro_rules! properties {
    ($($test:ident: $($ty:ty),* => $($archetype:ty),*;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(400))]
            $(
                #[test]
                fn $test((bytes, limits) in (damaged(prop_oneof![$(composite::<$ty>(3)),*].boxed()), limits())) {
                    $(checks::<$ty>(&bytes, limits);)*
                    $(checks::<$archetype>(&bytes, limits);)*
                }
            )*
        }
    };
}

properties! {
    performatives_are_decoded_or_refused_for_a_reason:
        Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close => Performative;
    termini_are_decoded_or_refused_for_a_reason: Source, Target, Coordinator => TargetArchetype, LifetimePolicy;
    states_are_decoded_or_refused_for_a_reason:
        Received, Rejected, Modified, Declared, TransactionalState, AmqpError => DeliveryState, Outcome;
    transactions_are_decoded_or_refused_for_a_reason: Declare, Discharge => CoordinatorRequest;
    sasl_frames_are_decoded_or_refused_for_a_reason: SaslMechanisms, SaslInit, SaslOutcome => SaslFrame;
    sections_are_decoded_or_refused_for_a_reason: Header, Properties => MessageId;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn values_are_decoded_or_refused_for_a_reason(bytes in damaged(any_value()), limits in limits()) {
        holds::<bool>(&bytes, limits);
        holds::<u32>(&bytes, limits);
        holds::<u64>(&bytes, limits);
        checks::<Handle>(&bytes, limits);
        checks::<Timestamp>(&bytes, limits);
        checks::<Bytes>(&bytes, limits);
        checks::<Symbol>(&bytes, limits);
        checks::<Str>(&bytes, limits);
        checks::<crate::types::DeliveryTag>(&bytes, limits);
        checks::<Multiple<Symbol>>(&bytes, limits);
        checks::<crate::types::Value>(&bytes, limits);
        holds::<Option<Header>>(&bytes, limits);
    }

    /// An attach that is only checked has what the engine acts upon.
    #[test]
    fn a_checked_attach_has_the_fields_of_the_decoded_one(bytes in damaged(composite::<Attach>(3)), limits in limits()) {
        let decoded = from_bytes::<Attach>(&Bytes::copy_from_slice(&bytes), limits);
        let checked = AttachRef::check(&bytes, limits);
        prop_assert_eq!(checked.as_ref().err(), decoded.as_ref().err());
        if let (Ok(checked), Ok(decoded)) = (checked, decoded) {
            prop_assert_eq!(checked.name.as_bytes(), decoded.name.as_bytes());
            prop_assert_eq!((checked.handle, checked.role), (decoded.handle, decoded.role));
            prop_assert_eq!(checked.snd_settle_mode, decoded.snd_settle_mode);
            prop_assert_eq!(checked.rcv_settle_mode, decoded.rcv_settle_mode);
            prop_assert_eq!(checked.source.is_some(), decoded.source.is_some());
            prop_assert_eq!(checked.target.is_some(), decoded.target.is_some());
            prop_assert_eq!(checked.unsettled.is_some(), decoded.unsettled.is_some());
            prop_assert_eq!(checked.incomplete_unsettled, decoded.incomplete_unsettled);
            prop_assert_eq!(checked.initial_delivery_count, decoded.initial_delivery_count);
            prop_assert_eq!(checked.max_message_size, decoded.max_message_size);
            prop_assert_eq!(checked.properties.is_some(), decoded.properties.is_some());
        }
    }
}
