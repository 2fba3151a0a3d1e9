//! Deliveries that are settled after an end has given its outcome, which stands (2.7.5, 3.4).

use alloc::{boxed::Box, vec::Vec};

use super::{
    SessionEndpoint,
    disposition::{Run, follows},
    settlement::answer_to,
    state_bytes::Giver,
    stored_state::{StateDecoder, StoredState},
    unsettled::UnsettledEntry,
};
use crate::{
    context::Context,
    ids::{DeliveryId, LinkId, SenderId},
    spec::{definitions::Role, performatives::Disposition},
};

/// Runs that few dispositions have. Where there are none, a box is nothing to drop.
pub(super) type DecidedRuns = Option<Box<Decided>>;

#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) runs: Vec<DecidedRun>,
    /// The bytes of their states, encoded, behind the first.
    pub(super) bytes: usize,
}

/// Consecutive deliveries of one link that are settled after an end has given its outcome, with the states of both.
#[derive(Debug)]
pub(super) struct DecidedRun {
    run: Run,
    receivers: StoredState,
    senders: StoredState,
}

impl DecidedRun {
    /// Adds a delivery to the last run, or begins another.
    #[cold]
    #[inline(never)]
    pub(super) fn extend(runs: &mut DecidedRuns, link: LinkId, id: DeliveryId, state: &StoredState) {
        let Decided { runs, bytes } = &mut **runs.get_or_insert_default();
        let [receivers, senders] = [Role::Receiver, Role::Sender].map(|role| state.at(role).clone());
        match runs.last_mut() {
            Some(last)
                if last.run.link == link
                    && follows(last.run.last, id)
                    && (&last.receivers, &last.senders) == (&receivers, &senders) =>
            {
                last.run.last = id;
            }
            _ => {
                let run = Run { link, first: id, last: id, settled: true };
                if let Some(last) = runs.last() {
                    for (state, before) in [(&receivers, &last.receivers), (&senders, &last.senders)] {
                        let more = if state.is_same(before) { 0 } else { state.heap_size() };
                        *bytes = bytes.saturating_add(more);
                    }
                }
                runs.push(Self { run, receivers, senders });
            }
        }
    }
}

/// Handles a delivery of which an end has given its outcome. Returns true if it stays unsettled, and `None` if neither
/// end has.
#[cold]
#[inline(never)]
pub(super) fn keep_decided(
    entry: &UnsettledEntry<SenderId>,
    settles: bool,
    id: DeliveryId,
    decided: &mut DecidedRuns,
) -> Option<bool> {
    let [receivers, senders] = [Role::Receiver, Role::Sender].map(|role| entry.state.at(role).is_terminal());
    if settles && (receivers || senders) {
        DecidedRun::extend(decided, entry.link.into(), id, &entry.state);
        return Some(false);
    }
    receivers.then_some(true)
}

impl SessionEndpoint {
    /// Settles deliveries of which an end had given its outcome before: that one stands, whatever is in the disposition.
    #[cold]
    #[inline(never)]
    pub(super) fn on_decided(&mut self, decided: Decided, disposition: &Disposition, cx: &mut Context) {
        let (mut decoder, mut of_senders) = (StateDecoder::default(), StateDecoder::default());
        let (receiver, sender) = match disposition.role {
            Role::Receiver => (Giver::Peer, Giver::Us),
            Role::Sender => (Giver::Us, Giver::Peer),
        };
        let mut states = Vec::new();
        for DecidedRun { run, receivers, senders } in decided.runs {
            let (limits, events) = (cx.config.limits.decode, cx.events.len());
            let theirs = if disposition.role == Role::Receiver { &receivers } else { &senders };
            let state =
                if theirs.is_terminal() { decoder.get(theirs, limits) } else { disposition.state.clone() };
            if disposition.role == Role::Receiver && !disposition.settled {
                // 2.6.12: the sender's own outcome, if it has reached one.
                let ours = of_senders.get(&senders, limits).or_else(|| answer_to(state.as_ref(), cx));
                self.add_disposition(Role::Sender, (run.first, run.last), true, ours);
            }
            self.on_run(&run, state.as_ref(), cx);
            let decoded = decoder.take_decoded();
            if decoded > 0 {
                cx.charge_event(events, decoded);
            }
            states.extend([(receiver, receivers), (sender, senders)]);
        }
        // The last that shared them with their deliveries.
        drop((decoder, of_senders));
        for (giver, state) in states {
            self.state_bytes.free(giver, &state);
        }
    }
}
