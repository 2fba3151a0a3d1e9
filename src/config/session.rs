//! Settings of a session.

use alloc::boxed::Box;

use crate::{
    spec::performatives::Begin,
    types::{Fields, Multiple, Symbol},
};

/// Settings of a session, whether we begin it or accept it.
///
/// ```
/// use amqp_proto::SessionConfig;
///
/// let config = SessionConfig::new().incoming_window(100).handle_max(9);
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct SessionConfig {
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) facts: Option<Box<BeginFacts>>,
}

/// The fields of a begin that are not numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct BeginFacts {
    pub(crate) properties: Option<Fields>,
    pub(crate) offered_capabilities: Multiple<Symbol>,
    pub(crate) desired_capabilities: Multiple<Symbol>,
}

impl BeginFacts {
    /// Returns a begin with these fields.
    pub(crate) fn add_to(&self, begin: Begin) -> Begin {
        Begin {
            properties: self.properties.clone(),
            offered_capabilities: self.offered_capabilities.clone(),
            desired_capabilities: self.desired_capabilities.clone(),
            ..begin
        }
    }
}

impl SessionConfig {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self {
            incoming_window: 2048,
            outgoing_window: i32::MAX.cast_unsigned(),
            handle_max: 255,
            next_outgoing_id: 0,
            facts: None,
        }
    }

    setters! {
        /// Sets the number of transfer frames held at a time (2.5.6 `incoming-window`). Default 2 048; 0 lets the peer
        /// send none.
        ///
        /// A transfer beyond it ends the session with `amqp:session:window-violation`.
        incoming_window: u32;
        /// Sets the outgoing-window announced to the peer, in transfer frames (2.5.6). Default 2³¹-1.
        ///
        /// Output is bounded by the peer's incoming window and by
        /// [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes), not by this.
        outgoing_window: u32;
        /// Sets the transfer-id of the first transfer sent (2.5.6 `next-outgoing-id`). Default 0.
        next_outgoing_id: u32;
    }

    /// Sets the highest handle accepted (2.7.2 `handle-max`), one less than the number of links. Default 255; more than
    /// 65 535 counts as 65 535.
    ///
    /// An attach with a higher handle closes the connection with `amqp:connection:framing-error`. If attaches of both ends
    /// cross and no handle is left to answer with, the session ends with `amqp:resource-limit-exceeded`.
    #[must_use]
    pub fn handle_max(mut self, handle: u32) -> Self {
        self.handle_max = handle.min(u16::MAX.into());
        self
    }

    /// Sets properties of the session (2.7.2). Default none.
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.facts.get_or_insert_default().properties = Some(properties);
        self
    }

    /// Sets the extensions that this end of the session supports (2.7.2). Default none.
    #[must_use]
    pub fn offered_capabilities(mut self, capabilities: impl IntoIterator<Item = Symbol>) -> Self {
        self.facts.get_or_insert_default().offered_capabilities = capabilities.into_iter().collect();
        self
    }

    /// Sets the extensions that this end of the session uses if the peer offers them (2.7.2). Default none.
    #[must_use]
    pub fn desired_capabilities(mut self, capabilities: impl IntoIterator<Item = Symbol>) -> Self {
        self.facts.get_or_insert_default().desired_capabilities = capabilities.into_iter().collect();
        self
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}
