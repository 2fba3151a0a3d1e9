//! Batches of Azure's message-format: their bytes, their bounds, and what they are read as.

use crate::support::*;
use amqp_proto::{
    codec::DecodeErrorKind,
    extensions::azure::{
        batch::{self, Batch, BatchError},
        names, with_partition_key,
    },
    frame::Payload,
    message::{Message, MessageErrorKind, ParseOptions},
    testing::strategies,
    types::MessageFormat,
};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

fn bytes_of(payload: Payload) -> Vec<u8> {
    payload.into_bytes().to_vec()
}

fn data(text: &str) -> Payload {
    Message::builder().data(text.to_owned()).build()
}

fn batch_of(messages: impl IntoIterator<Item = Payload>) -> Batch {
    let mut batch = Batch::new(None);
    messages.into_iter().for_each(|message| batch.push(message).unwrap());
    batch
}

/// The messages of a batch, each as its bytes.
fn split(payload: Payload) -> Vec<Vec<u8>> {
    let read = batch::read(payload, &ParseOptions::default()).unwrap();
    read.messages().map(|message| bytes_of(message.unwrap().payload())).collect()
}

#[test]
fn batch_is_a_data_section_for_each_message_with_the_format_of_the_sdks() {
    assert_eq!(names::BATCH_FORMAT, MessageFormat::new(0x8001_3700));
    let batch = batch_of([data("a"), Message::builder().value(7_u32).build()]);
    assert_eq!((batch.len(), batch.is_empty(), batch.size()), (2, false, 21));
    let expected = [
        &[0x00, 0x53, 0x75, 0xa0, 6][..],
        &[0x00, 0x53, 0x75, 0xa0, 1, b'a'],
        &[0x00, 0x53, 0x75, 0xa0, 5],
        &[0x00, 0x53, 0x77, 0x52, 7],
    ]
    .concat();
    assert_eq!(bytes_of(batch.build().unwrap()), expected);
}

#[test]
fn envelope_has_the_annotations_and_properties_of_the_first_message_alone() {
    let first = with_partition_key(Message::builder(), "k")
        .durable(true)
        .delivery_annotation(names::OFFSET, 1_u32)
        .message_id("id-1")
        .group_id("s")
        .application_property("p", 1_u32)
        .footer_entry(names::OFFSET, 1_u32)
        .data("a");
    let second = with_partition_key(Message::builder(), "other").message_id("id-2").data("b");
    let payload = batch_of([first.build(), second.build()]).build().unwrap();
    let annotations = map(&[[&[0xa3, 19][..], b"x-opt-partition-key"].concat(), string("k")]);
    let mut properties = vec![NULL.to_vec(); 11];
    properties[0] = string("id-1");
    properties[10] = string("s");
    let application_properties = map(&[string("p"), vec![0x52, 1]]);
    let envelope =
        [section(0x72, annotations), section(0x73, list(&properties)), section(0x74, application_properties)]
            .concat();
    let read = bytes_of(payload.clone());
    assert_eq!(read[..envelope.len()], envelope);
    assert_eq!(read[envelope.len()..envelope.len() + 3], [0x00, 0x53, 0x75]);
    assert_eq!(split(payload), [bytes_of(first.build()), bytes_of(second.build())]);
}

/// The SDK for Go counts 5 bytes for a message of up to 255 bytes, and 8 for a larger one.
#[test]
fn message_of_256_bytes_and_more_has_a_wide_data_section() {
    let cases = [(250, 255, 5, vec![0xa0, 0xff]), (251, 256, 8, vec![0xb0, 0, 0, 1, 0])];
    for (text, len, added, head) in cases {
        let message = data(&"x".repeat(text));
        assert_eq!(message.len(), len);
        let payload = batch_of([message]).build().unwrap();
        assert_eq!(payload.len(), len + added);
        assert_eq!(bytes_of(payload)[3..3 + head.len()], head);
    }
}

#[test]
fn message_that_does_not_fit_changes_nothing() {
    let mut batch = Batch::new(Some(22));
    batch.push(data("a")).unwrap();
    let before = bytes_of(batch.clone().build().unwrap());
    let pushed = batch.push(with_partition_key(Message::builder(), "k").data("bc").build());
    assert_eq!(pushed, Err(BatchError::TooLarge { size: 53, max: 22 }));
    assert_eq!((batch.len(), batch.size()), (1, 11));
    assert_eq!(bytes_of(batch.clone().build().unwrap()), before);
    // Of 22 bytes, 11 are left.
    batch.push(data("b")).unwrap();
    assert_eq!((batch.len(), batch.size()), (2, 22));
    assert_eq!(batch.push(data("")), Err(BatchError::TooLarge { size: 32, max: 22 }));
    assert_eq!(split(batch.build().unwrap()), [bytes_of(data("a")), bytes_of(data("b"))]);
}

#[test]
fn first_message_that_does_not_fit_leaves_no_envelope() {
    let mut batch = Batch::new(Some(20));
    let large = with_partition_key(Message::builder(), "k").data("a").build();
    assert!(matches!(batch.push(large), Err(BatchError::TooLarge { max: 20, .. })));
    assert!(batch.is_empty() && batch.clone().build().is_none());
    batch.push(data("a")).unwrap();
    assert_eq!(batch.build().unwrap().len(), 11);
}

#[test]
fn batch_without_a_greatest_size_is_not_bounded() {
    for max in [None, Some(0)] {
        let mut batch = Batch::new(max);
        (0..100).for_each(|_| batch.push(data(&"x".repeat(10_000))).unwrap());
        assert_eq!((batch.len(), batch.size()), (100, 100 * 10_016));
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let mut batch = Batch::new(None);
    let no_body = batch.push(vec![0x00, 0x53, 0x73, 0x45]);
    assert!(matches!(no_body, Err(BatchError::Malformed(error)) if error.kind == MessageErrorKind::NoBody));
    assert!(matches!(batch.push(vec![0x00]), Err(BatchError::Malformed(_))));
    assert!(batch.build().is_none());
}

#[test]
fn large_messages_are_shared_on_both_sides() {
    let body: &'static [u8] = &[7; 4096];
    let message = Message::builder().data(Bytes::from_static(body)).build();
    let payload = batch_of([data("small"), message, data("small")]).build().unwrap();
    assert!(payload.chunks().any(|chunk| chunk.as_ptr() == body.as_ptr()));
    assert_eq!(payload.chunks().count(), 3);
    let read = batch::read(payload.into_bytes(), &ParseOptions::default()).unwrap();
    let whole = read.envelope().payload().into_bytes();
    let range = whole.as_ptr_range();
    for message in read.messages() {
        let message = message.unwrap().payload();
        assert!(message.chunks().all(|chunk| range.contains(&chunk.as_ptr())));
    }
}

#[test]
fn reading_is_as_lenient_and_as_bounded_as_the_options() {
    let value = Message::builder().value("no batch").build();
    assert_eq!(batch::read(value, &ParseOptions::default()).unwrap_err(), BatchError::NotData);

    // The first message has no body, the second is malformed, the third is good.
    let sections: [&[u8]; 3] = [&[0x00, 0x53, 0x73, 0x45], &[0x00, 0x53], &[0x00, 0x53, 0x77, 0x43]];
    let mut builder = Message::builder().data(sections[0]);
    for section in &sections[1..] {
        builder = builder.data(*section);
    }
    let strict = ParseOptions::default();
    let read = batch::read(builder.build(), &strict).unwrap();
    let kinds: Vec<_> = read.messages().map(|message| message.err().map(|error| error.kind)).collect();
    let truncated = MessageErrorKind::Decode(DecodeErrorKind::Truncated);
    assert_eq!(kinds, [Some(MessageErrorKind::NoBody), Some(truncated), None]);
    let lenient = ParseOptions { body_required: false, ..strict };
    let read = batch::read(builder.build(), &lenient).unwrap();
    assert_eq!(read.messages().map(|message| message.is_ok()).collect::<Vec<_>>(), [true, false, true]);

    let bounded = ParseOptions { max_sections: 2, ..strict };
    let error = batch::read(builder.build(), &bounded).unwrap_err();
    assert!(matches!(error, BatchError::Malformed(error) if error.kind == MessageErrorKind::TooManySections));
}

proptest! {
    // Messages of any sections are slow to make.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However a batch is cut into chunks, it is split into the messages that it was built of.
    #[test]
    fn batch_of_any_messages_is_read_as_these(
        messages in vec(strategies::message(), 1..8),
        cut in 1_usize..200,
    ) {
        let batch = batch_of(messages.iter().cloned().map(Payload::from));
        let size = batch.size();
        let bytes = batch.build().unwrap().into_bytes();
        prop_assert_eq!(u64::try_from(bytes.len()).unwrap(), size);
        prop_assert_eq!(split(bytes.clone().into()), &messages[..]);
        let chunks = bytes.chunks(cut).map(Bytes::copy_from_slice);
        prop_assert_eq!(split(chunks.collect()), messages);
    }

    /// A batch never has more bytes than its receiver takes, and one that is refused would have had more.
    #[test]
    fn batch_of_any_messages_stays_within_its_bound(
        messages in vec(strategies::message(), 1..8),
        max in 1_u64..400,
    ) {
        let mut batch = Batch::new(Some(max));
        for message in messages {
            let before = (batch.len(), batch.size());
            match batch.push(message) {
                Ok(()) => prop_assert!(batch.size() <= max && batch.len() == before.0 + 1),
                Err(BatchError::TooLarge { size, .. }) => {
                    prop_assert!(size > max);
                    prop_assert_eq!((batch.len(), batch.size()), before);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let size = batch.size();
        if let Some(payload) = batch.build() {
            prop_assert_eq!(u64::try_from(payload.len()).unwrap(), size);
        }
    }
}

/// More would be refused by a reader with default options.
#[test]
fn full_batch_takes_no_more_and_is_read_whole() {
    let message = Message::builder().subject("x").value(7_u8).build();
    let mut batch = Batch::new(None);
    let max = loop {
        match batch.push(message.clone()) {
            Ok(()) => {}
            Err(BatchError::TooMany { max }) => break max,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(batch.len(), max as usize);
    let read = batch::read(batch.build().unwrap(), &ParseOptions::default()).unwrap();
    assert_eq!(read.messages().filter(Result::is_ok).count(), max as usize);
}
