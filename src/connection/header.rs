//! Protocol headers that arrive (2.2).

use alloc::format;

use super::{Connection, end::ConnectionEnd};
use crate::{
    config::{SaslPolicy, Side},
    error::{Cause, Failure},
    frame::ProtocolHeader,
    spec::definitions::ErrorCondition,
    state::ConnectionTrigger,
};

impl Connection {
    pub(super) fn on_header(&mut self, header: Option<ProtocolHeader>) {
        match self.cx.config.side {
            Side::Client => self.on_server_header(header),
            Side::Server => self.on_client_header(header),
        }
    }

    fn on_server_header(&mut self, header: Option<ProtocolHeader>) {
        let due = if self.expects_tls_header() {
            ProtocolHeader::TLS
        } else if self.sasl.expects_header() {
            ProtocolHeader::SASL
        } else {
            ProtocolHeader::AMQP
        };
        if header == Some(due) {
            match due {
                ProtocolHeader::TLS => self.on_tls_header(),
                ProtocolHeader::SASL => self.sasl.on_header(),
                _ => {
                    let _ = self.apply(ConnectionTrigger::RecvHeader);
                }
            }
            return;
        }
        let why = match header {
            Some(other) if due == ProtocolHeader::TLS && other.id != due.id => {
                format!("the server offers no TLS layer, and answered with the header of {other} (2.2)")
            }
            Some(ProtocolHeader::SASL) => "the server asks for a SASL layer (2.2)".into(),
            Some(ProtocolHeader::AMQP) => {
                "the server offers no SASL layer, and answered with the header of AMQP (2.2)".into()
            }
            Some(other) => format!("the server speaks {other}, and was asked for {due} (2.2)"),
            None => "the server does not speak AMQP: its first bytes are no protocol header (2.2)".into(),
        };
        // 2.2: what was to follow our header is not written.
        self.cx.outbox.keep_header();
        self.header_mismatch(&why);
    }

    /// 2.2: a server answers with the header that the client sent, or with one that it accepts and then closes.
    fn on_client_header(&mut self, header: Option<ProtocolHeader>) {
        let offers = self.has_sasl();
        let insists = offers && self.cx.config.sasl_policy == SaslPolicy::Required;
        let lacks_tls = self.expects_tls_header();
        match header {
            Some(ProtocolHeader::TLS) if self.takes_tls_header() => {
                self.on_tls_header();
                self.send_tls_header();
            }
            Some(ProtocolHeader::SASL) if offers && !self.sasl.is_done() && !lacks_tls => self.accept_sasl(),
            Some(ProtocolHeader::AMQP) if (!insists || self.sasl.is_done()) && !lacks_tls => {
                let _ = self.apply(ConnectionTrigger::RecvHeader);
                self.cx.write_header(ProtocolHeader::AMQP);
                let _ = self.apply(ConnectionTrigger::SendHeader);
            }
            other => {
                let answer = self.header_of_server();
                self.cx.write_header(answer);
                if other.is_some() {
                    let _ = self.apply(ConnectionTrigger::RecvHeader);
                }
                let why = match other {
                    Some(header) => format!("the client asked for {header}, and was offered {answer} (2.2)"),
                    None => {
                        "the client does not speak AMQP: its first bytes are no protocol header (2.2)".into()
                    }
                };
                self.header_mismatch(&why);
            }
        }
    }

    /// Returns the header that a server asks for.
    fn header_of_server(&self) -> ProtocolHeader {
        let insists = self.has_sasl() && self.cx.config.sasl_policy == SaslPolicy::Required;
        if self.expects_tls_header() {
            ProtocolHeader::TLS
        } else if insists && !self.sasl.is_done() {
            ProtocolHeader::SASL
        } else {
            ProtocolHeader::AMQP
        }
    }

    fn header_mismatch(&mut self, why: &str) {
        let failure = Failure::new(Cause::Header, ErrorCondition::FramingError, why);
        self.end(ConnectionEnd::HeaderMismatch(failure));
    }

    /// 2.2: a server answers a header of which only a part came, too.
    pub(super) fn answer_part_of_header(&mut self) {
        if self.header_begun && self.cx.config.side == Side::Server && !self.cx.output_lost {
            self.cx.write_header(self.header_of_server());
        }
    }
}
