//! A mechanism by name, to be made anew for each connection.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use super::Mechanism;
use crate::types::Symbol;

/// A named way to make a mechanism, one per connection. A clone shares it.
///
/// A client lists the ones it is ready to use, a server the ones it announces. The built-in ones are listed in
/// [the module's docs](super).
#[derive(Clone)]
pub struct Offer {
    name: Symbol,
    start: Arc<dyn Fn() -> Box<dyn Mechanism> + Send + Sync>,
}

impl Offer {
    /// Offers a mechanism under its registered name: up to 20 capital letters, digits, hyphens and underscores
    /// (RFC 4422, 3.1). `start` makes one side of it, ready for its first step.
    pub fn new(name: Symbol, start: impl Fn() -> Box<dyn Mechanism> + Send + Sync + 'static) -> Self {
        Self { name, start: Arc::new(start) }
    }

    /// The mechanism's name.
    pub fn name(&self) -> &Symbol {
        &self.name
    }

    /// A fresh mechanism for one exchange.
    pub fn start(&self) -> Box<dyn Mechanism> {
        (self.start)()
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("name", &self.name).finish_non_exhaustive()
    }
}
