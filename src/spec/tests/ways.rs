//! That the short way of every type agrees with the general way: on values, on errors and where they are, on how far
//! the decoder gets and on what is left of its limits.

use alloc::{format, vec, vec::Vec};
use core::fmt::Debug;

use bytes::Bytes;
use proptest::{collection, prelude::*, sample::select};

use crate::{
    codec::{Decode, DecodeError, DecodeLimits, Decoder, format_code},
    spec::{
        Composite,
        definitions::AmqpError,
        delivery_state::{DeliveryState, Modified, Outcome, Received, Rejected},
        messaging::{Header, MessageId, Properties},
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer},
        sasl::{SaslFrame, SaslInit, SaslMechanisms, SaslOutcome},
        terminus::{LifetimePolicy, Source, Target, TargetArchetype},
        tests::encodings::{EncodedStrategy, compound, fixed},
        transaction::{Coordinator, CoordinatorRequest, Declare, Declared, Discharge, TransactionalState},
    },
    types::{Handle, Multiple, Symbol, Timestamp},
};

/// What a decoder makes of the bytes, where it is then and what is left of its limits.
fn read<T: Decode>(
    bytes: &Bytes,
    limits: DecodeLimits,
    way: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
) -> Result<(T, usize, alloc::string::String), DecodeError> {
    let mut decoder = Decoder::new(bytes, limits);
    let value = way(&mut decoder)?;
    Ok((value, decoder.offset(), format!("{:?}", decoder.place())))
}

#[track_caller]
fn agree<T: Decode + Debug + PartialEq>(bytes: &[u8], limits: DecodeLimits) {
    let bytes = Bytes::copy_from_slice(bytes);
    let general = read::<T>(&bytes, limits, |decoder| {
        let code = decoder.code()?;
        T::decode_as(code, decoder)
    });
    assert_eq!(read(&bytes, limits, T::decode), general);
    let mut decoder = Decoder::new(&bytes, limits);
    if let Some((value, rest)) = T::usual(decoder.place().rest(), &mut decoder) {
        let (expected, offset, place) = general.unwrap();
        assert_eq!((value, rest.len()), (expected, bytes.len() - offset));
        decoder.resume(Decoder::new(&bytes, limits).place(), rest);
        assert_eq!(format!("{:?}", decoder.place()), place);
    } else if let Ok((value, ..)) = general {
        // Whatever is right has some way to be read as a field.
        assert!(T::decode(&mut Decoder::new(&bytes, limits)).is_ok(), "{value:?}");
    }
}

/// An byte string of one of these forms.
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

/// A value of some type, with no regard for which is due.
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

/// What comes to be changed: an byte, or where the bytes end.
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

/// Usual limits, and some that are soon reached.
fn limits() -> impl Strategy<Value = DecodeLimits> {
    let tight = (0_u16..5, 0_u32..6, 0_u32..3);
    let tight = tight.prop_map(|(depth, elements, zero_width_elements)| DecodeLimits {
        max_depth: depth,
        max_elements: elements,
        max_zero_width_elements: zero_width_elements,
    });
    prop_oneof![4 => Just(DecodeLimits::DEFAULT), 1 => tight]
}

/// Each type by itself, and the archetypes that it belongs to.
macro_rules! agreements {
    ($($test:ident: $($ty:ty),* => $($archetype:ty),*;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(400))]
            $(
                #[test]
                fn $test((bytes, limits) in (damaged(prop_oneof![$(composite::<$ty>(3)),*].boxed()), limits())) {
                    $(agree::<$ty>(&bytes, limits);)*
                    $(agree::<$archetype>(&bytes, limits);)*
                }
            )*
        }
    };
}

agreements! {
    performatives_read_the_same_either_way:
        Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close => Performative;
    transfers_read_the_same_either_way: Transfer, Disposition => Performative;
    termini_read_the_same_either_way: Source, Target, Coordinator => TargetArchetype, LifetimePolicy;
    states_read_the_same_either_way:
        Received, Rejected, Modified, Declared, TransactionalState, AmqpError => DeliveryState, Outcome;
    transactions_read_the_same_either_way: Declare, Discharge => CoordinatorRequest;
    sasl_reads_the_same_either_way: SaslMechanisms, SaslInit, SaslOutcome => SaslFrame;
    sections_read_the_same_either_way: Header, Properties => Option<Header>;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn values_read_the_same_either_way(bytes in damaged(any_value()), limits in limits()) {
        agree::<bool>(&bytes, limits);
        agree::<u8>(&bytes, limits);
        agree::<u32>(&bytes, limits);
        agree::<u64>(&bytes, limits);
        agree::<Handle>(&bytes, limits);
        agree::<Timestamp>(&bytes, limits);
        agree::<Bytes>(&bytes, limits);
        agree::<Symbol>(&bytes, limits);
        agree::<crate::types::Str>(&bytes, limits);
        agree::<crate::types::DeliveryTag>(&bytes, limits);
        agree::<Multiple<Symbol>>(&bytes, limits);
        agree::<MessageId>(&bytes, limits);
        agree::<crate::types::Value>(&bytes, limits);
    }

    #[test]
    fn anything_reads_the_same_either_way(bytes in collection::vec(any::<u8>(), 0..40), number: u8) {
        let bytes = [&[0, 0x53, number][..], &bytes].concat();
        agree::<Performative>(&bytes, DecodeLimits::DEFAULT);
        agree::<Properties>(&bytes, DecodeLimits::DEFAULT);
    }
}
