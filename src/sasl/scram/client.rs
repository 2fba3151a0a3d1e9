//! The client's end of SCRAM (RFC 5802, 3).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use bytes::Bytes;

use super::{
    MAX_ITERATIONS, MIN_ITERATIONS,
    hash::ScramHash,
    message::{ClientFinal, ServerFinal, ServerFirst, encode},
};
use crate::{
    sasl::{
        Credentials, Exchange, ExchangeContext, Step, StepInput, Success, Supply,
        gs2::{encode_name, is_binding_name},
    },
    types::Str,
};

/// The user of a client.
#[derive(Clone)]
pub(super) struct Login {
    user: Str,
    /// `None` if the application hashes it.
    password: Option<Str>,
    /// The fewest and the most iterations that a server may ask for.
    pub(super) iterations: (u32, u32),
}

impl Login {
    pub(super) fn new(user: &str, password: Option<&str>) -> Self {
        let iterations = (MIN_ITERATIONS, MAX_ITERATIONS);
        Self { user: user.into(), password: password.map(Str::from), iterations }
    }
}

pub(super) struct Client {
    hash: ScramHash,
    plus: bool,
    login: Login,
    nonce: String,
    /// The GS2 header.
    header: String,
    /// The channel binding of the `-PLUS` variant.
    bound: Option<Bytes>,
    reason: Option<String>,
    state: State,
}

enum State {
    Start,
    /// The first message is sent, without its header.
    First(String),
    /// The salted password is waited for.
    Pending(Challenge),
    /// The proof is sent. The server's signature is due.
    Final {
        server_key: Vec<u8>,
        auth_message: String,
    },
    /// The server has proved itself.
    Verified,
    Done,
}

/// The server's first message.
struct Challenge {
    salt: Vec<u8>,
    iterations: u32,
    nonce: String,
    /// The first messages of both, without the header.
    firsts: String,
}

impl Client {
    pub(super) fn new(hash: ScramHash, plus: bool, login: Login, nonce: String) -> Self {
        Self {
            hash,
            plus,
            login,
            nonce,
            header: "n,,".into(),
            bound: None,
            reason: None,
            state: State::Start,
        }
    }

    fn fail(&mut self, reason: &str) -> Step {
        self.reason = Some(reason.to_string());
        Step::refuse()
    }

    fn first(&mut self) -> Step {
        let Some(user) = encode_name(&self.login.user) else {
            return self.fail("the user for SCRAM is empty or contains a NUL");
        };
        if self.plus && self.bound.is_none() {
            return self.fail("SCRAM with channel binding needs the binding of the tunnel");
        }
        let bare = format!("n={user},r={}", self.nonce);
        let message = format!("{}{bare}", self.header);
        self.state = State::First(bare);
        Step::Reply(message.into())
    }

    fn on_challenge(&mut self, bare: &str, message: &[u8]) -> Step {
        let Some(first) = ServerFirst::parse(message) else {
            // RFC 5802, 5.1: a server may report an error here too.
            return match ServerFinal::parse(message) {
                Some(ServerFinal::Error(error)) => self.fail(&format!("the server reports: {error}")),
                _ => self.fail("the server's challenge is malformed"),
            };
        };
        let (least, most) = self.login.iterations;
        if first.nonce.strip_prefix(self.nonce.as_str()).is_none_or(str::is_empty) {
            return self.fail("the server's challenge is not for this exchange");
        }
        if first.iterations < least || first.iterations > most {
            let asked = first.iterations;
            return self
                .fail(&format!("the server asks for {asked} iterations, and {least} to {most} are allowed"));
        }
        // The message is UTF-8: it has been parsed.
        let server_first = String::from_utf8_lossy(message);
        let challenge = Challenge {
            firsts: format!("{bare},{server_first}"),
            nonce: first.nonce.to_string(),
            iterations: first.iterations,
            salt: first.salt,
        };
        match self.login.password.clone() {
            Some(password) => {
                let salted = self.hash.salted_password(&password, &challenge.salt, challenge.iterations);
                self.prove(&challenge, &salted)
            }
            None => {
                self.state = State::Pending(challenge);
                Step::Pending
            }
        }
    }

    /// Sends the proof that we know the password.
    fn prove(&mut self, challenge: &Challenge, salted: &[u8]) -> Step {
        let hash = self.hash;
        let binding = [self.header.as_bytes(), self.bound.as_deref().unwrap_or_default()].concat();
        let without_proof = ClientFinal::compose_without_proof(&binding, &challenge.nonce);
        let auth_message = format!("{},{without_proof}", challenge.firsts);
        let client_key = hash.mac(salted, b"Client Key");
        let signature = hash.mac(&hash.hash(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        let message = format!("{without_proof},p={}", encode(&proof));
        self.state = State::Final { server_key: hash.mac(salted, b"Server Key"), auth_message };
        Step::Reply(message.into())
    }

    /// Returns true if the server's final message proves that it knows the user.
    fn verify(&mut self, server_key: &[u8], auth_message: &str, message: &[u8]) -> bool {
        let reason = match ServerFinal::parse(message) {
            Some(ServerFinal::Signature(signature))
                if self.hash.verify(server_key, auth_message.as_bytes(), &signature) =>
            {
                return true;
            }
            Some(ServerFinal::Signature(_)) => "the server does not know the password".to_string(),
            Some(ServerFinal::Error(error)) => format!("the server reports: {error}"),
            None => "the server's signature is malformed".to_string(),
        };
        self.reason = Some(reason);
        false
    }

    fn succeed(&self) -> Step {
        Step::Done(Success::new().identity(self.login.user.clone()))
    }
}

impl Exchange for Client {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        let plus = self.hash.mechanism(true);
        match &context.tunnel.binding {
            Some(binding) if self.plus && is_binding_name(&binding.kind) => {
                self.header = format!("p={},,", &*binding.kind);
                self.bound = Some(binding.data.clone());
            }
            // RFC 5802, 6: we could, and the server seems not to. One that has offered it will notice that the offer was
            // taken out on its way.
            Some(_) if !self.plus && !context.offered.contains(&plus) => self.header = "y,,".into(),
            _ => {}
        }
    }

    fn step(&mut self, input: StepInput<'_>) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), input) {
            (State::Start, StepInput::Start(_)) => self.first(),
            (State::First(bare), StepInput::Data(message)) => self.on_challenge(&bare, message),
            (State::Final { server_key, auth_message }, StepInput::Data(message)) => {
                if !self.verify(&server_key, &auth_message, message) {
                    return Step::refuse();
                }
                self.state = State::Verified;
                Step::Reply(Bytes::new())
            }
            (State::Final { server_key, auth_message }, StepInput::Outcome(Some(message))) => {
                match self.verify(&server_key, &auth_message, message) {
                    true => self.succeed(),
                    false => Step::refuse(),
                }
            }
            (State::Final { .. }, StepInput::Outcome(None)) => self.fail("the server has not proved itself"),
            // Azure Service Bus sends a greeting with its ok.
            (State::Verified, StepInput::Outcome(_)) => self.succeed(),
            _ => self.fail("a SCRAM message out of turn"),
        }
    }

    fn supply(&mut self, supply: Supply) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), supply) {
            (State::Pending(challenge), Supply::Secret(salted)) if salted.len() == self.hash.size() => {
                self.prove(&challenge, &salted)
            }
            _ => self.fail("the value supplied is not a salted password for SCRAM"),
        }
    }

    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        let State::Pending(challenge) = &self.state else { return None };
        let mut credentials = Credentials::new().authcid(&self.login.user);
        (credentials.salt, credentials.iterations) = (Some(&challenge.salt[..]), Some(challenge.iterations));
        Some(credentials)
    }
}
