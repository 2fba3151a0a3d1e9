//! Frame bodies of the SASL layer (5.3.3).

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

composites! {
    /// The list of a server's mechanisms. The server sends it first.
    SaslMechanisms = "amqp:sasl-mechanisms:list" (0x40) in "5.3.3.1" {
        /// Names of the mechanisms, in decreasing order of preference.
        sasl_server_mechanisms: Symbol, multiple_mandatory;
    }

    /// A client's choice of mechanism.
    SaslInit = "amqp:sasl-init:list" (0x41) in "5.3.3.2" {
        /// Name of the mechanism.
        mechanism: Symbol, mandatory;
        /// Initial response of the mechanism. An absent one differs from an empty one.
        initial_response: Bytes;
        /// Name of the host that the client connects to. A server can choose the security domain by it.
        hostname: Str;
    }

    /// A challenge of the server.
    SaslChallenge = "amqp:sasl-challenge:list" (0x42) in "5.3.3.3" {
        /// Data of the mechanism.
        challenge: Bytes, mandatory;
    }

    /// The client's answer to a challenge.
    SaslResponse = "amqp:sasl-response:list" (0x43) in "5.3.3.4" {
        /// Data of the mechanism.
        response: Bytes, mandatory;
    }

    /// The end of the exchange. The server sends it last.
    SaslOutcome = "amqp:sasl-outcome:list" (0x44) in "5.3.3.5" {
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
