//! Settings of a link, by its direction.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    spec::{
        definitions::{ReceiverSettleMode, SenderSettleMode},
        terminus::{Source, Target, TargetArchetype},
        transaction::Coordinator,
    },
    types::{Fields, SequenceNo, Str, Symbol},
};

/// The source of a receiver's credit (2.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreditPolicy {
    /// The application sets it, by [`Receiver::set_credit`](crate::Receiver::set_credit) or
    /// [`add_credit`](crate::Receiver::add_credit). A delivery that its sender aborts uses credit too (2.6.14); unless
    /// the link streams, no event names it, so [`credit`](crate::Receiver::credit) is what counts.
    #[default]
    Manual,
    /// The engine keeps it between half of this many messages and all of them. Credit is given again once half of it
    /// has been used by deliveries that the application has seen. More than 2³¹-1 counts as 2³¹-1.
    Auto(u32),
}

/// The settings that both directions convert into. A setting without meaning for a direction keeps its default.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkConfig {
    pub(crate) name: Option<Str>,
    pub(crate) source: Option<Box<Source>>,
    pub(crate) target: Option<Box<TargetArchetype>>,
    pub(crate) snd_settle_mode: SenderSettleMode,
    pub(crate) rcv_settle_mode: ReceiverSettleMode,
    pub(crate) max_message_size: u64,
    pub(crate) properties: Option<Fields>,
    pub(crate) offered_capabilities: Vec<Symbol>,
    pub(crate) desired_capabilities: Vec<Symbol>,
    pub(crate) credit: CreditPolicy,
    pub(crate) streaming: bool,
    pub(crate) keep_outcomes: bool,
    pub(crate) initial_delivery_count: SequenceNo,
}

impl From<SenderConfig> for LinkConfig {
    fn from(config: SenderConfig) -> Self {
        config.0
    }
}

impl From<ReceiverConfig> for LinkConfig {
    fn from(config: ReceiverConfig) -> Self {
        config.0
    }
}

/// Settings of a link to send on.
///
/// [`to`](Self::to) is for a link that we ask for, [`new`](Self::new) for one that the peer asks for.
///
/// ```
/// use amqp_proto::{SenderConfig, spec::definitions::SenderSettleMode};
///
/// let config = SenderConfig::to("orders").name("orders-1").snd_settle_mode(SenderSettleMode::Unsettled);
/// # let _ = config;
/// ```
///
/// A sender's settings do not attach a receiver:
///
/// ```compile_fail,E0308
/// # use amqp_proto::{CommandError, SenderConfig, Session};
/// fn attach(session: &mut Session<'_>) -> Result<(), CommandError> {
///     session.attach_receiver(SenderConfig::to("orders"))?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct SenderConfig(pub(crate) LinkConfig);

/// Settings of a link to receive on.
///
/// [`from`](Self::from) is for a link that we ask for, [`new`](Self::new) for one that the peer asks for.
///
/// ```
/// use amqp_proto::{CreditPolicy, ReceiverConfig};
///
/// let config = ReceiverConfig::from("orders").credit(CreditPolicy::Auto(100));
/// # let _ = config;
/// ```
///
/// A receiver's settings do not attach a sender:
///
/// ```compile_fail,E0308
/// # use amqp_proto::{CommandError, ReceiverConfig, Session};
/// fn attach(session: &mut Session<'_>) -> Result<(), CommandError> {
///     session.attach_sender(ReceiverConfig::from("orders"))?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReceiverConfig(pub(crate) LinkConfig);

macro_rules! link_setters {
    ($($(#[$meta:meta])* $name:ident: $ty:ty;)*) => {$(
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $name: $ty) -> Self {
            self.0.$name = $name;
            self
        }
    )*};
}

/// The settings that mean something for both directions.
macro_rules! common_setters {
    () => {
        /// Sets the link's name (2.6.1), which must be unique among the session's links of this direction.
        ///
        /// By default the name is the container's id and a number, unique on its connection only: name the link if
        /// several connections of one container attach links to one peer. Ignored when a link is accepted, since the
        /// peer has named it.
        #[must_use]
        pub fn name(mut self, name: impl Into<Str>) -> Self {
            self.0.name = Some(name.into());
            self
        }

        /// Sets the source (3.5.3), the terminus that messages come from. When a link is accepted the default is the
        /// source that the peer asked for.
        #[must_use]
        pub fn source(mut self, source: Source) -> Self {
            self.0.source = Some(Box::new(source));
            self
        }

        /// Sets the target (3.5.4), the terminus that messages go to. When a link is accepted the default is the
        /// target that the peer asked for.
        #[must_use]
        pub fn target(mut self, target: Target) -> Self {
            self.0.target = Some(target.into());
            self
        }

        /// Sets properties of the link (2.7.3). Default none.
        #[must_use]
        pub fn properties(mut self, properties: Fields) -> Self {
            self.0.properties = Some(properties);
            self
        }

        link_setters! {
            /// Sets the extensions that this end supports (2.7.3). Default none.
            offered_capabilities: Vec<Symbol>;
            /// Sets the extensions that this end will use if the peer offers them (2.7.3). Default none.
            desired_capabilities: Vec<Symbol>;
        }
    };
}

impl SenderConfig {
    /// Returns the defaults, without a source or a target, for
    /// [`Connection::accept_sender`](crate::Connection::accept_sender). A link that we ask for has a source without an
    /// address then, and needs a target.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns settings for a link to the node at this address, for
    /// [`Session::attach_sender`](crate::Session::attach_sender). The source is one without an address.
    pub fn to(address: impl Into<Str>) -> Self {
        Self(LinkConfig {
            target: Some(Target::at(address).into()),
            source: Some(Box::default()),
            ..LinkConfig::default()
        })
    }

    /// Returns settings for a link to a transaction coordinator (4.5.1), for
    /// [`Session::attach_sender`](crate::Session::attach_sender).
    pub fn to_coordinator(coordinator: Coordinator) -> Self {
        Self(LinkConfig {
            target: Some(Box::new(TargetArchetype::Coordinator(coordinator))),
            source: Some(Box::default()),
            ..LinkConfig::default()
        })
    }

    common_setters!();

    /// If true, the default, a delivery is settled as soon as the peer announces its outcome. If false, the
    /// application settles it, by [`Sender::settle`](crate::Sender::settle).
    ///
    /// On a link that has been detached the application cannot, so outcomes that arrive then are settled at once.
    #[must_use]
    pub fn settle_on_outcome(mut self, settle: bool) -> Self {
        self.0.keep_outcomes = !settle;
        self
    }

    link_setters! {
        /// Sets how deliveries are sent: settled, unsettled or either (2.8.2). Default `mixed`: each as its
        /// [`SendOptions`](crate::SendOptions) ask.
        snd_settle_mode: SenderSettleMode;
        /// Asks the receiver to settle first or second (2.8.3). Default `first`. The receiver's own attach decides,
        /// so this is ignored when a link is accepted.
        rcv_settle_mode: ReceiverSettleMode;
        /// Sets the delivery-count that the link begins with (2.7.3 `initial-delivery-count`). Default 0. The count is
        /// a serial number, so any value does.
        initial_delivery_count: SequenceNo;
    }
}

impl ReceiverConfig {
    /// Returns the defaults, without a source or a target, for
    /// [`Connection::accept_receiver`](crate::Connection::accept_receiver). A link that we ask for has a target without an
    /// address then, and needs a source.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns settings for a link from the node at this address, for
    /// [`Session::attach_receiver`](crate::Session::attach_receiver). The target is one without an address.
    pub fn from(address: impl Into<Str>) -> Self {
        Self(LinkConfig {
            source: Some(Box::new(Source::at(address))),
            target: Some(Target::default().into()),
            ..LinkConfig::default()
        })
    }

    common_setters!();

    /// Accepts a link to our transaction coordinator with these capabilities as its target (4.5.1).
    #[must_use]
    pub fn coordinator(mut self, coordinator: Coordinator) -> Self {
        self.0.target = Some(Box::new(TargetArchetype::Coordinator(coordinator)));
        self
    }

    link_setters! {
        /// Asks the sender to send settled, unsettled or either (2.8.2). Default `mixed`. The sender's own attach
        /// decides, so this is ignored when a link is accepted.
        snd_settle_mode: SenderSettleMode;
        /// Sets when this receiver settles, first or second (2.8.3). Default `first`: an outcome settles its delivery.
        rcv_settle_mode: ReceiverSettleMode;
        /// Sets the largest message accepted, in bytes (2.7.3 `max-message-size`). Default 0, no limit of the
        /// link's. A larger message detaches the link with `amqp:link:message-size-exceeded`.
        max_message_size: u64;
        /// Sets where credit comes from. Default [`CreditPolicy::Manual`].
        credit: CreditPolicy;
        /// If true, a delivery of several frames is read as they arrive, by
        /// [`Receiver::read_chunk`](crate::Receiver::read_chunk). Default false: each delivery arrives whole, within
        /// [`Limits::max_buffered_bytes_per_delivery`](crate::Limits::max_buffered_bytes_per_delivery).
        streaming: bool;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_the_terminus_at_the_peer() {
        let link = LinkConfig::from(SenderConfig::to("node"));
        assert_eq!(link.target, Some(Target::at("node").into()));
        assert_eq!(link.source, Some(Box::default()));
        let link = LinkConfig::from(ReceiverConfig::from("node"));
        assert_eq!(link.source, Some(Box::new(Source::at("node"))));
        assert_eq!(link.target, Some(Target::default().into()));
    }

    #[test]
    fn settings_to_accept_with_leave_the_termini_to_the_peer() {
        for link in [LinkConfig::from(SenderConfig::new()), LinkConfig::from(ReceiverConfig::new())] {
            assert_eq!((link.source, link.target, link.name), (None, None, None));
        }
    }
}
