//! Settings of a session.

use crate::types::Fields;

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) properties: Option<Fields>,
}

impl SessionConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            incoming_window: 2048,
            outgoing_window: i32::MAX.cast_unsigned(),
            handle_max: 255,
            next_outgoing_id: 0,
            properties: None,
        }
    }

    setters! {
        /// Transfer frames that are held at a time (2.5.6 `incoming-window`). Default 2 048.
        incoming_window: u32;
        /// The outgoing-window announced to the peer, in transfer frames (2.5.6). Default 2³¹-1: what is sent is
        /// bounded by the peer's window and by [`Limits::max_outbox_bytes`], not by this.
        outgoing_window: u32;
        /// The highest handle accepted (2.7.2 `handle-max`), one less than the number of links; at most 65 535.
        /// Default 255.
        handle_max: u32;
        /// The transfer-id of the first transfer sent (2.5.6). Default 0.
        next_outgoing_id: u32;
    }

    /// Properties of the session (2.7.2).
    #[must_use]
    pub fn properties(mut self, properties: Fields) -> Self {
        self.properties = Some(properties);
        self
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}
