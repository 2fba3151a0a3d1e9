//! The states of a delivery (3.4, 4.5.5, 4.5.6).

use alloc::{boxed::Box, sync::Arc};

use super::{
    definitions::AmqpError,
    transaction::{Declared, TransactionalState},
};
use crate::types::{Fields, HeapSize};

standard_composites! {
    /// Partial message data has arrived, up to and not including this place.
    Received = "amqp:received:list" (0x23) in "3.4.1" {
        /// The section of the message, counted from 0.
        section_number: u32, mandatory;
        /// Bytes into the section.
        section_offset: u64, mandatory;
    }

    /// The message has been processed.
    Accepted = "amqp:accepted:list" (0x24) in "3.4.2" {}

    /// The message is invalid and cannot be processed.
    Rejected = "amqp:rejected:list" (0x25) in "3.4.3" {
        /// Why.
        error: AmqpError;
    }

    /// The message was not and will not be processed.
    Released = "amqp:released:list" (0x26) in "3.4.4" {}

    /// The message was not processed, and is to be changed before the next attempt.
    Modified = "amqp:modified:list" (0x27) in "3.4.5" {
        /// True if the attempt counts as failed.
        delivery_failed: bool;
        /// True if the message must not be sent to this link again.
        undeliverable_here: bool;
        /// Annotations to merge into the message's.
        message_annotations: Fields;
    }
}

archetypes! {
    /// The state of a delivery at one end of its link (3.4).
    DeliveryState = "delivery-state" {
        /// See [`Received`].
        Received(Received);
        /// See [`Accepted`].
        Accepted(Accepted);
        /// See [`Rejected`].
        Rejected(Arc<Rejected>);
        /// See [`Released`].
        Released(Released);
        /// See [`Modified`].
        Modified(Arc<Modified>);
        /// See [`Declared`].
        Declared(Arc<Declared>);
        /// See [`TransactionalState`].
        TransactionalState(Arc<TransactionalState>);
    } [or Other]

    /// A terminal state of a delivery at its receiver (3.4), as a source's default-outcome or within a
    /// transactional state.
    Outcome = "outcome" {
        /// See [`Accepted`].
        Accepted(Accepted);
        /// See [`Rejected`].
        Rejected(Box<Rejected>);
        /// See [`Released`].
        Released(Released);
        /// See [`Modified`].
        Modified(Box<Modified>);
        /// See [`Declared`].
        Declared(Box<Declared>);
    } [or Other]
}

impl DeliveryState {
    /// True if this is an outcome, after which a receiver's state can't change (3.4).
    pub const fn is_terminal(&self) -> bool {
        match self {
            Self::Accepted(_)
            | Self::Rejected(_)
            | Self::Released(_)
            | Self::Modified(_)
            | Self::Declared(_) => true,
            Self::Received(_) | Self::TransactionalState(_) | Self::Other(_) => false,
        }
    }

    /// The state `accepted` (3.4.2).
    pub const ACCEPTED: Self = Self::Accepted(Accepted {});
    /// The state `released` (3.4.4).
    pub const RELEASED: Self = Self::Released(Released {});
}

impl HeapSize for DeliveryState {
    fn heap_size(&self) -> usize {
        match self {
            Self::Received(_) | Self::Accepted(_) | Self::Released(_) => 0,
            Self::Rejected(rejected) => {
                size_of::<Rejected>().saturating_add(rejected.error.as_ref().map_or(0, HeapSize::heap_size))
            }
            Self::Modified(modified) => {
                size_of::<Modified>().saturating_add(modified.message_annotations.heap_size())
            }
            Self::Declared(_) => size_of::<Declared>(),
            Self::TransactionalState(state) => {
                size_of::<TransactionalState>().saturating_add(state.outcome.heap_size())
            }
            Self::Other(described) => described.heap_size(),
        }
    }
}

impl HeapSize for Outcome {
    fn heap_size(&self) -> usize {
        match self {
            Self::Accepted(_) | Self::Released(_) => 0,
            Self::Rejected(rejected) => {
                size_of::<Rejected>().saturating_add(rejected.error.as_ref().map_or(0, HeapSize::heap_size))
            }
            Self::Modified(modified) => {
                size_of::<Modified>().saturating_add(modified.message_annotations.heap_size())
            }
            Self::Declared(_) => size_of::<Declared>(),
            Self::Other(described) => described.heap_size(),
        }
    }
}
