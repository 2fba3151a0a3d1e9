//! The frames of the SASL layer (5.3.3).

use bytes::Bytes;

use crate::types::{Str, Symbol};

restricted! {
    closed {
        /// How the SASL exchange ended.
        SaslCode: u8 in "5.3.3.6" {
            /// The peer is authenticated.
            Ok = 0;
            /// The credentials were not accepted.
            Auth = 1;
            /// A system error.
            #[default]
            Sys = 2;
            /// A system error that will not go away by itself.
            SysPerm = 3;
            /// A system error that may go away by itself.
            SysTemp = 4;
        }
    }
}

composites! {
    /// The mechanisms that a server offers.
    SaslMechanisms = "amqp:sasl-mechanisms:list" (0x40) in "5.3.3.1" {
        /// Their names, in the server's order of preference.
        sasl_server_mechanisms: Symbol, multiple_mandatory;
    }

    /// A client's choice of mechanism.
    SaslInit = "amqp:sasl-init:list" (0x41) in "5.3.3.2" {
        /// The mechanism.
        mechanism: Symbol, mandatory;
        /// The mechanism's initial response.
        initial_response: Bytes;
        /// The host that the client believes it is talking to.
        hostname: Str;
    }

    /// A server's challenge.
    SaslChallenge = "amqp:sasl-challenge:list" (0x42) in "5.3.3.3" {
        /// The mechanism's data.
        challenge: Bytes, mandatory;
    }

    /// A client's answer to a challenge.
    SaslResponse = "amqp:sasl-response:list" (0x43) in "5.3.3.4" {
        /// The mechanism's data.
        response: Bytes, mandatory;
    }

    /// The end of the exchange.
    SaslOutcome = "amqp:sasl-outcome:list" (0x44) in "5.3.3.5" {
        /// How it ended.
        code: SaslCode, mandatory;
        /// The mechanism's last data.
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
