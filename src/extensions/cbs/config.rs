//! Settings of claims-based security, and the choice of its form.

use core::time::Duration;

use crate::{
    extensions::RequestConfig,
    spec::performatives::Open,
    types::{Str, Symbol, Value},
};

/// The form in which tokens are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CbsForm {
    /// A request `put-token` and its answer, over two links: Azure's.
    PutToken,
    /// A message `set-token` on one link, answered by its outcome: that of OASIS, as two implementations send it.
    SetToken,
}

impl CbsForm {
    /// The capability of a container that takes set-token: offered by a server, desired by a client.
    pub const CAPABILITY: Symbol = Symbol::from_static("AMQP_CBS_V1_0");
    /// The address of the node for tokens, unless the peer's open has another.
    pub const NODE: &'static str = "$cbs";

    /// Returns the form that the peer wants: [`SetToken`](Self::SetToken) if its open offers the capability.
    pub fn of(open: &Open) -> Self {
        if open.offered_capabilities.contains(&Self::CAPABILITY) { Self::SetToken } else { Self::PutToken }
    }

    /// Returns the address of the node for tokens.
    ///
    /// For set-token the properties of the peer's open can have it, as `$cbs` or `cbs-node`: each of the two
    /// implementations reads one of them.
    pub fn node(self, open: &Open) -> Str {
        let named = || {
            let properties = open.properties.as_ref()?;
            ["$cbs", "cbs-node"].into_iter().find_map(|key| properties.get(key).and_then(Value::as_str))
        };
        match self {
            Self::PutToken => Str::from_static(Self::NODE),
            Self::SetToken => named().map_or(Str::from_static(Self::NODE), Str::from),
        }
    }
}

/// Settings of [`Cbs`](super::Cbs).
#[derive(Clone, Debug)]
pub struct CbsConfig {
    pub(super) requests: RequestConfig,
    pub(super) form: Option<CbsForm>,
    pub(super) node: Option<Str>,
    pub(super) renew_before: Duration,
}

impl CbsConfig {
    /// Returns the defaults, with a prefix for message-ids and `reply-to` as [`RequestConfig::new`] has it.
    pub fn new(prefix: impl Into<Str>) -> Self {
        Self {
            requests: RequestConfig::new(prefix),
            form: None,
            node: None,
            renew_before: Duration::from_secs(5 * 60),
        }
    }

    /// Replaces the settings of the requests.
    #[must_use]
    pub fn requests(mut self, requests: RequestConfig) -> Self {
        self.requests = requests;
        self
    }

    /// Sets the form. Default [`CbsForm::of`] the peer's open.
    #[must_use]
    pub fn form(mut self, form: CbsForm) -> Self {
        self.form = Some(form);
        self
    }

    /// Sets the address of the node for tokens. Default [`CbsForm::node`] of the peer's open.
    #[must_use]
    pub fn node(mut self, node: impl Into<Str>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Sets how long before its end a token is to be renewed, if that is before three quarters of its lifetime. A token
    /// is never renewed in the first half of its lifetime. Default 5 minutes.
    #[must_use]
    pub fn renew_before(mut self, renew_before: Duration) -> Self {
        self.renew_before = renew_before;
        self
    }
}
