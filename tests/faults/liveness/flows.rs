//! Drains and echoes are answered, and what is in force is not announced again.

use amqp_proto::{
    ConnectionConfig, CreditPolicy, Event, Instant, Limits, ReceiverConfig, SendOptions, SenderConfig,
    SessionConfig, Timeouts,
    codec::{DecodeLimits, from_slice, to_vec},
    spec::performatives as p,
};
use core::time::Duration;

use crate::{
    common::{Linked, Pair, names},
    support::{ATTACH_RECEIVER, ATTACH_SENDER, Fed, frame},
    written::written,
};

const LARGE: usize = 1_000_000;

/// A link from a client to a server that it sends to a piece at a time.
fn linked(credit: CreditPolicy) -> Linked {
    let limits = Limits::default().max_outbox_bytes(4096);
    let client = ConnectionConfig::client("c").limits(limits);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(512);
    let theirs = ReceiverConfig::new().credit(credit);
    Linked::with(Pair::new(client, server).opened(), SessionConfig::new(), SenderConfig::to("q"), theirs)
}

/// The same with a message on its way, of which a part has arrived.
fn sending(credit: u32) -> Linked {
    let mut linked = linked(CreditPolicy::Manual);
    linked.pair.server.receiver(linked.receiver).unwrap().set_credit(credit).unwrap();
    linked.pair.run();
    linked.pair.client_events();
    linked.pair.client.sender(linked.sender).unwrap().send(1_u32, vec![7; LARGE]).unwrap();
    linked.pair.run();
    assert!(linked.pair.client.sender(linked.sender).unwrap().is_sending());
    linked
}

/// Carries everything, and returns the names of the server's events.
fn finish(pair: &mut Pair) -> Vec<&'static str> {
    (0..12).for_each(|_| pair.run());
    names(&pair.server_events())
}

/// 2.6.7: a drain is answered, behind the messages.
#[test]
fn fa3_drain_during_a_message_is_answered_behind_it() {
    let Linked { mut pair, sender, receiver, .. } = sending(10);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_DRAIN"]);
    pair.client.sender(sender).unwrap().drained().unwrap();
    assert!(pair.client.sender(sender).unwrap().send(2_u32, b"x".as_slice()).is_err());
    assert_eq!(finish(&mut pair), ["DELIVERY", "RECEIVER_DRAINED"]);
    assert_eq!(pair.server.receiver(receiver).unwrap().credit(), 0);
    assert_eq!(names(&pair.client_events()), [""; 0], "nothing can be sent before there is credit again");
    pair.server.receiver(receiver).unwrap().set_credit(1).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_READY"]);
}

/// The credit was one, and the message in progress has it: the engine's own answer waits too.
#[test]
fn fa3b_drain_without_credit_during_a_message_is_answered_behind_it() {
    let Linked { mut pair, receiver, .. } = sending(1);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    assert_eq!(finish(&mut pair), ["DELIVERY", "RECEIVER_DRAINED"]);
}

/// A streamed message holds the answer up until it is finished, or aborted.
#[test]
fn fa3c_drain_during_a_streamed_message_is_answered_behind_it() {
    for aborts in [false, true] {
        let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Auto(10));
        let mut link = pair.client.sender(sender).unwrap();
        let delivery = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
        link.write(delivery, b"first".as_slice()).unwrap();
        pair.run();
        pair.server.receiver(receiver).unwrap().drain().unwrap();
        pair.run();
        pair.client.sender(sender).unwrap().drained().unwrap();
        assert_eq!(finish(&mut pair), [""; 0]);
        let mut link = pair.client.sender(sender).unwrap();
        if aborts {
            link.abort(delivery).unwrap()
        } else {
            link.finish(delivery).unwrap()
        }
        let expected: &[&str] =
            if aborts { &["RECEIVER_DRAINED"] } else { &["DELIVERY", "RECEIVER_DRAINED"] };
        assert_eq!(finish(&mut pair), expected);
    }
}

/// What a receiver says of its credit during a message is heard: more of it, none of it, a drain taken back, an echo.
#[test]
fn fa3d_flows_during_a_message_are_heard() {
    let Linked { mut pair, sender, receiver, .. } = sending(10);
    pair.server.receiver(receiver).unwrap().set_credit(77).unwrap();
    pair.server.receiver(receiver).unwrap().echo().unwrap();
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 77);
    assert_eq!(names(&pair.server_events()), ["LINK_ECHOED"]);
    // A drain that is given up for want of an answer, and then given credit again.
    let Linked { mut pair, sender, receiver, .. } = sending(10);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    pair.client.sender(sender).unwrap().drained().unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(0).unwrap();
    assert_eq!(finish(&mut pair), ["DELIVERY", "RECEIVER_DRAINED"]);
    // More credit during the drain: the answer that waits is the answer to that too.
    let Linked { mut pair, sender, receiver, .. } = sending(10);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    pair.client.sender(sender).unwrap().drained().unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(30).unwrap();
    assert_eq!(finish(&mut pair), ["DELIVERY", "RECEIVER_DRAINED"]);
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 0);
    // A drain that has been given up needs no answer, and credit given after it stays.
    let Linked { mut pair, sender, receiver, .. } = sending(10);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    pair.client.sender(sender).unwrap().drained().unwrap();
    let due = pair.now + 60_000;
    pair.server.handle_timeout(Instant::from_millis(due));
    pair.server.receiver(receiver).unwrap().set_credit(5).unwrap();
    assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED", "DELIVERY"]);
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 5);
}

/// A flow of the receiver of the link from handle 2.
fn flow(credit: u32, drain: bool, echo: bool) -> Vec<u8> {
    flow_of(2, Some(credit), drain, echo)
}

fn flow_of(handle: u32, link_credit: Option<u32>, drain: bool, echo: bool) -> Vec<u8> {
    let flow = p::Flow {
        next_incoming_id: Some(0.into()),
        incoming_window: 100,
        next_outgoing_id: 0.into(),
        outgoing_window: 100,
        handle: Some(handle.into()),
        link_credit,
        drain,
        echo,
        ..p::Flow::default()
    };
    frame(0, &to_vec(&flow))
}

/// Credit that is given up moves the delivery-count, and only an answer to a drain tells the receiver why: it is one even
/// if the drain was taken back before it was written. Else the ends count apart for ever.
#[test]
fn fa3f_drain_taken_back_before_its_answer_is_written_is_answered() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_RECEIVER);
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed_bytes(&flow(4, true, false));
    assert!(fed.names().contains(&"SENDER_DRAIN"));
    fed.feed_bytes(&flow(4, true, false));
    assert!(!fed.names().contains(&"SENDER_DRAIN"), "it has been asked for once");
    fed.connection.sender(sender).unwrap().drained().unwrap();
    fed.output.clear();
    fed.feed_bytes(&flow(0, false, true));
    let flows = |fed: &mut Fed| {
        let flows = written(fed).into_iter().map(|frame| match frame {
            p::Performative::Flow(flow) => (flow.delivery_count, flow.link_credit, flow.drain),
            other => panic!("{other:?}"),
        });
        flows.collect::<Vec<_>>()
    };
    // The mode that the sender is in follows the answer: the receiver may wait for that too.
    let gone = (Some(4.into()), Some(0));
    assert_eq!(flows(&mut fed), [(gone.0, gone.1, true), (gone.0, gone.1, false)]);
    fed.feed_bytes(&flow(0, false, true));
    assert_eq!(flows(&mut fed), [(gone.0, gone.1, false)]);
}

/// The answer waits for the message in progress. Nothing answered the echo once the drain was taken back.
#[test]
fn fa3p_the_echo_of_a_drain_that_is_taken_back_during_a_message_is_answered() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_RECEIVER);
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed_bytes(&flow(1, false, false));
    fed.connection.sender(sender).unwrap().send_streaming(1_u32, &SendOptions::new()).unwrap();
    fed.write();
    written(&mut fed);
    fed.feed_bytes(&flow(0, true, true));
    assert_eq!(written(&mut fed), []);
    fed.feed_bytes(&flow(0, false, false));
    assert!(matches!(written(&mut fed)[..], [p::Performative::Flow(_)]));
}

/// The flow was dropped, because a call that failed had what is due written before the attach.
#[test]
fn fa3l_what_is_available_before_the_attach_is_announced_behind_it() {
    let mut pair = Pair::plain();
    pair.client.begin(SessionConfig::new()).unwrap();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.client.sender(sender).unwrap().set_available(3).unwrap();
    // The open has gone, and is answered.
    pair.up();
    pair.down();
    assert!(pair.client.sender(sender).unwrap().drained().is_err());
    pair.run();
    let receiver = pair.server_events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = receiver.expect("a request");
    pair.server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    pair.run();
    assert_eq!(pair.server.receiver(receiver).unwrap().available(), 3);
}

/// A flow in the midst of a message says that no credit is left. The message came behind `RECEIVER_DRAINED`.
#[test]
fn fa3j_a_drain_ends_behind_the_message_in_progress_whatever_flows_are_between() {
    for echoes in [false, true] {
        let Linked { mut pair, sender, receiver, .. } = sending(1);
        pair.server.receiver(receiver).unwrap().drain().unwrap();
        pair.run();
        let mut link = pair.client.sender(sender).unwrap();
        if echoes {
            link.echo().unwrap()
        } else {
            link.set_available(7).unwrap()
        }
        let mut seen = finish(&mut pair);
        seen.retain(|name| *name != "RECEIVER_AVAILABLE");
        assert_eq!(seen, ["DELIVERY", "RECEIVER_DRAINED"], "{echoes}");
    }
}

/// What is done to a link, step by step.
#[derive(Clone, Copy)]
enum Step {
    Credit(u32),
    Drain,
    Echo,
    ToSender,
    Available(u32),
    Send,
    ToReceiver,
}

/// A flow that the sender wrote with credit left was taken for its answer, and the message behind it ended the link.
#[test]
fn fa3i_a_flow_with_credit_left_answers_no_drain() {
    use Step::{Available, Credit, Drain, Echo, Send, ToReceiver, ToSender};
    for (case, steps) in [
        &[Credit(4), Drain, ToSender, Available(1), Credit(0), ToReceiver, Send, ToReceiver][..],
        &[Drain, ToSender, Credit(4), ToSender, Credit(0), ToReceiver, Send],
        &[Drain, Credit(2), Echo, ToSender, Credit(0), ToReceiver, Send],
    ]
    .into_iter()
    .enumerate()
    {
        let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Manual);
        for step in steps {
            match *step {
                Credit(credit) => pair.server.receiver(receiver).unwrap().set_credit(credit).unwrap(),
                Drain => pair.server.receiver(receiver).unwrap().drain().unwrap(),
                Echo => pair.server.receiver(receiver).unwrap().echo().unwrap(),
                Available(count) => pair.client.sender(sender).unwrap().set_available(count).unwrap(),
                Send => drop(pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap()),
                ToSender => pair.down(),
                ToReceiver => pair.up(),
            }
        }
        let mut seen = finish(&mut pair);
        seen.retain(|name| !matches!(*name, "RECEIVER_AVAILABLE" | "LINK_ECHOED"));
        assert_eq!(seen, ["DELIVERY", "RECEIVER_DRAINED"], "{case}");
    }
}

/// 2.6.7: a receiver may drain before its attach is answered.
#[test]
fn fa3e_drain_and_echo_before_the_attach_is_answered_are_answered_with_it() {
    for (credit, drain, echo) in [(0, true, false), (0, false, true), (5, false, true)] {
        let mut fed = Fed::server();
        fed.feed(ATTACH_RECEIVER);
        let sender = fed.sender_asked_for();
        fed.feed_bytes(&flow(credit, drain, echo));
        fed.output.clear();
        fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
        fed.write();
        let descriptors = fed.output.windows(3).filter(|bytes| bytes == b"\0\x53\x13").count();
        assert_eq!(descriptors, 1, "a flow answers credit {credit}, drain {drain}, echo {echo}");
    }
    // With credit the answer is the application's.
    let mut fed = Fed::server();
    fed.feed(ATTACH_RECEIVER);
    let sender = fed.sender_asked_for();
    fed.feed_bytes(&flow(5, true, false));
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    assert!(fed.names().contains(&"SENDER_DRAIN"));
    fed.connection.sender(sender).unwrap().drained().unwrap();
}

/// A receiver may drain before it accepts the link.
#[test]
fn fa9g_drain_before_our_attach_follows_it() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_SENDER);
    let receiver = fed.receiver_asked_for();
    fed.connection.receiver(receiver).unwrap().drain().unwrap();
    fed.write();
    fed.output.clear();
    let config = ReceiverConfig::new().credit(CreditPolicy::Manual);
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    let at =
        fed.output.windows(3).position(|bytes| bytes == b"\0\x53\x13").expect("a flow behind the attach");
    let asks: p::Flow = from_slice(&fed.output[at..], DecodeLimits::default()).unwrap();
    assert!(asks.drain && asks.handle.is_some());
}

/// 2.8.10: delivery-counts 2³¹ or more apart have no order, so no more credit than that is given.
#[test]
fn fa9f_drain_of_all_the_credit_there_can_be_ends() {
    for (policy, credit) in [(CreditPolicy::Manual, u32::MAX), (CreditPolicy::Auto(u32::MAX), 0)] {
        let Linked { mut pair, sender, receiver, .. } = linked(policy);
        if credit > 0 {
            pair.server.receiver(receiver).unwrap().set_credit(credit).unwrap();
            pair.server.receiver(receiver).unwrap().add_credit(credit).unwrap();
            pair.run();
        }
        assert_eq!(pair.client.sender(sender).unwrap().credit(), (1 << 31) - 1);
        pair.server.receiver(receiver).unwrap().drain().unwrap();
        pair.run();
        pair.client.sender(sender).unwrap().drained().unwrap();
        assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED"]);
    }
}

/// A drain with no credit is a barrier: its end follows all that was sent.
#[test]
fn fa9_drain_without_credit_is_a_barrier() {
    let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Manual);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED"]);
    assert_eq!(names(&pair.client_events()), [""; 0], "there is nothing to give up");
    assert_eq!(pair.server.poll_timeout(), None, "nothing is waited for");
    // Credit that is taken back may have been used by then.
    pair.server.receiver(receiver).unwrap().set_credit(3).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_READY"]);
    pair.client.sender(sender).unwrap().send(1_u32, b"1".as_slice()).unwrap();
    pair.client.sender(sender).unwrap().send(2_u32, b"2".as_slice()).unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(0).unwrap();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    assert_eq!(finish(&mut pair), ["DELIVERY", "DELIVERY", "RECEIVER_DRAINED"]);
    // A drain whose credit is taken back ends with its answer; asked twice, it is answered once.
    pair.server.receiver(receiver).unwrap().set_credit(3).unwrap();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(0).unwrap();
    assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED"]);
    // Credit given during a barrier makes it a drain like any other.
    pair.client_events();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(2).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_CREDIT", "SENDER_DRAIN"]);
    assert_eq!(names(&pair.server_events()), [""; 0]);
    pair.client.sender(sender).unwrap().drained().unwrap();
    assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED"]);
}

/// 2.7.4: either end of a link, and either end of a session, can ask for the other's state.
#[test]
fn fa9b_echo_can_be_asked_for_and_is_answered() {
    let Linked { mut pair, session, sender, receiver } = linked(CreditPolicy::Auto(4));
    let theirs = pair.server.session_ids().next().unwrap();
    pair.client.session(session).unwrap().echo().unwrap();
    assert!(pair.client.session(session).unwrap().echo().is_err(), "one at a time");
    pair.client.sender(sender).unwrap().echo().unwrap();
    pair.run();
    let (session_echoed, link_echoed) = (
        Event::SessionEchoed { session, timed_out: false },
        Event::LinkEchoed { link: sender.into(), timed_out: false },
    );
    assert_eq!(pair.client_events(), [session_echoed, link_echoed]);
    pair.server.session(theirs).unwrap().echo().unwrap();
    pair.server.receiver(receiver).unwrap().echo().unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["SESSION_ECHOED", "LINK_ECHOED"]);
    pair.client.session(session).unwrap().echo().unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SESSION_ECHOED"]);
    assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
    // Asked before the begin and the attach are written.
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let other = pair.client.begin(SessionConfig::new()).unwrap();
    pair.client.session(other).unwrap().echo().unwrap();
    pair.client.session(session).unwrap().attach_sender(SenderConfig::to("a")).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.client.sender(sender).unwrap().echo().unwrap();
    pair.run();
    for event in pair.server_events() {
        if let Event::ReceiverRequested { receiver, .. } = event {
            pair.server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        }
    }
    pair.run();
    let events = names(&pair.client_events());
    assert!(events.contains(&"SESSION_ECHOED") && events.contains(&"LINK_ECHOED"), "{events:?}");
}

/// An echo need not be answered.
#[test]
fn fa9c_echo_without_an_answer_times_out() {
    let timeouts = Timeouts::default().echo(Duration::from_secs(5));
    let mut fed = Fed::server_with(ConnectionConfig::server("s").timeouts(timeouts));
    fed.feed(ATTACH_SENDER);
    let receiver = fed.receiver_asked_for();
    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    fed.events();
    let session = fed.connection.session_ids().next().unwrap();
    fed.connection.session(session).unwrap().echo().unwrap();
    fed.connection.receiver(receiver).unwrap().echo().unwrap();
    fed.write();
    fed.pass(4999);
    assert_eq!(fed.names(), [""; 0]);
    fed.pass(1);
    let events = [
        Event::SessionEchoed { session, timed_out: true },
        Event::LinkEchoed { link: receiver.into(), timed_out: true },
    ];
    assert_eq!(fed.events(), events);
    // A flow that was on its way is no answer.
    fed.connection.receiver(receiver).unwrap().echo().unwrap();
    fed.feed_bytes(&flow_of(0, None, false, false));
    assert_eq!(fed.names(), [""; 0]);
    fed.feed_bytes(&flow_of(0, None, false, false));
    assert_eq!(fed.names(), ["LINK_ECHOED"]);
}

/// What the peer knows is not announced again.
#[test]
fn fa9d_settings_in_force_are_not_written_again() {
    let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Manual);
    let now = Instant::from_millis(pair.now);
    pair.server.receiver(receiver).unwrap().set_credit(5).unwrap();
    pair.client.sender(sender).unwrap().set_available(5).unwrap();
    pair.run();
    for _ in 0..3 {
        let mut link = pair.server.receiver(receiver).unwrap();
        link.set_credit(5).unwrap();
        link.add_credit(0).unwrap();
        pair.client.sender(sender).unwrap().set_available(5).unwrap();
        assert!(pair.server.poll_transmit(now).is_empty());
        assert!(pair.client.poll_transmit(now).is_empty());
    }
    pair.server.receiver(receiver).unwrap().set_credit(6).unwrap();
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 6);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    let now = Instant::from_millis(pair.now);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    assert!(pair.server.poll_transmit(now).is_empty(), "a drain that has been asked for is asked for once");
}

/// Automatic credit goes on after a drain, be it answered or not.
#[test]
fn fa9e_automatic_credit_is_given_again_after_a_drain() {
    for answers in [true, false] {
        let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Auto(5));
        pair.server.receiver(receiver).unwrap().drain().unwrap();
        pair.run();
        if answers {
            pair.client.sender(sender).unwrap().drained().unwrap();
            pair.run();
        } else {
            pair.now += 60_000;
            pair.server.handle_timeout(Instant::from_millis(pair.now));
            pair.run();
        }
        assert_eq!(names(&pair.server_events()), ["RECEIVER_DRAINED"]);
        assert_eq!(pair.client.sender(sender).unwrap().credit(), 5, "answered: {answers}");
    }
    // Not before: messages that come during the drain use up what there was.
    let Linked { mut pair, sender, receiver, .. } = linked(CreditPolicy::Auto(5));
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    for number in 0..4_u32 {
        pair.client.sender(sender).unwrap().send(number, b"x".as_slice()).unwrap();
    }
    pair.run();
    assert_eq!(names(&pair.server_events()), ["DELIVERY"; 4]);
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 1);
    pair.client.sender(sender).unwrap().drained().unwrap();
    assert_eq!(finish(&mut pair), ["RECEIVER_DRAINED"]);
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 5);
}
