//! The tokens that clients put at `$cbs`, and what they open.

use amqp_proto::{
    Connection,
    extensions::{
        Status,
        cbs::{CbsForm, Token},
    },
    message::Message,
    sasl::secrets_equal,
    spec::definitions::{AmqpError, ErrorCondition},
};

use crate::{
    requests::malformed,
    services::{Service, Services},
};

/// A connection that puts as many wrong tokens is closed.
const MAX_WRONG_TOKENS: usize = 10;

impl Services {
    /// Refuses a link that needs a token which the connection has not put.
    pub fn check(&self, peer: usize, service: Option<&Service>) -> Result<(), AmqpError> {
        let is_granted = || self.clients.get(&peer).is_some_and(|client| client.is_granted);
        if self.token.is_none() || service == Some(&Service::Cbs) || is_granted() {
            return Ok(());
        }
        Err(unauthorized("put a token at $cbs first"))
    }

    /// True if the connection has put a token, as clients of Azure do before anything else.
    pub fn is_azure(&self, peer: usize) -> bool {
        self.clients.get(&peer).is_some_and(|client| client.is_granted)
    }

    /// Looks at the token of a request. Returns the status of the answer, or `None` if the outcome of the request is the
    /// answer; and true if the token is the right one, to be [granted](Self::grant).
    pub fn take_token(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        request: &Message,
    ) -> Result<(Option<Status>, bool), AmqpError> {
        let token = Token::parse(request).map_err(|error| malformed(&error.to_string()))?;
        let Some((form, token)) = token else {
            return Ok((Some(Status::new(400).description("neither put-token nor set-token")), false));
        };
        let is_right = self.is_right(&token);
        if !is_right {
            self.check_guesses(peer, connection)?;
        }
        let status = match (form, is_right) {
            (CbsForm::SetToken, true) => None,
            (CbsForm::SetToken, false) => return Err(unauthorized("not the token")),
            (CbsForm::PutToken, true) => Some(Status::new(202).description("Accepted")),
            (CbsForm::PutToken, false) => {
                let status = Status::new(401).description("not the token");
                Some(status.condition(ErrorCondition::UnauthorizedAccess.as_str()))
            }
        };
        Ok((status, is_right))
    }

    fn is_right(&self, token: &Token) -> bool {
        let expected = self.token.as_ref();
        expected.is_none_or(|expected| secrets_equal(token.text().as_bytes(), expected.as_bytes()))
    }

    /// Notes that a connection has put the right token.
    pub fn grant(&mut self, peer: usize) {
        self.clients.entry(peer).or_default().is_granted = true;
    }

    /// Counts a wrong token, and closes a connection that has put too many: it is guessing.
    fn check_guesses(&mut self, peer: usize, connection: &mut Connection) -> Result<(), AmqpError> {
        let client = self.clients.entry(peer).or_default();
        client.wrong_tokens += 1;
        if client.wrong_tokens < MAX_WRONG_TOKENS {
            return Ok(());
        }
        let error = unauthorized("too many wrong tokens");
        let _ = connection.close(Some(error.clone()));
        Err(error)
    }
}

fn unauthorized(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::UnauthorizedAccess, what)
}
