//! Flushes look at sessions that have something they can write.

use super::*;

use crate::{
    Limits, ReceiverConfig, SenderConfig, SessionConfig,
    config::{ConnectionConfig, CreditPolicy},
    frame::Chunks,
};

/// Moves the output of one end to the other. What it does not take yet stays in `wire`.
fn carry(from: &mut Connection, wire: &mut Chunks, to: &mut Connection) {
    while let Some(chunk) = from.poll_transmit(Instant::default()).next_chunk() {
        wire.push(chunk);
    }
    let _ = to.handle_input(Instant::default(), wire);
}

struct World {
    client: Connection,
    server: Connection,
    up: Chunks,
    down: Chunks,
    sessions: [SessionId; 3],
    /// Those that have been ready.
    senders: Vec<SenderId>,
    /// Deliveries that the server has received.
    deliveries: Vec<(ReceiverId, DeliveryId)>,
}

/// A client with a sender in each of three sessions, whose windows at the server have room for `window` frames.
fn world(limits: Limits, window: u32) -> World {
    let mut client = Connection::new(ConnectionConfig::client("c").limits(limits));
    let config = ConnectionConfig::server("s").max_frame_size(512).limits(limits);
    let server = Connection::new(config);
    client.open().unwrap();
    let sessions = [(); 3].map(|()| {
        let session = client.begin(SessionConfig::new()).unwrap();
        client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
        session
    });
    let mut world = World {
        client,
        server,
        up: Chunks::new(),
        down: Chunks::new(),
        sessions,
        senders: Vec::new(),
        deliveries: Vec::new(),
    };
    for _ in 0..6 {
        world.carry_up();
        world.poll_server(window);
        world.carry_down();
    }
    world
}

impl World {
    fn carry_up(&mut self) {
        carry(&mut self.client, &mut self.up, &mut self.server);
    }

    fn carry_down(&mut self) {
        carry(&mut self.server, &mut self.down, &mut self.client);
    }

    fn poll_server(&mut self, window: u32) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::ConnectionRequested => self.server.open().unwrap(),
                Event::SessionRequested { session } => {
                    let config = SessionConfig::new().incoming_window(window);
                    self.server.accept_session(session, config).unwrap();
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                    self.server.accept_receiver(receiver, config).unwrap();
                }
                Event::Delivery { receiver, delivery, .. } => {
                    self.deliveries.push((receiver, delivery.id));
                }
                _ => {}
            }
        }
    }

    /// Sends a message of each sender that is ready.
    fn send(&mut self, size: usize) {
        while let Some(event) = self.client.poll_event() {
            if let Event::SenderReady { sender } = event {
                self.senders.push(sender);
                let _ = self.client.sender(sender).unwrap().send(1_u32, alloc::vec![0; size]);
            }
        }
    }
}

/// Each output looked at all of them.
#[test]
fn sessions_whose_messages_wait_for_the_window_are_not_scheduled() {
    let mut world = world(Limits::default(), 1);
    world.send(1_000);
    assert!(world.client.has_unsent_messages());
    world.carry_up();
    assert!(!world.client.cx.flush_due);
    // Nor are those whose end waits with them.
    world.client.session(world.sessions[0]).unwrap().end(None).unwrap();
    assert!(!world.client.cx.flush_due);
    for _ in 0..20 {
        world.poll_server(1);
        world.carry_down();
        world.carry_up();
    }
    world.poll_server(1);
    assert_eq!(world.deliveries.len(), 3);
    let ended = |event| matches!(event, Event::SessionClosed { session } if session == world.sessions[0]);
    assert!(core::iter::from_fn(|| world.client.poll_event()).any(ended));
}

/// Each flush looked at all of them.
#[test]
fn sessions_whose_messages_wait_for_the_outbox_are_put_aside() {
    let mut world = world(Limits::default().max_outbox_bytes(600), 2048);
    for _ in 0..20 {
        world.send(20_000);
        // Room for one frame, and for one that is new in turn.
        if let Some(chunk) = world.client.poll_transmit(Instant::default()).next_chunk() {
            world.up.push(chunk);
        }
    }
    assert_eq!(world.client.cx.waiting_sessions.len(WaitsFor::Outbox), 3);
    assert!(world.client.cx.to_flush.is_empty() && world.client.cx.flush_due);
    for _ in 0..200 {
        world.carry_up();
        world.poll_server(2048);
        world.carry_down();
    }
    assert_eq!(world.deliveries.len(), 3);
    assert!(!world.client.cx.flush_due);
}

/// Each flush looked at all of them.
#[test]
fn sessions_whose_updates_wait_for_the_peer_are_put_aside() {
    let mut world = world(Limits::default().max_reply_bytes(60), 2048);
    world.send(10);
    for _ in 0..3 {
        for sender in world.senders.clone() {
            world.client.sender(sender).unwrap().send(1_u32, alloc::vec![0; 10]).unwrap();
        }
        world.carry_up();
        world.poll_server(2048);
        for (receiver, delivery) in core::mem::take(&mut world.deliveries) {
            world.server.receiver(receiver).unwrap().accept(delivery).unwrap();
        }
        // Nobody reads it.
        let _ = world.server.poll_transmit(Instant::default());
    }
    assert_eq!(world.server.cx.waiting_sessions.len(WaitsFor::Updates), 3);
    assert!(world.server.cx.to_flush.is_empty() && world.server.cx.flush_due);
    for _ in 0..3 {
        world.carry_down();
    }
    assert!(world.client.sessions.iter().all(|session| session.unsettled_len() == 0));
    assert!(!world.server.cx.flush_due);
}
