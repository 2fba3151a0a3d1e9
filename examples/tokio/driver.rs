// An engine on a stream of tokio: TCP, TLS, a Unix socket, or half of a pipe in a test.

use std::{
    future::{Future as _, poll_fn},
    io::{self, IoSlice},
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use amqp_proto::{Connection, Event, Instant, Owed, Progress};
use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{self, Sleep},
};

/// Bytes of the blocks that are read into. The payloads of large messages share them.
const BLOCK: usize = 64 * 1024;
/// A new block is made if fewer bytes are left in one.
const LEAST: usize = 4 * 1024;
/// The most pieces of output that are written at once: heads of frames, and payloads that were not copied.
const PIECES: usize = 64;

/// A connection and its stream. It does nothing by itself: [`next_event`](Self::next_event) moves the bytes.
///
/// Back-pressure needs no code here. As long as nobody asks for events, nothing is read, and the peer's window closes.
/// Towards the peer, `Sender::send` returns a temporary error, and `SENDER_READY` follows once there is room.
pub struct Driver<S> {
    stream: S,
    engine: Connection,
    /// What was read, and not yet taken by the engine.
    input: BytesMut,
    progress: Progress,
    /// True if the stream holds written bytes back, as TLS may.
    is_behind: bool,
    start: time::Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub fn new(stream: S, engine: Connection) -> Self {
        let start = time::Instant::now();
        Self {
            stream,
            engine,
            input: BytesMut::new(),
            progress: Progress::NeedInput,
            is_behind: false,
            start,
            timer: Box::pin(time::sleep_until(start)),
        }
    }

    /// Returns the engine, for commands. Their output is written by the next call of [`next_event`](Self::next_event).
    pub fn engine(&mut self) -> &mut Connection {
        &mut self.engine
    }

    /// True if input waits until chunks of streamed deliveries are read.
    #[allow(dead_code, reason = "only the router leaves chunks unread")]
    pub fn waits_for_reading(&self) -> bool {
        matches!(self.progress, Progress::Answer(Owed::Read(_)))
    }

    /// Returns the next event, or `None` once the connection has ended and all its output is written.
    ///
    /// It is cancel-safe: a future that is dropped, as `select!` does it, has lost neither bytes nor events.
    pub async fn next_event(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Ends the stream, once the connection has ended: of TLS, the peer can tell that nobody has cut it.
    #[allow(dead_code, reason = "the driver's own test drops the stream")]
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // The caller may have answered, since the last call, what the engine waits for.
        let mut may_be_answered = true;
        loop {
            // Each event goes to the caller first, whose commands may be the answer that the peer waits for.
            if let Some(event) = self.engine.poll_event() {
                return Poll::Ready(Some(event));
            }
            let now = self.now();
            let written = self.poll_write(now, cx);
            match written {
                Poll::Ready(Ok(false)) if self.engine.is_closed() => return Poll::Ready(None),
                // Reading has its turn, even if the peer takes all that is written.
                Poll::Ready(Ok(_)) | Poll::Pending => {}
                // The peer's last frames may still be there to read.
                Poll::Ready(Err(_)) => {
                    self.engine.output_lost(now);
                    continue;
                }
            }
            let read = match self.progress {
                Progress::NeedInput => self.poll_read(cx),
                // The engine reads on when its answers are written, and the stream does not take them.
                Progress::DrainOutput | Progress::Closed if written.is_pending() => Poll::Pending,
                Progress::Answer(_) if !mem::take(&mut may_be_answered) => Poll::Pending,
                // Events or output were in the way, and are there no more.
                _ => Poll::Ready(true),
            };
            match read {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.engine.handle_eof(now),
                // Written bytes make room, which may raise events and output.
                Poll::Pending if matches!(written, Poll::Ready(Ok(true))) => continue,
                Poll::Pending => {
                    ready!(self.poll_timer(cx));
                    continue;
                }
            }
            self.progress = self.engine.handle_input(now, &mut self.input);
            // Behind the input: a peer whose frames waited in the stream was not silent.
            self.engine.handle_timeout(now);
        }
    }

    /// Writes some of the output. Returns false if there is none, and nothing is held back.
    fn poll_write(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut output = self.engine.poll_transmit(now);
        if output.has_remaining() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let count = output.chunks_vectored(&mut pieces);
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &pieces[..count]))?;
            output.advance(written);
            self.is_behind = true;
            return Poll::Ready(Ok(true));
        }
        if self.is_behind {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_behind = false;
        }
        Poll::Ready(Ok(false))
    }

    /// Reads some bytes. Returns false at the end of the stream, and after an error.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // If no message is left that shares the block, it is used again.
        if self.input.capacity() - self.input.len() < LEAST {
            self.input.reserve(BLOCK);
        }
        let read = pin!(self.stream.read_buf(&mut self.input));
        Poll::Ready(ready!(read.poll(cx)).is_ok_and(|count| count > 0))
    }

    /// Waits for the next deadline, and handles it.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.engine.poll_timeout() else { return Poll::Pending };
        let deadline = self.start + deadline.saturating_since(Instant::default());
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.engine.handle_timeout(self.now());
        Poll::Ready(())
    }

    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
