//! Streams: places to start from, and filters.

use amqp_proto::{
    ReceiverConfig, ReceiverId, SenderConfig,
    extensions::{
        filters::{Filter, PropertiesFilter, StreamOffset, TextMatch, in_force},
        rabbitmq::{Address, QueueDeclaration, names, stream_offset},
    },
    message::Message,
    spec::{delivery_state::DeliveryState, terminus::Source},
    types::Timestamp,
};

use crate::{
    client::{Client, Result, text},
    management::declared,
    same,
};

/// Attaches with these filters, and returns how many of them are not in force.
fn attach(client: &mut Client, stream: &str, filters: &[Filter]) -> Result<(ReceiverId, usize)> {
    let mut source = Source::at(Address::queue(stream));
    filters.iter().cloned().for_each(|filter| filter.add_to(&mut source));
    let receiver = client.receiver(ReceiverConfig::new().source(source))?;
    let attach = client.connection.receiver_ref(receiver)?.remote_attach();
    let answered = attach.and_then(|attach| attach.source).and_then(|source| source.filter);
    Ok((receiver, in_force(filters, answered.as_ref()).missing.len()))
}

/// Takes `count` messages and returns their offsets and texts.
fn take(client: &mut Client, receiver: ReceiverId, count: usize) -> Result<Vec<(u64, String)>> {
    (0..count)
        .map(|_| {
            let message = client.take(receiver, DeliveryState::ACCEPTED)?;
            Ok((stream_offset(&message)?.ok_or("no offset")?, text(&message)?))
        })
        .collect()
}

fn numbered(range: std::ops::Range<u64>) -> Vec<(u64, String)> {
    range.map(|n| (n, format!("m{n}"))).collect()
}

/// Sends the messages one by one: each is confirmed, and so in a chunk of its own, before the next one.
fn filled(client: &mut Client, stream: &str) -> Result<()> {
    declared(client, stream, &QueueDeclaration::stream())?;
    let sender = client.sender(SenderConfig::to(Address::queue(stream)))?;
    let texts: Vec<_> = numbered(0..10).into_iter().map(|(_, text)| text).collect();
    client.send_texts(sender, texts.iter().map(String::as_str))
}

pub fn offset(client: &mut Client) -> Result<()> {
    let stream = "stream-offset";
    filled(client, stream)?;
    let long_ago = Timestamp::from_millis(1_000);
    let starts = [
        (StreamOffset::First, 0),
        (StreamOffset::Offset(5), 5),
        (StreamOffset::Last, 9),
        (StreamOffset::Timestamp(long_ago), 0),
        (StreamOffset::Interval("1D".into()), 0),
    ];
    for (start, first) in starts {
        let (receiver, missing) = attach(client, stream, &[start.clone().into()])?;
        same(missing, 0, "filters that are not in force")?;
        let got = take(client, receiver, 10 - usize::try_from(first)?)?;
        same(got, numbered(first..10), &format!("from {start:?}"))?;
        client.close_receiver(receiver)?;
    }
    Ok(())
}

/// Only what is sent after the attach.
pub fn next(client: &mut Client) -> Result<()> {
    let stream = "stream-next";
    filled(client, stream)?;
    let (receiver, missing) = attach(client, stream, &[StreamOffset::Next.into()])?;
    same(missing, 0, "filters that are not in force")?;
    let sender = client.sender(SenderConfig::to(Address::queue(stream)))?;
    client.send_texts(sender, ["m10"])?;
    same(take(client, receiver, 1)?, numbered(10..11), "after the attach")
}

/// Chunks without one of the values are left out; a message without a value only comes if asked for.
pub fn filter(client: &mut Client) -> Result<()> {
    let stream = "stream-filter";
    declared(client, stream, &QueueDeclaration::stream())?;
    let sender = client.sender(SenderConfig::to(Address::queue(stream)))?;
    for (n, value) in
        [Some("invoices"), None, Some("orders"), Some("invoices"), Some("orders")].into_iter().enumerate()
    {
        let message = Message::builder();
        let message = match value {
            Some(value) => message.message_annotation(names::STREAM_FILTER_VALUE, value),
            None => message,
        };
        same(
            client.send(sender, message.value(&*format!("m{n}")).build())?,
            DeliveryState::ACCEPTED,
            "sent",
        )?;
    }
    let first: Filter = StreamOffset::First.into();
    let (orders, missing) = attach(client, stream, &[first.clone(), Filter::stream_filter(["orders"])])?;
    same(missing, 0, "filters that are not in force")?;
    let got: Vec<_> = take(client, orders, 2)?.into_iter().map(|(offset, _)| offset).collect();
    same(got, vec![2, 4], "orders")?;
    client.close_receiver(orders)?;

    let unfiltered = [first, Filter::stream_filter(["orders"]), Filter::stream_match_unfiltered(true)];
    let (both, missing) = attach(client, stream, &unfiltered)?;
    same(missing, 0, "filters that are not in force")?;
    let got: Vec<_> = take(client, both, 3)?.into_iter().map(|(offset, _)| offset).collect();
    same(got, vec![1, 2, 4], "orders and those without a value")
}

/// RabbitMQ 4.0 answers with filters that it does not have, and sends every message.
pub fn later_filters(client: &mut Client) -> Result<()> {
    let stream = "stream-later-filters";
    declared(client, stream, &QueueDeclaration::stream())?;
    let sender = client.sender(SenderConfig::to(Address::queue(stream)))?;
    for (n, subject) in ["order", "invoice", "order"].into_iter().enumerate() {
        let message = Message::builder().subject(subject).value(&*format!("m{n}"));
        same(client.send(sender, message.build())?, DeliveryState::ACCEPTED, "sent")?;
    }
    let later: [Filter; 2] = [
        PropertiesFilter::new().subject(TextMatch::prefix("inv")).into(),
        Filter::sql("properties.subject = 'invoice'"),
    ];
    for filter in later {
        let (receiver, missing) = attach(client, stream, &[StreamOffset::First.into(), filter])?;
        same(missing, 0, "filters that are not in the answer")?;
        same(take(client, receiver, 3)?, numbered(0..3), "all messages")?;
        client.close_receiver(receiver)?;
    }
    Ok(())
}
