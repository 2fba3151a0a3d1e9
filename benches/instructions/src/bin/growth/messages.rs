//! Messages, filters and answers of a peer, handed to what the library has for them.

use std::hint::black_box;

use amqp_proto::{
    extensions::{
        azure::batch::{self, Batch},
        filters::{ApplicationPropertiesFilter, Filter, FilterDescriptor, in_force},
        management::{QueryResult, Response},
    },
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{
        delivery_state::{DeliveryState, Modified},
        terminus::FilterSet,
    },
    types::{Fields, Map, Str, Symbol, Value},
};
use bytes::Bytes;

use crate::{Input, Work};

pub fn inputs() -> Vec<Input> {
    let input = |name, prepare: fn(usize) -> Work| Input { name, prepare: Box::new(prepare) };
    vec![
        input("message of properties", properties),
        input("message of annotations, changed by as many", annotations),
        input("message of many sections", |size| sections(size, usize::MAX)),
        input("message of many sections and chunks", |size| sections(size, 3)),
        input("message of sequences and chunks", sequences),
        input("batch in chunks", batches),
        input("filter of properties, on as many", filter),
        input("filters in the answer to as many", answered),
        input("rows of a query without values", rows),
    ]
}

/// Returns keys that do not come in order.
fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("k{:06}", number * 7919 % 1_000_003))
}

fn symbol(text: String) -> Symbol {
    Symbol::try_from(text).expect("ASCII")
}

fn read(payload: &Payload) -> Message {
    let options = ParseOptions { max_sections: u32::MAX, ..ParseOptions::default() };
    Message::parse(payload.clone(), &options).expect("a message")
}

/// Returns the bytes in chunks of this many.
fn cut(bytes: &[u8], size: usize) -> Payload {
    bytes.chunks(size).map(Bytes::copy_from_slice).collect()
}

fn with_properties(count: usize) -> Payload {
    let builder =
        keys(count).fold(Message::builder(), |builder, key| builder.application_property(&*key, 1_u8));
    builder.data("x").build()
}

fn properties(size: usize) -> Work {
    let payload = with_properties(size / 11);
    Box::new(move || {
        let message = read(&payload);
        message.validate().expect("a message");
        black_box(message.application_property("none").expect("properties"));
        let changed = message.to_builder().expect("a message").application_property("one", 1_u8);
        black_box(changed.without_application_property("k000000").build());
    })
}

fn annotations(size: usize) -> Work {
    let count = size / 11 + 1;
    let fields: Fields = keys(count).map(|key| (symbol(key), Value::Ubyte(1))).collect();
    let builder = keys(count)
        .fold(Message::builder(), |builder, key| builder.message_annotation(symbol(format!("x{key}")), 1_u8));
    let payload = builder.data("x").build();
    let state: DeliveryState = Modified { message_annotations: Some(fields), ..Modified::default() }.into();
    Box::new(move || {
        let message = read(&payload);
        black_box(message.forward().after(&state).build().expect("a message"));
        black_box(message.to_builder().expect("a message").build());
    })
}

/// Goes through a message of which nearly every byte is a section's.
fn visit(message: &Message) {
    black_box(message.sections().count());
    black_box(message.data_sections().count());
    black_box(message.data_chunks().count());
    black_box(message.body().expect("a body"));
    black_box(message.to_builder().expect("a message").build());
    black_box(message.forward().build().expect("a message"));
}

fn sections(size: usize, chunk: usize) -> Work {
    let payload = cut(&[0, 0x53, 0x75, 0xa0, 1, 7].repeat(size / 6 + 1), chunk);
    Box::new(move || visit(&read(&payload)))
}

fn sequences(size: usize) -> Work {
    let payload = cut(&[0, 0x53, 0x76, 0xc0, 2, 1, 0x41].repeat(size / 7 + 1), 3);
    Box::new(move || {
        let message = read(&payload);
        visit(&message);
        black_box(message.sequences().count());
        black_box(message.sequence_elements::<bool>().count());
    })
}

fn batches(size: usize) -> Work {
    // The number of sections has a limit, so a long batch has long messages.
    let count = (size / 11 + 1).min(9000);
    let mut batch = Batch::new(None);
    (0..count)
        .for_each(|_| batch.push(Message::builder().data(vec![0; size / count]).build()).expect("room"));
    let payload = cut(&batch.build().expect("messages").into_bytes(), 3);
    let options = ParseOptions { max_sections: u32::MAX, ..ParseOptions::default() };
    Box::new(move || {
        let read = batch::read(payload.clone(), &options).expect("a batch");
        assert!(read.messages().all(|message| message.is_ok()));
    })
}

fn filter(size: usize) -> Work {
    let count = size / 22 + 1;
    let values: Map<Str> = keys(count).map(|key| (Str::from(key), Value::Ubyte(1))).collect();
    let descriptor = FilterDescriptor::Name(Symbol::from_static("amqp:application-properties-filter"));
    let filter = Filter::new(Symbol::from_static("filter"), descriptor, values);
    let payload = with_properties(count);
    Box::new(move || {
        let filter = ApplicationPropertiesFilter::of(&filter).expect("such a filter");
        assert!(filter.matches(&read(&payload)).expect("properties"));
    })
}

fn answered(size: usize) -> Work {
    let value = Value::from("x");
    let set: FilterSet = keys(size / 22 + 1).map(|key| (symbol(key), value.clone())).collect();
    Box::new(move || {
        let filters = Filter::read(Some(&set));
        assert!(in_force(&filters, Some(&set)).missing.is_empty());
    })
}

fn rows(size: usize) -> Work {
    let count = size / 3 + 1;
    let result = QueryResult::new(vec![""; count], vec![Vec::new(); count]);
    let payload =
        Message::builder().application_property("statusCode", 200_i32).value(result.to_value()).build();
    Box::new(move || {
        let result = Response::parse(payload.clone()).expect("an answer").query_result().expect("rows");
        assert!(result.rows().all(|row| row.get("depth").is_none()));
    })
}
