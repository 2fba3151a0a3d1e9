//! Messages for the next hop: changed annotations around an unchanged bare message (3.2).

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    Message, MessageError, SectionKind,
    encoded::RawValue,
    entries::{Entries, EntryKey},
    pairs::COMPARED_IN_TURN,
};
use crate::{
    codec::{Encode, Encoder, to_vec},
    frame::Payload,
    spec::{
        delivery_state::{DeliveryState, Modified, Outcome, Rejected},
        messaging::Header,
    },
    types::{AnnotationKey, Annotations, Symbol},
};

/// The key of a rejected message's error among its delivery-annotations (3.4.3).
const REJECTED: Symbol = Symbol::from_static("rejected");

/// The change of the header.
#[derive(Clone, Debug)]
enum HeaderChange {
    Keep,
    Omit,
    Replace(Header),
}

/// The change of a section that is a map.
#[derive(Clone, Debug)]
struct MapChange {
    /// True if the entries of the message are kept, as far as `entries` does not change them.
    keep: bool,
    /// Entries to set, encoded, or to drop if `None`. Each key occurs once.
    entries: Vec<(AnnotationKey, Option<Vec<u8>>)>,
    /// The positions of all keys, once there are more than [`COMPARED_IN_TURN`].
    positions: BTreeMap<AnnotationKey, usize>,
}

impl MapChange {
    const KEEP: Self = Self { keep: true, entries: Vec::new(), positions: BTreeMap::new() };
    const OMIT: Self = Self { keep: false, entries: Vec::new(), positions: BTreeMap::new() };

    fn replace(entries: &Annotations) -> Self {
        let entries = entries.iter().map(|(key, value)| (key.clone(), Some(to_vec(value))));
        Self { entries: entries.collect(), ..Self::OMIT }
    }

    fn set(&mut self, key: AnnotationKey, value: Option<Vec<u8>>) {
        let is_small = self.entries.len() <= COMPARED_IN_TURN;
        let keys = || self.entries.iter().map(|(key, _)| key);
        if !is_small && self.positions.is_empty() {
            self.positions = keys().cloned().zip(0..).collect();
        }
        let at = if is_small { keys().position(|it| *it == key) } else { self.positions.get(&key).copied() };
        if let Some((_, change)) = at.and_then(|at| self.entries.get_mut(at)) {
            *change = value;
            return;
        }
        if !is_small {
            self.positions.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
    }
}

/// A message for the next hop. [`Message::forward`] starts one, [`build`](Self::build) returns its payload.
///
/// 3.2 forbids an intermediary to change the bare message: its bytes are shared with the received message, and no
/// property or application-property can be changed. Unless changed, the header, the message-annotations (3.2.3) and the
/// footer are kept. The delivery-annotations are left out, because they are meant for this hop alone (3.2.2).
///
/// Changing one entry of a map keeps the bytes and the order of all others. A section without entries is not
/// written, which means the same (3.2.2, 3.2.3).
///
/// ```
/// use amqp_proto::message::{Message, ParseOptions};
///
/// let payload = Message::builder()
///     .message_annotation(1_u64, "first hop")
///     .message_annotation(2_u64, "secret")
///     .data("hello")
///     .build();
/// let received = Message::parse(payload, &ParseOptions::default())?;
///
/// let payload = received
///     .forward()
///     .message_annotation(1_u64, "second hop")
///     .without_message_annotation(2_u64)
///     .build()?;
/// let sent = Message::parse(payload, &ParseOptions::default())?;
/// assert_eq!(sent.message_annotation(1)?, Some("second hop".into()));
/// assert_eq!(sent.message_annotation(2)?, None);
/// assert_eq!(sent.bare_message(), received.bare_message());
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forward<'a> {
    message: &'a Message,
    header: HeaderChange,
    /// Failed attempts to deliver it, to add to the header's count.
    failed_attempts: u32,
    delivery_annotations: MapChange,
    message_annotations: MapChange,
    footer: MapChange,
}

impl<'a> Forward<'a> {
    pub(super) const fn new(message: &'a Message) -> Self {
        Self {
            message,
            header: HeaderChange::Keep,
            failed_attempts: 0,
            // 3.2.2: delivery-annotations are for the hop to this node alone.
            delivery_annotations: MapChange::OMIT,
            // 3.2.3: message-annotations are propagated unless modified.
            message_annotations: MapChange::KEEP,
            footer: MapChange::KEEP,
        }
    }

    /// Replaces the header.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.header = HeaderChange::Replace(header);
        self
    }

    /// Leaves the header out.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = HeaderChange::Omit;
        self
    }

    /// Keeps the delivery-annotations of the previous hop.
    #[must_use]
    pub fn keep_delivery_annotations(mut self) -> Self {
        self.delivery_annotations.keep = true;
        self
    }

    /// Changes the message as an outcome of its last delivery demands (3.4.3, 3.4.5), for another attempt or for a queue
    /// of dead letters.
    ///
    /// - `rejected` counts a failed attempt in the header's delivery-count, and puts its error under the key `rejected`
    ///   of the delivery-annotations.
    /// - `modified` counts one if `delivery_failed` is set, and sets its annotations among the message-annotations.
    ///   Whether the same link may have the message again (`undeliverable_here`) is for the node to decide.
    /// - All other states change nothing. Of a transactional state, the outcome in it counts (4.5.6).
    ///
    /// Set the header before or after: the attempts are added to the delivery-count of that one. Replacing a section's
    /// entries afterwards undoes what was set in it.
    ///
    /// ```
    /// use amqp_proto::{
    ///     message::{Message, ParseOptions},
    ///     spec::delivery_state::{DeliveryState, Modified},
    /// };
    ///
    /// let received = Message::parse(Message::builder().data("hello").build(), &ParseOptions::default())?;
    /// let failed = DeliveryState::from(Modified { delivery_failed: Some(true), ..Modified::default() });
    /// let again = received.forward().after(&failed).build()?;
    /// assert_eq!(Message::parse(again, &ParseOptions::default())?.delivery_count()?, 1);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    #[must_use]
    pub fn after(self, state: &DeliveryState) -> Self {
        match state {
            DeliveryState::Rejected(rejected) => self.after_rejected(rejected),
            DeliveryState::Modified(modified) => self.after_modified(modified),
            DeliveryState::TransactionalState(state) => match &state.outcome {
                Some(Outcome::Rejected(rejected)) => self.after_rejected(rejected),
                Some(Outcome::Modified(modified)) => self.after_modified(modified),
                _ => self,
            },
            _ => self,
        }
    }

    fn after_rejected(mut self, rejected: &Rejected) -> Self {
        // 3.4.3: the delivery-count is incremented, and the error goes into the delivery-annotations.
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        if let Some(error) = &rejected.error {
            self.delivery_annotations.set(REJECTED.into(), Some(to_vec(error)));
        }
        self
    }

    fn after_modified(mut self, modified: &Modified) -> Self {
        // 3.4.5: the delivery-count is incremented if the flag is set; entries replace those with their key.
        let failed = modified.delivery_failed == Some(true);
        self.failed_attempts = self.failed_attempts.saturating_add(failed.into());
        for (key, value) in modified.message_annotations.iter().flatten() {
            self.message_annotations.set(key.clone().into(), Some(to_vec(value)));
        }
        self
    }

    /// Returns the header to write instead of the message's, with the failed attempts.
    fn counted_header(&self) -> Result<Header, MessageError> {
        let mut header = match &self.header {
            HeaderChange::Keep => self.message.header()?.unwrap_or_default(),
            HeaderChange::Omit => Header::default(),
            HeaderChange::Replace(header) => header.clone(),
        };
        let attempts = header.delivery_count.unwrap_or(0).saturating_add(self.failed_attempts);
        header.delivery_count = Some(attempts);
        Ok(header)
    }

    /// Returns the payload for the next hop: new and kept sections, around the bare message.
    ///
    /// # Errors
    /// [`MessageError`] if an entry is to be changed in a section that is not a map with symbols or ulongs as keys
    /// (3.2.10), or a failed attempt is to be counted in a section that is not a header. Sections without such a change
    /// are not read.
    pub fn build(&self) -> Result<Payload, MessageError> {
        let mut output = Output::new(self.message);
        if self.failed_attempts > 0 {
            output.header(&HeaderChange::Replace(self.counted_header()?));
        } else {
            output.header(&self.header);
        }
        output.map(SectionKind::DeliveryAnnotations, &self.delivery_annotations)?;
        output.map(SectionKind::MessageAnnotations, &self.message_annotations)?;
        output.share(self.message.bare_message_range());
        output.map(SectionKind::Footer, &self.footer)?;
        Ok(output.finish())
    }

    /// Returns the payload with another header and the changes that are the default, which cannot fail.
    pub(super) fn payload_with_header(message: &Message, header: Header) -> Payload {
        let mut output = Output::new(message);
        output.header(&HeaderChange::Replace(header));
        output.keep(SectionKind::MessageAnnotations);
        output.share(message.bare_message_range());
        output.keep(SectionKind::Footer);
        output.finish()
    }
}

macro_rules! map_changes {
    ($($section:literal $field:ident: $replace:ident $omit:ident $set:ident $drop:ident;)*) => {
        /// The sections that are maps.
        impl Forward<'_> {$(
            #[doc = concat!("Replaces the ", $section, ". Undoes earlier changes of single entries.")]
            #[must_use]
            pub fn $replace(mut self, entries: Annotations) -> Self {
                self.$field = MapChange::replace(&entries);
                self
            }

            #[doc = concat!("Leaves the ", $section, " out. Undoes earlier changes of single entries.")]
            #[must_use]
            pub fn $omit(mut self) -> Self {
                self.$field = MapChange::OMIT;
                self
            }

            #[doc = concat!("Sets one entry of the ", $section, ", in its place if the key is present, else at the end.")]
            #[must_use]
            pub fn $set(mut self, key: impl Into<AnnotationKey>, value: impl Encode) -> Self {
                self.$field.set(key.into(), Some(to_vec(&value)));
                self
            }

            #[doc = concat!("Drops one entry of the ", $section, ", if present.")]
            #[must_use]
            pub fn $drop(mut self, key: impl Into<AnnotationKey>) -> Self {
                self.$field.set(key.into(), None);
                self
            }
        )*}
    };
}

map_changes! {
    "delivery-annotations" delivery_annotations:
        delivery_annotations without_delivery_annotations delivery_annotation without_delivery_annotation;
    "message-annotations" message_annotations:
        message_annotations without_message_annotations message_annotation without_message_annotation;
    "footer" footer: footer without_footer footer_entry without_footer_entry;
}

/// A payload under construction: shared parts of a message, and new bytes between them.
struct Output<'a> {
    message: &'a Message,
    payload: Payload,
    /// New bytes to append to the payload.
    bytes: Vec<u8>,
}

impl<'a> Output<'a> {
    const fn new(message: &'a Message) -> Self {
        Self { message, payload: Payload::new(), bytes: Vec::new() }
    }

    fn header(&mut self, change: &HeaderChange) {
        match change {
            HeaderChange::Keep => self.keep(SectionKind::Header),
            HeaderChange::Omit => {}
            HeaderChange::Replace(header) => header.encode(&mut Encoder::new(&mut self.bytes)),
        }
    }

    fn map(&mut self, kind: SectionKind, change: &MapChange) -> Result<(), MessageError> {
        if !change.entries.is_empty() {
            return self.changed_map(kind, change);
        }
        if change.keep {
            self.keep(kind);
        }
        Ok(())
    }

    /// Writes a section with some of its entries changed and the bytes of the others as they are.
    fn changed_map(&mut self, kind: SectionKind, change: &MapChange) -> Result<(), MessageError> {
        let start = self.bytes.len();
        let mut encoder = Encoder::new(&mut self.bytes);
        encoder.describe(kind.code());
        let mut map = encoder.map();
        let mut is_empty = true;
        let mut write = |key: &dyn Encode, value: &[u8]| {
            map.item(&mut encoder, key);
            map.item(&mut encoder, &RawValue(value));
            is_empty = false;
        };
        let mut changes: Vec<_> = change.entries.iter().map(|(key, value)| (key, value.as_deref())).collect();
        let keys = || change.entries.iter().map(|(key, _)| EntryKey::from(key));
        let is_small = change.entries.len() <= COMPARED_IN_TURN;
        let positions: BTreeMap<_, usize> = keys().zip(0..).filter(|_| !is_small).collect();
        let mut entries = if change.keep { Entries::of(self.message, kind)? } else { None };
        while let Some(entry) = entries.as_mut().map_or(Ok(None), Entries::next_entry)? {
            let at = if is_small {
                keys().position(|key| key == entry.key)
            } else {
                positions.get(&entry.key).copied()
            };
            // 1.6.23: a key occurs once, so taking the value drops a second entry with the key.
            let change = at.and_then(|at| changes.get_mut(at));
            let value = change.map_or(Some(entry.encoded_value), |(_, value)| value.take());
            if let Some(value) = value {
                write(&RawValue(entry.encoded_key), value);
            }
        }
        for (key, value) in changes {
            if let Some(value) = value {
                write(key, value);
            }
        }
        // 3.2.2, 3.2.3: leaving the section out means the same as an empty map.
        if is_empty {
            encoder.truncate(start);
        } else {
            map.end(&mut encoder);
        }
        Ok(())
    }

    fn keep(&mut self, kind: SectionKind) {
        if let Some(range) = self.message.range(kind) {
            self.share(range);
        }
    }

    fn share(&mut self, range: Range<usize>) {
        self.flush();
        self.message.slice(range).chunks().for_each(|chunk| self.payload.push(chunk.clone()));
    }

    fn flush(&mut self) {
        self.payload.push(core::mem::take(&mut self.bytes).into());
    }

    fn finish(mut self) -> Payload {
        self.flush();
        self.payload
    }
}
