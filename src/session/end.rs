//! The end of a session (2.5.2 to 2.5.4).

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{SessionEndpoint, detach::keep_unread, link_names::LinkNames};
use crate::{
    context::Context,
    error::{Cause, CommandError, Failure},
    event::Event,
    slab::{NumberMap, Slab},
    spec::{definitions::AmqpError, performatives::End},
    state::{LinkState, SessionState, SessionTrigger},
    timer::Timer,
};

/// Why a session ends.
pub(crate) enum SessionEnd {
    /// The application ends it. Without an error, messages in progress go out first.
    Command(Option<Box<AmqpError>>),
    /// The application refuses the peer's begin, which has just been answered.
    Refusal(Box<AmqpError>),
    /// An end that waited for messages in progress waits no longer.
    WaitOver,
    /// The peer broke the protocol (2.5.4).
    Violation(Box<AmqpError>),
    /// The peer's end.
    PeerEnd(Option<Box<AmqpError>>),
    /// The session could not begin, or the peer did not answer its begin or its end.
    Failure(Arc<Failure>),
    /// The connection ends, and this is why.
    Connection(Option<Arc<Failure>>),
}

impl SessionEndpoint {
    /// Ends the session. An error changes nothing.
    pub(crate) fn end(&mut self, why: SessionEnd, cx: &mut Context) -> Result<(), CommandError> {
        match why {
            SessionEnd::Command(error) => self.end_by_command(error, cx)?,
            SessionEnd::Refusal(error) => {
                self.end_raised = true;
                self.write_end_or_bare(error, cx)?;
            }
            SessionEnd::WaitOver => {
                self.write_end(None, cx)?;
                cx.timers.set(Timer::Session(self.id), cx.config.timeouts.end);
            }
            SessionEnd::Violation(error) => {
                // All that follows is discarded, whether or not the end could be written.
                let _ = self.write_end_or_bare(error.clone(), cx);
                self.raise_end(Some(Arc::new(Failure { cause: Cause::Violation, error: *error })), cx);
                self.release_if_discarding(cx);
            }
            SessionEnd::PeerEnd(error) => {
                if !self.apply(SessionTrigger::RecvEnd) {
                    return Err(CommandError::IllegalState("the session has not begun (2.5.5)"));
                }
                if self.state == SessionState::EndRcvd {
                    let _ = self.write_end(None, cx);
                }
                let failure = error.map(|error| Arc::new(Failure { cause: Cause::Peer, error: *error }));
                self.raise_end(failure, cx);
            }
            SessionEnd::Failure(failure) => {
                if self.state == SessionState::BeginSent {
                    // The session keeps its channel: an answer may still arrive, and then finds the end.
                    let _ = self.write_end_or_bare(Box::new(failure.error.clone()), cx);
                }
                cx.timers.cancel_session(self.channel);
                self.raise_end(Some(failure), cx);
            }
            SessionEnd::Connection(failure) => self.raise_end(failure, cx),
        }
        Ok(())
    }

    fn end_by_command(
        &mut self,
        error: Option<Box<AmqpError>>,
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let is_written =
            matches!(self.state, SessionState::EndSent | SessionState::EndPipe | SessionState::Discarding);
        if is_written || (self.end_pending && error.is_none()) {
            return Ok(());
        }
        if core::mem::take(&mut self.begin_pending) {
            // Nothing of the session has been written, so nothing has to be ended.
            self.raise_end(None, cx);
            return Ok(());
        }
        if error.is_some() || !self.has_unsent_messages() {
            match error {
                Some(error) => self.write_end_or_bare(error, cx)?,
                None => self.write_end(None, cx)?,
            }
        } else {
            self.end_pending = true;
        }
        cx.timers.set(Timer::Session(self.id), cx.config.timeouts.end);
        Ok(())
    }

    /// Writes an end, behind everything that is pending.
    fn write_end(&mut self, error: Option<Box<AmqpError>>, cx: &mut Context) -> Result<(), CommandError> {
        let trigger = if error.is_some() { SessionTrigger::SendEndError } else { SessionTrigger::SendEnd };
        if self.state.next(trigger).is_none() {
            return Err(CommandError::IllegalState("the session has not begun, or has ended (2.5.5)"));
        }
        let end_pending = core::mem::take(&mut self.end_pending);
        if self.has_work() {
            self.flush_behind_output(true, cx);
        }
        if let Err(refused) = cx.frame(&End { error }) {
            self.end_pending = end_pending;
            return Err(refused);
        }
        let applied = self.apply(trigger);
        debug_assert!(applied, "checked above");
        Ok(())
    }

    /// Writes an end with an error; with its condition alone if the rest does not fit the peer's frames.
    fn write_end_or_bare(&mut self, error: Box<AmqpError>, cx: &mut Context) -> Result<(), CommandError> {
        let bare = Box::new(AmqpError::new(error.condition.clone()));
        self.write_end(Some(error), cx).or_else(|_| self.write_end(Some(bare), cx))
    }

    /// Raises the last events of the links and the session, links first. They share the failure, so that what a peer sends
    /// is kept once, however many links there are.
    fn raise_end(&mut self, failure: Option<Arc<Failure>>, cx: &mut Context) {
        if core::mem::replace(&mut self.end_raised, true) {
            return;
        }
        if self.state == SessionState::BeginRcvd {
            cx.withdraw(self.id);
        }
        let of_links = match &failure {
            Some(failure) if failure.cause == Cause::Parent => Some(failure.clone()),
            Some(failure) if self.links.iter().next().is_some() => {
                Some(Arc::new(failure.of_child("the session failed")))
            }
            _ => None,
        };
        // At once, so that the queue takes up no more than the links have been charged for their last events.
        cx.events.reserve(self.links.iter().count().saturating_add(1));
        for link in self.links.iter_mut() {
            if link.common.state == LinkState::AttachRcvd {
                cx.withdraw(link.common.id);
            }
            if !core::mem::replace(&mut link.common.end_raised, true) {
                keep_unread(link, cx);
                let (id, unsettled) = (link.common.id, link.common.unsettled);
                cx.event(Event::link_closed(id, unsettled, link.cut_off(), of_links.clone()));
            }
        }
        cx.event(Event::session_ended(self.id, failure));
    }

    /// Releases what a session whose peer has not answered our end with an error needs no more.
    pub(crate) fn release_if_discarding(&mut self, cx: &mut Context) {
        if self.state == SessionState::Discarding {
            self.discharge(cx);
            self.release_all_but_unsettled();
            let _ = self.charge(cx);
        }
    }

    /// Releases everything but the unsettled deliveries, which can still be asked for.
    pub(crate) fn release_all_but_unsettled(&mut self) {
        #[cfg(feature = "testing")]
        self.reached.links.extend(self.links.iter().flat_map(|link| &link.common.reached));
        self.links = Slab::default();
        (self.link_bytes, self.buffered) = (0, 0);
        self.handles = NumberMap::default();
        self.link_names = LinkNames::default();
        self.cold = None;
        self.remote_begin = None;
        self.pending_dispositions = Vec::new();
        self.state_bytes.free_waiting();
        self.runs = Vec::new();
        (self.link_flows_due, self.sending, self.waiting_senders) = Default::default();
    }
}
