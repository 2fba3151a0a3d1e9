//! Sessions and links that come and go.

use super::{Pair, Wire};
use crate::plan::{FRAME, Standing};

/// Two ends of a connection with a session on it, on which so many links stay open.
fn standing(links: Standing) -> (Pair, amqp_proto::SessionId) {
    let mut pair = Pair::new(FRAME, 0, Wire::Copied);
    let session = pair.add_session(links.0);
    (pair, session)
}

/// Begins a session and ends it, one after the other.
pub fn begin_end() -> impl FnMut(u64) {
    let (mut pair, _) = standing(Standing(0));
    move |count| {
        let goal = pair.closed + count;
        for _ in 0..count {
            let session = pair.begin();
            pair.turn(|_, _, _| {});
            pair.client.session(session).and_then(|mut session| session.end(None)).expect("it has begun");
            pair.turn(|_, _, _| {});
        }
        assert_eq!(pair.closed, goal);
    }
}

/// Attaches a link and closes it, one after the other, beside those that stay.
pub fn attach_detach(links: Standing) -> impl FnMut(u64) {
    let (mut pair, session) = standing(links);
    move |count| {
        let goal = pair.closed + count;
        for _ in 0..count {
            let sender = pair.attach(session);
            pair.turn(|_, _, _| {});
            pair.client.sender(sender).and_then(|mut sender| sender.close(None)).expect("it is attached");
            pair.turn(|_, _, _| {});
        }
        assert_eq!(pair.closed, goal);
    }
}
