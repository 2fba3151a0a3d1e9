//! That the short ways agree with the general path, on all that they take.

use alloc::vec::Vec;
use bytes::Bytes;
use proptest::prelude::*;

use crate::{
    codec::{Decode, DecodeError, DecodeLimits, Decoder, to_vec},
    spec::{
        definitions::{ReceiverSettleMode, Role},
        delivery_state::{DeliveryState, Received},
        head::Room,
        part::{self, Part},
        performatives::{Disposition, Transfer},
        usual,
        whole::{self, Whole},
    },
    types::{DeliveryTag, Handle, MessageFormat},
};

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1_u32..256, any::<u32>()]
}

fn state() -> impl Strategy<Value = Option<DeliveryState>> {
    prop_oneof![
        Just(None),
        Just(Some(DeliveryState::ACCEPTED)),
        Just(Some(DeliveryState::RELEASED)),
        Just(Some(DeliveryState::Received(Received { section_number: 1, section_offset: 2 }))),
    ]
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let tag = proptest::collection::vec(any::<u8>(), 0..=32);
    let tag = proptest::option::weighted(0.9, tag.prop_map(|bytes| DeliveryTag::new(&bytes).unwrap()));
    let first = (number(), proptest::option::of(number()), tag, proptest::option::of(number()));
    let rare = proptest::bool::weighted(0.1);
    let mode = proptest::option::weighted(0.1, Just(ReceiverSettleMode::Second));
    let rest = (any::<Option<bool>>(), any::<bool>(), mode, state(), rare, rare, rare);
    (first, rest).prop_map(|((handle, id, tag, format), (settled, more, mode, state, a, b, c))| Transfer {
        handle: Handle::new(handle),
        delivery_id: id.map(Into::into),
        delivery_tag: tag,
        message_format: format.map(MessageFormat::new),
        settled,
        more,
        rcv_settle_mode: mode,
        state,
        resume: a,
        aborted: b,
        batchable: c,
    })
}

fn whole() -> impl Strategy<Value = Whole> {
    let tag = proptest::collection::vec(any::<u8>(), 0..=32);
    let tag = tag.prop_map(|bytes| DeliveryTag::new(&bytes).unwrap());
    (number(), number(), tag, number(), any::<bool>()).prop_map(|(handle, id, tag, format, settled)| Whole {
        handle: Handle::new(handle),
        id: id.into(),
        tag,
        format: MessageFormat::new(format),
        settled,
    })
}

fn disposition() -> impl Strategy<Value = Disposition> {
    (any::<bool>(), number(), proptest::option::of(number()), any::<bool>(), state(), any::<bool>()).prop_map(
        |(receiver, first, last, settled, state, batchable)| Disposition {
            role: if receiver { Role::Receiver } else { Role::Sender },
            first: first.into(),
            last: last.map(Into::into),
            settled,
            state,
            batchable,
        },
    )
}

/// What the general path makes of the bytes, and how many of them it takes.
fn general<T: Decode>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut decoder = Decoder::new(&bytes, DecodeLimits::DEFAULT);
    T::decode(&mut decoder).map(|value| (value, decoder.offset()))
}

/// Other ways to write the same: as a list of the large form, with booleans of two bytes, with nulls at the end.
fn rewritten(bytes: &[u8], wide: bool, nulls: usize) -> Vec<u8> {
    let [head @ .., _, _, _] = bytes.first_chunk::<6>().unwrap();
    let mut fields = bytes[6..].to_vec();
    let count = usize::from(bytes[5]) + nulls;
    fields.resize(fields.len() + nulls, 0x40);
    let mut out = head.to_vec();
    if wide || fields.len() > 254 {
        out.push(0xd0);
        out.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        out.extend(u32::try_from(count).unwrap().to_be_bytes());
    } else {
        out.extend([0xc0, u8::try_from(fields.len() + 1).unwrap(), u8::try_from(count).unwrap()]);
    }
    out.extend(fields);
    out
}

/// The byte at a place becomes another.
fn damaged(mut bytes: Vec<u8>, damage: Option<(prop::sample::Index, u8)>) -> Vec<u8> {
    if let Some((at, byte)) = damage {
        let at = at.index(bytes.len());
        bytes[at] = byte;
    }
    bytes
}

fn damage() -> impl Strategy<Value = Option<(prop::sample::Index, u8)>> {
    // Codes that mean something are more to the point than any byte.
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(
            &[0_u8, 0x40, 0x41, 0x42, 0x43, 0x45, 0x52, 0x53, 0x56, 0x70, 0xa0, 0xb0, 0xc0][..]
        ),
    ];
    proptest::option::of((any::<prop::sample::Index>(), byte))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_transfer_reads_the_same(
        transfer in transfer(), wide: bool, nulls in 0_usize..4, damage in damage(), payload in 0_usize..40,
    ) {
        let mut bytes = damaged(rewritten(&to_vec(&transfer), wide, nulls), damage);
        bytes.resize(bytes.len() + payload, 0x41);
        if let Some((read, size)) = usual::read_transfer(&bytes) {
            prop_assert_eq!(general::<Transfer>(&bytes), Ok((read, size)));
        }
    }

    #[test]
    fn a_usual_transfer_is_read(mut transfer in transfer(), wide: bool) {
        (transfer.state, transfer.rcv_settle_mode) = (None, None);
        // With nothing behind the tag there are fewer than four fields, which is left to the general path.
        transfer.message_format.get_or_insert_default();
        let bytes = rewritten(&to_vec(&transfer), wide, 0);
        prop_assert_eq!(usual::read_transfer(&bytes), Some((transfer, bytes.len())));
    }

    #[test]
    fn a_whole_delivery_reads_the_same(
        transfer in transfer(), wide: bool, nulls in 0_usize..4, damage in damage(), payload in 0_usize..40,
    ) {
        let mut bytes = damaged(rewritten(&to_vec(&transfer), wide, nulls), damage);
        bytes.resize(bytes.len() + payload, 0x41);
        if let Some((whole, size)) = whole::read(&bytes) {
            let (mut transfer, general_size) = general::<Transfer>(&bytes).unwrap();
            // What is settled or not only for want of saying so, and what is a hint, make no difference (2.7.5).
            transfer.settled = Some(transfer.settled.unwrap_or_default());
            transfer.batchable = false;
            prop_assert_eq!((whole.transfer(), size), (transfer, general_size));
        }
    }

    #[test]
    fn a_usual_whole_delivery_is_read(whole in whole(), batchable: bool, nulls in 0_usize..2, wide: bool) {
        let transfer = Transfer { batchable, ..whole.transfer() };
        let bytes = rewritten(&to_vec(&transfer), wide, if batchable { 0 } else { nulls });
        prop_assert_eq!(whole::read(&bytes), Some((whole, bytes.len())));
    }

    #[test]
    fn a_whole_delivery_is_written_the_same(whole in whole(), header: [u8; 8]) {
        let mut room: Room = [0; _];
        let size = whole::write(&mut room, header, &whole);
        let transfer = Transfer { settled: whole.settled.then_some(true), ..whole.transfer() };
        prop_assert_eq!(&room[..size], [&header[..], &to_vec(&transfer)].concat());
    }

    #[test]
    fn a_part_of_a_delivery_is_written_the_same(whole in whole(), first: bool, more: bool, header: [u8; 8]) {
        let mut room: Room = [0; _];
        let Whole { handle, settled, .. } = whole;
        let part = Part { handle, first: first.then_some(&whole), settled, more };
        let size = part::write(&mut room, header, &part);
        let named = if first { whole.transfer() } else { Transfer { handle, ..Transfer::default() } };
        let transfer = Transfer { settled: settled.then_some(true), more, ..named };
        prop_assert_eq!(&room[..size], [&header[..], &to_vec(&transfer)].concat());
    }

    #[test]
    fn a_disposition_reads_the_same(
        disposition in disposition(), wide: bool, nulls in 0_usize..3, damage in damage(), behind in 0_usize..2,
    ) {
        let mut bytes = damaged(rewritten(&to_vec(&disposition), wide, nulls), damage);
        bytes.resize(bytes.len() + behind, 0x41);
        if let Some(read) = usual::read_disposition(&bytes) {
            prop_assert_eq!(general::<Disposition>(&bytes), Ok((read, bytes.len())));
        }
    }

    #[test]
    fn a_usual_disposition_is_read(mut disposition in disposition(), wide: bool) {
        if !matches!(disposition.state, None | Some(DeliveryState::Accepted(_) | DeliveryState::Released(_))) {
            disposition.state = Some(DeliveryState::ACCEPTED);
        }
        let bytes = rewritten(&to_vec(&disposition), wide, 0);
        prop_assert_eq!(usual::read_disposition(&bytes), Some(disposition));
    }

    #[test]
    fn a_disposition_is_written_the_same(disposition in disposition(), header: [u8; 8]) {
        let mut room: Room = [0; _];
        let usual = matches!(disposition.state, None | Some(DeliveryState::Accepted(_) | DeliveryState::Released(_)))
            && !disposition.batchable;
        let written = usual::write_disposition(&mut room, header, &disposition);
        prop_assert_eq!(written.is_some(), usual);
        if let Some(size) = written {
            prop_assert_eq!(&room[..size], [&header[..], &to_vec(&disposition)].concat());
        }
    }
}
