//! Settings that make a session or link as its counterpart is: termini, modes, properties and capabilities.

use amqp_proto::{
    Connection, ReceiverConfig, SenderConfig, SessionConfig, SessionId,
    spec::{performatives::Attach, terminus::TargetArchetype},
};

/// Returns settings for the counterpart of a session.
pub fn session_config(near: &Connection, session: SessionId) -> SessionConfig {
    let begin = near.session_ref(session).ok().and_then(|session| session.remote_begin());
    match begin.and_then(|begin| begin.properties) {
        Some(properties) => SessionConfig::new().properties(properties),
        None => SessionConfig::new(),
    }
}

/// Returns settings for a sender on one side, from the attach of the peer on the other.
///
/// Deliveries are settled when that peer settles them, so not by the engine.
pub fn sender_config(attach: Option<Attach>) -> SenderConfig {
    let Some(attach) = attach else { return SenderConfig::new() };
    let mut config = match attach.target.map(|target| *target) {
        // A transaction's id is in the states of deliveries, which are passed on as they are (4.4.4).
        Some(TargetArchetype::Coordinator(coordinator)) => SenderConfig::to_coordinator(coordinator),
        Some(TargetArchetype::Target(target)) => SenderConfig::new().target(target),
        None => SenderConfig::new(),
    };
    if let Some(source) = attach.source {
        config = config.source(*source);
    }
    if let Some(properties) = attach.properties {
        config = config.properties(properties);
    }
    config
        .name(attach.name)
        .snd_settle_mode(attach.snd_settle_mode)
        .rcv_settle_mode(attach.rcv_settle_mode)
        .offered_capabilities(attach.offered_capabilities.into_inner())
        .desired_capabilities(attach.desired_capabilities.into_inner())
        .settle_on_outcome(false)
}

/// Returns settings for a receiver on one side, from the attach of the peer on the other.
///
/// It streams: a delivery is passed on while it arrives, however long it is.
pub fn receiver_config(attach: Option<Attach>) -> ReceiverConfig {
    let Some(attach) = attach else { return ReceiverConfig::new() };
    let mut config = match attach.target.map(|target| *target) {
        Some(TargetArchetype::Coordinator(coordinator)) => ReceiverConfig::new().coordinator(coordinator),
        Some(TargetArchetype::Target(target)) => ReceiverConfig::new().target(target),
        None => ReceiverConfig::new(),
    };
    if let Some(source) = attach.source {
        config = config.source(*source);
    }
    if let Some(properties) = attach.properties {
        config = config.properties(properties);
    }
    config
        .name(attach.name)
        .snd_settle_mode(attach.snd_settle_mode)
        .rcv_settle_mode(attach.rcv_settle_mode)
        .max_message_size(attach.max_message_size.unwrap_or(0))
        .offered_capabilities(attach.offered_capabilities.into_inner())
        .desired_capabilities(attach.desired_capabilities.into_inner())
        .streaming(true)
}
