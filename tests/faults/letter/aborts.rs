//! Aborted deliveries (2.6.14) while the peer's window is closed.

use amqp_proto::{DeliveryId, types::Handle};

use super::*;

/// A link with a message of which the peer's window took two frames.
fn held(settled: bool) -> (Fed, SenderId, DeliveryId) {
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    window(&mut fed, 0, 2);
    let options = SendOptions::new().settled(settled);
    let mut link = fed.connection.sender(sender).unwrap();
    let delivery = link.send_with(1_u32, vec![7; 5000], &options).unwrap();
    assert!(link.is_sending());
    assert_eq!(transfers(&mut fed).len(), 2);
    fed.events();
    (fed, sender, delivery)
}

/// Lets the peer have room for more frames, behind as many of ours.
fn window(fed: &mut Fed, behind: u32, frames: u32) {
    let of_session = p::Flow { handle: None, delivery_count: None, link_credit: None, ..link_flow(0, 0) };
    let next_incoming_id = Some(behind.into());
    fed.feed_bytes(&frame(0, &p::Flow { next_incoming_id, incoming_window: frames, ..of_session }));
}

/// It failed, so that all of a message that had been given up was sent in the end.
#[test]
fn fd13_an_abort_waits_for_the_window_and_nothing_else_of_the_message_is_sent() {
    for settled in [false, true] {
        let (mut fed, sender, delivery) = held(settled);
        let mut link = fed.connection.sender(sender).unwrap();
        link.abort(delivery).unwrap();
        // 2.7.5: an aborted delivery is settled.
        assert_eq!((link.unsettled_len(), link.is_sending()), (0, true));
        assert_eq!(link.abort(delivery), Err(CommandError::UnknownId));
        assert_eq!(link.settle(delivery, None), Err(CommandError::UnknownId));
        assert_eq!(link.send(2_u32, b"next".as_slice()), Err(CommandError::Busy));
        assert_eq!(transfers(&mut fed), []);
        window(&mut fed, 2, 10);
        let [abort] = &transfers(&mut fed)[..] else { panic!("one frame") };
        assert!(abort.aborted && !abort.more, "{abort:?}");
        assert_eq!(fed.names(), ["SENDER_READY"]);
        fed.connection.sender(sender).unwrap().send(2_u32, b"next".as_slice()).unwrap();
        assert_eq!(transfers(&mut fed).len(), 1);
    }
}

#[test]
fn fd13b_so_does_that_of_a_message_in_chunks() {
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    window(&mut fed, 0, 2);
    let mut link = fed.connection.sender(sender).unwrap();
    let delivery = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
    link.write(delivery, vec![7; 5000]).unwrap();
    link.abort(delivery).unwrap();
    assert_eq!(link.write(delivery, vec![7; 1]), Err(CommandError::UnknownId));
    assert_eq!(link.finish(delivery), Err(CommandError::UnknownId));
    assert_eq!(transfers(&mut fed).len(), 2);
    window(&mut fed, 2, 10);
    let sent = transfers(&mut fed);
    assert!(sent.len() == 1 && sent[0].aborted, "{sent:?}");
}

/// 2.6.6: a detach ends what is in progress, so that it does not wait.
#[test]
fn fd13c_a_detach_does_not_wait_for_the_abort() {
    for aborts_first in [true, false] {
        let (mut fed, sender, delivery) = held(false);
        let mut link = fed.connection.sender(sender).unwrap();
        if aborts_first {
            link.abort(delivery).unwrap();
        }
        link.detach(None).unwrap();
        fed.write();
        assert_eq!(written(&mut fed).len(), usize::from(aborts_first));
        if !aborts_first {
            // What was whole and waited for the window, the detach behind it, is given up.
            fed.connection.sender(sender).unwrap().abort(delivery).unwrap();
            fed.write();
            assert!(matches!(written(&mut fed)[..], [p::Performative::Detach(_)]));
        }
        fed.feed_bytes(&frame(0, &p::Detach { handle: Handle::new(0), closed: false, error: None }));
        let events = fed.events();
        let [Event::SenderDetached { cut_off, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!(cut_off, None);
    }
}

/// The answer to a drain is behind the abort, and a close is not.
#[test]
fn fd13d_a_drain_is_answered_behind_the_abort_and_a_close_does_not_wait() {
    let (mut fed, sender, delivery) = held(false);
    let drain = p::Flow { next_incoming_id: Some(2.into()), incoming_window: 0, ..link_flow(0, 10) };
    fed.feed_bytes(&frame(0, &p::Flow { drain: true, ..drain }));
    fed.events();
    let mut link = fed.connection.sender(sender).unwrap();
    link.drained().unwrap();
    link.abort(delivery).unwrap();
    fed.write();
    assert_eq!(written(&mut fed).len(), 0);
    window(&mut fed, 2, 1);
    fed.write();
    let sent = written(&mut fed);
    let [p::Performative::Transfer(abort), p::Performative::Flow(answer)] = &sent[..] else {
        panic!("{sent:?}")
    };
    assert!(abort.aborted);
    assert_eq!((answer.drain, answer.link_credit), (true, Some(0)));
    let (mut fed, sender, delivery) = held(false);
    fed.connection.sender(sender).unwrap().abort(delivery).unwrap();
    fed.connection.close(None).unwrap();
    fed.write();
    assert!(matches!(written(&mut fed)[..], [p::Performative::Close(_)]));
}
