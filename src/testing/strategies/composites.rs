//! Strategies for the types of the standard.

use alloc::vec::Vec;

use bytes::Bytes;
use proptest::{collection::vec as vec_of, prelude::*};

use super::{any, generate};
use crate::{
    spec::{
        definitions::*, delivery_state::*, messaging::*, performatives::*, sasl::*, terminus::*,
        transaction::*,
    },
    types::*,
};

/// Generates composites: each field by the strategy of its type.
macro_rules! composites {
    ($($name:ident { $($field:ident),* })*) => {
        generate! {$(
            $name => composites!(@fields $($field)*)
                .prop_map(|composites!(@pattern $($field)*)| Self { $($field),* });
        )*}
    };
    // Nested pairs, because proptest implements `Strategy` for tuples of up to twelve only.
    (@fields) => { Just(()) };
    (@fields $field:ident $($rest:ident)*) => { (any(), composites!(@fields $($rest)*)) };
    (@pattern) => { () };
    (@pattern $field:ident $($rest:ident)*) => { ($field, composites!(@pattern $($rest)*)) };
}

composites! {
    Open {
        container_id, hostname, max_frame_size, channel_max, idle_time_out, outgoing_locales, incoming_locales,
        offered_capabilities, desired_capabilities, properties
    }
    Begin {
        remote_channel, next_outgoing_id, incoming_window, outgoing_window, handle_max, offered_capabilities,
        desired_capabilities, properties
    }
    Attach {
        name, handle, role, snd_settle_mode, rcv_settle_mode, source, target, unsettled, incomplete_unsettled,
        initial_delivery_count, max_message_size, offered_capabilities, desired_capabilities, properties
    }
    Flow {
        next_incoming_id, incoming_window, next_outgoing_id, outgoing_window, handle, delivery_count, link_credit,
        available, drain, echo, properties
    }
    Transfer {
        handle, delivery_id, delivery_tag, message_format, settled, more, rcv_settle_mode, state, resume, aborted,
        batchable
    }
    Disposition { role, first, last, settled, state, batchable }
    Detach { handle, closed, error }
    End { error }
    Close { error }
    AmqpError { condition, description, info }

    Header { durable, priority, ttl, first_acquirer, delivery_count }
    Properties {
        message_id, user_id, to, subject, reply_to, correlation_id, content_type, content_encoding,
        absolute_expiry_time, creation_time, group_id, group_sequence, reply_to_group_id
    }

    Received { section_number, section_offset }
    Accepted {}
    Rejected { error }
    Released {}
    Modified { delivery_failed, undeliverable_here, message_annotations }

    Source {
        address, durable, expiry_policy, timeout, dynamic, dynamic_node_properties, distribution_mode, filter,
        default_outcome, outcomes, capabilities
    }
    Target { address, durable, expiry_policy, timeout, dynamic, dynamic_node_properties, capabilities }
    DeleteOnClose {}
    DeleteOnNoLinks {}
    DeleteOnNoMessages {}
    DeleteOnNoLinksOrMessages {}

    Coordinator { capabilities }
    Declare { global_id }
    Discharge { txn_id, fail }
    Declared { txn_id }
    TransactionalState { txn_id, outcome }

    SaslInit { mechanism, initial_response, hostname }
    SaslChallenge { challenge }
    SaslResponse { response }
    SaslOutcome { code, additional_data }
}

/// Generates one of the choices of a restricted type.
macro_rules! closed {
    ($($name:ident)*) => {
        generate! {$(
            $name => proptest::sample::select($name::CHOICES).prop_map(|(choice, ..)| choice);
        )*}
    };
}

closed! { Role SenderSettleMode ReceiverSettleMode TerminusDurability TerminusExpiryPolicy SaslCode }

/// Generates mostly one of the choices of a restricted type, else any symbol.
macro_rules! open {
    ($($name:ident)*) => {
        generate! {$(
            $name => prop_oneof![
                3 => proptest::sample::select($name::CHOICES).prop_map(|(choice, ..)| choice),
                1 => any::<Symbol>().prop_map(Self::from),
            ];
        )*}
    };
}

open! { ErrorCondition DistributionMode TransactionCapability }

/// Generates one of the types of an archetype.
macro_rules! archetypes {
    ($($name:ident: $($ty:ident)*;)*) => {
        generate! {$(
            $name => prop_oneof![$(any::<$ty>().prop_map(Self::from)),*];
        )*}
    };
    // As above, or now and then a described value of an unknown type.
    (open $($name:ident: $($ty:ident)*;)*) => {
        generate! {$(
            $name => prop_oneof![
                6 => prop_oneof![$(any::<$ty>().prop_map(Self::from)),*],
                1 => any::<Described>().prop_map(|described| {
                    let known = $name::TYPES.iter().any(|(_, code, symbol)| {
                        described.descriptor == Value::Ulong(*code) || described.descriptor == **symbol
                    });
                    if known { Self::from(Accepted {}) } else { Self::Other(described.into()) }
                }),
            ];
        )*}
    };
}

archetypes! {
    Performative: Open Begin Attach Flow Transfer Disposition Detach End Close;
    TargetArchetype: Target Coordinator;
    LifetimePolicy: DeleteOnClose DeleteOnNoLinks DeleteOnNoMessages DeleteOnNoLinksOrMessages;
    SaslFrame: SaslMechanisms SaslInit SaslChallenge SaslResponse SaslOutcome;
    CoordinatorRequest: Declare Discharge;
}

archetypes! { open
    DeliveryState: Received Accepted Rejected Released Modified Declared TransactionalState;
    Outcome: Accepted Rejected Released Modified Declared;
}

generate! {
    // 1.3: the field is mandatory and multiple, so it has at least one value.
    SaslMechanisms => vec_of(any::<Symbol>(), 1..4)
        .prop_map(|mechanisms: Vec<Symbol>| Self { sasl_server_mechanisms: mechanisms.into() });
    MessageId => prop_oneof![
        any().prop_map(Self::Ulong),
        any().prop_map(Self::Uuid),
        any::<Bytes>().prop_map(Self::Binary),
        any().prop_map(Self::String),
    ];
}
