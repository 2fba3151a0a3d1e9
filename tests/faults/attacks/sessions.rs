//! Sessions that have hardly more than themselves.

use amqp_proto::{ConnectionConfig, Event, Limits, SessionConfig, spec::definitions::Role};

use super::{Attacked, NOW, attach, begin, server};
use crate::support::{HEAD, hex};

const BUDGET: i64 = 1 << 20;

/// The tables of each session were not counted, and the events of their end came on top of all of them: 1.4 times the
/// budget, and 2.1 times.
#[test]
fn fb5g_sessions_of_one_link_are_counted_in_full_and_end_in_no_more() {
    let limits = Limits::default().max_held_bytes(usize::try_from(BUDGET).expect("it fits"));
    let config = server().channel_max(u16::MAX).limits(limits);
    let mut attacked = Attacked::new(config, &hex(HEAD));
    attacked.polls = true;
    for channel in 1..3000 {
        attacked.feed(&begin(channel, None));
        attacked.feed(&attach(channel, 0, Role::Sender, "l", None));
    }
    assert!(attacked.most > BUDGET / 2, "{}", attacked.most);
    attacked.end();
    // An eighth is for sessions that are refused.
    assert!(attacked.peak < BUDGET + BUDGET / 4, "{}", attacked.peak);
}

/// The events of all its links came on top of them: 1.4 times the budget.
#[test]
fn fb5h_a_session_of_many_links_ends_in_no_more_than_they_take_up() {
    let limits = Limits::default().max_held_bytes(usize::try_from(BUDGET).expect("it fits"));
    let limits = limits.max_held_bytes_per_session(1 << 20);
    let mut attacked = Attacked::new(ConnectionConfig::server("s").limits(limits), &[]);
    let mut input = &hex(HEAD)[..];
    let many = SessionConfig::new().handle_max(u32::MAX);
    for _ in 0..2 {
        let _ = attacked.connection.handle_input(NOW, &mut input);
        match attacked.connection.poll_event() {
            Some(Event::ConnectionRequested) => attacked.connection.open().expect("it is asked to"),
            event => {
                // The connection is open first.
                let next = attacked.connection.poll_event();
                let Some(Event::SessionRequested { session }) = next else { panic!("{event:?} {next:?}") };
                attacked.connection.accept_session(session, many.clone()).expect("it is requested");
            }
        }
    }
    attacked.polls = true;
    for handle in 0..2600 {
        attacked.feed(&attach(0, handle, Role::Sender, &format!("l{handle}"), None));
    }
    assert!(attacked.most > BUDGET / 2, "{}", attacked.most);
    attacked.end();
    assert!(attacked.peak < BUDGET + BUDGET / 4, "{}", attacked.peak);
}
