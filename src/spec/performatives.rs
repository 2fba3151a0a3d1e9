//! The nine performatives (2.7).

use alloc::boxed::Box;

use super::{
    definitions::{AmqpError, ReceiverSettleMode, Role, SenderSettleMode},
    delivery_state::DeliveryState,
    terminus::{Source, TargetArchetype},
};
use crate::{
    codec::{Checked, DecodeError, DecodeLimits, Decoder},
    types::{
        Channel, DeliveryNumber, DeliveryTag, Fields, Handle, HeapSize, Map, MessageFormat, Milliseconds,
        SequenceNo, Str, Symbol, TextRef, TransferNumber,
    },
};

/// The unsettled deliveries of a link by their tags, each with its state at the sender of the map (2.7.3).
pub type Unsettled = Map<DeliveryTag, Option<DeliveryState>>;

standard_composites! {
    /// Negotiates connection parameters.
    Open = "amqp:open:list" (0x10) in "2.7.1" {
        /// The id of the container that sends this.
        container_id: Str, mandatory;
        /// The host that the sender believes it is talking to.
        hostname: Str;
        /// The largest frame that the sender accepts, in bytes.
        max_frame_size: u32, default u32::MAX;
        /// The highest channel number that the sender accepts.
        channel_max: Channel, default Channel::MAX;
        /// Longest time between frames that the sender accepts.
        idle_time_out: Milliseconds;
        /// Locales that the sender can use for its texts, preferred first.
        outgoing_locales: Symbol, multiple;
        /// Locales that the sender would like for the peer's texts, preferred first.
        incoming_locales: Symbol, multiple;
        /// Extensions that the sender supports.
        offered_capabilities: Symbol, multiple;
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Symbol, multiple;
        /// Facts about the connection and its container.
        properties: Fields;
    }

    /// Begins a session on a channel.
    Begin = "amqp:begin:list" (0x11) in "2.7.2" {
        /// The channel of the peer's begin that this one answers.
        remote_channel: Channel;
        /// The transfer-id of the first transfer to be sent.
        next_outgoing_id: TransferNumber, mandatory;
        /// Transfer frames that the sender can receive now.
        incoming_window: u32, mandatory;
        /// Transfer frames that the sender may send now.
        outgoing_window: u32, mandatory;
        /// The highest handle that the sender accepts.
        handle_max: Handle, default Handle::MAX;
        /// Extensions that the sender supports.
        offered_capabilities: Symbol, multiple;
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Symbol, multiple;
        /// Facts about the session and its container.
        properties: Fields;
    }

    /// Attaches a link to a session.
    Attach
    | /// An attach that has been checked without being decoded. The fields that the engine uses are kept.
      pub(crate) AttachRef<'a> = "amqp:attach:list" (0x12) in "2.7.3" {
        /// Names the link, together with its direction and the two containers.
        name: Str | TextRef<'a>, mandatory;
        /// Stands for the link in the frames that the sender of this sends from now on.
        handle: Handle, mandatory;
        /// Which end of the link sends this.
        role: Role, mandatory;
        /// How the link's sender settles.
        snd_settle_mode: SenderSettleMode, default SenderSettleMode::Mixed;
        /// When the link's receiver settles.
        rcv_settle_mode: ReceiverSettleMode, default ReceiverSettleMode::First;
        /// Where the messages come from.
        source: Box<Source> | Checked;
        /// Where the messages go to.
        target: Box<TargetArchetype> | Checked;
        /// Deliveries that the sender of this holds unsettled, on resuming the link.
        unsettled: Unsettled | Checked;
        /// True if `unsettled` is only a part.
        incomplete_unsettled: bool, default false;
        /// The delivery-count to start from; a sender must set it.
        initial_delivery_count: SequenceNo;
        /// The largest message that the sender of this supports, in bytes; 0 for any.
        max_message_size: u64;
        /// Extensions that the sender supports.
        offered_capabilities: Symbol | Checked, multiple;
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Symbol | Checked, multiple;
        /// Facts about the link and its container.
        properties: Fields | Checked;
    }

    /// Updates the flow state of a session, and of one of its links.
    Flow = "amqp:flow:list" (0x13) in "2.7.4" {
        /// The transfer-id that the sender of this expects next.
        next_incoming_id: TransferNumber;
        /// Transfer frames that the sender of this can receive now.
        incoming_window: u32, mandatory;
        /// The transfer-id of the next transfer to be sent.
        next_outgoing_id: TransferNumber, mandatory;
        /// Transfer frames that the sender of this may send now.
        outgoing_window: u32, mandatory;
        /// The link that the fields below are about.
        handle: Handle;
        /// The delivery-count of the endpoint.
        delivery_count: SequenceNo;
        /// Messages that the receiver can take beyond the delivery-count.
        link_credit: u32;
        /// Messages that await credit at the sender.
        available: u32;
        /// True if the sender must use up the credit, or give it up.
        drain: bool, default false;
        /// True if the peer is asked for its flow state.
        echo: bool, default false;
        /// Facts about the link's state.
        properties: Fields;
    }

    /// Carries a message, or a part of one.
    Transfer = "amqp:transfer:list" (0x14) in "2.7.5" {
        /// The link.
        handle: Handle, mandatory;
        /// The delivery's number in the session; needed on the first transfer of a delivery.
        delivery_id: DeliveryNumber;
        /// The delivery's name on the link; needed on the first transfer of a delivery.
        delivery_tag: DeliveryTag;
        /// The message's format; needed on the first transfer of a delivery.
        message_format: MessageFormat;
        /// True if the sender has settled the delivery.
        settled: bool;
        /// True if more of the message follows.
        more: bool, default false;
        /// When the receiver is to settle this delivery.
        rcv_settle_mode: ReceiverSettleMode;
        /// The delivery's state at the sender.
        state: DeliveryState;
        /// True if this resumes a delivery that an earlier link endpoint began.
        resume: bool, default false;
        /// True if the delivery is given up.
        aborted: bool, default false;
        /// True if the peer may take its time with the outcome.
        batchable: bool, default false;
    }

    /// Updates the state and settlement of deliveries.
    Disposition = "amqp:disposition:list" (0x15) in "2.7.6" {
        /// Which end of the links sends this.
        role: Role, mandatory;
        /// The first delivery.
        first: DeliveryNumber, mandatory;
        /// The last delivery, if it is not the first.
        last: DeliveryNumber;
        /// True if the sender of this has settled the deliveries.
        settled: bool, default false;
        /// The state of the deliveries.
        state: DeliveryState;
        /// True if the peer may take its time with its answer.
        batchable: bool, default false;
    }

    /// Detaches a link from a session.
    Detach = "amqp:detach:list" (0x16) in "2.7.7" {
        /// The link.
        handle: Handle, mandatory;
        /// True if the link is closed for good.
        closed: bool, default false;
        /// The error, if it is for one.
        error: Box<AmqpError>;
    }

    /// Ends a session.
    End = "amqp:end:list" (0x17) in "2.7.8" {
        /// The error, if it is for one.
        error: Box<AmqpError>;
    }

    /// Closes a connection.
    Close = "amqp:close:list" (0x18) in "2.7.9" {
        /// The error, if it is for one.
        error: Box<AmqpError>;
    }
}

archetypes! {
    /// The body of an AMQP frame, but for a payload (2.3.2, 2.7).
    Performative = "performative" {
        /// See [`Open`].
        Open(Box<Open>);
        /// See [`Begin`].
        Begin(Box<Begin>);
        /// See [`Attach`].
        Attach(Box<Attach>);
        /// See [`Flow`].
        Flow(Flow);
        /// See [`Transfer`].
        Transfer(Transfer);
        /// See [`Disposition`].
        Disposition(Disposition);
        /// See [`Detach`].
        Detach(Detach);
        /// See [`End`].
        End(End);
        /// See [`Close`].
        Close(Close);
    }
}

impl<'a> AttachRef<'a> {
    /// Checks the body of a frame, which must be an attach and nothing else. Its errors are those of decoding it.
    pub(crate) fn check(body: &'a [u8], limits: DecodeLimits) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::from_slice(body, limits);
        let attach = decoder.run(|rest, decoder| match rest.split_first() {
            Some((code, rest)) => Self::decode_as(*code, rest, decoder),
            None => decoder.truncated(rest),
        })?;
        decoder.finish()?;
        Ok(attach)
    }
}

impl HeapSize for Open {
    fn heap_size(&self) -> usize {
        let symbols = [
            &self.outgoing_locales,
            &self.incoming_locales,
            &self.offered_capabilities,
            &self.desired_capabilities,
        ];
        let texts = self.container_id.heap_size().saturating_add(self.hostname.heap_size());
        symbols
            .iter()
            .fold(texts, |sum, symbols| sum.saturating_add(symbols.heap_size()))
            .saturating_add(self.properties.heap_size())
    }
}
