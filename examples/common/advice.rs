//! The end of a program: an error is one line on standard error, and ends with what to do next.
//!
//! All advice for errors that several programs meet is here. A program that alone can meet an error passes its own
//! advice to [`about`].

use std::{
    error::Error,
    fmt::{self, Display},
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use amqp_proto::{
    Cause, CommandError, Failure,
    spec::definitions::{AmqpError, ErrorCondition},
};
use rustls::{CertificateError, Error as TlsError, pki_types::pem};

pub type AnyError = Box<dyn Error + Send + Sync>;

/// An error, and what it is about: an address, a file, an option, an event.
#[derive(Debug)]
struct About {
    what: String,
    error: AnyError,
}

impl Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)?;
        // It displays its cause alone.
        match self.error.downcast_ref::<Failure>() {
            Some(failure) => write!(f, ": {}", failure.error),
            None => Ok(()),
        }
    }
}

impl Error for About {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// Returns an error with what it is about. If the `error` is a text, that is the advice, and `what` is the fault.
pub fn about(what: impl Display, error: impl Into<AnyError>) -> AnyError {
    About { what: what.to_string(), error: error.into() }.into()
}

/// Returns the exit code of a program, and prints its error.
pub fn end(program: impl Display, result: Result<(), AnyError>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // A closed standard error is no reason to panic.
    let _ = writeln!(io::stderr(), "{}", line(program, error));
    ExitCode::FAILURE
}

/// Returns the line for an error.
pub fn line(program: impl Display, error: AnyError) -> String {
    let advice = advice(&*error);
    // Some errors of other crates are of several lines.
    let text = about(program, error).to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
    match advice {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    }
}

/// Returns what to do about an error. `None` if its text has advice already.
fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        let found = None
            .or_else(|| error.downcast_ref().map(of_failure))
            .or_else(|| error.downcast_ref().map(of_condition))
            .or_else(|| error.downcast_ref().map(of_command))
            .or_else(|| error.downcast_ref().map(of_tls))
            .or_else(|| error.downcast_ref().map(of_io))
            .or_else(|| error.downcast_ref().map(of_pem));
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    (!error.is::<About>()).then_some("see --help")
}

fn of_failure(failure: &Failure) -> &'static str {
    match failure.cause {
        Cause::Header => {
            "check scheme and port (amqps with TLS, 5671; amqp without, 5672), or pass another --sasl"
        }
        Cause::TimedOut => {
            "see whether the peer runs and has work to do, or raise the time-out that is named"
        }
        Cause::Violation => {
            "record the bytes, look at them with `cargo run --example inspect`, and report the fault to the peer's authors"
        }
        Cause::Lost => "see whether the peer still runs, and why its log says that it went",
        _ => of_condition(&failure.error),
    }
}

fn of_condition(error: &AmqpError) -> &'static str {
    match &error.condition {
        ErrorCondition::NotFound => "check the address, and that the peer has it",
        ErrorCondition::UnauthorizedAccess => {
            "check user, password or token, or pass a mechanism that the peer offers, by --sasl or --cert"
        }
        ErrorCondition::ResourceLimitExceeded => {
            "make room, as by `receive`, or raise the peer's limit: the broker's --max-queue-bytes, --max-connections"
        }
        ErrorCondition::ResourceLocked | ErrorCondition::Stolen => {
            "end the other client that has it, or use another name"
        }
        ErrorCondition::ResourceDeleted => "use another address, or make it again",
        ErrorCondition::FrameSizeTooSmall | ErrorCondition::MessageSizeExceeded => {
            "send smaller messages, or raise the peer's limit, as the broker's --max-frame-size"
        }
        ErrorCondition::NotImplemented => "leave out what the peer does not have, or use another peer",
        ErrorCondition::NotAllowed | ErrorCondition::InvalidField => {
            "change what the reason names, in the options or the URL"
        }
        ErrorCondition::ConnectionForced | ErrorCondition::DetachForced => {
            "start it again once the peer is back, and see the peer's log"
        }
        ErrorCondition::ConnectionRedirect | ErrorCondition::LinkRedirect => "use the address that it names",
        _ => "see the peer's log for more",
    }
}

fn of_command(error: &CommandError) -> &'static str {
    match error {
        CommandError::TooLarge { .. } | CommandError::FrameTooLarge { .. } => "send less at a time",
        CommandError::LimitReached(_) => "open fewer at a time, or raise the peer's limit",
        _ => "see the events before it for the reason",
    }
}

fn of_tls(error: &TlsError) -> &'static str {
    match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is not trusted: pass that of its issuer by --ca FILE"
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use a name of the certificate in the URL",
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "have the certificate renewed, or check this machine's clock",
        TlsError::InvalidCertificate(_) => {
            "have the certificate made anew, of version 3: this one is not taken"
        }
        TlsError::AlertReceived(_) => {
            "check the client's certificate, --cert and --key, and the server's log"
        }
        TlsError::InvalidMessage(_) => "check the port: amqps needs one that serves TLS",
        _ => "check the certificate and its key",
    }
}

fn of_io(error: &io::Error) -> &'static str {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return of_tls(tls);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => "start a broker there, as by `cargo run --example broker`",
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "check host and port, and that the peer runs",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "check the host and this machine's network"
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => {
            "see the peer's log for why it ended the transport, and whether it serves this protocol"
        }
        ErrorKind::AddrInUse => "end the program that listens there, or pass another --listen ADDR",
        ErrorKind::AddrNotAvailable => "pass an address of this machine",
        ErrorKind::NotFound => "check the name",
        ErrorKind::PermissionDenied => "use a file or port that this user may use",
        ErrorKind::BrokenPipe | ErrorKind::WriteZero | ErrorKind::StorageFull => {
            "see that its reader stays and its disk has room"
        }
        _ => "check the name, and what it stands for",
    }
}

fn of_pem(_: &pem::Error) -> &'static str {
    "pass a PEM file that can be read and has what the option needs"
}
