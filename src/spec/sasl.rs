//! Frame bodies of the SASL layer (5.3.3).

use core::fmt;

use bytes::Bytes;

use crate::types::{Str, Symbol};

restricted! {
    closed {
        /// The result of a SASL exchange, in [`SaslOutcome`].
        SaslCode: u8 in "5.3.3.6" {
            /// The client is authenticated.
            Ok = 0;
            /// The credentials were not accepted. The code reveals no reason.
            Auth = 1;
            /// The authentication failed because of a system error.
            #[default]
            Sys = 2;
            /// A system error that will recur until somebody removes its cause.
            SysPerm = 3;
            /// A system error that may be gone at the next attempt.
            SysTemp = 4;
        }
    }
}

standard_composites! {
    /// The list of a server's mechanisms. The server sends it first.
    SaslMechanisms = "amqp:sasl-mechanisms:list" (0x40) in "5.3.3.1" {
        /// Names of the mechanisms, in decreasing order of preference.
        sasl_server_mechanisms: Symbol, multiple_mandatory;
    }

    /// A client's choice of mechanism.
    SaslInit = "amqp:sasl-init:list" (0x41) in "5.3.3.2", secret {
        /// Name of the mechanism.
        mechanism: Symbol, mandatory;
        /// Initial response of the mechanism. An absent one differs from an empty one.
        initial_response: Bytes;
        /// Name of the host that the client connects to. A server can choose the security domain by it.
        hostname: Str;
    }

    /// A challenge of the server.
    SaslChallenge = "amqp:sasl-challenge:list" (0x42) in "5.3.3.3", secret {
        /// Data of the mechanism.
        challenge: Bytes, mandatory;
    }

    /// The client's answer to a challenge.
    SaslResponse = "amqp:sasl-response:list" (0x43) in "5.3.3.4", secret {
        /// Data of the mechanism.
        response: Bytes, mandatory;
    }

    /// The end of the exchange. The server sends it last.
    SaslOutcome = "amqp:sasl-outcome:list" (0x44) in "5.3.3.5", secret {
        /// The result.
        code: SaslCode, mandatory;
        /// Data of the mechanism, beside the result.
        additional_data: Bytes;
    }
}

archetypes! {
    /// The body of a SASL frame (5.3.3).
    SaslFrame = "SASL frame" {
        /// See [`SaslMechanisms`].
        SaslMechanisms(SaslMechanisms);
        /// See [`SaslInit`].
        SaslInit(SaslInit);
        /// See [`SaslChallenge`].
        SaslChallenge(SaslChallenge);
        /// See [`SaslResponse`].
        SaslResponse(SaslResponse);
        /// See [`SaslOutcome`].
        SaslOutcome(SaslOutcome);
    }
}

/// A placeholder for bytes in a `Debug`.
///
/// It shows no length: with the user's name, the length of a PLAIN message reveals that of the password.
pub(crate) struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Shows no bytes: they can hold a password.
impl fmt::Debug for SaslInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslInit")
            .field("mechanism", &self.mechanism)
            .field("initial_response", &self.initial_response.as_ref().map(|_| Redacted))
            .field("hostname", &self.hostname)
            .finish()
    }
}

/// Shows no bytes: they can hold a secret.
impl fmt::Debug for SaslChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslChallenge").field("challenge", &Redacted).finish()
    }
}

/// Shows no bytes: they can hold a password.
impl fmt::Debug for SaslResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslResponse").field("response", &Redacted).finish()
    }
}

/// Shows no bytes: they can hold a secret.
impl fmt::Debug for SaslOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslOutcome")
            .field("code", &self.code)
            .field("additional_data", &self.additional_data.as_ref().map(|_| Redacted))
            .finish()
    }
}
