//! The SASL mechanisms that the broker offers, by its options.

use std::sync::Arc;

use amqp_proto::{ConnectionConfig, SaslPolicy, sasl::Mechanism};
use clap::Args;

use crate::advice::{AnyError, about};
#[cfg(feature = "scram")]
use crate::scram_server;

/// The options of logins.
#[derive(Args)]
pub struct Logins {
    /// A user, who logs in with PLAIN or SCRAM; may be repeated. Without users every client is served.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    user: Vec<(String, String)>,
    /// Serve clients without a login too.
    #[arg(long)]
    anonymous: bool,
    /// The only token that `$cbs` takes. Without it a client, logged in or not, reaches no other node.
    #[arg(long, value_name = "TOKEN", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub token: Option<String>,
}

fn user(text: &str) -> Result<(String, String), String> {
    let (name, password) = text.split_once(':').ok_or("not NAME:PASSWORD")?;
    if name.is_empty() || password.is_empty() {
        return Err("the name or the password is empty".into());
    }
    Ok((name.to_owned(), password.to_owned()))
}

impl Logins {
    /// Fails if a user has two passwords.
    pub fn check(&self) -> Result<(), AnyError> {
        let mut names: Vec<_> = self.user.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| Err(about(format!("--user {} is there twice", pair[0]), "leave one out")))
    }

    /// Adds the mechanisms to a configuration. Certificates can log in if clients are asked for them.
    pub fn offer(&self, mut config: ConnectionConfig, has_certificates: bool) -> ConnectionConfig {
        if has_certificates {
            config = config.sasl(Mechanism::external_server_from_tunnel());
        }
        if !self.user.is_empty() {
            let users: Arc<[(String, String)]> = self.user.clone().into();
            #[cfg(feature = "scram")]
            for mechanism in scram_server::mechanisms(&users) {
                config = config.sasl(mechanism);
            }
            config = config.sasl(Mechanism::plain_server(move |shown| {
                // All are compared: the time is the same for each name.
                users.iter().fold(false, |found, (name, password)| found | shown.matches(name, password))
            }));
        }
        if self.anonymous || (self.user.is_empty() && !has_certificates) {
            config = config.sasl(Mechanism::anonymous_server()).sasl_policy(SaslPolicy::Optional);
            // Such a client proves itself by its token, or has nothing to prove.
            config = config.sasl(Mechanism::mssbcbs_server());
        }
        config
    }
}
