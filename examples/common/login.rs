//! The SASL mechanisms that a client is willing to use, the best first.

use amqp_proto::sasl::Mechanism;
use clap::ValueEnum;

use crate::advice::{AnyError, about};

#[cfg(feature = "scram")]
mod random;
#[cfg(feature = "scram")]
mod scram_client;

/// The client's SASL mechanism.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sasl {
    /// No SASL layer at all.
    None,
    Anonymous,
    /// With the URL's user and password.
    Plain,
    /// With the URL's user and password, which is not sent.
    Scram,
    /// By the identity of the transport.
    External,
}

/// Returns the mechanisms for one that was `asked` for, or else for what is there: a certificate, a user.
pub fn mechanisms(
    asked: Option<Sasl>,
    has_certificate: bool,
    login: Option<&(String, String)>,
) -> Result<Vec<Mechanism>, AnyError> {
    let user = || {
        let what = "this SASL mechanism needs a user and a password";
        login.ok_or_else(|| about(what, "write the URL as amqp://user:password@host/address"))
    };
    Ok(match asked {
        Some(Sasl::None) => Vec::new(),
        Some(Sasl::Anonymous) => vec![Mechanism::anonymous()],
        Some(Sasl::External) => vec![Mechanism::external()],
        Some(Sasl::Plain) => user().map(|(user, password)| vec![Mechanism::plain(user, password)])?,
        Some(Sasl::Scram) => {
            let scram = user().map(|(user, password)| scram(user, password))?;
            if scram.is_empty() {
                return Err(about("SCRAM is not built in", "build with `--features scram`"));
            }
            scram
        }
        None => {
            let mut usual = Vec::new();
            if has_certificate {
                usual.push(Mechanism::external());
            }
            match login {
                Some((user, password)) => {
                    usual.extend(scram(user, password));
                    usual.push(Mechanism::plain(user, password));
                }
                None if usual.is_empty() => usual.push(Mechanism::anonymous()),
                None => {}
            }
            usual
        }
    })
}

#[cfg(feature = "scram")]
fn scram(user: &str, password: &str) -> Vec<Mechanism> {
    scram_client::mechanisms(user, password)
}

#[cfg(not(feature = "scram"))]
fn scram(_user: &str, _password: &str) -> Vec<Mechanism> {
    Vec::new()
}
