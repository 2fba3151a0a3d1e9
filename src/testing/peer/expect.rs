//! The steps of a script: the frame expected, the checks on it, and its answer.

use alloc::{
    borrow::Cow,
    boxed::Box,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use bytes::Bytes;

use super::answer::Answer;
use crate::{
    frame::ProtocolHeader,
    spec::{
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer},
        sasl::{SaslChallenge, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    testing::Frame,
};

/// A header, a performative or the body of a SASL frame, with what was around it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Received<T> {
    /// The channel of an AMQP frame; 0 for headers and SASL frames.
    pub channel: u16,
    /// The header, performative or body.
    pub body: T,
    /// The bytes behind a performative.
    pub payload: Bytes,
}

/// A type that a script can expect: a protocol header, a performative, or the body of a SASL frame.
///
/// Implemented for those alone.
pub trait Expected: Answer + Sized + 'static {
    /// The name in the text of an error.
    const NAME: &'static str;

    /// Returns the frame as one of this type, or as it was.
    ///
    /// # Errors
    /// The frame, if it is another one.
    fn of_frame(frame: Frame) -> Result<Received<Self>, Frame>;
}

impl Expected for ProtocolHeader {
    const NAME: &'static str = "a protocol header";

    fn of_frame(frame: Frame) -> Result<Received<Self>, Frame> {
        match frame {
            Frame::Header(body) => Ok(Received { channel: 0, body, payload: Bytes::new() }),
            other => Err(other),
        }
    }
}

macro_rules! expected_performatives {
    ($($body:ident, $name:literal;)*) => {$(
        impl Expected for $body {
            const NAME: &'static str = $name;

            fn of_frame(frame: Frame) -> Result<Received<Self>, Frame> {
                match frame {
                    Frame::Amqp { channel, performative: Performative::$body(body), payload } => {
                        Ok(Received { channel, body: *Box::from(body), payload })
                    }
                    other => Err(other),
                }
            }
        }
    )*};
}

macro_rules! expected_sasl {
    ($($body:ident, $name:literal;)*) => {$(
        impl Expected for $body {
            const NAME: &'static str = $name;

            fn of_frame(frame: Frame) -> Result<Received<Self>, Frame> {
                match frame {
                    Frame::Sasl(SaslFrame::$body(body)) => Ok(Received { channel: 0, body, payload: Bytes::new() }),
                    other => Err(other),
                }
            }
        }
    )*};
}

expected_performatives! {
    Open, "open";
    Begin, "begin";
    Attach, "attach";
    Flow, "flow";
    Transfer, "transfer";
    Disposition, "disposition";
    Detach, "detach";
    End, "end";
    Close, "close";
}

expected_sasl! {
    SaslMechanisms, "sasl-mechanisms";
    SaslInit, "sasl-init";
    SaslChallenge, "sasl-challenge";
    SaslResponse, "sasl-response";
    SaslOutcome, "sasl-outcome";
}

type Check<T> = (Cow<'static, str>, Box<dyn Fn(&Received<T>) -> bool + Send>);
type Respond<T> = Box<dyn FnOnce(&Received<T>) -> Vec<u8> + Send>;

/// A step of a script: the frame that must come next, and the answer to it.
///
/// ```
/// use amqp_proto::{spec::definitions::Role, testing::{Expect, frames}};
///
/// let step = Expect::attach()
///     .that("attaches a sender", |attach| attach.body.role == Role::Sender)
///     .respond();
/// let refusal = Expect::begin().respond_with(|begin| {
///     [frames::frame(0, &frames::begin_answer(begin.channel)), frames::frame(0, &frames::detach(0, true))].concat()
/// });
/// assert_eq!(format!("{step:?}, {refusal:?}"), "Expect(attach), Expect(begin)");
/// ```
pub struct Expect<T> {
    checks: Vec<Check<T>>,
    respond: Option<Respond<T>>,
}

macro_rules! constructors {
    ($($name:ident -> $body:ident, $doc:literal;)*) => {$(
        impl Expect<$body> {
            #[doc = concat!("Expects ", $doc, ".")]
            pub fn $name() -> Self {
                Self::new()
            }
        }
    )*};
}

constructors! {
    open -> Open, "an open (2.7.1)";
    begin -> Begin, "a begin (2.7.2)";
    attach -> Attach, "an attach (2.7.3)";
    flow -> Flow, "a flow (2.7.4)";
    transfer -> Transfer, "a transfer (2.7.5)";
    disposition -> Disposition, "a disposition (2.7.6)";
    detach -> Detach, "a detach (2.7.7)";
    end -> End, "an end (2.7.8)";
    close -> Close, "a close (2.7.9)";
    sasl_mechanisms -> SaslMechanisms, "a server's mechanisms (5.3.3.1)";
    sasl_init -> SaslInit, "a client's choice of mechanism (5.3.3.2)";
    sasl_challenge -> SaslChallenge, "a challenge (5.3.3.3)";
    sasl_response -> SaslResponse, "a response (5.3.3.4)";
    sasl_outcome -> SaslOutcome, "the outcome of SASL (5.3.3.5)";
}

impl Expect<ProtocolHeader> {
    /// Expects this protocol header (2.2).
    pub fn header(header: ProtocolHeader) -> Self {
        Self::new().that(header.to_string(), move |found| found.body == header)
    }
}

impl<T: Expected> Expect<T> {
    fn new() -> Self {
        Self { checks: Vec::new(), respond: None }
    }

    /// Expects this of the frame too. The name stands in the error.
    #[must_use]
    pub fn that(
        mut self,
        name: impl Into<Cow<'static, str>>,
        check: impl Fn(&Received<T>) -> bool + Send + 'static,
    ) -> Self {
        self.checks.push((name.into(), Box::new(check)));
        self
    }

    /// Answers with the frame that accepts what was asked.
    ///
    /// | frame | answer |
    /// |---|---|
    /// | header | the same |
    /// | open | [`open`](crate::testing::frames::open) |
    /// | begin | a begin on the same channel; none if it is an answer itself |
    /// | attach | the other end of the link, with the same name, handle, modes and termini |
    /// | flow | the flow of the session or link that it asks for with `echo`, without credit; else none |
    /// | transfer | accepted and settled, if it is unsettled, complete and has its delivery-id |
    /// | disposition | the same state from the other end, settled, if it is unsettled |
    /// | detach, end, close | the same without an error |
    /// | sasl-mechanisms | the choice of ANONYMOUS |
    /// | sasl-init, sasl-response | the outcome `ok` |
    /// | sasl-challenge | an empty response |
    /// | sasl-outcome | the header of AMQP |
    #[must_use]
    pub fn respond(self) -> Self {
        self.respond_with(|received| T::answer(received.channel, &received.body))
    }

    /// Answers with these bytes; [`frames`](crate::testing::frames) makes some.
    #[must_use]
    pub fn respond_with(mut self, respond: impl FnOnce(&Received<T>) -> Vec<u8> + Send + 'static) -> Self {
        self.respond = Some(Box::new(respond));
        self
    }
}

impl<T: Expected> fmt::Debug for Expect<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expect({})", T::NAME)
    }
}

/// A step whose type is forgotten.
pub(super) trait Expectation: Send {
    /// The text of what is expected.
    fn describe(&self) -> String;

    /// Returns the answer to a frame, or the text of what is wrong with it.
    fn meet(self: Box<Self>, frame: Frame) -> Result<Vec<u8>, String>;
}

impl<T: Expected> Expectation for Expect<T> {
    fn describe(&self) -> String {
        let checks: Vec<&str> = self.checks.iter().map(|(name, _)| &**name).collect();
        if checks.is_empty() { T::NAME.into() } else { format!("{} ({})", T::NAME, checks.join(", ")) }
    }

    fn meet(self: Box<Self>, frame: Frame) -> Result<Vec<u8>, String> {
        let received = T::of_frame(frame).map_err(|frame| frame.to_string())?;
        match self.checks.iter().find(|(_, check)| !check(&received)) {
            Some((name, _)) => Err(format!("one of which this is false: {name}")),
            None => Ok(self.respond.map(|respond| respond(&received)).unwrap_or_default()),
        }
    }
}
