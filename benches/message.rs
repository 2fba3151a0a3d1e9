//! Building, encoding and reading a typical message: properties, four application-properties, 256 bytes of data.

use std::hint::black_box;

use amqp_proto::message::{Message, MessageBuilder, NoBody, ParseOptions};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};

fn typical(builder: MessageBuilder<NoBody>, data: Bytes) -> MessageBuilder<amqp_proto::message::DataBody> {
    builder
        .message_id(black_box(70_000_u64))
        .to(black_box("amqp://broker.example/queues/orders/new"))
        .subject(black_box("order"))
        .application_property("colour", "blue")
        .application_property("number", 1_000_000_u64)
        .application_property("size", -5_i32)
        .application_property("urgent", true)
        .data(data)
}

fn building(c: &mut Criterion) {
    let data = Bytes::from(vec![7; 256]);
    c.bench_function("message/build", |b| b.iter(|| typical(Message::builder(), data.clone()).build()));
    c.bench_function("message/encode into one buffer", |b| {
        let mut builder = Some(Message::builder());
        let mut out = Vec::new();
        b.iter(|| {
            let full = typical(builder.take().unwrap_or_default(), data.clone());
            out.clear();
            full.encode_into(&mut out);
            builder = Some(full.clear());
            out.len()
        });
    });
}

fn reading(c: &mut Criterion) {
    let payload = typical(Message::builder(), Bytes::from(vec![7; 256])).build().into_bytes();
    let settings = ParseOptions::default();
    let parse = || Message::parse(black_box(payload.clone()), &settings).unwrap();
    c.bench_function("message/parse", |b| b.iter(parse));
    c.bench_function("message/parse and one property", |b| b.iter(|| parse().to().unwrap()));
    c.bench_function("message/parse and decode all", |b| {
        b.iter(|| {
            let message = parse();
            (
                message.properties().unwrap(),
                message.application_properties().unwrap(),
                message.body().unwrap(),
            )
        });
    });
    let message = parse();
    c.bench_function("message/one property", |b| b.iter(|| black_box(&message).to().unwrap()));
    c.bench_function("message/one application-property", |b| {
        b.iter(|| black_box(&message).application_property("urgent").unwrap());
    });
    c.bench_function("message/all properties", |b| b.iter(|| black_box(&message).properties().unwrap()));
}

criterion_group!(benches, building, reading);
criterion_main!(benches);
