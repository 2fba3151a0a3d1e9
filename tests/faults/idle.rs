//! Silence, and what is none.

use std::time::Duration;

use crate::peer;
use amqp_proto::{ConnectionConfig, Event, Instant, testing::Pair};

#[test]
fn fg3q_frames_that_waited_in_the_transport_are_a_sign_of_life() {
    let opened = || {
        let config = ConnectionConfig::client("client").idle_timeout(Duration::from_secs(1));
        let server = ConnectionConfig::server("server").auto_accept_sessions(true);
        let mut pair = Pair::new(config, server);
        pair.client.connection.open().unwrap();
        pair.run();
        assert_eq!(pair.client.connection.poll_event(), Some(Event::ConnectionOpen));
        pair.client.connection
    };
    let (late, heartbeat) = (Instant::from_millis(1500), peer::raw(0, 0, &[]));
    let mut first_input = opened();
    let _ = first_input.handle_input(late, &mut heartbeat.as_slice());
    first_input.handle_timeout(late);
    assert!(first_input.is_open() && first_input.poll_event().is_none());
    // The loops of the examples and the guides do not do this.
    let mut first_timeout = opened();
    first_timeout.handle_timeout(late);
    assert_eq!(first_timeout.poll_event().map(|event| event.name()), Some("CONNECTION_ERROR"));
}
