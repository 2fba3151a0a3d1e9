//! Outcomes, and where messages go.

use amqp_proto::{
    Event, ReceiverConfig, SenderConfig,
    extensions::rabbitmq::{self, Address, QueueDeclaration, RejectedBy, Request, is_unroutable, requeue},
    message::Message,
    spec::{
        definitions::SenderSettleMode,
        delivery_state::{DeliveryState, Modified},
        terminus::Target,
    },
    types::{Fields, Symbol, Value},
};

use crate::{
    client::{Client, Result, text},
    management::declared,
    same,
};

const WHY: Symbol = Symbol::from_static("x-opt-why");

pub fn anonymous_terminus(client: &mut Client) -> Result<()> {
    let queue = "anonymous";
    declared(client, queue, &QueueDeclaration::classic())?;
    let sender = client.sender(SenderConfig::new().target(Target::default()))?;
    let to = |address: Address| Message::builder().to(address.to_string()).value("hello").build();
    same(client.send(sender, to(Address::queue(queue)))?, DeliveryState::ACCEPTED, "to a queue")?;
    let state = client.send(sender, to(Address::queue("anonymous-missing")))?;
    same(is_unroutable(&state), true, "to no queue: unroutable")?;
    let receiver = client.receiver(ReceiverConfig::from(Address::queue(queue)))?;
    same(client.texts(receiver, 1)?, vec!["hello".to_owned()], "the message")?;
    client.check_empty(receiver)
}

pub fn unroutable(client: &mut Client) -> Result<()> {
    let sender = client.sender(SenderConfig::to(Address::exchange_key("amq.direct", "nobody listens")))?;
    let state = client.send(sender, Message::builder().value("lost").build())?;
    same(is_unroutable(&state), true, "unroutable")
}

/// RabbitMQ 4.0 rejects without an error.
pub fn full(client: &mut Client) -> Result<()> {
    let queue = "full";
    let short =
        QueueDeclaration::classic().argument("x-max-length", 1_i64).argument("x-overflow", "reject-publish");
    declared(client, queue, &short)?;
    let sender = client.sender(SenderConfig::to(Address::queue(queue)))?;
    client.send_texts(sender, ["fits"])?;
    let state = client.send(sender, Message::builder().value("too much").build())?;
    let by = RejectedBy::of(&state).ok_or_else(|| format!("{state:?}"))?;
    same(
        (by.queue, by.reason, by.condition, by.description),
        (None, None, None, None),
        "the queue and the reason",
    )
}

fn annotation(message: &Message, key: &str) -> Result<Option<Value>> {
    Ok(message.message_annotations()?.unwrap_or_default().get(key).cloned())
}

/// A quorum queue counts failed deliveries, keeps annotations, and does not count what was released.
pub fn outcomes(client: &mut Client) -> Result<()> {
    let queue = "outcomes";
    declared(client, queue, &QueueDeclaration::quorum())?;
    let sender = client.sender(SenderConfig::to(Address::queue(queue)))?;
    client.send_texts(sender, ["a"])?;
    let receiver = client.receiver(ReceiverConfig::from(Address::queue(queue)))?;
    let failed =
        Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None };
    let steps = [
        (DeliveryState::RELEASED, 0, None),
        (DeliveryState::Modified(failed.into()), 0, None),
        (requeue(Fields::new().with(WHY, "later")), 1, None),
        (DeliveryState::ACCEPTED, 1, Some(Value::from("later"))),
    ];
    for (outcome, count, why) in steps {
        let message = client.take(receiver, outcome.clone())?;
        same(text(&message)?, "a".to_owned(), "the body")?;
        let header = message.header()?.unwrap_or_default();
        same(header.delivery_count.unwrap_or(0), count, &format!("delivery-count before {outcome:?}"))?;
        same(annotation(&message, "x-opt-why")?, why, "the annotation")?;
    }
    client.check_empty(receiver)
}

/// What is rejected, or modified as undeliverable here, goes to the dead-letter exchange.
pub fn dead_letter(client: &mut Client) -> Result<()> {
    let (queue, dead) = ("dying", "dead");
    let mut api = declared(client, dead, &QueueDeclaration::classic())?;
    let dying = QueueDeclaration::quorum()
        .argument("x-dead-letter-exchange", "")
        .argument("x-dead-letter-routing-key", dead);
    api.expect(client, &Request::declare_queue(queue, &dying), 201)?;
    let sender = client.sender(SenderConfig::to(Address::queue(queue)))?;
    let receiver = client.receiver(ReceiverConfig::from(Address::queue(queue)))?;
    let dead = client.receiver(ReceiverConfig::from(Address::queue(dead)))?;
    let rejected = DeliveryState::Rejected(Default::default());
    for (outcome, why) in
        [(rejected, None), (rabbitmq::dead_letter(Fields::new().with(WHY, "bad")), Some(Value::from("bad")))]
    {
        client.send_texts(sender, ["a"])?;
        client.take(receiver, outcome)?;
        let message = client.take(dead, DeliveryState::ACCEPTED)?;
        same(text(&message)?, "a".to_owned(), "the body")?;
        same(annotation(&message, "x-opt-why")?, why, "the annotation")?;
    }
    client.check_empty(receiver)
}

/// RabbitMQ 4.0 has none, and ends the session for a dynamic source.
pub fn volatile_queue(client: &mut Client) -> Result<()> {
    let replies =
        ReceiverConfig::new().source(rabbitmq::volatile_queue()).snd_settle_mode(SenderSettleMode::Settled);
    client.connection.session(client.session)?.attach_receiver(replies)?;
    loop {
        match client.next_event()? {
            Event::SessionError { failure, .. } => {
                return same(failure.error.condition.as_str(), "amqp:not-implemented", "the condition");
            }
            Event::ReceiverOpen { .. } => return Err("the source was accepted".into()),
            _ => {}
        }
    }
}
