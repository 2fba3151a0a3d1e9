//! The credit of one link through the router (2.6.7): who may send to us may send as much as we may send on.

use amqp_proto::{Receiver, Sender};

/// The number of deliveries that may wait here for the far end.
const AHEAD: u32 = 64;

/// The progress of a drain that the far end has asked for.
#[derive(Default)]
enum Drain {
    #[default]
    None,
    /// The near end has to be asked.
    Wanted,
    /// The near end was asked, and may still send this many deliveries.
    Asked(u32),
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
pub struct Credit(Drain);

impl Credit {
    /// Counts a delivery of the near end.
    pub fn on_delivery(&mut self) {
        if let Drain::Asked(left) = &mut self.0 {
            *left = left.saturating_sub(1);
        }
    }

    /// Grants the near end what the far end has granted, as far as there is room here, and passes on a drain.
    ///
    /// `held` is the number of deliveries here, `unsent` that of those without credit of the far end.
    pub fn follow(
        &mut self,
        mut near: Receiver<'_>,
        mut far: Sender<'_>,
        [held, unsent]: [u32; 2],
        flow: Flow,
    ) {
        let rest = far.credit().saturating_sub(unsent);
        let credit = rest.min(AHEAD.saturating_sub(held));
        match (&self.0, flow) {
            // A far end that asks while deliveries wait here has granted more since the near end was dry.
            (Drain::None | Drain::Dry, Flow::Drain) => self.0 = Drain::Wanted,
            // It has used all that it was granted. There may be more to send for what the far end has granted since.
            (Drain::Asked(0), Flow::Drained) if rest > 0 => self.0 = Drain::Wanted,
            (Drain::Asked(_), Flow::Drained) => self.0 = Drain::Dry,
            _ => {}
        }
        match self.0 {
            // The answer comes first.
            Drain::Asked(_) => return,
            Drain::Dry => {
                if held == 0 {
                    self.0 = Drain::None;
                    // An error means that the far end no longer asks.
                    let _ = far.drained();
                }
                return;
            }
            Drain::None | Drain::Wanted => {}
        }
        if flow != Flow::Later || credit < near.credit() || near.credit() <= credit / 2 {
            // An error means that the link is ending.
            let _ = near.set_credit(credit);
        }
        // Without credit a drain is a barrier: what was sent before it arrives first.
        let can_ask = credit > 0 || held == 0;
        if can_ask && matches!(self.0, Drain::Wanted) && near.drain().is_ok() {
            self.0 = Drain::Asked(credit);
        }
    }
}
