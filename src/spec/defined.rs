//! Every type that the standard defines with a descriptor.

use super::{
    Composite,
    definitions::AmqpError,
    delivery_state::{Accepted, Modified, Received, Rejected, Released},
    messaging::{
        AMQP_SEQUENCE, AMQP_VALUE, APPLICATION_PROPERTIES, DATA, DELIVERY_ANNOTATIONS, FOOTER, Header,
        MESSAGE_ANNOTATIONS, Properties,
    },
    performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Transfer},
    sasl::{SaslChallenge, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    terminus::{
        DeleteOnClose, DeleteOnNoLinks, DeleteOnNoLinksOrMessages, DeleteOnNoMessages, Source, Target,
    },
    transaction::{Coordinator, Declare, Declared, Discharge, TransactionalState},
};
use crate::codec::Known;

const fn of<T: Composite>() -> Known {
    (T::NAME, T::CODE, T::SYMBOL)
}

/// Every type that the standard defines with a descriptor: unknown is not the same as known to be another.
pub(crate) const DEFINED: &[Known] = &[
    of::<Open>(),
    of::<Begin>(),
    of::<Attach>(),
    of::<Flow>(),
    of::<Transfer>(),
    of::<Disposition>(),
    of::<Detach>(),
    of::<End>(),
    of::<Close>(),
    of::<AmqpError>(),
    of::<Received>(),
    of::<Accepted>(),
    of::<Rejected>(),
    of::<Released>(),
    of::<Modified>(),
    of::<Source>(),
    of::<Target>(),
    of::<DeleteOnClose>(),
    of::<DeleteOnNoLinks>(),
    of::<DeleteOnNoMessages>(),
    of::<DeleteOnNoLinksOrMessages>(),
    of::<Coordinator>(),
    of::<Declare>(),
    of::<Discharge>(),
    of::<Declared>(),
    of::<TransactionalState>(),
    of::<SaslMechanisms>(),
    of::<SaslInit>(),
    of::<SaslChallenge>(),
    of::<SaslResponse>(),
    of::<SaslOutcome>(),
    of::<Header>(),
    ("DeliveryAnnotations", DELIVERY_ANNOTATIONS, "amqp:delivery-annotations:map"),
    ("MessageAnnotations", MESSAGE_ANNOTATIONS, "amqp:message-annotations:map"),
    of::<Properties>(),
    ("ApplicationProperties", APPLICATION_PROPERTIES, "amqp:application-properties:map"),
    ("Data", DATA, "amqp:data:binary"),
    ("AmqpSequence", AMQP_SEQUENCE, "amqp:amqp-sequence:list"),
    ("AmqpValue", AMQP_VALUE, "amqp:amqp-value:*"),
    ("Footer", FOOTER, "amqp:footer:map"),
];
