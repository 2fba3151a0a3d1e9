//! Borrowed sections have the values and errors of those that are decoded; chunks make no difference.

use alloc::{vec, vec::Vec};

use bytes::Bytes;
use proptest::{collection, prelude::*, sample::select};

use super::{
    cursor::Cursor,
    scan::{Layout, scan, scan_typical},
    *,
};
use crate::{
    codec::{DecodeLimits, format_code},
    frame::Payload,
    spec::{
        messaging::MessageId,
        tests::encodings::{EncodedStrategy, compound, fixed},
    },
    types::{Str, Symbol, TextRef},
};

fn variable(narrow: u8, wide: u8, most: usize) -> EncodedStrategy {
    let bytes = prop_oneof![
        6 => "[a-e]{0,3}".prop_map(alloc::string::String::into_bytes),
        2 => "\\PC{0,20}".prop_map(alloc::string::String::into_bytes),
        1 => collection::vec(any::<u8>(), 0..most),
    ];
    (bytes, proptest::bool::weighted(0.2))
        .prop_map(move |(bytes, is_wide)| {
            let length = u32::try_from(bytes.len()).unwrap();
            let small = u8::try_from(length).ok().filter(|_| !is_wide);
            let wide_head = || [&[wide][..], &length.to_be_bytes()].concat();
            [small.map_or_else(wide_head, |length| vec![narrow, length]), bytes].concat()
        })
        .boxed()
}

/// Values of every simple type in every encoding, invalid chars and booleans, and sometimes a value that is not simple.
fn simple() -> EncodedStrategy {
    let forms = &[
        (0x40, 0),
        (0x41, 0),
        (0x42, 0),
        (0x50, 1),
        (0x60, 2),
        (0x70, 4),
        (0x52, 1),
        (0x43, 0),
        (0x80, 8),
        (0x53, 1),
        (0x44, 0),
        (0x51, 1),
        (0x61, 2),
        (0x71, 4),
        (0x54, 1),
        (0x81, 8),
        (0x55, 1),
        (0x72, 4),
        (0x82, 8),
        (0x74, 4),
        (0x84, 8),
        (0x94, 16),
        (0x73, 4),
        (0x83, 8),
        (0x98, 16),
        (0x56, 1),
    ];
    prop_oneof![
        12 => fixed(forms),
        2 => Just(vec![0x73, 0, 0, 0, 0x41]),
        2 => Just(vec![0x56, 1]),
        4 => variable(format_code::STR8, format_code::STR32, 12),
        2 => variable(format_code::SYM8, format_code::SYM32, 12),
        2 => variable(format_code::VBIN8, format_code::VBIN32, 12),
        2 => simple_described(),
        1 => select(&[0x45_u8, 0x99][..]).prop_map(|code| vec![code]),
        1 => Just(vec![0xc0, 2, 1, 0x41]),
    ]
    .boxed()
}

fn simple_described() -> EncodedStrategy {
    let value = prop_oneof![Just(vec![0x41]), Just(vec![0xc0, 1, 0]), Just(vec![0xa1, 1, b'x'])];
    (any::<u8>(), value).prop_map(|(number, value)| [&[0, 0x53, number][..], &value].concat()).boxed()
}

fn properties() -> EncodedStrategy {
    let string = || variable(format_code::STR8, format_code::STR32, 30);
    let symbol = || variable(format_code::SYM8, format_code::SYM32, 30);
    let id = || {
        let number = fixed(&[(0x44, 0), (0x53, 1), (0x80, 8), (0x98, 16)]);
        prop_oneof![number, string(), variable(format_code::VBIN8, format_code::VBIN32, 30)].boxed()
    };
    let time = || fixed(&[(0x83, 8)]);
    let binary = variable(format_code::VBIN8, format_code::VBIN32, 30);
    let number = fixed(&[(0x43, 0), (0x52, 1), (0x70, 4)]);
    let fields = vec![
        id(),
        binary,
        string(),
        string(),
        string(),
        id(),
        symbol(),
        symbol(),
        time(),
        time(),
        string(),
        number,
        string(),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .map(|field| prop_oneof![12 => field, 6 => Just(vec![format_code::NULL]), 1 => simple()].boxed())
        .collect();
    let list = (fields, 0..=14_usize).prop_map(|(mut fields, count)| {
        fields.resize(count, vec![format_code::NULL]);
        fields
    });
    prop_oneof![9 => compound(format_code::LIST8, format_code::LIST32, list), 1 => Just(vec![format_code::LIST0])].boxed()
}

fn map() -> EncodedStrategy {
    let name = prop_oneof![
        12 => variable(format_code::STR8, format_code::STR32, 12),
        4 => "[a-z]{4,12}".prop_map(|name| [&[0xa1, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()),
        1 => simple(),
    ];
    let few = prop_oneof![4 => 0..4_usize, 1 => 15..40_usize];
    let pairs = few.prop_flat_map(move |count| collection::vec((name.clone(), simple()), count));
    let odd = proptest::bool::weighted(0.05);
    let items = (pairs, odd).prop_map(|(pairs, odd)| {
        let mut items: Vec<_> = pairs.into_iter().flat_map(<[_; 2]>::from).collect();
        items.extend(odd.then(|| vec![format_code::NULL]));
        items
    });
    compound(format_code::MAP8, format_code::MAP32, items)
}

fn section(kind: SectionKind) -> EncodedStrategy {
    let value = match kind {
        SectionKind::Header => Just(vec![0xc0, 3, 2, 0x41, 0x40]).boxed(),
        SectionKind::Properties => properties(),
        SectionKind::Sequence => {
            compound(format_code::LIST8, format_code::LIST32, collection::vec(simple(), 0..3))
        }
        SectionKind::Data => variable(format_code::VBIN8, format_code::VBIN32, 300),
        SectionKind::Value => simple(),
        _ => map(),
    };
    let value = prop_oneof![30 => value, 1 => simple()];
    let number = u8::try_from(kind.code()).unwrap();
    let descriptor = prop_oneof![
        20 => Just(vec![0, 0x53, number]),
        1 => Just(vec![0, 0x80, 0, 0, 0, 0, 0, 0, 0, number]),
        1 => any::<u8>().prop_map(|number| vec![0, 0x53, number]),
    ];
    (descriptor, value).prop_map(|(descriptor, value)| [descriptor, value].concat()).boxed()
}

/// Messages, most of them valid: sections in order, or one of them misplaced, or a byte changed.
fn message() -> impl Strategy<Value = Bytes> {
    let body = select(&[SectionKind::Data, SectionKind::Sequence, SectionKind::Value][..]);
    let body = (body, 0..4_usize).prop_flat_map(|(kind, count)| {
        let count = if kind.is_repeatable() { count } else { count.min(1) };
        collection::vec(section(kind), count)
    });
    let others: Vec<_> = SectionKind::ALL
        .iter()
        .filter(|kind| !kind.is_body())
        .map(|kind| proptest::option::of(section(*kind)).boxed())
        .collect();
    let swap = proptest::option::weighted(0.1, any::<(prop::sample::Index, prop::sample::Index)>());
    let change = proptest::option::weighted(0.3, any::<(prop::sample::Index, u8, bool)>());
    (others, body, swap, change).prop_map(|(mut others, body, swap, change)| {
        let footer = others.pop().flatten();
        let mut sections: Vec<_> = others.into_iter().flatten().chain(body).chain(footer).collect();
        if let Some((one, other)) = swap
            && !sections.is_empty()
        {
            let (one, other) = (one.index(sections.len()), other.index(sections.len()));
            sections.swap(one, other);
        }
        let mut bytes = sections.concat();
        if let Some((at, byte, cut)) = change
            && !bytes.is_empty()
        {
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
        }
        bytes.into()
    })
}

fn settings() -> impl Strategy<Value = ParseOptions> {
    let tight = (0_u16..4, 0_u32..8).prop_map(|(depth, elements)| DecodeLimits {
        max_depth: depth,
        max_elements: elements,
        max_zero_width_elements: 0,
        ..DecodeLimits::DEFAULT
    });
    let decode = prop_oneof![4 => Just(DecodeLimits::DEFAULT), 1 => tight];
    let decode = (decode, any::<bool>()).prop_map(|(limits, tolerant)| limits.tolerant(tolerant));
    let sections = prop_oneof![6 => Just(100_u32), 1 => 0_u32..6];
    (decode, sections, any::<bool>()).prop_map(|(limits, max_sections, body_required)| ParseOptions {
        limits,
        max_sections,
        body_required,
    })
}

fn text(text: Option<TextRef<'_>>) -> Option<Str> {
    text.map(|text| Str::from(text.as_str()))
}

fn symbol(text: Option<TextRef<'_>>) -> Option<Symbol> {
    text.map(|text| Symbol::try_from(text.as_str()).unwrap())
}

fn id(id: Option<MessageIdRef<'_>>) -> Option<MessageId> {
    id.map(|id| match id {
        MessageIdRef::Ulong(id) => MessageId::Ulong(id),
        MessageIdRef::Uuid(id) => MessageId::Uuid(id),
        MessageIdRef::Binary(id) => MessageId::Binary(Bytes::copy_from_slice(id)),
        MessageIdRef::String(id) => MessageId::String(id.as_str().into()),
    })
}

fn owned(properties: PropertiesRef<'_>) -> crate::spec::messaging::Properties {
    crate::spec::messaging::Properties {
        message_id: id(properties.message_id),
        user_id: properties.user_id.map(Bytes::copy_from_slice),
        to: text(properties.to),
        subject: text(properties.subject),
        reply_to: text(properties.reply_to),
        correlation_id: id(properties.correlation_id),
        content_type: symbol(properties.content_type),
        content_encoding: symbol(properties.content_encoding),
        absolute_expiry_time: properties.absolute_expiry_time,
        creation_time: properties.creation_time,
        group_id: text(properties.group_id),
        group_sequence: properties.group_sequence,
        reply_to_group_id: text(properties.reply_to_group_id),
    }
}

fn lent_as_given(message: &Message) {
    let lent = message.properties_ref().map(|properties| properties.map(owned));
    assert_eq!(lent, message.properties());
    let pairs = message.application_properties_ref().and_then(|pairs| {
        pairs
            .map(|pair| {
                pair.map(|(name, value)| (Str::from(name.as_str()), SimpleValue::try_from(value).unwrap()))
            })
            .collect::<Result<Vec<_>, _>>()
    });
    let given = message.application_properties();
    assert_eq!(pairs, given.map(|given| given.unwrap_or_default().into_pairs()));
    if let Ok(properties) = message.properties() {
        let properties = properties.unwrap_or_default();
        assert_eq!(message.message_id(), Ok(properties.message_id));
        assert_eq!(message.to(), Ok(properties.to));
        assert_eq!(message.content_type(), Ok(properties.content_type));
        assert_eq!(message.reply_to_group_id(), Ok(properties.reply_to_group_id));
    }
    if let Ok(Body::Data(data)) = message.body() {
        assert_eq!(message.data_chunks().collect::<Vec<_>>().concat(), data.into_bytes());
    } else {
        assert_eq!(message.data_chunks().count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1200))]

    #[test]
    fn scanned_and_borrowed_sections_agree_with_decoded_ones(bytes in message(), settings in settings(), cuts: [prop::sample::Index; 3]) {
        let general = scan(&mut Cursor::over(&bytes, &[]), &settings);
        let mut layout = Layout::default();
        if scan_typical(&bytes, &settings, &mut layout) {
            prop_assert_eq!(general.as_ref(), Ok(&layout));
        }
        let whole = Message::parse(bytes.clone(), &settings);
        prop_assert_eq!(whole.as_ref().err(), general.as_ref().err());
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Payload = cuts.windows(2).map(|ends| bytes.slice(ends[0]..ends[1])).collect();
        let pieces = Message::parse(chunks, &settings);
        prop_assert_eq!(pieces.as_ref().err(), whole.as_ref().err());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert!(whole.sections().eq(pieces.sections()));
            lent_as_given(&whole);
            lent_as_given(&pieces);
        }
    }
}

#[test]
fn duplicate_name_is_the_error_after_the_last_entry() {
    // Counts on both sides of the limit for pairwise comparison, with names that share a bit.
    for count in [2_u8, 16, 17, 40] {
        for twin in [false, true] {
            let mut pairs: Vec<u8> =
                (0..count).flat_map(|n| [0xa1, 2, b'a' + n / 8, b'a' + n % 8, 0x52, n]).collect();
            if twin {
                pairs.extend([0xa1, 2, b'a', b'b', 0x41]);
            }
            let size = u32::try_from(pairs.len() + 4).unwrap().to_be_bytes();
            let items = (u32::from(count) + u32::from(twin)) * 2;
            let head = [&[0, 0x53, 0x74, 0xd1][..], &size, &items.to_be_bytes()].concat();
            let bytes = Bytes::from([head, pairs, vec![0, 0x53, 0x77, 0x40]].concat());
            let message = Message::parse(bytes, &ParseOptions::default()).unwrap();
            let lent: Vec<_> = message.application_properties_ref().unwrap().collect();
            assert_eq!(lent.len(), usize::from(count) + 2 * usize::from(twin));
            assert_eq!(lent.iter().filter(|pair| pair.is_err()).count(), usize::from(twin));
            assert_eq!(lent.last().unwrap().is_err(), twin);
            lent_as_given(&message);
        }
    }
}
