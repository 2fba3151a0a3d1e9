//! Sessions and links that come and go.

use super::{
    Pair, Wire,
    load::{FRAME, Standing},
};

/// Begins a session and ends it, one after the other, beside those that stay.
pub fn begin_end(sessions: Standing) -> impl FnMut(u64) {
    let mut pair = Pair::new(FRAME, 0, Wire::Copied);
    for _ in 0..sessions.0 {
        pair.add_session(0);
    }
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
    let mut pair = Pair::new(FRAME, 0, Wire::Copied);
    let session = pair.add_session(links.0);
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
