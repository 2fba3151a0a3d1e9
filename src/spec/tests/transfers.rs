//! The special path of transfers, held to the table.

use alloc::vec::Vec;
use proptest::prelude::*;

use crate::{
    codec::{Decode as _, DecodeLimits, Decoder, to_vec},
    spec::{
        definitions::ReceiverSettleMode,
        delivery_state::{DeliveryState, Received},
        performatives::Transfer,
        transfer_fast_path::{WholeDelivery, decode_part, decode_whole, write_head},
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

/// Changes the byte at an index.
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

/// Decodes a transfer as the router does.
fn decode(bytes: &[u8]) -> Option<(Transfer, Option<WholeDelivery>, usize)> {
    match decode_whole(bytes) {
        Some((whole, size)) => Some((whole.transfer(), Some(whole), size)),
        None => decode_part(bytes).map(|(part, size)| (part, None, size)),
    }
}

/// Removes what a whole delivery leaves out of its transfer.
fn reduced(transfer: Transfer, is_whole: bool) -> Transfer {
    // 2.7.5: unset is not settled.
    let settled = transfer.settled.filter(|settled| !is_whole || *settled);
    Transfer { settled, ..transfer }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn a_transfer_decoded_by_the_special_path_is_that_of_the_table(
        transfer in transfer(), wide: bool, nulls in 0_usize..4, damage in damage(), payload in 0_usize..40,
    ) {
        let mut bytes = damaged(rewritten(&to_vec(&transfer), wide, nulls), damage);
        bytes.resize(bytes.len() + payload, 0x41);
        if let Some((fast, whole, size)) = decode(&bytes) {
            let mut decoder = Decoder::from_slice(&bytes, DecodeLimits::DEFAULT);
            let decoded = Transfer::decode(&mut decoder).unwrap();
            prop_assert_eq!(fast, reduced(decoded, whole.is_some()));
            prop_assert_eq!(size, decoder.offset());
        }
    }

    /// Transfers as nearly all senders write them take the fast path, whole deliveries and parts of one.
    #[test]
    fn a_usual_transfer_takes_the_special_path(mut transfer in transfer(), starts: bool) {
        (transfer.state, transfer.rcv_settle_mode) = (None, None);
        if starts {
            transfer.delivery_id.get_or_insert_default();
            transfer.delivery_tag.get_or_insert_default();
            transfer.message_format.get_or_insert_default();
        } else {
            (transfer.delivery_id, transfer.delivery_tag, transfer.message_format) = (None, None, None);
        }
        let is_whole =
            starts && !transfer.more && !transfer.resume && !transfer.aborted && !transfer.batchable;
        let bytes = to_vec(&transfer);
        let (fast, whole, size) = decode(&bytes).unwrap();
        prop_assert_eq!(whole.is_some(), is_whole);
        prop_assert_eq!(fast, reduced(transfer, is_whole));
        prop_assert_eq!(size, bytes.len());
    }

    #[test]
    fn a_transfer_is_written_as_the_table_writes_it(transfer in transfer(), more: bool, header: [u8; 8]) {
        let mut written = Vec::from(*b"before");
        let size = write_head(&mut written, header, &transfer, more);
        let encoded = to_vec(&Transfer { more, ..transfer });
        prop_assert_eq!(size, header.len() + encoded.len());
        prop_assert_eq!(written, [&b"before"[..], &header, &encoded].concat());
    }
}
