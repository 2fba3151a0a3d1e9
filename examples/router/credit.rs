//! The credit of one link through the router (2.6.7): who may send to us may send as much as we may send on.

use amqp_proto::{Receiver, Sender};

/// The progress of a drain that the far end has asked for.
#[derive(Default)]
enum Drain {
    #[default]
    None,
    /// The near end has to be asked.
    Wanted,
    /// The near end was asked, and may still send as many deliveries as it was given credit for.
    Asked {
        /// The far end has asked again since.
        is_old: bool,
    },
    /// The near end has nothing more.
    Dry,
}

/// The reason why the credit is looked at.
#[derive(Clone, Copy, PartialEq)]
pub enum Flow {
    /// Messages were sent. A few credits are left for later, so that not every message costs a flow.
    Later,
    /// The far end has granted other credit.
    Credit,
    /// The far end wants its credit used or given back.
    Drain,
    /// The near end has used its credit, or has given back the rest.
    Drained,
}

#[derive(Default)]
pub struct Credit {
    drain: Drain,
    /// The deliveries that the near end may send, with those that have arrived and wait for this program.
    ahead: u32,
}

impl Credit {
    /// Counts a delivery of the near end.
    pub fn on_delivery(&mut self) {
        self.ahead = self.ahead.saturating_sub(1);
    }

    /// Grants the near end what the far end has granted, as far as there is room here for `most`, and passes on a drain.
    ///
    /// `held` is the number of deliveries here, `unsent` that of those without credit of the far end.
    pub fn follow(
        &mut self,
        mut near: Receiver<'_>,
        mut far: Sender<'_>,
        [held, unsent]: [u32; 2],
        (flow, most): (Flow, u32),
    ) {
        let rest = far.credit().saturating_sub(unsent);
        let credit = rest.min(most.saturating_sub(held));
        match (&mut self.drain, flow) {
            (Drain::None | Drain::Dry, Flow::Drain) => self.drain = Drain::Wanted,
            // The near end was dry before. The far end may have granted more, and ask again.
            (Drain::Dry, Flow::Credit) if rest > 0 => self.drain = Drain::Wanted,
            (Drain::Asked { is_old }, Flow::Drain) => *is_old = true,
            (Drain::Asked { is_old }, Flow::Drained) => {
                // If it has used all that it was granted, there may be more for what the far end has granted since.
                let is_again = *is_old || (self.ahead == 0 && rest > 0);
                self.drain = if is_again { Drain::Wanted } else { Drain::Dry };
                self.ahead = near.credit();
            }
            _ => {}
        }
        match self.drain {
            // The answer comes first.
            Drain::Asked { .. } => return,
            Drain::Dry if held > 0 => return,
            Drain::Dry => {
                self.drain = Drain::None;
                // An error means that the far end no longer asks, and its credit is for the near end again.
                if far.drained().is_ok() {
                    return;
                }
            }
            Drain::None | Drain::Wanted => {}
        }
        if flow != Flow::Later || credit < self.ahead || self.ahead <= credit / 2 {
            let unpolled = self.ahead.saturating_sub(near.credit());
            self.ahead = credit.max(unpolled);
            // An error means that the link is ending.
            let _ = near.set_credit(credit.saturating_sub(unpolled));
        }
        // Without credit a drain is a barrier: what was sent before it arrives first.
        let can_ask = credit > 0 || held == 0;
        if can_ask && matches!(self.drain, Drain::Wanted) && near.drain().is_ok() {
            self.drain = Drain::Asked { is_old: false };
        }
    }
}
