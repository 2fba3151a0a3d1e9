//! Messages of a queue that are not handed out on its links: deferred ones, and those scheduled for later.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use amqp_proto::types::{Timestamp, Uuid};

use crate::stored::Stored;

/// The time that a message is locked for. A link keeps what it has acquired for longer.
const LOCK: Duration = Duration::from_secs(5 * 60);

/// Returns the end of a lock that begins at a time.
pub fn lock_end(start: Timestamp) -> Timestamp {
    let lock = i64::try_from(LOCK.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(start.as_millis().saturating_add(lock))
}

/// Deferred and scheduled messages, by their numbers.
#[derive(Default)]
pub struct Parked {
    deferred: BTreeMap<u64, Deferred>,
    /// The deferred messages that have a lock, by its token.
    locks: BTreeMap<Uuid, u64>,
    scheduled: BTreeMap<u64, (Timestamp, Box<Stored>)>,
    by_time: BTreeSet<(Timestamp, u64)>,
}

struct Deferred {
    message: Box<Stored>,
    /// The token of its lock, and the lock's end.
    lock: Option<(Uuid, Timestamp)>,
}

impl Parked {
    pub fn len(&self) -> usize {
        self.deferred_len() + self.scheduled_len()
    }

    pub fn deferred_len(&self) -> usize {
        self.deferred.len()
    }

    pub fn scheduled_len(&self) -> usize {
        self.scheduled.len()
    }

    pub fn defer(&mut self, number: u64, message: Box<Stored>) {
        self.deferred.insert(number, Deferred { message, lock: None });
    }

    /// Returns a deferred message, unless it is locked.
    pub fn deferred(&self, number: u64, now: Timestamp) -> Option<&Stored> {
        let deferred = self.deferred.get(&number)?;
        deferred.lock.is_none_or(|(_, end)| end <= now).then_some(&deferred.message)
    }

    /// Locks a deferred message. An earlier lock, which has ended, is forgotten.
    pub fn lock(&mut self, number: u64, token: Uuid, end: Timestamp) {
        let Some(deferred) = self.deferred.get_mut(&number) else { return };
        if let Some((ended, _)) = deferred.lock.replace((token, end)) {
            self.locks.remove(&ended);
        }
        self.locks.insert(token, number);
    }

    /// Returns the number of the message with this lock, if the lock has not ended.
    pub fn locked(&self, token: Uuid, now: Timestamp) -> Option<u64> {
        let number = *self.locks.get(&token)?;
        let (_, end) = self.deferred.get(&number)?.lock?;
        (end > now).then_some(number)
    }

    /// Sets the end of a lock.
    pub fn renew(&mut self, number: u64, end: Timestamp) {
        if let Some(Deferred { lock: Some(lock), .. }) = self.deferred.get_mut(&number) {
            lock.1 = end;
        }
    }

    /// Ends the lock of a message, which stays deferred.
    pub fn unlock(&mut self, number: u64) {
        let lock = self.deferred.get_mut(&number).and_then(|deferred| deferred.lock.take());
        if let Some((token, _)) = lock {
            self.locks.remove(&token);
        }
    }

    /// Returns the bytes of a deferred message.
    pub fn size_of(&self, number: u64) -> usize {
        self.deferred.get(&number).map_or(0, |deferred| deferred.message.len())
    }

    /// Takes a deferred message.
    pub fn take(&mut self, number: u64) -> Option<Box<Stored>> {
        self.unlock(number);
        self.deferred.remove(&number).map(|deferred| deferred.message)
    }

    pub fn schedule(&mut self, number: u64, time: Timestamp, message: Box<Stored>) {
        self.by_time.insert((time, number));
        self.scheduled.insert(number, (time, message));
    }

    /// True if the message is scheduled.
    pub fn is_scheduled(&self, number: u64) -> bool {
        self.scheduled.contains_key(&number)
    }

    /// Takes a scheduled message.
    pub fn cancel(&mut self, number: u64) -> Option<Box<Stored>> {
        let (time, message) = self.scheduled.remove(&number)?;
        self.by_time.remove(&(time, number));
        Some(message)
    }

    /// Returns the time of the first scheduled message.
    pub fn first_time(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Takes the next scheduled message that is due.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Box<Stored>> {
        let (_, number) = *self.by_time.first().filter(|(time, _)| *time <= now)?;
        self.cancel(number)
    }

    /// Returns the deferred and the scheduled messages from this number on, each in order.
    pub fn from(
        &self,
        number: u64,
    ) -> (impl Iterator<Item = (u64, &Stored)>, impl Iterator<Item = (u64, &Stored)>) {
        let deferred = self.deferred.range(number..).map(|(number, deferred)| (*number, &*deferred.message));
        let scheduled = self.scheduled.range(number..).map(|(number, (_, message))| (*number, &**message));
        (deferred, scheduled)
    }
}
