//! The end of dynamic nodes (3.5.9 to 3.5.13).

use amqp_proto::{
    spec::terminus::{
        DeleteOnClose, DeleteOnNoLinks, DeleteOnNoLinksOrMessages, DeleteOnNoMessages, LifetimePolicy,
    },
    types::{Described, Fields, Symbol, Value},
};

const LIFETIME_POLICY: Symbol = Symbol::from_static("lifetime-policy");

/// Returns the lifetime policy that a dynamic node gets: the one asked for, or else delete-on-close.
pub fn policy(asked: Option<&Fields>) -> LifetimePolicy {
    let described = asked.and_then(|properties| properties.get("lifetime-policy")?.as_described());
    let is = |code: u64, symbol: &str| {
        described.is_some_and(|it| it.descriptor.as_u64() == Some(code) || it.descriptor == symbol)
    };
    if is(DeleteOnNoLinks::CODE, DeleteOnNoLinks::SYMBOL) {
        LifetimePolicy::DeleteOnNoLinks(DeleteOnNoLinks {})
    } else if is(DeleteOnNoMessages::CODE, DeleteOnNoMessages::SYMBOL) {
        LifetimePolicy::DeleteOnNoMessages(DeleteOnNoMessages {})
    } else if is(DeleteOnNoLinksOrMessages::CODE, DeleteOnNoLinksOrMessages::SYMBOL) {
        LifetimePolicy::DeleteOnNoLinksOrMessages(DeleteOnNoLinksOrMessages {})
    } else {
        LifetimePolicy::DeleteOnClose(DeleteOnClose {})
    }
}

/// Returns the properties of a dynamic node, which the answer to an attach has (3.5.3, 3.5.4).
pub fn properties(policy: &LifetimePolicy) -> Fields {
    let code = match policy {
        LifetimePolicy::DeleteOnClose(_) => DeleteOnClose::CODE,
        LifetimePolicy::DeleteOnNoLinks(_) => DeleteOnNoLinks::CODE,
        LifetimePolicy::DeleteOnNoMessages(_) => DeleteOnNoMessages::CODE,
        LifetimePolicy::DeleteOnNoLinksOrMessages(_) => DeleteOnNoLinksOrMessages::CODE,
    };
    Fields::new().with(LIFETIME_POLICY, Described::new(code, Vec::<Value>::new()))
}
