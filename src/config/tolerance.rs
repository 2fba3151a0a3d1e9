//! Departures from the standard that peers make, and that can be taken without harm.

use crate::limits::Deviations;

/// The departures from the standard that a connection takes from its peer.
///
/// True takes one, false is the standard's letter. By default all are taken: each is harmless, and common peers need it.
/// Nothing that this end sends depends on them, but for the outcomes that `unlisted_outcomes` allows.
///
/// ```
/// use amqp_proto::{ConnectionConfig, Tolerance};
///
/// let strict = ConnectionConfig::server("server").tolerance(Tolerance::strict());
/// let one = ConnectionConfig::server("server").tolerance(Tolerance::default().string_keys(false));
/// # let _ = (strict, one);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tolerance {
    /// Frames for a link that we detached with an error are dropped until the peer's detach. Behind that detach an
    /// attach of the same name asks for a new link.
    ///
    /// 2.6.5: such input ends the session with `amqp:session:errant-link`. Any peer needs this whose frames cross an
    /// error of a link, so both ends of this engine do.
    pub frames_for_failed_links: bool,
    /// The first transfer of a settled delivery may lack its delivery-tag, which is then empty.
    ///
    /// 2.7.5: the tag must be there; without it the link is detached with `amqp:invalid-field`. Azure Service Bus and
    /// uamqp leave it out.
    pub missing_delivery_tags: bool,
    /// A receiver's delivery-count may be ahead of ours. The credit is that of 2.6.7, but no more than the flow's
    /// link-credit.
    ///
    /// 2.7.4: the count is that of the sender, as last seen; otherwise the link is detached with
    /// `amqp:invalid-field`. fe2o3-amqp is ahead after a drain; older versions of uamqp count frames.
    pub delivery_count_ahead: bool,
    /// An array of no elements may lack the constructor of its elements, in values of any type.
    ///
    /// 1.2.4: each array has one; without it the connection is closed with `amqp:decode-error`. serde_amqp, and
    /// fe2o3-amqp with it, leave it out.
    pub arrays_without_constructor: bool,
    /// A field of several values may be a list instead of an array, if each element has the field's type.
    ///
    /// 1.3: it is null, one value or an array; otherwise the connection is closed with `amqp:decode-error`. Clients of
    /// the family rabbitmq-amqp1.0 write outcomes and capabilities in this way.
    pub lists_as_arrays: bool,
    /// A flow of a peer that has seen our begin may lack next-incoming-id. It then stands for all transfers sent.
    ///
    /// 2.5.6, 2.7.4: it must be there, and if not it stands for our initial outgoing id, so the window closes for good
    /// after as many transfers as it holds. Azure IoT Hub leaves it out.
    ///
    /// The peer has seen our begin if it answered it, sent a next-incoming-id before, or names the delivery-count of
    /// a sender of ours.
    pub missing_next_incoming_id: bool,
    /// A filter in the source that answers our attach may have a value that is neither described nor null.
    ///
    /// 3.5.8: values are described or null; otherwise the link is detached with `amqp:invalid-field`, as it always is
    /// if the peer asks for it with such a filter. Azure Service Bus answers session filters in this way.
    pub undescribed_filters: bool,
    /// The keys of a map of fields, such as an error's info, may be strings, which then are symbols.
    ///
    /// 2.8.13: they are symbols; otherwise the connection is closed with `amqp:decode-error`. rhea writes strings, and
    /// with it Azure's SDK for JavaScript when it dead-letters a message.
    pub string_keys: bool,
    /// Messages may arrive on credit that newer credit has replaced, up to one window of the session.
    ///
    /// 2.6.7: new credit replaces the old at once; a message beyond it detaches the link with
    /// `amqp:link:transfer-limit-exceeded`. RabbitMQ adds new credit to the messages in flight.
    pub replaced_credit: bool,
    /// A receiver may give its deliveries outcomes that the source in the peer's attach does not list.
    ///
    /// 3.5.3: the source names the outcomes that can be chosen on the link; otherwise the command fails with
    /// [`CommandError::IllegalState`](crate::CommandError::IllegalState). Peers know more than they list: Qpid Proton
    /// lists none and knows all. A source that has neither a list nor a default-outcome restricts nothing in either
    /// case. [`Source::supports`](crate::spec::terminus::Source::supports) is the same question, to be asked before.
    pub unlisted_outcomes: bool,
    /// A detach on a channel that has no session is dropped.
    ///
    /// 2.5.5: behind an end nothing is sent; otherwise the connection is closed with `amqp:not-allowed`. Azure's SDK
    /// for Python ends its session, and detaches some of its links then.
    pub detaches_behind_end: bool,
}

impl Tolerance {
    /// Returns the standard's letter: no departure is taken.
    pub const fn strict() -> Self {
        Self {
            frames_for_failed_links: false,
            missing_delivery_tags: false,
            delivery_count_ahead: false,
            arrays_without_constructor: false,
            lists_as_arrays: false,
            missing_next_incoming_id: false,
            undescribed_filters: false,
            string_keys: false,
            replaced_credit: false,
            unlisted_outcomes: false,
            detaches_behind_end: false,
        }
    }

    field_setters! {
        frames_for_failed_links: bool;
        missing_delivery_tags: bool;
        delivery_count_ahead: bool;
        arrays_without_constructor: bool;
        lists_as_arrays: bool;
        missing_next_incoming_id: bool;
        undescribed_filters: bool;
        string_keys: bool;
        replaced_credit: bool;
        unlisted_outcomes: bool;
        detaches_behind_end: bool;
    }

    /// The part that the decoder needs.
    pub(crate) const fn deviations(&self) -> Deviations {
        Deviations::NONE
            .with(Deviations::ARRAY_WITHOUT_CONSTRUCTOR, self.arrays_without_constructor)
            .with(Deviations::LIST_AS_ARRAY, self.lists_as_arrays)
            .with(Deviations::STRING_KEY, self.string_keys)
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            frames_for_failed_links: true,
            missing_delivery_tags: true,
            delivery_count_ahead: true,
            arrays_without_constructor: true,
            lists_as_arrays: true,
            missing_next_incoming_id: true,
            undescribed_filters: true,
            string_keys: true,
            replaced_credit: true,
            unlisted_outcomes: true,
            detaches_behind_end: true,
        }
    }
}
