//! The head of a message whose body is still arriving.

use super::{ALL_SECTIONS, TWO_SEQUENCES, WIDE_ENCODINGS, bytes, hex, in_chunks};
use amqp_proto::{
    codec::DecodeErrorKind,
    message::{HeadParser, Message, MessageErrorKind, MessageHead, ParseOptions, SectionKind},
    types::Value,
};
use bytes::Bytes;

fn options() -> ParseOptions {
    ParseOptions::default()
}

/// Asserts that the head is the front of the message, and that the rest is all else that was pushed.
pub fn same_head(name: &str, head: &MessageHead, whole: &Message, pushed: &[u8]) {
    let len = head.message.len();
    assert_eq!([bytes(&head.message.payload()), bytes(&head.rest)].concat(), pushed, "{name}");
    let before =
        whole.sections().take_while(|section| !section.kind.is_body() && section.kind != SectionKind::Footer);
    assert!(head.message.sections().eq(before), "{name}");
    let next = whole.sections().find(|section| section.range.start == len).map(|section| section.kind);
    assert_eq!(head.next, next, "{name}");
    assert_eq!(head.message.body_kind(), None, "{name}");
    assert_eq!(head.message.header(), whole.header(), "{name}");
    assert_eq!(head.message.delivery_annotations(), whole.delivery_annotations(), "{name}");
    assert_eq!(head.message.message_annotations(), whole.message_annotations(), "{name}");
    assert_eq!(head.message.properties(), whole.properties(), "{name}");
    assert_eq!(head.message.application_properties(), whole.application_properties(), "{name}");
    assert_eq!(head.message.to(), whole.to(), "{name}");
}

/// Pushes a well-formed message cut anywhere, in two chunks and byte by byte.
pub fn head_at_every_cut(name: &str, encoded: &[u8], options: &ParseOptions) {
    let whole = Message::parse(encoded.to_vec(), options).unwrap();
    let encoded = Bytes::copy_from_slice(encoded);
    // The head is complete with the descriptor of the section behind it.
    let body = whole.sections().find(|section| section.kind.is_body() || section.kind == SectionKind::Footer);
    let complete = body.map_or(usize::MAX, |section| section.value.start);
    let mut each = HeadParser::new(options);
    let mut is_complete = false;
    for cut in 0..=encoded.len() {
        let (front, back) = (encoded.slice(..cut), encoded.slice(cut..));
        let mut parser = HeadParser::new(options);
        let head = parser.push(front).unwrap();
        assert_eq!(head.is_some(), cut >= complete, "{name}: cut at {cut}");
        match head {
            Some(head) => same_head(name, &head, &whole, &encoded[..cut]),
            None => {
                assert!(parser.needed() > cut && parser.needed() <= complete, "{name}: cut at {cut}");
                match parser.push(back).unwrap() {
                    Some(head) => same_head(name, &head, &whole, &encoded),
                    None => same_head(name, &parser.finish().unwrap(), &whole, &encoded),
                }
            }
        }
        if !is_complete && let Some(byte) = encoded.get(cut) {
            let head = each.push(vec![*byte]).unwrap();
            is_complete = head.is_some();
            assert_eq!(is_complete, cut + 1 == complete, "{name}: byte {cut}");
            if let Some(head) = head {
                same_head(name, &head, &whole, &encoded[..=cut]);
            }
        }
    }
}

#[test]
fn head_is_that_of_the_whole_message_at_every_cut() {
    for message in [
        ALL_SECTIONS,
        WIDE_ENCODINGS,
        TWO_SEQUENCES,
        "00 53 75 a0 00",
        "00 53 70 45 00 53 77 40",
        "00 a3 10 61 6d 71 70 3a 68 65 61 64 65 72 3a 6c 69 73 74 45 00 b3 00 00 00 10 61 6d 71 70 3a 64 61 74 61 3a \
         62 69 6e 61 72 79 a0 00",
    ] {
        head_at_every_cut(message, &hex(message), &options());
    }
}

#[test]
fn message_without_a_body_has_a_head_if_the_options_allow() {
    let lenient = ParseOptions { body_required: false, ..options() };
    for message in ["", "00 53 70 45", "00 53 70 45 00 53 78 c1 01 00", "00 53 78 c1 01 00"] {
        head_at_every_cut(message, &hex(message), &lenient);
    }
    let mut parser = HeadParser::new(&options());
    assert!(parser.push(hex("00 53 70 45")).unwrap().is_none());
    assert_eq!(parser.finish().unwrap_err(), MessageErrorKind::NoBody.at(4));
    // A footer ends the head as well: only the whole message shows that there is no body.
    let head = parser.push(hex("00 53 70 45 00 53 78")).unwrap().unwrap();
    assert_eq!((head.message.len(), head.next), (4, Some(SectionKind::Footer)));
}

#[test]
fn head_that_ends_early_is_truncated() {
    let whole = hex(ALL_SECTIONS);
    for cut in (1..57).filter(|cut| ![7, 24, 33, 45].contains(cut)) {
        let mut parser = HeadParser::new(&options());
        assert!(parser.push(whole[..cut].to_vec()).unwrap().is_none());
        let error = parser.finish().unwrap_err();
        assert_eq!(error.kind, MessageErrorKind::Decode(DecodeErrorKind::Truncated), "cut at {cut}");
        assert_eq!(Message::parse(whole[..cut].to_vec(), &options()).unwrap_err(), error, "cut at {cut}");
    }
}

#[test]
fn malformed_head_is_the_error_of_the_whole_message_at_the_first_byte_that_shows_it() {
    use SectionKind::{Header, Properties};
    let wrong = |expected, found| MessageErrorKind::Decode(DecodeErrorKind::WrongType { expected, found });
    let unknown = MessageErrorKind::Decode(DecodeErrorKind::UnknownDescriptor("section"));
    let mismatch = MessageErrorKind::Decode(DecodeErrorKind::SizeMismatch);
    let rows = [
        ("45", wrong("section", 0x45), 0, 1),
        ("00 53 79", unknown, 1, 3),
        ("00 a3 03 61 6d 71", unknown, 1, 6),
        ("00 53 70 c1 01 00", wrong("list", 0xc1), 3, 4),
        ("00 53 71 45", wrong("map", 0x45), 3, 4),
        ("00 53 70 c0 00 00 53 75", mismatch, 5, 5),
        ("00 53 70 d0 00 00 00 03 00 00 00", mismatch, 8, 11),
        (
            "00 53 73 45 00 53 70 45",
            MessageErrorKind::OutOfOrder { section: Header, after: Properties },
            4,
            7,
        ),
        ("00 53 73 45 00 53 73 45", MessageErrorKind::Duplicate(Properties), 4, 7),
    ];
    for (message, kind, offset, shows) in rows {
        let message = [hex(message), hex("00 53 75 a0 00")].concat();
        assert_eq!(Message::parse(message.clone(), &options()).unwrap_err(), kind.at(offset));
        for size in 1..message.len() {
            let mut parser = HeadParser::new(&options());
            let mut pushed = 0;
            let error = message.chunks(size).find_map(|chunk| {
                pushed += chunk.len();
                parser.push(chunk.to_vec()).map(|head| assert!(head.is_none())).err()
            });
            assert_eq!(error, Some(kind.at(offset)), "{kind} in chunks of {size}");
            assert!(pushed >= shows && pushed < shows + size, "{kind} in chunks of {size}: after {pushed}");
        }
    }
}

#[test]
fn sections_beyond_the_limit_are_an_error_in_the_head() {
    let limited = ParseOptions { max_sections: 1, ..options() };
    let error = MessageErrorKind::TooManySections.at(4);
    let message = hex("00 53 70 45 00 53 75 a0 00");
    assert_eq!(Message::parse(message.clone(), &limited).unwrap_err(), error);
    assert_eq!(HeadParser::new(&limited).push(message).unwrap_err(), error);
}

#[test]
fn parser_is_as_new_after_a_head_an_error_and_an_end() {
    let whole = hex(ALL_SECTIONS);
    let mut parser = HeadParser::new(&options());
    for _ in 0..2 {
        let head = parser.push(in_chunks(&whole, &[10, 20])).unwrap().unwrap();
        assert_eq!((head.message.len(), parser.needed()), (57, 1));
        assert!(parser.push(whole[..20].to_vec()).unwrap().is_none());
        assert!(parser.finish().is_err());
        assert!(parser.push(whole[..20].to_vec()).unwrap().is_none());
        assert!(parser.push(vec![0xff; 20]).is_err());
        assert_eq!(parser.needed(), 1);
    }
}

#[test]
fn head_in_one_chunk_is_shared_and_so_is_the_rest() {
    let whole = Bytes::from(hex(ALL_SECTIONS));
    let head = HeadParser::new(&options()).push(whole.clone()).unwrap().unwrap();
    assert_eq!(head.message.payload().chunks().next().unwrap().as_ptr(), whole.as_ptr());
    assert_eq!(head.rest.chunks().next().unwrap().as_ptr(), whole[57..].as_ptr());
    assert_eq!(head.rest, whole.slice(57..).into());
}

/// The work of a push is nothing while fewer bytes have arrived than are needed.
#[test]
fn large_head_byte_by_byte_takes_few_steps() {
    let mut builder = Message::builder().to("q");
    for number in 0..2000_u32 {
        builder = builder.application_property(number.to_string(), number);
    }
    let encoded = bytes(&builder.value(Value::Null).build());
    let mut parser = HeadParser::new(&options());
    let mut complete = false;
    let mut steps = 0;
    for (index, byte) in encoded.iter().enumerate() {
        steps += usize::from(parser.needed() <= index + 1);
        complete = parser.push(vec![*byte]).unwrap().is_some();
        if complete {
            break;
        }
    }
    assert!(complete && encoded.len() > 20_000);
    // Three descriptors and two sizes, a byte at a time.
    assert!(steps <= 30, "{steps} steps");
    // A descriptor that declares to be large is waited for, too.
    let mut parser = HeadParser::new(&options());
    assert!(parser.push(hex("00 b3 00 01 00 00 61")).unwrap().is_none());
    assert_eq!(parser.needed(), 7 + 0x1_0000 - 1);
}
