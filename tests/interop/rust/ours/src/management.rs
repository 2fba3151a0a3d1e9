//! The management node, over the link pair.

use amqp_proto::{
    ReceiverConfig, SenderConfig,
    extensions::rabbitmq::{Address, Binding, ExchangeDeclaration, QueueDeclaration, Request, is_unroutable},
    message::Message,
    spec::delivery_state::DeliveryState,
};

use crate::{
    client::{Api, Client, Result, has_status},
    same,
};

/// Declares a queue of this type with the first request of the link pair.
pub fn declared(client: &mut Client, queue: &str, declaration: &QueueDeclaration) -> Result<Api> {
    let request = Request::declare_queue(queue, declaration);
    let (api, response) = Api::attach(client, &request)?;
    has_status(&request, response, 201)?;
    Ok(api)
}

/// RabbitMQ 4.0 loses a request that arrives before credit for its answer: a request at `Ready` must not be one.
pub fn at_once(client: &mut Client) -> Result<()> {
    for n in 0..20 {
        let request = Request::get_queue("at-once-missing");
        let (_, response) = Api::attach(client, &request)?;
        has_status(&request, response, 404)?;
        // The pair has one name: another one is for another connection.
        let (port, config) = (client.port()?, amqp_proto::ConnectionConfig::client(format!("interop-{n}")));
        std::mem::replace(client, Client::connect(port, config)?).close()?;
    }
    Ok(())
}

pub fn declare(client: &mut Client) -> Result<()> {
    let mut api = declared(client, "declare a/b%", &QueueDeclaration::quorum())?;
    api.expect(client, &Request::declare_queue("declare a/b%", &QueueDeclaration::quorum()), 200)?;
    let other =
        api.expect(client, &Request::declare_queue("declare a/b%", &QueueDeclaration::classic()), 409)?;
    same(other.explanation().is_some(), true, "a text with status 409")?;
    let kinds = [
        ("classic", QueueDeclaration::classic()),
        ("stream", QueueDeclaration::stream().argument("x-max-age", "7D")),
    ];
    for (kind, declaration) in kinds {
        let name = format!("declare-{kind}");
        api.expect(client, &Request::declare_queue(&name, &declaration), 201)?;
        let info = api
            .expect(client, &Request::get_queue(&name), 200)?
            .queue_info()
            .ok_or("no queue in the answer")?;
        same((&*info.name, &*info.kind, info.durable), (&*name, kind, true), "the queue")?;
        same((info.message_count, info.consumer_count), (0, 0), "messages and receivers")?;
    }
    let private = QueueDeclaration::new().exclusive(true).auto_delete(true);
    api.expect(client, &Request::declare_queue("declare-private", &private), 201)?;
    let info =
        api.expect(client, &Request::get_queue("declare-private"), 200)?.queue_info().unwrap_or_default();
    same((info.exclusive, info.auto_delete), (true, true), "exclusive and auto-delete")?;
    api.expect(client, &Request::get_queue("declare-missing"), 404)?;
    Ok(())
}

pub fn purge_and_delete(client: &mut Client) -> Result<()> {
    let queue = "purge";
    let mut api = declared(client, queue, &QueueDeclaration::quorum())?;
    let sender = client.sender(SenderConfig::to(Address::queue(queue)))?;
    client.send_texts(sender, ["a", "b", "c"])?;
    let purged = api.expect(client, &Request::purge_queue(queue), 200)?;
    same(purged.message_count(), Some(3), "messages purged")?;
    let receiver = client.receiver(ReceiverConfig::from(Address::queue(queue)))?;
    client.check_empty(receiver)?;
    client.close_receiver(receiver)?;
    client.send_texts(sender, ["d", "e"])?;
    // A queue takes its links with it.
    client.connection.sender(sender)?.close(None)?;
    let deleted = api.expect(client, &Request::delete_queue(queue), 200)?;
    same(deleted.message_count(), Some(2), "messages deleted")?;
    api.expect(client, &Request::get_queue(queue), 404)?;
    let again = api.expect(client, &Request::delete_queue(queue), 200)?;
    same(again.message_count(), Some(0), "messages of a queue that is not there")
}

pub fn bind(client: &mut Client) -> Result<()> {
    let (queue, exchange) = ("bind q", "bind x");
    let mut api = declared(client, queue, &QueueDeclaration::classic())?;
    api.expect(client, &Request::declare_exchange(exchange, &ExchangeDeclaration::new("topic")), 204)?;
    api.expect(client, &Request::declare_exchange(exchange, &ExchangeDeclaration::new("fanout")), 409)?;
    let binding = Binding::of_queue(exchange, queue, "a.#");
    api.expect(client, &Request::bind(&binding), 204)?;
    let bindings = api.expect(client, &Request::bindings(&binding), 200)?.bindings();
    same(bindings.len(), 1, "bindings")?;
    same(
        (&bindings[0].source, &bindings[0].destination, &*bindings[0].key),
        (&binding.source, &binding.destination, "a.#"),
        "the binding",
    )?;

    let sender = client.sender(SenderConfig::to(Address::exchange_key(exchange, "a.b")))?;
    client.send_texts(sender, ["routed"])?;
    let receiver = client.receiver(ReceiverConfig::from(Address::queue(queue)))?;
    same(client.texts(receiver, 1)?, vec!["routed".to_owned()], "what was routed")?;

    api.expect(client, &Request::unbind(&binding).ok_or("no path")?, 204)?;
    let state = client.send(sender, Message::builder().value("lost").build())?;
    same(is_unroutable(&state), true, "unroutable after unbind")?;
    api.expect(client, &Request::delete_exchange(exchange), 204)?;
    Ok(())
}

pub fn headers_binding(client: &mut Client) -> Result<()> {
    let queue = "headers";
    let mut api = declared(client, queue, &QueueDeclaration::classic())?;
    let binding =
        Binding::of_queue("amq.headers", queue, "").argument("x-match", "all").argument("colour", "blue");
    api.expect(client, &Request::bind(&binding), 204)?;
    let sender = client.sender(SenderConfig::to(Address::exchange("amq.headers")))?;
    let coloured =
        |colour: &str| Message::builder().application_property("colour", colour).value(colour).build();
    same(client.send(sender, coloured("blue"))?, DeliveryState::ACCEPTED, "blue")?;
    same(client.send(sender, coloured("red"))?, DeliveryState::RELEASED, "red")?;
    let [found] = &api.expect(client, &Request::bindings(&binding), 200)?.bindings()[..] else {
        return Err("not one binding".into());
    };
    same(Request::unbind(&binding), None, "a path without the location")?;
    api.expect(client, &Request::unbind(found).ok_or("no location")?, 204)?;
    same(client.send(sender, coloured("blue"))?, DeliveryState::RELEASED, "blue after unbind")
}
