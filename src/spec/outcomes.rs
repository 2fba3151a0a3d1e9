//! The outcomes of deliveries from a source (3.3.1, 3.5.3).

use alloc::boxed::Box;

use super::{
    delivery_state::{Accepted, DeliveryState, Modified, Outcome, Rejected, Released},
    terminus::Source,
    transaction::Declared,
};
use crate::types::{Described, Value};

impl Source {
    /// Returns the outcome of a delivery that is settled with this state at its receiver (3.3.1): the state, if it is an
    /// outcome, and the default-outcome otherwise.
    ///
    /// `None` if there is no default-outcome. The standard leaves that open. No message is lost if a delivery that its
    /// receiver settles counts as accepted then, and one whose link or source is gone as released.
    ///
    /// ```
    /// use amqp_proto::spec::{delivery_state::{DeliveryState, Outcome, Released}, terminus::Source};
    ///
    /// let released = Outcome::Released(Released {});
    /// let source = Source { default_outcome: Some(released.clone()), ..Source::at("queue") };
    /// assert_eq!(source.outcome_of(None), Some(released));
    /// assert!(matches!(source.outcome_of(Some(&DeliveryState::ACCEPTED)), Some(Outcome::Accepted(_))));
    /// ```
    pub fn outcome_of(&self, state: Option<&DeliveryState>) -> Option<Outcome> {
        match state {
            Some(DeliveryState::Accepted(_)) => Some(Outcome::Accepted(Accepted {})),
            Some(DeliveryState::Released(_)) => Some(Outcome::Released(Released {})),
            Some(DeliveryState::Rejected(state)) => Some(Outcome::Rejected(Box::new((**state).clone()))),
            Some(DeliveryState::Modified(state)) => Some(Outcome::Modified(Box::new((**state).clone()))),
            Some(DeliveryState::Declared(state)) => Some(Outcome::Declared(Box::new((**state).clone()))),
            Some(
                DeliveryState::Received(_) | DeliveryState::TransactionalState(_) | DeliveryState::Other(_),
            )
            | None => self.default_outcome.clone(),
        }
    }

    /// True if a receiver can count on the source for this state (3.5.3): it is no outcome, or an outcome that
    /// `outcomes` lists, or of the type of the default-outcome.
    ///
    /// A source with neither supports `accepted`; more is not certain. Of a transactional state, the outcome in it
    /// counts.
    pub fn supports(&self, state: &DeliveryState) -> bool {
        let name = match state {
            DeliveryState::Received(_) => return true,
            DeliveryState::TransactionalState(state) => match &state.outcome {
                Some(outcome) => name_of(outcome),
                None => return true,
            },
            DeliveryState::Accepted(_) => Some(Accepted::SYMBOL),
            DeliveryState::Rejected(_) => Some(Rejected::SYMBOL),
            DeliveryState::Released(_) => Some(Released::SYMBOL),
            DeliveryState::Modified(_) => Some(Modified::SYMBOL),
            DeliveryState::Declared(_) => Some(Declared::SYMBOL),
            DeliveryState::Other(state) => symbol_of(state),
        };
        let Some(name) = name else { return false };
        let default = self.default_outcome.as_ref().and_then(name_of);
        let is_sure = !self.restricts_outcomes() && name == Accepted::SYMBOL;
        is_sure || default == Some(name) || self.outcomes.iter().any(|listed| listed == name)
    }

    /// True if the source has a list of outcomes, or a default one.
    pub(crate) fn restricts_outcomes(&self) -> bool {
        !self.outcomes.is_empty() || self.default_outcome.is_some()
    }
}

/// Returns the symbolic descriptor of an outcome.
fn name_of(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Accepted(_) => Some(Accepted::SYMBOL),
        Outcome::Rejected(_) => Some(Rejected::SYMBOL),
        Outcome::Released(_) => Some(Released::SYMBOL),
        Outcome::Modified(_) => Some(Modified::SYMBOL),
        Outcome::Declared(_) => Some(Declared::SYMBOL),
        Outcome::Other(outcome) => symbol_of(outcome),
    }
}

fn symbol_of(described: &Described) -> Option<&str> {
    match &described.descriptor {
        Value::Symbol(name) => Some(name),
        _ => None,
    }
}
