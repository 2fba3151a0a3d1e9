//! Extensions of AMQP 1.0 that are in use, over the public interface of the engine.
//!
//! | extension | source | spoken by | here |
//! |---|---|---|---|
//! | request and response | AMQP Management, working draft 16 | all of the below | [`Requests`] |
//! | link pairing | OASIS linkpair v1.0 CS01 | RabbitMQ 4, HTTP over AMQP | [`LinkPair`] |
//! | management | AMQP Management, working draft 16 | Qpid Dispatch, Artemis, Service Bus, Event Hubs | [`management`] |
//! | claims-based security | Azure's put-token; OASIS amqp-cbs v1.0 CSD01 | Service Bus, Event Hubs, IoT Hub; AMQP.Net Lite, SmallRye | [`cbs`] |
//! | redirect | core standard 2.8.16, 2.8.18 | Qpid, IoT Hub | [`Redirect`] |
//! | WebSocket | OASIS amqp-wsb v1.0 CS01 | Azure, RabbitMQ | [`websocket`] |
//! | filters | amqp.org's registry; AMQP Filter Expressions v1.0 CSD01; RabbitMQ; Event Hubs | Qpid, Artemis, RabbitMQ, Azure | [`filters`] |
//! | addresses and management of RabbitMQ | documentation and sources; HTTP over AMQP, working draft 06 | RabbitMQ 4 | [`rabbitmq`] |
//! | Azure | documentation and SDKs | Service Bus, Event Hubs, IoT Hub | [`azure`] |
//! | anonymous terminus | OASIS anonterm v1.0 CS01 | RabbitMQ, Artemis, Qpid | [`relay`] |
//! | JMS mapping | AMQP JMS mapping, working draft 10 | Artemis, Qpid, Solace | [`jms`] |
//!
//! # One shape
//!
//! [`Requests`], [`LinkPair`], [`Management`](management::Management), [`rabbitmq::Management`] and [`Cbs`](cbs::Cbs)
//! are values beside a connection, and one loop drives any number of them:
//!
//! 1. Pass each event of the connection to `handle`. It returns the event if it belongs to somebody else.
//! 2. Call `poll_event` until it returns `None`.
//! 3. Call `handle_timeout` when the time of `poll_timeout` has been reached, then poll events.
//!
//! They read no clock, and they write only when one of their functions is called. After each call, the connection's
//! output has to be written, as after any command.

#[macro_use]
mod symbols;

pub mod azure;
mod calls;
pub mod cbs;
pub mod filters;
pub mod jms;
pub mod management;
mod pair;
mod percent;
pub mod rabbitmq;
mod redirect;
pub mod relay;
mod requests;
mod status;
pub mod websocket;

pub use calls::CallEvent;
pub use pair::{LinkPair, PairConfig, PairEvent};
pub use percent::percent_encode;
pub use redirect::Redirect;
pub use requests::{ReplyTo, RequestConfig, RequestEvent, RequestFailure, RequestId, Requests};
pub use status::{Status, StatusError, StatusSpelling};

use crate::{Event, LinkId};

/// Returns the link that an event is about.
fn link_of(event: &Event) -> Option<LinkId> {
    Some(match event {
        Event::SenderRequested { sender, .. }
        | Event::SenderOpen { sender }
        | Event::SenderClosed { sender, .. }
        | Event::SenderError { sender, .. }
        | Event::SenderDetached { sender, .. }
        | Event::SenderReady { sender }
        | Event::SenderCredit { sender }
        | Event::SenderDrain { sender } => LinkId::Sender(*sender),
        Event::ReceiverRequested { receiver, .. }
        | Event::ReceiverOpen { receiver }
        | Event::ReceiverClosed { receiver, .. }
        | Event::ReceiverError { receiver, .. }
        | Event::ReceiverDetached { receiver }
        | Event::ReceiverDrained { receiver, .. }
        | Event::ReceiverAvailable { receiver }
        | Event::Delivery { receiver, .. }
        | Event::DeliveryBegun { receiver, .. }
        | Event::DeliveryData { receiver, .. }
        | Event::DeliveryAborted { receiver, .. } => LinkId::Receiver(*receiver),
        Event::DeliverySettled { link, .. }
        | Event::DeliveryUpdated { link, .. }
        | Event::LinkEchoed { link, .. }
        | Event::LinkProperties { link } => *link,
        _ => return None,
    })
}
