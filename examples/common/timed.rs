//! A TCP socket with a deadline.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// A TCP socket whose calls end at a deadline, however slowly the peer sends its part.
pub struct Timed {
    pub tcp: TcpStream,
    pub until: Instant,
}

impl Timed {
    pub fn new(tcp: TcpStream, patience: Duration) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, until: Instant::now() + patience })
    }

    /// Returns the time left. Zero would mean no end.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// Calls until it is not interrupted: a signal that stops the program for a while ends a call with a time-out.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl Read for Timed {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            self.tcp.set_read_timeout(self.left()?)?;
            self.tcp.read(block)
        })
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| {
            self.tcp.set_write_timeout(self.left()?)?;
            self.tcp.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
