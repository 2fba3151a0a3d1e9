//! Strategies for messages: their sections, encoded.

use alloc::{vec, vec::Vec};

use bytes::Bytes;
use proptest::{collection::vec as vec_of, option, prelude::*};

use super::any;
use crate::{
    codec::{Encode, Encoder, to_vec},
    spec::messaging::*,
    types::*,
};

/// Generates a section whose value is not a composite.
fn plain<T: super::Generate + Encode + 'static>(descriptor: u64) -> BoxedStrategy<Vec<u8>> {
    let encoded = any::<T>().prop_map(move |value| {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.describe(descriptor);
        value.encode(&mut encoder);
        out
    });
    encoded.boxed()
}

fn header() -> BoxedStrategy<Vec<u8>> {
    any::<Header>().prop_map(|header| to_vec(&header)).boxed()
}

fn properties() -> BoxedStrategy<Vec<u8>> {
    any::<Properties>().prop_map(|properties| to_vec(&properties)).boxed()
}

/// Generates application properties. 3.2.5: the keys are strings, the values neither compound nor described.
fn application_properties() -> BoxedStrategy<Vec<u8>> {
    let pairs = vec_of((any::<Str>(), super::value(0)), 0..4);
    let encoded = pairs.prop_map(|pairs| {
        let map = pairs.into_iter().fold(Map::<Str>::new(), |map, (key, value)| map.with(key, value));
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.describe(APPLICATION_PROPERTIES);
        map.encode(&mut encoder);
        out
    });
    encoded.boxed()
}

fn sequence() -> BoxedStrategy<Vec<u8>> {
    let items = vec_of(super::value(2), 0..4);
    let encoded = items.prop_map(|items| to_vec(&Described::new(AMQP_SEQUENCE, items)));
    encoded.boxed()
}

fn amqp_value() -> BoxedStrategy<Vec<u8>> {
    plain::<Value>(AMQP_VALUE)
}

/// Returns a strategy of encoded message sections (3.2).
pub fn section() -> BoxedStrategy<Bytes> {
    let sections = prop_oneof![
        header(),
        plain::<Annotations>(DELIVERY_ANNOTATIONS),
        plain::<Annotations>(MESSAGE_ANNOTATIONS),
        properties(),
        application_properties(),
        plain::<Bytes>(DATA),
        sequence(),
        amqp_value(),
        plain::<Annotations>(FOOTER),
    ];
    sections.prop_map(Bytes::from).boxed()
}

/// Returns a strategy of encoded messages (3.2). The sections are in order. The body is one or more data sections, one
/// or more sequences, or one value.
pub fn message() -> BoxedStrategy<Bytes> {
    let body = prop_oneof![
        vec_of(plain::<Bytes>(DATA), 1..4),
        vec_of(sequence(), 1..3),
        amqp_value().prop_map(|section| vec![section]),
    ];
    let sections = (
        option::of(header()),
        option::of(plain::<Annotations>(DELIVERY_ANNOTATIONS)),
        option::of(plain::<Annotations>(MESSAGE_ANNOTATIONS)),
        option::of(properties()),
        option::of(application_properties()),
        body,
        option::of(plain::<Annotations>(FOOTER)),
    );
    let joined =
        sections.prop_map(|(header, delivery, annotations, properties, application, body, footer)| {
            let before = [header, delivery, annotations, properties, application].into_iter().flatten();
            before.chain(body).chain(footer).flatten().collect::<Vec<u8>>().into()
        });
    joined.boxed()
}
