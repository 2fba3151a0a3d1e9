//! The URL of a client, and the connection to its host, with TLS on it or without.

use std::{
    io::{self, ErrorKind},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    advice::{AnyError, about},
    stream::Stream,
    tls_client::TlsOptions,
};

/// The form of a URL.
const FORM: &str = "write it as amqp[s]://[user:password@]host[:port]/address";

/// `amqp[s]://[user:password@]host[:port]/address`, in its parts.
pub struct Place {
    pub host: String,
    port: u16,
    has_tls: bool,
    pub address: String,
    pub login: Option<(String, String)>,
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, AnyError> {
        let url = Url::parse(text).map_err(|error| about(format!("the URL: {error}"), FORM))?;
        let (has_tls, port) = match url.scheme() {
            "amqp" => (false, 5672),
            "amqps" => (true, 5671),
            other => return Err(about(format!("not an amqp URL but {other}"), FORM)),
        };
        // They would be left out of the address.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(about("the URL has a `?` or a `#`", "write %3F or %23 if it is in the address"));
        }
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let host = url.host_str().ok_or_else(|| about("the URL has no host", FORM))?;
        // An address may begin with a slash of its own.
        let address = decode(url.path().strip_prefix('/').unwrap_or_default())?;
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decode(user)?, decode(password.unwrap_or_default())?)),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port().unwrap_or(port), has_tls, address, login })
    }

    /// Connects to the first of the host's addresses that answers, and does the handshake of TLS. Each may take the
    /// `patience`.
    ///
    /// The socket of the stream blocks. For a connection, pass [`Stream::tunnel`] to `Connection::set_tunnel`.
    pub fn connect(&self, options: &TlsOptions, patience: Duration) -> Result<Stream<TcpStream>, AnyError> {
        if !self.has_tls && options.has_certificate() {
            return Err(about("a client's certificate needs an amqps URL", "leave --cert out, or use amqps"));
        }
        let socket = self.reach(patience)?;
        // Without it the kernel holds back small frames until the peer has acknowledged earlier ones.
        socket.set_nodelay(true)?;
        match self.has_tls {
            true => options.connect(&self.host, socket, patience),
            false => Ok(Stream { socket, tls: None, host: None }),
        }
    }

    fn reach(&self, patience: Duration) -> Result<TcpStream, AnyError> {
        let place = || format!("{}:{}", self.host, self.port);
        let addresses = (&*self.host, self.port).to_socket_addrs().map_err(|error| about(place(), error))?;
        let none = io::Error::new(ErrorKind::NotFound, "the host has no address");
        let mut result = Err(about(place(), none));
        for address in addresses {
            result = TcpStream::connect_timeout(&address, patience).map_err(|error| about(address, error));
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
