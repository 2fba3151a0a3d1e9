//! The URL of a client, and the connection to its host, with TLS on it or without.

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{stream::Stream, tls_client::TlsOptions};

/// `amqp[s]://[user:password@]host[:port]/address`, in its parts.
pub struct Place {
    pub host: String,
    port: u16,
    has_tls: bool,
    pub address: String,
    pub login: Option<(String, String)>,
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let url = Url::parse(text)?;
        let (has_tls, port) = match url.scheme() {
            "amqp" => (false, 5672),
            "amqps" => (true, 5671),
            other => return Err(format!("not an amqp URL but {other}").into()),
        };
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let host = url.host_str().ok_or("the URL has no host")?;
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
    pub fn connect(
        &self,
        options: &TlsOptions,
        patience: Duration,
    ) -> Result<Stream<TcpStream>, Box<dyn Error>> {
        if !self.has_tls && options.has_certificate() {
            return Err("a client's certificate needs an amqps URL".into());
        }
        let socket = self.reach(patience)?;
        // Without it the kernel holds back small frames until the peer has acknowledged earlier ones.
        socket.set_nodelay(true)?;
        match self.has_tls {
            true => options.connect(&self.host, socket, patience),
            false => Ok(Stream { socket, tls: None, host: None }),
        }
    }

    fn reach(&self, patience: Duration) -> io::Result<TcpStream> {
        let mut result = Err(io::Error::new(ErrorKind::NotFound, "the host has no address"));
        for address in (&*self.host, self.port).to_socket_addrs()? {
            result = TcpStream::connect_timeout(&address, patience);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
