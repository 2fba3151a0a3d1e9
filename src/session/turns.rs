//! The turns of links that share a window, the outbox or memory.

use super::{
    SessionEndpoint,
    waiting_senders::{Owed, WaitingSenders},
};
use crate::{context::Context, error::CommandError, link::SenderEndpoint};

impl SessionEndpoint {
    /// Returns what there is room for.
    #[inline]
    pub(super) fn room_for(&self, handle: u16, cx: &Context) -> Room {
        if self.window.remote_incoming_window == 0 || self.owed != Owed::NOTHING || cx.outbox_full_for_new() {
            return self.room_in_turn(handle, cx);
        }
        Room::Free
    }

    /// As [`room_for`](Self::room_for), if not every link may begin a message or chunk.
    #[cold]
    #[inline(never)]
    fn room_in_turn(&self, handle: u16, cx: &Context) -> Room {
        let is_first = self.waiting_senders.first() == Some(handle);
        if self.window.remote_incoming_window == 0 || self.owed.has(Owed::WINDOW) && !is_first {
            return Room::WindowClosed;
        }
        let is_first_of_all = is_first && cx.blocked_senders.first() == Some(self.channel);
        if cx.has_room_for(is_first_of_all) { Room::InTurn } else { Room::OutboxFull }
    }

    /// True if the window and the outbox have room for a message of this link.
    pub(crate) fn has_room_for(&self, handle: u16, cx: &Context) -> bool {
        self.room_for(handle, cx).is_free()
    }

    pub(super) fn turn(&mut self, handle: u16) -> Turn<'_> {
        Turn { senders: &mut self.waiting_senders, owed: &mut self.owed, any: &mut self.senders_wait, handle }
    }

    /// True if memory for unsettled deliveries is not left to other links, which have been refused.
    pub(crate) fn leaves_memory_to(&self, handle: u16) -> bool {
        leaves_memory_to(handle, self.owed, &self.waiting_senders)
    }
}

/// A link beside those of its session that wait for a `SENDER_READY`.
pub(super) struct Turn<'a> {
    pub(super) senders: &'a mut WaitingSenders,
    pub(super) owed: &'a mut Owed,
    /// The session's `senders_wait`.
    pub(super) any: &'a mut bool,
    pub(super) handle: u16,
}

impl Turn<'_> {
    /// Fails if the link, or what all links share, does not allow a message of this size now.
    #[cold]
    #[inline(never)]
    pub(super) fn check(
        mut self,
        sender: &mut SenderEndpoint,
        (size, settled): (usize, bool),
        room: Room,
        (is_full, is_too_far): (bool, bool),
        cx: &mut Context,
    ) -> Result<(), CommandError> {
        let has_memory = settled || !is_full && leaves_memory_to(self.handle, *self.owed, self.senders);
        let checked = sender.check(size).and_then(|()| match room.refusal() {
            Some(refused) => Err(refused),
            None if is_too_far || !has_memory => Err(CommandError::TooManyUnsettled),
            None => Ok(()),
        });
        let Err(refused) = checked else {
            self.pass(room, settled, cx);
            return Ok(());
        };
        if refused.is_temporary() {
            sender.ready_owed = true;
            sender.lacks_memory = refused == CommandError::TooManyUnsettled;
            self.refuse(&refused, cx);
        }
        Err(refused)
    }

    /// Has `SENDER_READY` follow, and leaves the room that there will be to links that wait for it.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, refused: &CommandError, cx: &mut Context) {
        *self.any = true;
        self.senders.push(self.handle);
        match refused {
            CommandError::WindowClosed => self.owed.set(Owed::WINDOW),
            CommandError::TooManyUnsettled => self.owed.set(Owed::MEMORY),
            CommandError::OutboxFull => cx.set_turn_of_refused(true),
            _ => {}
        }
    }

    /// Has a link that waits, if it is the first, begin a message or chunk before it has been woken. It is the last then.
    #[cold]
    #[inline(never)]
    pub(super) fn pass(&mut self, room: Room, settled: bool, cx: &mut Context) {
        let has_memory = !settled && self.owed.has(Owed::MEMORY);
        // Nothing but memory is owed to the first if this is another one, whose message is settled.
        if room == Room::InTurn && (has_memory || self.senders.first() == Some(self.handle)) {
            self.senders.pass_turn(has_memory);
            self.owed.clear(Owed::WINDOW);
            if has_memory {
                self.owed.clear(Owed::MEMORY);
            }
            cx.set_turn_of_refused(false);
        }
    }
}

/// True if memory for unsettled deliveries is not left to other links, which have been refused.
fn leaves_memory_to(handle: u16, owed: Owed, waiting: &WaitingSenders) -> bool {
    !owed.has(Owed::MEMORY) || waiting.first_without_memory() == Some(handle)
}

/// The room that a link finds in its session and connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// For a message or chunk of any link.
    Free,
    /// For this link, which is the first of those that have been refused.
    InTurn,
    /// The window is closed, or left to links that have been refused.
    WindowClosed,
    /// The outbox is full, or left to messages in progress or to links that have been refused.
    OutboxFull,
}

impl Room {
    #[inline]
    pub(super) fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::InTurn)
    }

    pub(super) fn refusal(self) -> Option<CommandError> {
        match self {
            Self::Free | Self::InTurn => None,
            Self::WindowClosed => Some(CommandError::WindowClosed),
            Self::OutboxFull => Some(CommandError::OutboxFull),
        }
    }
}
