//! Requests whose answers have a status: what both management clients have in common.

use alloc::{boxed::Box, sync::Arc};

use super::{RequestEvent, RequestFailure, RequestId, StatusError};
use crate::{Failure, frame::Payload};

/// Something that happened to a client of a management node, whose answers are `R`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallEvent<R> {
    /// A request can be sent: the links are open, or a [temporary](crate::CommandError::is_temporary) error is over.
    Ready,
    /// The answer to a request has arrived. Its status can be that of an error.
    Answered {
        /// The request.
        id: RequestId,
        /// The answer.
        response: Box<R>,
    },
    /// There is no answer, or none with a status.
    Failed {
        /// The request.
        id: RequestId,
        /// The reason.
        why: RequestFailure,
    },
    /// The links have ended. The last event.
    Closed {
        /// The reason, unless a link was closed without an error.
        failure: Option<Arc<Failure>>,
    },
}

impl<R> CallEvent<R> {
    /// Reads the answer of a request.
    pub(super) fn read(event: RequestEvent, parse: impl FnOnce(Payload) -> Result<R, StatusError>) -> Self {
        match event {
            RequestEvent::Ready => Self::Ready,
            RequestEvent::Answered { id, delivery } => match parse(delivery.payload) {
                Ok(response) => Self::Answered { id, response: Box::new(response) },
                Err(_) => Self::Failed { id, why: RequestFailure::Malformed },
            },
            // Only without a receiver: an outcome is no answer to a request.
            RequestEvent::Accepted { id } => Self::Failed { id, why: RequestFailure::Malformed },
            RequestEvent::Failed { id, why } => Self::Failed { id, why },
            RequestEvent::Closed { failure } => Self::Closed { failure },
        }
    }
}
