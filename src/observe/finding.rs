//! Findings: rules of the standard that an end broke, and waits that are too long.

use alloc::string::String;
use core::{fmt, time::Duration};

use crate::{Instant, Side};

macro_rules! rules {
    ($($name:ident in $section:literal, $text:literal;)*) => {
        /// A rule of the standard that frames can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!("Section ", $section, ": ", $text, ".")] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the section of the standard.
            pub const fn section(self) -> &'static str {
                match self { $(Self::$name => $section,)* }
            }

            /// Returns what the frame was that broke the rule, as a text.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

rules! {
    ProtocolHeader in "2.2", "bytes that are no protocol header that is known";
    FrameHeader in "2.3.1", "bytes that are no frame header";
    Malformed in "2.3.2", "a malformed frame body";
    ConnectionSequence in "2.4.7", "a frame that no state of the connection allows";
    FrameBeforeOpen in "2.4.1", "a frame before open";
    SecondOpen in "2.4.1", "a second open";
    AfterClose in "2.4.3", "a frame after close";
    FrameTooLarge in "2.7.1", "a frame larger than the peer's max-frame-size";
    ChannelTooHigh in "2.7.1", "a channel above the peer's channel-max";
    ChannelInUse in "2.5.1", "a begin on a channel in use";
    UnmatchedBegin in "2.7.2", "a begin whose remote-channel awaits no answer";
    NotBegun in "2.5.1", "a frame on a channel without a session";
    AfterEnd in "2.5.2", "a frame of a session behind its end";
    SessionSequence in "2.5.5", "a frame that no state of the session allows";
    WindowExceeded in "2.5.6", "a transfer beyond the peer's incoming-window";
    NextIncomingId in "2.5.6", "a next-incoming-id ahead of the transfers sent";
    NextOutgoingId in "2.5.6", "a next-outgoing-id that differs from the transfers sent";
    HandleInUse in "2.7.3", "an attach with a handle in use";
    HandleTooHigh in "2.7.2", "a handle above the peer's handle-max";
    UnattachedHandle in "2.6.2", "a handle without a link";
    AfterDetach in "2.6.4", "a frame of a link behind its detach";
    LinkSequence in "2.6.3", "a frame that no state of the link allows";
    InitialDeliveryCount in "2.7.3", "a sender's attach without initial-delivery-count";
    TransferByReceiver in "2.6.12", "a transfer from a link's receiver";
    CreditExceeded in "2.6.7", "a transfer without credit";
    DeliveryCount in "2.6.7", "a delivery-count that differs from the deliveries sent";
    LinkFieldsWithoutHandle in "2.7.4", "fields of a link in a flow without handle";
    FirstTransfer in "2.7.5", "a first transfer without delivery-id or delivery-tag";
    DeliveryChanged in "2.7.5", "a continuation with another delivery-id or delivery-tag";
    TagInUse in "2.7.5", "the delivery-tag of an unsettled delivery";
    DeliverySequence in "2.8.8", "a delivery-id out of sequence";
    SettleMode in "2.8.2", "a delivery settled otherwise than its snd-settle-mode";
    MessageTooLarge in "2.7.3", "a message larger than max-message-size";
    DispositionRange in "2.7.6", "a disposition whose last delivery is before its first";
    UnknownDelivery in "2.7.6", "a disposition of deliveries that were not sent";
    SaslFrame in "5.3.1", "a SASL frame larger than 512 bytes, or outside the SASL layer";
    SaslSequence in "5.3.2", "a SASL frame out of sequence";
}

/// A rule broken by the end that sent the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The numbers of the case.
    pub detail: String,
}

macro_rules! stalls {
    ($($(#[$meta:meta])* $name:ident in $section:literal, $text:literal;)*) => {
        /// A reason to wait.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum StallKind {
            $($(#[$meta])* #[doc = concat!("\n\nSection ", $section, ".")] $name,)*
        }

        impl StallKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the section of the standard.
            pub const fn section(self) -> &'static str {
                match self { $(Self::$name => $section,)* }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

stalls! {
    /// A sender has messages and no credit.
    Credit in "2.6.7", "credit 0";
    /// A session has a link that sends, and its peer's incoming-window is closed.
    Window in "2.5.6", "window 0";
    /// An open is not answered.
    Open in "2.4.1", "open unanswered";
    /// A close is not answered.
    Close in "2.4.3", "close unanswered";
    /// A begin is not answered.
    Begin in "2.5.1", "begin unanswered";
    /// An end is not answered.
    End in "2.5.2", "end unanswered";
    /// An attach is not answered.
    Attach in "2.6.3", "attach unanswered";
    /// A detach is not answered.
    Detach in "2.6.4", "detach unanswered";
    /// A sender has neither used nor returned the credit that it was asked to drain.
    Drain in "2.6.7", "drain unanswered";
    /// A flow with echo is not answered.
    Echo in "2.7.4", "echo unanswered";
    /// Deliveries are not settled.
    Unsettled in "2.6.12", "unsettled";
    /// No frame has arrived for longer than the peer's idle-time-out.
    Idle in "2.4.5", "silent, beyond the peer's idle-time-out,";
}

/// A wait that reached its threshold.
///
/// Each is found twice: once when it reaches the threshold, and once when it is over or the observation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The reason to wait.
    pub kind: StallKind,
    /// The end that could put an end to it.
    pub waits_for: Side,
    /// The session's number, in the order of the sessions' first begins, from 1.
    pub session: Option<u32>,
    /// The link's number, in the order of the links' first attaches, from 1.
    pub link: Option<u32>,
    /// The time at which the wait started.
    pub since: Instant,
    /// The length of the wait, so far or in all.
    pub lasted: Duration,
    /// True if the wait is over.
    pub over: bool,
    /// The messages that wait for credit, or the deliveries that are unsettled.
    pub count: Option<u32>,
}

/// A violation or a stall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// See [`Violation`].
    Violation(Violation),
    /// See [`Stall`].
    Stall(Stall),
}

impl Finding {
    /// Returns the section of the standard that has the rule.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Violation(violation) => violation.rule.section(),
            Self::Stall(stall) => stall.kind.section(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.text())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.lasted.as_millis();
        let tenths = millis.checked_div(100).unwrap_or_default();
        let (whole, tenth) =
            (tenths.checked_div(10).unwrap_or_default(), tenths.checked_rem(10).unwrap_or_default());
        write!(f, "{} for {whole}.{tenth} s", self.kind.text())?;
        match (self.kind, self.count) {
            (StallKind::Credit, Some(count)) => write!(f, ", {count} messages waiting"),
            (StallKind::Unsettled, Some(count)) => write!(f, ", {count} deliveries"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Stall(stall) => stall.fmt(f),
        }
    }
}
