//! The signals that ask a program to end, as something that the poll waits for.

#[cfg(unix)]
pub use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::{io::Read as _, os::unix::net};

    use mio::{Interest, Registry, Token, net::UnixStream};
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        low_level::pipe,
    };

    /// SIGTERM and SIGINT, each as a byte in a pipe.
    pub struct Signals(UnixStream);

    impl Signals {
        pub fn new(registry: &Registry, token: Token) -> std::io::Result<Self> {
            let (read, write) = net::UnixStream::pair()?;
            read.set_nonblocking(true)?;
            pipe::register(SIGTERM, write.try_clone()?)?;
            pipe::register(SIGINT, write)?;
            let mut read = UnixStream::from_std(read);
            registry.register(&mut read, token, Interest::READABLE)?;
            Ok(Self(read))
        }

        /// Returns the number of signals since the last call.
        pub fn take(&mut self) -> usize {
            self.0.read(&mut [0; 16]).unwrap_or_default()
        }
    }
}

#[cfg(not(unix))]
pub struct Signals;

/// Elsewhere the program is ended by the system alone.
#[cfg(not(unix))]
impl Signals {
    pub fn new(_registry: &mio::Registry, _token: mio::Token) -> std::io::Result<Self> {
        Ok(Self)
    }

    pub fn take(&mut self) -> usize {
        0
    }
}
