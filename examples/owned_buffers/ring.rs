//! The operations of one connection that are in flight.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use compio::{
    BufResult,
    io::{AsyncRead as _, AsyncWrite as _},
    net::TcpStream,
    time,
};

/// An operation that has ended, with the buffer that comes back.
pub enum Completion {
    Read(BufResult<usize, BytesMut>),
    Written(BufResult<usize, Bytes>),
    Deadline,
}

type Operation = Pin<Box<dyn Future<Output = Completion>>>;

/// The operations in flight. Each owns its buffer, so none is dropped before it has ended, but for the deadline's.
pub struct Ring {
    socket: TcpStream,
    read: Option<Operation>,
    write: Option<Operation>,
    deadline: Option<(Instant, Operation)>,
}

impl Ring {
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, read: None, write: None, deadline: None }
    }

    pub fn is_writing(&self) -> bool {
        self.write.is_some()
    }

    pub fn submit_read(&mut self, buffer: BytesMut) {
        let mut socket = self.socket.clone();
        self.read = Some(Box::pin(async move { Completion::Read(socket.read(buffer).await) }));
    }

    pub fn submit_write(&mut self, chunk: Bytes) {
        let mut socket = self.socket.clone();
        self.write = Some(Box::pin(async move { Completion::Written(socket.write(chunk).await) }));
    }

    pub fn set_deadline(&mut self, at: Option<Instant>) {
        if self.deadline.as_ref().map(|(at, _)| *at) != at {
            self.deadline = at.map(|at| {
                let operation: Operation = Box::pin(async move {
                    time::sleep_until(at).await;
                    Completion::Deadline
                });
                (at, operation)
            });
        }
    }

    /// Waits for the next operation that ends.
    pub async fn completion(&mut self) -> Completion {
        poll_fn(|cx| {
            for slot in [&mut self.read, &mut self.write] {
                if let Some(operation) = slot
                    && let Poll::Ready(completion) = operation.as_mut().poll(cx)
                {
                    *slot = None;
                    return Poll::Ready(completion);
                }
            }
            let Some((_, operation)) = &mut self.deadline else { return Poll::Pending };
            let completion = operation.as_mut().poll(cx);
            if completion.is_ready() {
                self.deadline = None;
            }
            completion
        })
        .await
    }
}
