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
        let due = if self.sasl.expects_header() { ProtocolHeader::SASL } else { ProtocolHeader::AMQP };
        match self.cx.config.side {
            Side::Client if header == Some(due) => {
                if due == ProtocolHeader::AMQP {
                    let _ = self.apply(ConnectionTrigger::RecvHeader);
                } else {
                    self.sasl.on_header();
                }
            }
            Side::Client => {
                let why = match header {
                    Some(ProtocolHeader::SASL) => "the server asks for a SASL layer".into(),
                    Some(ProtocolHeader::AMQP) => {
                        "the server offers no SASL layer, and answered with the header of AMQP".into()
                    }
                    Some(other) => format!("the server speaks {other}, and was asked for {due}"),
                    None => "the server does not speak AMQP".into(),
                };
                // 2.2: what was to follow our header is not written.
                self.cx.outbox.keep_header();
                self.header_mismatch(&why);
            }
            Side::Server => self.on_client_header(header),
        }
    }

    /// 2.2: a server answers with the header that the client sent, or with one that it accepts and then closes.
    fn on_client_header(&mut self, header: Option<ProtocolHeader>) {
        let offers = self.has_sasl();
        let insists = offers && self.cx.config.sasl_policy == SaslPolicy::Required;
        match header {
            Some(ProtocolHeader::SASL) if offers && !self.sasl.is_done() => self.accept_sasl(),
            Some(ProtocolHeader::AMQP) if !insists || self.sasl.is_done() => {
                let _ = self.apply(ConnectionTrigger::RecvHeader);
                self.cx.outbox.protocol_header(ProtocolHeader::AMQP);
                let _ = self.apply(ConnectionTrigger::SendHeader);
            }
            other => {
                let answer = self.header_of_server();
                self.cx.outbox.protocol_header(answer);
                if other.is_some() {
                    let _ = self.apply(ConnectionTrigger::RecvHeader);
                }
                let why = match other {
                    Some(header) => format!("the client asked for {header}, and was offered {answer}"),
                    None => "the client does not speak AMQP".into(),
                };
                self.header_mismatch(&why);
            }
        }
    }

    /// Returns the header that a server asks for.
    fn header_of_server(&self) -> ProtocolHeader {
        let insists = self.has_sasl() && self.cx.config.sasl_policy == SaslPolicy::Required;
        if insists && !self.sasl.is_done() { ProtocolHeader::SASL } else { ProtocolHeader::AMQP }
    }

    fn header_mismatch(&mut self, why: &str) {
        let failure = Failure::new(Cause::Header, ErrorCondition::FramingError, why);
        self.end(ConnectionEnd::HeaderMismatch(failure));
    }

    /// 2.2: a server answers a header of which only a part came, too.
    pub(super) fn answer_part_of_header(&mut self) {
        if self.header_begun && self.cx.config.side == Side::Server && !self.cx.output_lost {
            self.cx.outbox.protocol_header(self.header_of_server());
        }
    }
}
