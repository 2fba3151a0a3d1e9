//! The types of transactions (4.5).

use bytes::Bytes;

use super::delivery_state::Outcome;
use crate::types::{Symbol, TransactionId};

restricted! {
    open {
        /// A capability of a coordinator.
        TransactionCapability: Symbol in "4.5.7" {
            /// Local transactions.
            #[default]
            LocalTransactions = "amqp:local-transactions";
            /// Distributed transactions.
            DistributedTransactions = "amqp:distributed-transactions";
            /// Local transactions that become distributed ones.
            PromotableTransactions = "amqp:promotable-transactions";
            /// Several transactions at a time on one session.
            MultiTxnsPerSsn = "amqp:multi-txns-per-ssn";
            /// One transaction over several sessions.
            MultiSsnsPerTxn = "amqp:multi-ssns-per-txn";
        }
    }
}

standard_composites! {
    /// The target of a control link: the resource that coordinates transactions.
    Coordinator = "amqp:coordinator:list" (0x30) in "4.5.1" {
        /// The coordinator's capabilities, by [`TransactionCapability`] names.
        capabilities: Symbol, multiple;
    }

    /// Asks for a new transaction.
    Declare = "amqp:declare:list" (0x31) in "4.5.2" {
        /// The distributed transaction to be part of.
        global_id: Bytes;
    }

    /// Asks for the end of a transaction.
    Discharge = "amqp:discharge:list" (0x32) in "4.5.3" {
        /// The transaction.
        txn_id: TransactionId, mandatory;
        /// True if its work must be undone.
        fail: bool;
    }

    /// The outcome of a declare.
    Declared = "amqp:declared:list" (0x33) in "4.5.5" {
        /// The new transaction.
        txn_id: TransactionId, mandatory;
    }

    /// The state of a delivery that is part of a transaction.
    TransactionalState = "amqp:transactional-state:list" (0x34) in "4.5.6" {
        /// The transaction.
        txn_id: TransactionId, mandatory;
        /// The outcome that holds if the transaction succeeds.
        outcome: Outcome;
    }
}

archetypes! {
    /// The types of a message to a coordinator (4.2, 4.3).
    CoordinatorRequest = "coordinator request" {
        /// See [`Declare`].
        Declare(Declare);
        /// See [`Discharge`].
        Discharge(Discharge);
    }
}
