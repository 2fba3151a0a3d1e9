//! The server's end of SCRAM (RFC 5802, 3).

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::str;

use bytes::Bytes;

use super::{
    ScramDecoy, ScramKeys,
    hash::ScramHash,
    message::{ClientFinal, ClientFirst, ServerFirst, encode},
};
use crate::{
    sasl::{
        ChannelBinding, Credentials, Exchange, ExchangeContext, Step, StepInput, Success, Supply,
        gs2::{BindingFlag, Gs2Message},
    },
    spec::sasl::SaslCode,
};

/// The users of a server.
#[derive(Clone)]
pub(super) struct Users {
    /// `None` if the application finds the keys.
    keys: Option<Arc<FindKeys>>,
    decoy: ScramDecoy,
}

type FindKeys = dyn Fn(&str) -> Option<ScramKeys> + Send + Sync;

impl Users {
    pub(super) fn new(keys: Option<Arc<FindKeys>>, decoy: ScramDecoy) -> Self {
        Self { keys, decoy }
    }
}

pub(super) struct Server {
    hash: ScramHash,
    plus: bool,
    users: Users,
    nonce: String,
    binding: Option<ChannelBinding>,
    /// The `-PLUS` variant of this mechanism is offered too.
    offers_plus: bool,
    state: State,
}

enum State {
    Start,
    /// We have asked for the first message.
    Asked,
    /// The keys are waited for.
    Pending(First),
    /// The challenge is sent.
    Challenged(Challenge),
    /// The signature is sent, for this user. The client's empty response is due.
    Signed(String),
    Done,
}

/// The client's first message.
struct First {
    user: String,
    authzid: Option<String>,
    /// The GS2 header, and behind it the channel binding if it is used.
    binding: Vec<u8>,
    /// The nonces of both.
    nonce: String,
    /// The message without the header.
    bare: String,
}

struct Challenge {
    first: First,
    keys: ScramKeys,
    /// The keys are those of the user, and not the decoy's.
    known: bool,
    server_first: String,
}

impl Server {
    pub(super) fn new(hash: ScramHash, plus: bool, users: Users, nonce: String) -> Self {
        Self { hash, plus, users, nonce, binding: None, offers_plus: false, state: State::Start }
    }

    /// Returns the client's first message; `None` if it is malformed or not acceptable.
    fn parse(&self, message: &[u8]) -> Option<First> {
        let message = Gs2Message::parse(message)?;
        let bound = match (message.flag, &self.binding) {
            (BindingFlag::Used(kind), Some(binding)) if self.plus && binding.kind == *kind => {
                &binding.data[..]
            }
            (BindingFlag::Unsupported, _) if !self.plus => &[],
            // RFC 5802, 6: the client has not seen our offer, so somebody has taken it out.
            (BindingFlag::Unused, _) if !self.plus && !self.offers_plus => &[],
            _ => return None,
        };
        let first = ClientFirst::parse(message.rest)?;
        if message.authzid.as_ref().is_some_and(|authzid| *authzid != first.user) {
            return None;
        }
        Some(First {
            nonce: format!("{}{}", first.nonce, self.nonce),
            user: first.user,
            authzid: message.authzid,
            binding: [message.header.as_bytes(), bound].concat(),
            bare: message.rest.to_string(),
        })
    }

    fn on_first(&mut self, message: &[u8]) -> Step {
        let Some(first) = self.parse(message) else { return Step::refuse() };
        match self.users.keys.clone() {
            Some(find) => {
                let keys = find(&first.user);
                self.challenge(first, keys)
            }
            None => {
                self.state = State::Pending(first);
                Step::Pending
            }
        }
    }

    fn challenge(&mut self, first: First, keys: Option<ScramKeys>) -> Step {
        let known = keys.is_some();
        let keys = keys.unwrap_or_else(|| self.users.decoy.keys(self.hash, &first.user));
        if !keys.fit(self.hash) {
            // The application has mixed them up.
            return Step::Fail(SaslCode::Sys);
        }
        let server_first = ServerFirst::compose(&first.nonce, &keys.salt, keys.iterations);
        let step = Step::Reply(server_first.clone().into());
        self.state = State::Challenged(Challenge { first, keys, known, server_first });
        step
    }

    fn on_proof(&mut self, challenge: Challenge, message: &[u8]) -> Step {
        let hash = self.hash;
        let Challenge { first, keys, known, server_first } = challenge;
        let Some(proof) = ClientFinal::parse(message).filter(|message| {
            message.binding == first.binding
                && message.nonce == first.nonce
                && message.proof.len() == hash.size()
        }) else {
            return Step::refuse();
        };
        let auth_message = format!("{},{server_first},{}", first.bare, proof.without_proof);
        let signature = hash.mac(&keys.stored_key, auth_message.as_bytes());
        let client_key: Vec<u8> =
            proof.proof.iter().zip(&signature).map(|(proof, sign)| proof ^ sign).collect();
        // The same work for a user who is unknown, so that the time does not tell.
        let is_right = hash.equal(&hash.hash(&client_key), &keys.stored_key);
        if !(is_right & known) {
            return Step::refuse();
        }
        self.state = State::Signed(first.user);
        // A challenge, because some clients fail if the signature is in the outcome.
        let signature = hash.mac(&keys.server_key, auth_message.as_bytes());
        Step::Reply(format!("v={}", encode(&signature)).into())
    }
}

impl Exchange for Server {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        self.binding.clone_from(&context.tunnel.binding);
        self.offers_plus = context.offered.contains(&self.hash.mechanism(true));
    }

    fn step(&mut self, input: StepInput<'_>) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), input) {
            (State::Start, StepInput::Start(Some(message))) | (State::Asked, StepInput::Data(message)) => {
                self.on_first(message)
            }
            (State::Start, StepInput::Start(None)) => {
                // RFC 4422, 3: an empty challenge asks for the initial response that the client did not send.
                self.state = State::Asked;
                Step::Reply(Bytes::new())
            }
            (State::Challenged(challenge), StepInput::Data(message)) => self.on_proof(challenge, message),
            (State::Signed(user), StepInput::Data([])) => Step::Done(Success::new().identity(user)),
            _ => Step::refuse(),
        }
    }

    fn supply(&mut self, supply: Supply) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), supply) {
            (State::Pending(first), Supply::Keys(keys)) => self.challenge(first, keys),
            _ => Step::Fail(SaslCode::Sys),
        }
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        let State::Pending(first) = &self.state else { return None };
        let mut credentials = Credentials::new().authcid(&first.user);
        credentials.authzid = first.authzid.as_deref();
        Some(credentials)
    }
}
