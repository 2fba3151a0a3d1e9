//! The outcomes that a source knows, and the one that holds (3.3.1, 3.5.3).

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, ReceiverConfig, ReceiverId, Tolerance,
    spec::{
        definitions::Role,
        delivery_state::{Accepted, DeliveryState, Modified, Outcome, Received, Rejected, Released},
        performatives as p,
        terminus::Source,
        transaction::{Declared, TransactionalState},
    },
    types::{Described, Multiple, Symbol, TransactionId, Value},
};

use crate::{
    peer::{attach, frame, transfer},
    support::Fed,
    written::written,
};

fn released() -> Outcome {
    Outcome::Released(Released {})
}

fn txn_id() -> TransactionId {
    [7_u8].as_slice().try_into().unwrap()
}

fn transactional(outcome: Option<Outcome>) -> DeliveryState {
    TransactionalState { txn_id: txn_id(), outcome }.into()
}

fn other(descriptor: impl Into<Value>) -> DeliveryState {
    DeliveryState::Other(Described::new(descriptor, "state").into())
}

/// A source with these outcomes, and this default.
fn source(outcomes: &[&'static str], default_outcome: Option<Outcome>) -> Source {
    let outcomes: Vec<Symbol> = outcomes.iter().copied().map(Symbol::from_static).collect();
    Source { outcomes: Multiple::from(outcomes), default_outcome, ..Source::at("queue") }
}

#[test]
fn the_outcome_that_holds_is_the_state_or_else_the_default() {
    let rejected = Rejected { error: None };
    let modified = Modified { delivery_failed: Some(true), ..Modified::default() };
    let cases = [
        (DeliveryState::ACCEPTED, Outcome::Accepted(Accepted {})),
        (DeliveryState::RELEASED, released()),
        (rejected.clone().into(), Outcome::Rejected(rejected.into())),
        (modified.clone().into(), Outcome::Modified(modified.into())),
        (Declared { txn_id: txn_id() }.into(), Outcome::Declared(Declared { txn_id: txn_id() }.into())),
    ];
    let not_terminal = [
        Received { section_number: 0, section_offset: 7 }.into(),
        transactional(Some(Outcome::Accepted(Accepted {}))),
        other(9_u64),
    ];
    for default in [None, Some(released()), Some(Outcome::Accepted(Accepted {}))] {
        let source = source(&[], default.clone());
        for (state, outcome) in &cases {
            assert_eq!(source.outcome_of(Some(state)).as_ref(), Some(outcome), "{state:?}");
        }
        assert_eq!(source.outcome_of(None), default);
        for state in &not_terminal {
            assert_eq!(source.outcome_of(Some(state)), default, "{state:?}");
        }
    }
}

#[test]
fn a_source_supports_what_it_lists_and_its_default() {
    let rejected = DeliveryState::from(Rejected::default());
    let modified = DeliveryState::from(Modified::default());
    let listing = source(&["amqp:accepted:list", "amqp:rejected:list"], Some(released()));
    for (state, supported) in [
        (DeliveryState::ACCEPTED, true),
        (rejected.clone(), true),
        (DeliveryState::RELEASED, true),
        (modified.clone(), false),
        (Declared { txn_id: txn_id() }.into(), false),
        // States that are no outcomes are no matter of the source.
        (Received::default().into(), true),
        (transactional(None), true),
        (transactional(Some(released())), true),
        (transactional(Some(Outcome::Modified(Default::default()))), false),
        (other(Symbol::from_static("amqp:rejected:list")), true),
        (other(Symbol::from_static("vendor:parked:list")), false),
        (other(0x25_u64), false),
    ] {
        assert_eq!(listing.supports(&state), supported, "{state:?}");
    }
    // Of a default alone, it is the only one; of neither, accepted is certain.
    let default_only = source(&[], Some(released()));
    assert!(
        default_only.supports(&DeliveryState::RELEASED) && !default_only.supports(&DeliveryState::ACCEPTED)
    );
    let neither = source(&[], None);
    assert!(neither.supports(&DeliveryState::ACCEPTED) && !neither.supports(&rejected));
    let others = source(&["amqp:modified:list", "vendor:parked:list"], None);
    assert!(others.supports(&modified) && !others.supports(&DeliveryState::ACCEPTED));
    assert!(others.supports(&other(Symbol::from_static("vendor:parked:list"))));
}

/// A link from a source of the peer's, with a delivery that has been taken.
fn receiving(source: Source, tolerance: Tolerance) -> (Fed, ReceiverId, DeliveryId) {
    let mut fed = Fed::server_with(ConnectionConfig::server("s").tolerance(tolerance));
    let theirs = p::Attach { source: Some(Box::new(source)), ..attach("link", 0, Role::Sender) };
    fed.feed_bytes(&frame(0, &theirs));
    let receiver = fed.receiver_asked_for();
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    fed.events();
    fed.feed_bytes(&frame(0, &transfer(0, 0)));
    let events = fed.events();
    let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
    let id = delivery.id;
    written(&mut fed);
    (fed, receiver, id)
}

#[test]
fn an_outcome_that_is_not_listed_is_refused_before_a_frame_unless_that_is_tolerated() {
    let refused = Err(CommandError::IllegalState("the link's source does not list the outcome (3.5.3)"));
    let listing = || source(&["amqp:accepted:list"], Some(released()));
    let strict = Tolerance::default().unlisted_outcomes(false);
    assert_eq!(Tolerance::strict().unlisted_outcomes, strict.unlisted_outcomes);
    for range in [false, true] {
        let (mut fed, receiver, id) = receiving(listing(), strict);
        let mut link = fed.connection.receiver(receiver).unwrap();
        let mut give = |state: Option<DeliveryState>| match range {
            true => link.disposition(id, id, true, state),
            false => link.settle(id, state),
        };
        assert_eq!(give(Some(Rejected::default().into())), refused);
        assert_eq!(give(Some(transactional(Some(Outcome::Modified(Default::default()))))), refused);
        assert_eq!(fed.connection.unsettled(receiver).len(), 1);
        fed.write();
        assert_eq!(written(&mut fed), []);
        let mut link = fed.connection.receiver(receiver).unwrap();
        assert_eq!(link.reject(id, None), refused);
        link.release(id).unwrap();
    }
    // A settlement without a state means the default; a source without a list restricts nothing.
    let (mut fed, receiver, id) = receiving(listing(), strict);
    fed.connection.receiver(receiver).unwrap().settle(id, None).unwrap();
    let (mut fed, receiver, id) = receiving(source(&[], None), strict);
    fed.connection.receiver(receiver).unwrap().reject(id, None).unwrap();
    // By default nothing is checked.
    let (mut fed, receiver, id) = receiving(listing(), Tolerance::default());
    fed.connection.receiver(receiver).unwrap().reject(id, None).unwrap();
}
