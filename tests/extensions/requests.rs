//! Requests: correlation, deadlines, bounds, and the end of a link.

use crate::support::*;
use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig,
    SendOptions, SenderConfig, Tolerance,
    extensions::{ReplyTo, RequestConfig, RequestEvent, RequestFailure, RequestId, Requests},
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Rejected},
        messaging::MessageId,
    },
    types::{MessageFormat, Symbol, Uuid},
};
use bytes::{Buf as _, Bytes};
use std::sync::Arc;

fn attach(world: &mut World, config: RequestConfig) -> Requests {
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", config).unwrap();
    assert_eq!(world.turn(&mut requests), []);
    assert_eq!(requests.poll_event(), Some(RequestEvent::Ready));
    requests
}

/// RabbitMQ ends the session if a request is there before the credit for its answer.
#[test]
fn request_made_as_soon_as_the_links_are_open_follows_the_credit_for_its_answer() {
    let mut world = World::new();
    let (session, now) = (world.session, world.now());
    let mut requests = Requests::attach(world.client(), session, "node", RequestConfig::new("r")).unwrap();
    let output = |connection: &mut Connection| {
        let mut output = connection.poll_transmit(now);
        output.copy_to_bytes(output.remaining())
    };
    let mut attaches = output(world.client());
    let _ = world.server().handle_input(now, &mut attaches);
    while let Some(event) = world.server().poll_event() {
        match event {
            Event::SenderRequested { sender, .. } => {
                world.server().accept_sender(sender, SenderConfig::new()).unwrap();
            }
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                world.server().accept_receiver(receiver, config).unwrap();
            }
            _ => {}
        }
    }
    // Both answers, and the credit for requests, in one read.
    let mut answers = output(world.server());
    let _ = world.client().handle_input(now, &mut answers);
    while let Some(event) = world.client().poll_event() {
        requests.handle(now, world.client(), event);
    }
    assert_eq!(requests.poll_event(), Some(RequestEvent::Ready));
    requests.send(now, world.client(), Message::builder().value("?"), None).unwrap();
    let written = output(world.client());
    let place = |code: u8| written.windows(3).position(|bytes| bytes == [0, 0x53, code]);
    let (flow, transfer) = (place(0x13).expect("a flow"), place(0x14).expect("a transfer"));
    assert!(flow < transfer, "{flow} {transfer}");
}

fn ask(world: &mut World, requests: &mut Requests) -> RequestId {
    let now = world.now();
    let id = requests.send(now, world.client(), Message::builder().value("?"), None).unwrap();
    world.turn(requests);
    id
}

fn answer(world: &mut World, requests: &mut Requests, id: impl Into<MessageId>) {
    world.reply(Message::builder().correlation_id(id).value("!"));
    world.turn(requests);
}

fn events(requests: &mut Requests) -> Vec<RequestEvent> {
    core::iter::from_fn(|| requests.poll_event()).collect()
}

fn failed(id: RequestId, why: RequestFailure) -> RequestEvent {
    RequestEvent::Failed { id, why }
}

fn answered(events: &[RequestEvent]) -> Vec<RequestId> {
    let ids = events.iter().filter_map(|event| match event {
        RequestEvent::Answered { id, .. } => Some(*id),
        _ => None,
    });
    ids.collect()
}

#[test]
fn attaching_makes_a_sender_to_the_node_and_a_receiver_from_it_with_credit_for_all_answers() {
    let mut world = World::new();
    let mut requests = Requests::attach(
        &mut world.pair.client.connection,
        world.session,
        "node",
        RequestConfig::new("client-7").max_pending(3).max_reply_size(70_000),
    )
    .unwrap();
    assert!(!requests.is_open());
    world.turn(&mut requests);
    let (sender, receiver) = world.attaches();
    let (sender, receiver) = (sender.unwrap(), receiver.unwrap());
    assert_eq!(target_address(&sender).as_deref(), Some("node"));
    assert_eq!(source_address(&receiver).as_deref(), Some("node"));
    assert_eq!(target_address(&receiver).as_deref(), Some("client-7"));
    assert_eq!(receiver.max_message_size, Some(70_000));
    let replies = world.replies.unwrap();
    assert_eq!(world.server().sender(replies).unwrap().credit(), 3);
    assert!(requests.is_open());
}

#[test]
fn request_has_a_message_id_of_prefix_and_number_and_the_reply_to() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    ask(&mut world, &mut requests);
    ask(&mut world, &mut requests);
    for (delivery, id) in world.requests.iter().zip(["c-1", "c-2"]) {
        let properties = list(&[string(id), NULL.into(), NULL.into(), NULL.into(), string("c")]);
        assert_eq!(bytes(delivery), [section(0x73, properties), section(0x77, string("?"))].concat());
        assert!(!delivery.settled);
    }
}

#[test]
fn ids_of_the_message_are_replaced() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let message = Message::builder().message_id(9_u64).reply_to("elsewhere").value("?");
    requests.send(Instant::default(), world.client(), message, None).unwrap();
    world.turn(&mut requests);
    assert_eq!(world.request(0).message_id().unwrap(), Some("c-1".into()));
    assert_eq!(world.request(0).reply_to().unwrap().as_deref(), Some("c"));
}

#[test]
fn answers_in_any_order_belong_to_their_requests_and_are_accepted() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let ids = [(); 3].map(|()| ask(&mut world, &mut requests));
    assert_eq!(requests.pending(), 3);
    answer(&mut world, &mut requests, "c-3");
    answer(&mut world, &mut requests, "c-1");
    // Some peers turn a string into a binary.
    answer(&mut world, &mut requests, MessageId::Binary(Bytes::from_static(b"c-2")));
    assert_eq!(answered(&events(&mut requests)), [ids[2], ids[0], ids[1]]);
    assert_eq!((requests.pending(), requests.unmatched(), requests.poll_timeout()), (0, 0, None));
    assert_eq!(world.outcomes(), vec![Some(DeliveryState::ACCEPTED); 3]);
}

/// 3.5.3: a source may list outcomes, and the answers' one `released` alone. They were settled never, up to a limit that
/// ended the session.
#[test]
fn answers_whose_source_does_not_list_accepted_are_settled_without_an_outcome() {
    let client = ConnectionConfig::client("client").tolerance(Tolerance::strict());
    let mut world = World::between(client, ConnectionConfig::server("server"));
    world.behaviour.outcomes = Some(Symbol::from_static("amqp:released:list"));
    let mut requests = attach(&mut world, RequestConfig::new("r"));
    let id = ask(&mut world, &mut requests);
    answer(&mut world, &mut requests, "r-1");
    assert_eq!(answered(&events(&mut requests)), [id]);
    assert_eq!(world.outcomes(), [None]);
}

#[test]
fn answer_that_is_settled_already_is_not_settled_again() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    let payload = Message::builder().correlation_id("c-1").value("!").build();
    world.send(payload.clone(), &SendOptions::new().settled(true));
    world.turn(&mut requests);
    let events = events(&mut requests);
    let [RequestEvent::Answered { id: of, delivery }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((*of, &delivery.payload, delivery.settled), (id, &payload, true));
    assert_eq!(world.outcomes(), []);
}

#[test]
fn answer_to_nothing_is_accepted_and_counted() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    let ids: [MessageId; 11] = [
        "c-2".into(),
        "c-0".into(),
        "c-01".into(),
        "c-+1".into(),
        "c-1 ".into(),
        "C-1".into(),
        "c1".into(),
        "c-".into(),
        "c-99999999999999999999".into(),
        1_u64.into(),
        Uuid::from_u128(1).into(),
    ];
    let count = ids.len() as u64;
    for id in ids {
        answer(&mut world, &mut requests, id);
    }
    assert_eq!((events(&mut requests), requests.unmatched()), (vec![], count));
    // Without a correlation-id, not a message, and a message of another format.
    world.reply(Message::builder().value("!"));
    world.send(b"\x00\x53".as_slice().into(), &SendOptions::new());
    let format = SendOptions::new().message_format(MessageFormat::new(1));
    world.send(Message::builder().correlation_id("c-1").value("!").build(), &format);
    world.turn(&mut requests);
    assert_eq!((events(&mut requests), requests.unmatched()), (vec![], count + 3));
    assert_eq!(world.outcomes(), vec![Some(DeliveryState::ACCEPTED); count as usize + 3]);
    answer(&mut world, &mut requests, "c-1");
    assert_eq!(answered(&events(&mut requests)), [id]);
}

#[test]
fn second_answer_is_counted_and_not_raised() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    answer(&mut world, &mut requests, "c-1");
    answer(&mut world, &mut requests, "c-1");
    assert_eq!(answered(&events(&mut requests)), [id]);
    assert_eq!(requests.unmatched(), 1);
    assert_eq!(world.outcomes(), vec![Some(DeliveryState::ACCEPTED); 2]);
}

#[test]
fn deadline_is_kept_to_the_millisecond_and_a_late_answer_is_counted() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c").timeout(millis(1000)));
    world.advance(&mut requests, millis(17));
    let long = ask(&mut world, &mut requests);
    let now = world.now();
    let short = Message::builder().value("?");
    let short = requests.send(now, world.client(), short, Some(millis(1))).unwrap();
    assert_eq!(requests.poll_timeout(), Some(Instant::from_millis(18)));
    requests.handle_timeout(Instant::from_millis(17), world.client());
    assert_eq!(events(&mut requests), []);
    world.advance(&mut requests, millis(1));
    assert_eq!(events(&mut requests), [failed(short, RequestFailure::TimedOut)]);
    assert_eq!(requests.poll_timeout(), Some(Instant::from_millis(1017)));
    world.advance(&mut requests, millis(998));
    assert_eq!((world.now(), events(&mut requests)), (Instant::from_millis(1016), vec![]));
    world.advance(&mut requests, millis(1));
    assert_eq!(events(&mut requests), [failed(long, RequestFailure::TimedOut)]);
    assert_eq!((requests.poll_timeout(), requests.pending()), (None, 0));
    answer(&mut world, &mut requests, "c-1");
    assert_eq!((events(&mut requests), requests.unmatched()), (vec![], 1));
}

#[test]
fn clock_that_jumps_fails_all_that_are_due_in_the_order_of_their_deadlines() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let now = world.now();
    let ids = [5, 3, 9, 3].map(|timeout| {
        let message = Message::builder().value("?");
        requests.send(now, world.client(), message, Some(millis(timeout))).unwrap()
    });
    world.advance(&mut requests, millis(8));
    let expected = [ids[1], ids[3], ids[0]].map(|id| failed(id, RequestFailure::TimedOut));
    assert_eq!(events(&mut requests), expected);
    world.advance(&mut requests, core::time::Duration::MAX);
    assert_eq!(events(&mut requests), [failed(ids[2], RequestFailure::TimedOut)]);
}

#[test]
fn request_that_timed_out_is_settled() {
    let mut world = World::new();
    world.behaviour.outcome = None;
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    ask(&mut world, &mut requests);
    let sender = requests.sender();
    assert_eq!(world.client().sender(sender).unwrap().unsettled_len(), 1);
    world.advance(&mut requests, millis(30_000));
    assert_eq!(world.client().sender(sender).unwrap().unsettled_len(), 0);
}

/// 2.6.14: a request that is larger than what may wait to be written is aborted at its deadline.
#[test]
fn request_that_is_partly_unsent_at_its_deadline_is_aborted() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let (now, sender) = (world.now(), requests.sender());
    let large = Message::builder().data(vec![7; 10_000_000]);
    requests.send(now, world.client(), large, None).unwrap();
    let client = &mut world.pair.client.connection;
    assert!(client.sender(sender).unwrap().is_sending());
    requests.handle_timeout(Instant::from_millis(30_000), client);
    assert!(!client.sender(sender).unwrap().is_sending());
    world.turn(&mut requests);
    assert_eq!((world.requests.len(), world.client().sender(sender).unwrap().unsettled_len()), (0, 0));
}

/// It was sent in full once the window opened, long after it had failed.
#[test]
fn request_that_the_window_holds_at_its_deadline_is_aborted_once_it_opens() {
    let mut world = World::with(ConnectionConfig::server("server").max_frame_size(512));
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let (now, sender) = (world.now(), requests.sender());
    let large = Message::builder().data(vec![7; 2_000_000]);
    let id = requests.send(now, world.client(), large, None).unwrap();
    let client = &mut world.pair.client.connection;
    requests.handle_timeout(Instant::from_millis(30_000), client);
    assert_eq!(client.sender(sender).unwrap().unsettled_len(), 0);
    assert_eq!(events(&mut requests), [failed(id, RequestFailure::TimedOut)]);
    world.turn(&mut requests);
    assert_eq!((world.requests.len(), world.client().sender(sender).unwrap().is_sending()), (0, false));
    ask(&mut world, &mut requests);
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn request_beyond_the_limit_is_an_error_until_another_is_answered() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c").max_pending(2));
    let first = ask(&mut world, &mut requests);
    ask(&mut world, &mut requests);
    let now = world.now();
    let refused = requests.send(now, world.client(), Message::builder().value("?"), None);
    assert_eq!(refused, Err(CommandError::LimitReached("max_pending")));
    answer(&mut world, &mut requests, "c-1");
    assert_eq!(answered(&events(&mut requests)), [first]);
    ask(&mut world, &mut requests);
    assert_eq!(world.request(2).message_id().unwrap(), Some("c-3".into()));
}

#[test]
fn answers_to_nothing_do_not_use_up_the_credit_for_answers() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c").max_pending(1));
    for _ in 0..1000 {
        answer(&mut world, &mut requests, "x-1");
    }
    let id = ask(&mut world, &mut requests);
    answer(&mut world, &mut requests, "c-1");
    assert_eq!((answered(&events(&mut requests)), requests.unmatched()), (vec![id], 1000));
}

/// A peer that answers and never settles can't make the unsettled deliveries grow.
#[test]
fn requests_that_the_peer_never_settles_are_bounded() {
    let mut world = World::new();
    world.behaviour.outcome = None;
    let mut requests = attach(&mut world, RequestConfig::new("c").max_pending(4));
    for number in 1..=100 {
        ask(&mut world, &mut requests);
        answer(&mut world, &mut requests, format!("c-{number}").as_str());
    }
    assert_eq!(answered(&events(&mut requests)).len(), 100);
    let sender = requests.sender();
    let unsettled = world.client().sender(sender).unwrap().unsettled_len();
    assert!((1..=8).contains(&unsettled), "{unsettled}");
}

#[test]
fn request_that_is_not_accepted_fails_at_once() {
    let mut world = World::new();
    let error = AmqpError::described(ErrorCondition::NotAllowed, "no");
    let rejected = DeliveryState::Rejected(Arc::new(Rejected { error: Some(error) }));
    for (number, outcome) in [rejected, DeliveryState::RELEASED].into_iter().enumerate() {
        world.behaviour.outcome = Some(outcome.clone());
        let mut requests = attach(&mut world, RequestConfig::new(format!("c{number}")));
        let id = ask(&mut world, &mut requests);
        assert_eq!(events(&mut requests), [failed(id, RequestFailure::NotAccepted(Some(outcome)))]);
        answer(&mut world, &mut requests, format!("c{number}-1").as_str());
        assert_eq!((events(&mut requests), requests.unmatched()), (vec![], 1));
        requests.close(world.client());
        world.turn(&mut requests);
    }
}

#[test]
fn request_without_credit_is_a_temporary_error_and_ready_follows() {
    let mut world = World::new();
    world.behaviour.credit = 0;
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", RequestConfig::new("c")).unwrap();
    world.turn(&mut requests);
    assert_eq!((events(&mut requests), requests.is_open()), (vec![], true));
    let now = world.now();
    let refused = requests.send(now, world.client(), Message::builder().value("?"), None);
    assert_eq!((refused, requests.pending()), (Err(CommandError::NoCredit), 0));
    let asked = world.asked.unwrap();
    world.server().receiver(asked).unwrap().add_credit(1).unwrap();
    world.turn(&mut requests);
    assert_eq!(events(&mut requests), [RequestEvent::Ready]);
    ask(&mut world, &mut requests);
    // The failed attempt has used no number.
    assert_eq!(world.request(0).message_id().unwrap(), Some("c-1".into()));
}

/// They waited without end: `Ready` never came, and nothing was due.
#[test]
fn links_that_the_peer_gives_no_credit_for_requests_are_closed_in_time() {
    let mut world = World::new();
    world.behaviour.credit = 0;
    let session = world.session;
    let config = RequestConfig::new("c").timeout(millis(1000));
    let mut requests = Requests::attach(world.client(), session, "node", config).unwrap();
    assert_eq!(requests.poll_timeout(), None);
    world.turn(&mut requests);
    assert_eq!(requests.poll_timeout(), Some(Instant::from_millis(1000)));
    world.advance(&mut requests, millis(999));
    assert_eq!((events(&mut requests), requests.is_open()), (vec![], true));
    world.advance(&mut requests, millis(1));
    let events = events(&mut requests);
    let [RequestEvent::Closed { failure: Some(failure) }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(failure.cause, Cause::TimedOut);
    assert_eq!((requests.poll_timeout(), requests.is_open()), (None, false));
    let names = world.server_names();
    assert!(names.contains(&"SENDER_CLOSED") && names.contains(&"RECEIVER_CLOSED"), "{names:?}");
}

/// A node may take one request at a time, and need longer for it than others wait.
#[test]
fn links_without_credit_stay_while_requests_wait_for_their_answers() {
    let mut world = World::new();
    world.behaviour.credit = 0;
    let session = world.session;
    let config = RequestConfig::new("c").timeout(millis(1000));
    let mut requests = Requests::attach(world.client(), session, "node", config).unwrap();
    world.turn(&mut requests);
    let asked = world.asked.unwrap();
    world.server().receiver(asked).unwrap().add_credit(1).unwrap();
    world.turn(&mut requests);
    assert_eq!((events(&mut requests), requests.poll_timeout()), (vec![RequestEvent::Ready], None));
    let now = world.now();
    let question = || Message::builder().value("?");
    let long = requests.send(now, world.client(), question(), Some(millis(5000))).unwrap();
    world.turn(&mut requests);
    world.server().receiver(asked).unwrap().set_credit(0).unwrap();
    world.turn(&mut requests);
    // There is no credit, but nobody waits for it.
    assert_eq!(requests.poll_timeout(), Some(Instant::from_millis(5000)));
    assert_eq!(requests.send(now, world.client(), question(), None), Err(CommandError::NoCredit));
    assert_eq!(requests.poll_timeout(), Some(Instant::from_millis(1000)));
    for _ in 0..4 {
        world.advance(&mut requests, millis(1000));
        assert_eq!((events(&mut requests), requests.is_open()), (vec![], true));
    }
    world.advance(&mut requests, millis(1000));
    let events = events(&mut requests);
    assert_eq!(events[0], failed(long, RequestFailure::TimedOut));
    assert!(matches!(&events[1..], [RequestEvent::Closed { failure: Some(_) }]), "{events:?}");
}

#[test]
fn request_before_the_links_are_open_is_an_error() {
    let mut world = World::new();
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", RequestConfig::new("c")).unwrap();
    let refused = requests.send(Instant::default(), world.client(), Message::builder().value("?"), None);
    assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
}

#[test]
fn drain_of_the_sender_is_answered_since_nothing_waits() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let asked = world.asked.unwrap();
    world.server().receiver(asked).unwrap().drain().unwrap();
    assert_eq!(world.turn(&mut requests), []);
    assert!(world.server_names().contains(&"RECEIVER_DRAINED"));
}

#[test]
fn reply_to_of_a_dynamic_node_is_the_address_that_the_peer_gave_it() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c").reply_to(ReplyTo::Dynamic));
    ask(&mut world, &mut requests);
    let (_, receiver) = world.attaches();
    assert!(receiver.unwrap().source.unwrap().dynamic);
    assert_eq!(world.request(0).reply_to().unwrap().as_deref(), Some("made-1"));
}

#[test]
fn dynamic_node_without_an_address_closes_both_links() {
    let mut world = World::new();
    world.behaviour.dynamic = None;
    let config = RequestConfig::new("c").reply_to(ReplyTo::Dynamic);
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", config).unwrap();
    world.turn(&mut requests);
    assert_eq!(events(&mut requests), [RequestEvent::Closed { failure: None }]);
    assert!(!requests.is_open());
}

/// All pending requests fail in their order, the other link is closed, and nothing follows.
fn check_loss(
    world: &mut World,
    requests: &mut Requests,
    ids: &[RequestId],
    condition: Option<ErrorCondition>,
) {
    world.turn(requests);
    let events = events(requests);
    let (last, failures) = events.split_last().unwrap();
    let expected: Vec<_> = ids.iter().map(|id| failed(*id, RequestFailure::LinkLost)).collect();
    assert_eq!(failures, expected);
    let RequestEvent::Closed { failure } = last else { panic!("{last:?}") };
    assert_eq!(failure.as_ref().map(|failure| failure.error.condition.clone()), condition);
    assert_eq!((requests.pending(), requests.poll_timeout(), requests.is_open()), (0, None, false));
    let refused = requests.send(Instant::default(), world.client(), Message::builder().value("?"), None);
    assert!(matches!(refused, Err(CommandError::IllegalState(_))));
    assert_eq!(world.client().session_ids().count(), 1);
    let session = world.session;
    assert_eq!(world.client().session(session).unwrap().links().count(), 0);
}

#[test]
fn loss_of_either_link_fails_all_and_closes_the_other() {
    for receiver_ends in [false, true] {
        for error in [None, Some(AmqpError::new(ErrorCondition::DetachForced))] {
            let mut world = World::new();
            let mut requests = attach(&mut world, RequestConfig::new("c"));
            let ids = [(); 3].map(|()| ask(&mut world, &mut requests));
            let (replies, asked) = (world.replies.unwrap(), world.asked.unwrap());
            let server = world.server();
            if receiver_ends {
                server.sender(replies).unwrap().close(error.clone()).unwrap();
            } else {
                server.receiver(asked).unwrap().close(error.clone()).unwrap();
            }
            check_loss(&mut world, &mut requests, &ids, error.map(|error| error.condition));
            assert_eq!(world.server_names().iter().filter(|name| name.ends_with("_CLOSED")).count(), 2);
        }
    }
}

#[test]
fn suspended_link_counts_as_lost() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    let replies = world.replies.unwrap();
    world.server().sender(replies).unwrap().detach(None).unwrap();
    check_loss(&mut world, &mut requests, &[id], None);
}

#[test]
fn refused_link_closes_the_other() {
    let mut world = World::new();
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", RequestConfig::new("c")).unwrap();
    world.pair.run();
    for event in world.pair.server.events() {
        let error = AmqpError::new(ErrorCondition::NotFound);
        match event {
            Event::SenderRequested { sender, .. } => world.server().refuse_sender(sender, error).unwrap(),
            Event::ReceiverRequested { receiver, .. } => {
                world.server().accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            }
            _ => {}
        }
    }
    check_loss(&mut world, &mut requests, &[], Some(ErrorCondition::NotFound));
}

#[test]
fn loss_of_the_connection_fails_all_and_leaves_its_own_events_to_the_caller() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    world.pair.lose();
    let left = world.turn(&mut requests);
    let names: Vec<_> = left.iter().map(Event::name).collect();
    assert_eq!(names, ["SESSION_ERROR", "CONNECTION_ERROR"]);
    let events = events(&mut requests);
    assert_eq!(events[0], failed(id, RequestFailure::LinkLost));
    assert!(matches!(events[1], RequestEvent::Closed { failure: Some(_) }) && events.len() == 2);
}

#[test]
fn closing_fails_all_and_closes_both_links() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    requests.close(world.client());
    requests.close(world.client());
    check_loss(&mut world, &mut requests, &[id], None);
}

#[test]
fn events_of_other_links_are_returned() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let session = world.session;
    let other = world.client().session(session).unwrap().attach_sender(SenderConfig::to("other")).unwrap();
    let left = world.turn(&mut requests);
    let expected = [Event::SenderOpen { sender: other }, Event::SenderReady { sender: other }];
    assert_eq!((left.as_slice(), events(&mut requests)), (&expected[..], vec![]));
}

/// Nothing was due, and `Ready` never came.
#[test]
fn links_without_credit_that_are_taken_over_are_closed_in_time() {
    let mut world = World::new();
    world.behaviour.credit = 0;
    let session = world.session;
    let links = Requests::attach(world.client(), session, "node", RequestConfig::new("c")).unwrap();
    let (sender, receiver) = (links.sender(), links.receiver());
    let mut links = links;
    world.turn(&mut links);
    let config = RequestConfig::new("d").timeout(millis(1000));
    let mut requests = Requests::over(world.client(), sender, receiver, config).unwrap();
    // At once, for its deadline.
    let now = world.now();
    assert!(requests.poll_timeout().is_some_and(|due| due <= now));
    requests.handle_timeout(now, world.client());
    assert_eq!(requests.poll_timeout(), Some(now.saturating_add(millis(1000))));
    world.advance(&mut requests, millis(1000));
    let events = events(&mut requests);
    assert!(matches!(&events[..], [RequestEvent::Closed { failure: Some(_) }]), "{events:?}");
}

/// The event of the link came behind what was known from it.
#[test]
fn links_that_are_taken_over_are_ready_once() {
    let mut world = World::new();
    world.behaviour.credit = 1;
    let session = world.session;
    let config = RequestConfig::new("c");
    let mut links = Requests::attach(world.client(), session, "node", config.clone()).unwrap();
    world.pair.run();
    for event in world.pair.server.events() {
        world.serve(event);
    }
    world.pair.run();
    let (sender, receiver) = (links.sender(), links.receiver());
    links = Requests::over(world.client(), sender, receiver, config).unwrap();
    world.turn(&mut links);
    assert_eq!(events(&mut links), [RequestEvent::Ready]);
}

#[test]
fn links_that_are_open_can_be_taken_over() {
    let mut world = World::new();
    let session = world.session;
    let mut ours = world.client().session(session).unwrap();
    let sender = ours.attach_sender(SenderConfig::to("node")).unwrap();
    let config = ReceiverConfig::from("node").credit(CreditPolicy::Auto(10));
    let receiver = ours.attach_receiver(config).unwrap();
    let mut nobody = Requests::over(world.client(), sender, Some(receiver), RequestConfig::new("x")).unwrap();
    world.turn(&mut nobody);

    let mut requests =
        Requests::over(world.client(), sender, Some(receiver), RequestConfig::new("c")).unwrap();
    assert_eq!(events(&mut requests), [RequestEvent::Ready]);
    let id = ask(&mut world, &mut requests);
    answer(&mut world, &mut requests, "c-1");
    assert_eq!(answered(&events(&mut requests)), [id]);
    requests.close(world.client());
    world.turn(&mut requests);
    let gone = Requests::over(world.client(), sender, None, RequestConfig::new("c"));
    assert_eq!(gone.err(), Some(CommandError::UnknownLink));
}

#[test]
fn without_a_receiver_the_outcome_is_the_answer() {
    let mut world = World::new();
    let session = world.session;
    let sender = world.client().session(session).unwrap().attach_sender(SenderConfig::to("node")).unwrap();
    let mut requests = Requests::over(world.client(), sender, None, RequestConfig::new("c")).unwrap();
    world.turn(&mut requests);
    assert_eq!(events(&mut requests), [RequestEvent::Ready]);
    let accepted = ask(&mut world, &mut requests);
    assert_eq!(events(&mut requests), [RequestEvent::Accepted { id: accepted }]);
    world.behaviour.outcome = Some(DeliveryState::RELEASED);
    let released = ask(&mut world, &mut requests);
    let why = RequestFailure::NotAccepted(Some(DeliveryState::RELEASED));
    assert_eq!(events(&mut requests), [failed(released, why)]);
    // No answer is due, so neither is an address for it.
    assert_eq!(bytes(&world.requests[0]), section(0x77, string("?")));
}

/// The outcomes of several requests in one disposition.
#[test]
fn range_of_outcomes_answers_each_request() {
    let mut world = World::new();
    world.behaviour.outcome = None;
    let session = world.session;
    let sender = world.client().session(session).unwrap().attach_sender(SenderConfig::to("node")).unwrap();
    let mut requests = Requests::over(world.client(), sender, None, RequestConfig::new("c")).unwrap();
    world.turn(&mut requests);
    let ids = [(); 5].map(|()| ask(&mut world, &mut requests));
    events(&mut requests);
    let (asked, first, last) = (world.asked.unwrap(), world.requests[1].id, world.requests[3].id);
    let mut receiver = world.server().receiver(asked).unwrap();
    receiver.disposition(first, last, true, Some(DeliveryState::ACCEPTED)).unwrap();
    world.turn(&mut requests);
    let expected = [1, 2, 3].map(|index| RequestEvent::Accepted { id: ids[index] });
    assert_eq!(events(&mut requests), expected);
    assert_eq!(requests.pending(), 2);
}

/// 2.7.6: a receiver may settle without an outcome. That is no answer, and no refusal either.
#[test]
fn request_that_is_settled_without_an_outcome_waits_for_its_answer_unless_the_outcome_is_one() {
    let mut world = World::new();
    world.behaviour.outcome = None;
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    let id = ask(&mut world, &mut requests);
    let (asked, delivery) = (world.asked.unwrap(), world.requests[0].id);
    world.server().receiver(asked).unwrap().settle(delivery, None).unwrap();
    world.turn(&mut requests);
    assert_eq!((events(&mut requests), requests.pending()), (vec![], 1));
    answer(&mut world, &mut requests, "c-1");
    assert_eq!(answered(&events(&mut requests)), [id]);

    let session = world.session;
    let sender = world.client().session(session).unwrap().attach_sender(SenderConfig::to("node")).unwrap();
    let mut requests = Requests::over(world.client(), sender, None, RequestConfig::new("d")).unwrap();
    world.turn(&mut requests);
    events(&mut requests);
    let id = ask(&mut world, &mut requests);
    let (asked, delivery) = (world.asked.unwrap(), world.requests[1].id);
    world.server().receiver(asked).unwrap().settle(delivery, None).unwrap();
    world.turn(&mut requests);
    assert_eq!(events(&mut requests), [failed(id, RequestFailure::NotAccepted(None))]);
}

/// `Debug` shows what is kept: nothing, once all is answered and settled.
#[test]
fn nothing_is_kept_of_requests_that_are_answered_and_settled() {
    let mut world = World::new();
    let mut requests = attach(&mut world, RequestConfig::new("c"));
    for number in 1..=20 {
        ask(&mut world, &mut requests);
        answer(&mut world, &mut requests, format!("c-{number}").as_str());
    }
    assert_eq!(answered(&events(&mut requests)).len(), 20);
    let shown = format!("{requests:?}");
    for empty in ["pending: {}", "deadlines: {}", "unsettled: {}", "events: []"] {
        assert!(shown.contains(empty), "{shown}");
    }
}
