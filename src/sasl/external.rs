//! EXTERNAL (RFC 4422, appendix A): who the client is, something outside has shown, usually TLS.

use alloc::{boxed::Box, sync::Arc};
use core::str;

use bytes::Bytes;

use super::{
    Input, Mechanism, Offer, Step, Success,
    turn::{Receiving, Sending},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("EXTERNAL");

impl Offer {
    /// EXTERNAL, for a client that leaves it to the server whom it may act as.
    pub fn external() -> Self {
        Self::external_as(Str::empty())
    }

    /// EXTERNAL, for a client that asks to act as `authzid`. One with a NUL in it is not sent: the exchange
    /// fails at its start.
    pub fn external_as(authzid: impl Into<Str>) -> Self {
        let authzid = authzid.into();
        let message = (!authzid.contains('\0')).then(|| authzid.into_bytes());
        Self::new(NAME, move || Box::new(Client { message: message.clone(), turn: Sending::default() }))
    }

    /// EXTERNAL, for a server. `verify` gets whom the client asks to act as, `None` if it doesn't ask, and gives
    /// the identity that the outside has shown, or `None` to refuse.
    ///
    /// What the outside has shown belongs to one connection, so make the offer for that connection:
    ///
    /// ```
    /// # use amqp_proto::sasl::Offer;
    /// # let certificate_subject = String::from("CN=someone");
    /// let offer = Offer::verify_external(move |authzid| match authzid {
    ///     None => Some(certificate_subject.as_str().into()),
    ///     Some(_) => None,
    /// });
    /// ```
    pub fn verify_external(verify: impl Fn(Option<&str>) -> Option<Str> + Send + Sync + 'static) -> Self {
        let verify: Arc<Verify> = Arc::new(verify);
        Self::new(NAME, move || Box::new(Server { verify: Arc::clone(&verify), turn: Receiving::default() }))
    }
}

type Verify = dyn Fn(Option<&str>) -> Option<Str> + Send + Sync;

struct Client {
    message: Option<Bytes>,
    turn: Sending,
}

impl Mechanism for Client {
    fn step(&mut self, input: Input<'_>) -> Step {
        // RFC 4422, A.1: with nobody to act as, the initial response is empty. An absent one would cost a round
        // trip, and servers in use refuse it.
        self.turn.step(input, self.message.take(), || Step::Done(Success::new()))
    }
}

struct Server {
    verify: Arc<Verify>,
    turn: Receiving,
}

impl Server {
    fn check(&self, message: &[u8]) -> Option<Success> {
        // RFC 4422, A.1: UTF-8 without NUL.
        let authzid = str::from_utf8(message).ok().filter(|authzid| !authzid.contains('\0'))?;
        let authzid = Some(authzid).filter(|authzid| !authzid.is_empty());
        let success = Success::new().identity((self.verify)(authzid)?);
        Some(match authzid {
            Some(authzid) => success.authorization(authzid),
            None => success,
        })
    }
}

impl Mechanism for Server {
    fn step(&mut self, input: Input<'_>) -> Step {
        match self.turn.step(input) {
            Ok(message) => self.check(message).map_or_else(Step::refuse, Step::Done),
            Err(step) => step,
        }
    }
}
