//! What a server answers a client is held within the same budget: it was kept beyond any.

use amqp_proto::{
    CommandError, ConnectionConfig, DeliveryId, Event, Limits, LinkId, ReceiverConfig, ReceiverId,
    SenderConfig, SessionConfig,
    frame::ProtocolHeader,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::{Modified, Rejected},
        performatives::{Attach, Begin, Detach, Disposition, Transfer},
    },
    testing::frames,
    types::{Fields, Handle, Symbol, Value},
};

use super::held;
use crate::support::Fed;

/// A client with 1 MiB for its server, half of that for a session.
fn client() -> Fed {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10);
    let mut fed = Fed::new(ConnectionConfig::client("c").limits(limits));
    fed.connection.open().unwrap();
    fed.write();
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())];
    fed.feed_bytes(&opening.concat());
    fed.events();
    fed
}

fn properties() -> Option<Fields> {
    Some(Fields::from_iter([(Symbol::from_static("x"), Value::from("y".repeat(60_000)))]))
}

/// Returns the number of sessions and links that have failed, each for want of memory.
fn failed(fed: &mut Fed) -> usize {
    let failures = fed.events().into_iter().filter_map(|event| match event {
        Event::SessionError { failure, .. } => {
            assert_eq!(failure.error.condition, ErrorCondition::ResourceLimitExceeded);
            Some(1)
        }
        _ => None,
    });
    failures.sum()
}

#[test]
fn fb2p_answers_to_begins_have_a_bound() {
    let mut fed = client();
    let mut sessions_failed = 0;
    let bytes = held(|| {
        for channel in 0..100 {
            fed.connection.begin(SessionConfig::new()).unwrap();
            fed.write();
            let begin = Begin { properties: properties(), ..frames::begin_answer(channel) };
            fed.feed_bytes(&frames::frame(channel, &begin));
            sessions_failed += failed(&mut fed);
        }
        fed.output = Default::default();
    });
    assert!(fed.connection.is_open() && sessions_failed > 80, "{sessions_failed}");
    assert!(bytes < (1 << 20) + (1 << 18), "{bytes}");
}

#[test]
fn fb2q_answers_to_attaches_have_a_bound() {
    let mut fed = client();
    let mut sessions_failed = 0;
    let bytes = held(|| {
        for channel in 0..10 {
            let session = fed.connection.begin(SessionConfig::new()).unwrap();
            fed.write();
            fed.feed_bytes(&frames::frame(channel, &frames::begin_answer(channel)));
            for handle in 0..20 {
                let name = format!("l{handle}");
                let attached = fed
                    .connection
                    .session(session)
                    .and_then(|mut session| session.attach_sender(SenderConfig::to("q").name(&*name)));
                if attached.is_err() {
                    break;
                }
                fed.write();
                let attach =
                    Attach { properties: properties(), ..frames::attach(&name, handle, Role::Receiver) };
                fed.feed_bytes(&frames::frame(channel, &attach));
            }
            sessions_failed += failed(&mut fed);
        }
        fed.output = Default::default();
    });
    assert!(fed.connection.is_open() && sessions_failed >= 8, "{sessions_failed}");
    assert!(bytes < (1 << 20) + (1 << 18), "{bytes}");
}

/// Requests the links of long names that a budget has room for, and returns them with the server.
fn requests(budget: usize) -> (Fed, Vec<LinkId>) {
    let limits = Limits::default().max_held_bytes(budget).max_held_bytes_per_session(budget);
    let config = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits);
    let mut fed = Fed::new(config);
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())];
    fed.feed_bytes(&opening.concat());
    fed.feed_bytes(&frames::frame(0, &frames::begin()));
    let mut requests = Vec::new();
    for handle in 0..u32::try_from(budget / 62_000).unwrap() {
        let role = if handle % 2 == 0 { Role::Sender } else { Role::Receiver };
        let name = format!("{handle}{}", "x".repeat(60_000));
        fed.feed_bytes(&frames::frame(0, &frames::attach(&name, handle, role)));
        requests.extend(fed.events().into_iter().filter_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(LinkId::from(sender)),
            Event::ReceiverRequested { receiver, .. } => Some(LinkId::from(receiver)),
            _ => None,
        }));
    }
    fed.write();
    (fed, requests)
}

fn accept(fed: &mut Fed, link: LinkId) -> Result<(), CommandError> {
    match link {
        LinkId::Sender(sender) => fed.connection.accept_sender(sender, SenderConfig::new()),
        LinkId::Receiver(receiver) => fed.connection.accept_receiver(receiver, ReceiverConfig::new()),
    }
}

fn refuse(fed: &mut Fed, link: LinkId) -> Result<(), CommandError> {
    let error = AmqpError::new(ErrorCondition::NotFound);
    match link {
        LinkId::Sender(sender) => fed.connection.refuse_sender(sender, error),
        LinkId::Receiver(receiver) => fed.connection.refuse_receiver(receiver, error),
    }
}

/// The peer's names were in its attaches and in the answers to them, which had no bound if all were given at once.
#[test]
fn fb2r_answers_to_links_that_are_given_together_have_a_bound() {
    for answer in [accept, refuse] {
        for budget in [1 << 20, 8 << 20] {
            let mut fed = None;
            let mut left = Vec::new();
            let bytes = held(|| {
                let (mut server, requests) = requests(budget);
                assert!(requests.len() > budget / 70_000, "{}", requests.len());
                let full = CommandError::LimitReached("max_held_bytes");
                left.extend(requests.into_iter().filter(|link| match answer(&mut server, *link) {
                    Ok(()) => false,
                    error => {
                        assert_eq!(error, Err(full));
                        true
                    }
                }));
                fed = Some(server);
            });
            assert!(!left.is_empty());
            assert!(bytes < (budget + budget / 4) as i64, "{bytes} of {budget}");
            // All are answered once the peer has read.
            let mut server = fed.unwrap();
            while !left.is_empty() {
                let before = left.len();
                server.write();
                left.retain(|link| answer(&mut server, *link).is_err());
                assert!(left.len() < before, "{} of {budget}", left.len());
            }
        }
    }
}

#[test]
fn fb2s_room_for_answers_is_free_once_they_have_been_written() {
    let mut fed = None;
    let bytes = held(|| {
        let (mut server, requests) = requests(8 << 20);
        for link in requests {
            let _ = refuse(&mut server, link);
        }
        server.write();
        server.output = Default::default();
        fed = Some(server);
    });
    // The attaches are still held: their detaches have not been answered.
    assert!(bytes < (8 << 20) + (600 << 10), "{bytes}");
}

/// A server that accepts a link and gives it credit.
fn receiving(limits: Limits, config: ReceiverConfig) -> (Fed, ReceiverId) {
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits));
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())].concat();
    fed.feed_bytes(&[opening, frames::frame(0, &frames::begin())].concat());
    fed.feed_bytes(&frames::frame(0, &frames::attach("l", 0, Role::Sender)));
    let receiver = fed.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = receiver.unwrap();
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.connection.receiver(receiver).unwrap().set_credit(100_000).unwrap();
    (fed, receiver)
}

/// Feeds an unsettled delivery with a state of this size. Returns its id, or the failure of the session.
fn deliver(fed: &mut Fed, number: u32, size: usize) -> Result<DeliveryId, ErrorCondition> {
    let annotations = Fields::from_iter([(Symbol::from_static("x"), Value::from("y".repeat(size)))]);
    let modified = Modified { message_annotations: Some(annotations), ..Modified::default() };
    let state = (size > 0).then(|| modified.into());
    let transfer = Transfer { state, ..frames::transfer(0, number) };
    fed.feed_bytes(&frames::with_payload(0, &transfer, b"x"));
    fed.write();
    fed.output = Default::default();
    let found = fed.events().into_iter().find_map(|event| match event {
        Event::Delivery { delivery, .. } => Some(Ok(delivery.id)),
        Event::SessionError { failure, .. } => Some(Err(failure.error.condition.clone())),
        _ => None,
    });
    found.expect("a delivery or a failure")
}

/// A peer that settles nothing had each of our outcomes kept, beyond any budget.
#[test]
fn fb2t_outcomes_of_ours_that_the_peer_does_not_settle_have_a_bound() {
    let share = 512 << 10;
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(share);
    let second = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second);
    let (mut fed, receiver) = receiving(limits, second);
    let error = || Some(AmqpError::described(ErrorCondition::NotAllowed, "w".repeat(1000)));
    let full = Err(CommandError::LimitReached("max_held_bytes_per_session"));
    let (mut kept, mut failed) = (0, 0);
    let bytes = held(|| {
        for number in 0..1000 {
            let id = deliver(&mut fed, number, 0).unwrap();
            let mut link = fed.connection.receiver(receiver).unwrap();
            match link.reject(id, error()) {
                Ok(()) => kept += 1,
                result => {
                    assert_eq!(result, full);
                    link.accept(id).unwrap();
                    failed += 1;
                }
            }
        }
    });
    assert!(kept > 50 && failed > 500, "{kept} {failed}");
    assert!(bytes < share as i64, "{bytes}");
    // As many stay unsettled while those with reasons go, and then there is room again.
    let mut rejected = 0;
    for number in 1000..1400 {
        let settled = Disposition { settled: true, ..frames::accepted(number - 1000, None) };
        fed.feed_bytes(&frames::frame(0, &Disposition { role: Role::Sender, state: None, ..settled }));
        fed.events();
        let id = deliver(&mut fed, number, 0).unwrap();
        let mut link = fed.connection.receiver(receiver).unwrap();
        match link.reject(id, error()) {
            Ok(()) => rejected += 1,
            result => assert_eq!(result, full),
        }
    }
    assert!(rejected > 50, "{rejected}");
}

/// They were counted nowhere while a peer did not read, as long as their deliveries did not stay unsettled.
#[test]
fn fb6t_rejections_that_wait_to_be_written_have_a_bound() {
    let share = 512 << 10;
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(share);
    let (mut fed, receiver) = receiving(limits, ReceiverConfig::new());
    let mut ids =
        (0..500).map(|number| deliver(&mut fed, number, 0).unwrap()).collect::<Vec<_>>().into_iter();
    let error = |id: DeliveryId| {
        let text = format!("{id:?} ").repeat(50);
        Some(AmqpError::described(ErrorCondition::NotAllowed, text))
    };
    let mut refused = None;
    let bytes = held(|| {
        let mut link = fed.connection.receiver(receiver).unwrap();
        refused = ids.find_map(|id| link.reject(id, error(id)).err().map(|why| (id, why)));
    });
    let (refused, why) = refused.expect("a bound");
    assert_eq!(why, CommandError::LimitReached("max_held_bytes_per_session"));
    assert!((100_000..200_000).contains(&bytes), "{bytes} bytes wait");
    // It has not been settled, and can be without a text, as can others.
    assert!(fed.connection.unsettled(receiver).iter().any(|delivery| delivery.id == refused));
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.reject(refused, None).unwrap();
    for (id, odd) in ids.by_ref().take(100).zip([false, true].into_iter().cycle()) {
        let bare = Modified { delivery_failed: Some(odd), ..Modified::default() };
        link.modify(id, bare).unwrap();
    }
    // What is written leaves room for others.
    fed.write();
    let more = ids.next().expect("more deliveries");
    fed.connection.receiver(receiver).unwrap().reject(more, error(more)).unwrap();
}

/// Such outcomes took up the part of the peer's states, so that the peer's settlements ended the session; and what had been
/// refused once was refused for good.
#[test]
fn fb2x_outcomes_of_ours_leave_the_peer_its_part_and_have_room_again_once_they_are_settled() {
    const COUNT: u32 = 300;
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10);
    let second = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second);
    let (mut fed, receiver) = receiving(limits, second);
    let error = || Some(AmqpError::described(ErrorCondition::NotAllowed, "w".repeat(3000)));
    let ids: Vec<_> = (0..COUNT).map(|number| deliver(&mut fed, number, 0).unwrap()).collect();
    let (mut rejected, mut settled) = (0, 0);
    while settled < COUNT {
        while rejected < COUNT {
            let id = ids[rejected as usize];
            match fed.connection.receiver(receiver).unwrap().reject(id, error()) {
                Ok(()) => rejected += 1,
                Err(error) => {
                    assert_eq!(error, CommandError::LimitReached("max_held_bytes_per_session"));
                    break;
                }
            }
        }
        assert!(rejected > settled, "{settled} are settled");
        fed.write();
        let state = Some(Rejected { error: error() }.into());
        let settlement = Disposition { role: Role::Sender, state, ..frames::accepted(settled, None) };
        fed.feed_bytes(&frames::frame(0, &settlement));
        assert_eq!(fed.names(), ["DELIVERY_SETTLED"], "{rejected} rejected, {settled} settled");
        settled += 1;
    }
}

/// They kept that part for themselves, as long as the session lived.
#[test]
fn fb2y_outcomes_of_ours_on_closed_links_go_if_others_need_their_room() {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10);
    let second = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second);
    let (mut fed, receiver) = receiving(limits, second);
    let error = || Some(AmqpError::described(ErrorCondition::NotAllowed, "w".repeat(3000)));
    let reject_all = |fed: &mut Fed, receiver, (handle, first): (u32, u32)| {
        let transfers = (first..first + 100)
            .flat_map(|number| frames::with_payload(0, &frames::transfer(handle, number), b"x"));
        fed.feed_bytes(&transfers.collect::<Vec<_>>());
        let deliveries = fed.events().into_iter().filter_map(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        });
        let mut link = fed.connection.receiver(receiver).unwrap();
        let rejected = deliveries.filter(|id| link.reject(*id, error()).is_ok()).count();
        fed.write();
        rejected
    };
    let rejected = reject_all(&mut fed, receiver, (0, 0));
    assert!((20..100).contains(&rejected), "{rejected}");
    let detach = Detach { handle: Handle::new(0), closed: true, error: None };
    fed.feed_bytes(&frames::frame(0, &detach));
    fed.feed_bytes(&frames::frame(0, &frames::attach("m", 1, Role::Sender)));
    let other = fed.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let second = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second);
    fed.connection.accept_receiver(other.unwrap(), second).unwrap();
    fed.connection.receiver(other.unwrap()).unwrap().set_credit(1000).unwrap();
    assert_eq!(reject_all(&mut fed, other.unwrap(), (1, 100)), rejected);
}

#[test]
fn fb2u_outcomes_of_a_sender_that_the_peer_does_not_settle_have_a_bound() {
    let share = 512 << 10;
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(share);
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits));
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())].concat();
    fed.feed_bytes(&[opening, frames::frame(0, &frames::begin())].concat());
    fed.feed_bytes(&frames::frame(0, &frames::attach("l", 0, Role::Receiver)));
    let sender = fed.events().into_iter().find_map(|event| match event {
        Event::SenderRequested { sender, .. } => Some(sender),
        _ => None,
    });
    let sender = sender.unwrap();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed_bytes(&frames::frame(0, &frames::link_flow(0, 90)));
    let state = |id: u32| {
        let error = AmqpError::described(ErrorCondition::NotAllowed, format!("{id}{}", "w".repeat(5000)));
        Some(Rejected { error: Some(error) }.into())
    };
    let mut results = Vec::new();
    let mut send = |id| fed.connection.sender(sender).unwrap().send(id, b"x".as_slice()).unwrap();
    let sent: Vec<_> = (0..90_u32).map(&mut send).collect();
    let bytes = held(|| {
        for (id, sent) in (0..90).zip(sent) {
            let mut link = fed.connection.sender(sender).unwrap();
            results.push(link.disposition(sent, sent, false, state(id)));
            fed.write();
            fed.output = Default::default();
        }
    });
    let full =
        results.iter().filter(|it| **it == Err(CommandError::LimitReached("max_held_bytes_per_session")));
    assert!(results[..10].iter().all(Result::is_ok) && full.count() > 50, "{results:?}");
    assert!(bytes < (share / 2) as i64, "{bytes}");
}

/// They were looked at when there was no room for a delivery, and there was room for a thousand.
#[test]
fn fb2v_states_in_transfers_have_a_bound_while_there_is_room_for_deliveries() {
    let budget = 1 << 20;
    let limits = Limits::default().max_held_bytes(budget).max_held_bytes_per_session(budget / 2);
    let (mut fed, receiver) = receiving(limits, ReceiverConfig::new());
    let ids: Vec<_> = (0..1000).map(|number| deliver(&mut fed, number, 0).unwrap()).collect();
    ids.into_iter().for_each(|id| fed.connection.receiver(receiver).unwrap().accept(id).unwrap());
    fed.write();
    fed.output = Default::default();
    let (mut taken, mut failure) = (0, None);
    let bytes = held(|| {
        while failure.is_none() {
            match deliver(&mut fed, 1000 + taken, 5000) {
                Ok(_) => taken += 1,
                Err(condition) => failure = Some(condition),
            }
        }
    });
    assert_eq!(failure, Some(ErrorCondition::ResourceLimitExceeded));
    assert!((10..200).contains(&taken), "{taken}");
    assert!(bytes < budget as i64, "{bytes}");
}

/// Those that had gone with their deliveries ended the session.
#[test]
fn fb2w_states_that_have_gone_end_no_session() {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10);
    let (mut fed, receiver) = receiving(limits, ReceiverConfig::new());
    // One stays.
    deliver(&mut fed, 0, 20_000).unwrap();
    for number in 1..2000 {
        let id = deliver(&mut fed, number, 20_000).unwrap();
        fed.connection.receiver(receiver).unwrap().accept(id).unwrap();
    }
}
