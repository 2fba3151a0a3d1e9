//! Sources and targets (3.5).

use alloc::boxed::Box;

use super::{delivery_state::Outcome, transaction::Coordinator};
use crate::types::{Fields, Map, Seconds, Str, Symbol};

/// Filters by name (3.5.8); each is a described value or null.
pub type FilterSet = Map<Symbol>;

restricted! {
    closed {
        /// The part of a terminus that survives a failure.
        TerminusDurability: u32 in "3.5.5" {
            /// Nothing.
            #[default]
            None = 0;
            /// That it exists and how it is configured.
            Configuration = 1;
            /// Also its unsettled deliveries.
            UnsettledState = 2;
        }
    }
    closed_symbols {
        /// When the clock of a terminus's expiry starts.
        TerminusExpiryPolicy: Symbol in "3.5.6" {
            /// When the link is detached.
            LinkDetach = "link-detach";
            /// When the session ends.
            #[default]
            SessionEnd = "session-end";
            /// When the connection is closed.
            ConnectionClose = "connection-close";
            /// Never.
            Never = "never";
        }
    }
    open {
        /// How a source distributes its messages among its links.
        DistributionMode: Symbol in "3.5.7" {
            /// Each to one link.
            #[default]
            Move = "move";
            /// To every link.
            Copy = "copy";
        }
    }
}

standard_composites! {
    /// Where messages come from.
    Source = "amqp:source:list" (0x28) in "3.5.3" {
        /// The node's address.
        address: Str;
        /// The part that survives a failure.
        durable: TerminusDurability, default TerminusDurability::None;
        /// When the expiry's clock starts.
        expiry_policy: TerminusExpiryPolicy, default TerminusExpiryPolicy::SessionEnd;
        /// How long an expiring source is kept.
        timeout: Seconds, default Seconds::new(0);
        /// True if the peer must make the node, and name it.
        dynamic: bool, default false;
        /// The properties of the node to be made.
        dynamic_node_properties: Fields;
        /// How messages are distributed among links.
        distribution_mode: DistributionMode;
        /// Which messages come.
        filter: FilterSet;
        /// The outcome of a delivery that is settled without one.
        default_outcome: Outcome;
        /// The outcomes that the source supports, by their descriptors' names.
        outcomes: Symbol, multiple;
        /// Extensions that the source supports.
        capabilities: Symbol, multiple;
    }

    /// Where messages go to.
    Target = "amqp:target:list" (0x29) in "3.5.4" {
        /// The node's address.
        address: Str;
        /// The part that survives a failure.
        durable: TerminusDurability, default TerminusDurability::None;
        /// When the expiry's clock starts.
        expiry_policy: TerminusExpiryPolicy, default TerminusExpiryPolicy::SessionEnd;
        /// How long an expiring target is kept.
        timeout: Seconds, default Seconds::new(0);
        /// True if the peer must make the node, and name it.
        dynamic: bool, default false;
        /// The properties of the node to be made.
        dynamic_node_properties: Fields;
        /// Extensions that the target supports.
        capabilities: Symbol, multiple;
    }

    /// A lifetime policy: the node goes when its creating link is closed.
    DeleteOnClose = "amqp:delete-on-close:list" (0x2b) in "3.5.10" {}
    /// A lifetime policy: the node goes when it has no links.
    DeleteOnNoLinks = "amqp:delete-on-no-links:list" (0x2c) in "3.5.11" {}
    /// A lifetime policy: the node goes when it has no messages.
    DeleteOnNoMessages = "amqp:delete-on-no-messages:list" (0x2d) in "3.5.12" {}
    /// A lifetime policy: the node goes when it has neither links nor messages.
    DeleteOnNoLinksOrMessages = "amqp:delete-on-no-links-or-messages:list" (0x2e) in "3.5.13" {}
}

archetypes! {
    /// The types of an attach's target (2.7.3, 4.5.1).
    TargetArchetype = "target" {
        /// See [`Target`].
        Target(Target);
        /// See [`Coordinator`].
        Coordinator(Coordinator);
    }

    /// When a dynamic node goes away (3.5.9 `lifetime-policy`).
    LifetimePolicy = "lifetime-policy" {
        /// See [`DeleteOnClose`].
        DeleteOnClose(DeleteOnClose);
        /// See [`DeleteOnNoLinks`].
        DeleteOnNoLinks(DeleteOnNoLinks);
        /// See [`DeleteOnNoMessages`].
        DeleteOnNoMessages(DeleteOnNoMessages);
        /// See [`DeleteOnNoLinksOrMessages`].
        DeleteOnNoLinksOrMessages(DeleteOnNoLinksOrMessages);
    }
}

impl Source {
    /// Returns a source at this address.
    pub fn at(address: impl Into<Str>) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }
}

impl Target {
    /// Returns a target at this address.
    pub fn at(address: impl Into<Str>) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }
}

impl From<Target> for Box<TargetArchetype> {
    fn from(target: Target) -> Self {
        Self::new(TargetArchetype::Target(target))
    }
}
