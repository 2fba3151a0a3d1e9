//! Any bytes, cut anyhow: no panic, bounds that hold, and the same observations.

use amqp_proto::{
    Instant, Side,
    observe::{Finding, Observer, ObserverLimits, Rule, Seen, Thresholds},
    spec::{definitions::Role, performatives::Attach},
    types::Handle,
};
use proptest::prelude::*;

use crate::wire::*;

/// A conversation that has every performative, in both directions.
fn conversation() -> Vec<(Side, Vec<u8>)> {
    let client = |performative: Frame| (Side::Client, frame(0, &performative.0, &[]));
    let server = |performative: Frame| (Side::Server, frame(0, &performative.0, &[]));
    vec![
        (Side::Client, AMQP.to_vec()),
        client(open().into()),
        (Side::Server, AMQP.to_vec()),
        server(open().into()),
        client(begin(None).into()),
        server(begin(Some(0)).into()),
        client(attach(Role::Sender).into()),
        server(attach(Role::Receiver).into()),
        server(credit(0, 3).into()),
        client(transfer(0).into()),
        client(transfer(1).into()),
        server(disposition(0, 1).into()),
        client(transfer(5).into()),
        client(transfer(6).into()),
        client(detach().into()),
        server(detach().into()),
        client(amqp_proto::spec::performatives::End::default().into()),
        server(amqp_proto::spec::performatives::End::default().into()),
        client(amqp_proto::spec::performatives::Close::default().into()),
        server(amqp_proto::spec::performatives::Close::default().into()),
    ]
}

fn observe(parts: &[(Side, Vec<u8>)], cuts: &[usize]) -> Vec<String> {
    let mut observer = Observer::new();
    let mut seen = Vec::new();
    let mut cuts = cuts.iter().copied().cycle();
    for (at, (from, bytes)) in parts.iter().enumerate() {
        let now = Instant::from_millis(at as u64 * 700);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
            observer.observe(*from, now, part, |observation| seen.push(format!("{observation:?}")));
            rest = behind;
        }
    }
    observer.finish(Instant::from_millis(99_000), |observation| seen.push(format!("{observation:?}")));
    seen
}

#[test]
fn bytes_and_frames_of_each_end_are_counted() {
    let mut observer = Observer::new();
    let (mut bytes, mut frames) = ([0; 2], [0; 2]);
    for (from, part) in conversation() {
        let end = usize::from(from == Side::Server);
        bytes[end] += part.len() as u64;
        frames[end] += u64::from(part.len() > 8);
        for byte in part {
            observer.observe(from, Instant::default(), &[byte], |_| {});
        }
    }
    let counts = [observer.counts(Side::Client), observer.counts(Side::Server)];
    assert_eq!(counts.map(|counts| counts.bytes), bytes);
    assert_eq!(counts.map(|counts| counts.frames), frames);
}

proptest! {
    #[test]
    fn cuts_change_no_observation(cuts in prop::collection::vec(1..40_usize, 1..9)) {
        let parts = conversation();
        prop_assert_eq!(observe(&parts, &cuts), observe(&parts, &[usize::MAX]));
    }

    #[test]
    fn mutated_bytes_make_no_panic_however_they_are_cut(
        changes in prop::collection::vec((0..20_usize, any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cuts in prop::collection::vec(1..40_usize, 1..9),
    ) {
        let mut parts = conversation();
        for (part, place, byte) in changes {
            let bytes = &mut parts[part].1;
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert_eq!(observe(&parts, &cuts), observe(&parts, &[usize::MAX]));
    }

    #[test]
    fn random_bytes_make_no_panic(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        with_headers in any::<bool>(),
    ) {
        let mut all = Vec::new();
        if with_headers {
            all.extend([(Side::Client, AMQP.to_vec()), (Side::Server, AMQP.to_vec())]);
        }
        let side = |client| if client { Side::Client } else { Side::Server };
        all.extend(parts.into_iter().map(|(client, bytes)| (side(client), bytes)));
        observe(&all, &[usize::MAX]);
    }
}

fn limited(change: impl FnOnce(&mut ObserverLimits)) -> Wire {
    let mut limits = ObserverLimits::default();
    change(&mut limits);
    let mut wire = Wire::with(limits, Thresholds::default());
    wire.open();
    wire
}

#[test]
fn a_frame_beyond_the_limit_is_skipped_and_the_next_one_is_seen() {
    let mut wire = limited(|limits| limits.max_frame_bytes = 100);
    let before = wire.seen.len();
    let large = raw(0, 0, &[0; 400]);
    for part in large.chunks(7) {
        wire.bytes(Side::Client, part);
    }
    wire.begin();
    let frames: Vec<_> =
        wire.seen[before..].iter().filter(|seen| matches!(seen.seen, Seen::Frame(_))).collect();
    assert_eq!(frames.iter().map(|seen| seen.size).collect::<Vec<_>>()[0], 408);
    assert_eq!((frames.len(), wire.observer.sessions().count()), (3, 1));
    assert_eq!(frames[1].offset, frames[0].offset + 408);
    assert_eq!(wire.broken(), []);
}

#[test]
fn sessions_beyond_the_limit_are_not_kept_and_break_nothing() {
    let mut wire = limited(|limits| limits.max_sessions = 1);
    wire.begin();
    for channel in 1..4 {
        wire.bytes(Side::Client, &frame(channel, &Frame::from(begin(None)).0, &[]));
        wire.bytes(Side::Server, &frame(channel, &Frame::from(begin(Some(channel))).0, &[]));
        wire.bytes(Side::Client, &frame(channel, &Frame::from(flow()).0, &[]));
    }
    assert_eq!((wire.observer.sessions().count(), wire.broken()), (1, vec![]));
}

#[test]
fn links_beyond_the_limit_and_with_long_names_are_not_kept_and_break_nothing() {
    for name in ["other".to_owned(), "n".repeat(90)] {
        let mut wire = limited(|limits| {
            limits.max_links = if name.len() < 90 { 1 } else { 9 };
            limits.max_name_bytes = 80;
        });
        wire.begin();
        wire.attach();
        wire.up(Attach { name: name.as_str().into(), handle: Handle::new(3), ..attach(Role::Sender) });
        let other = amqp_proto::spec::performatives::Transfer { handle: Handle::new(3), ..transfer(0) };
        wire.up(other);
        wire.down(disposition(0, 0));
        assert_eq!((wire.observer.links(1).count(), wire.broken()), (1, vec![]));
    }
}

#[test]
fn unsettled_deliveries_beyond_the_limit_are_not_kept() {
    let mut wire = limited(|limits| limits.max_unsettled = 2);
    wire.begin();
    wire.attach();
    (0..3).for_each(|number| wire.up(transfer(number)));
    assert_eq!(wire.observer.sessions().next().unwrap().unsettled.client, 2);
    assert_eq!(wire.broken(), []);
}

#[test]
fn bytes_behind_a_fault_of_framing_are_not_kept() {
    let mut wire = Wire::opened();
    wire.bytes(Side::Client, &[0, 0, 0, 1, 9, 9, 9, 9]);
    for _ in 0..10 {
        wire.bytes(Side::Client, &[0; 1000]);
    }
    assert_eq!(wire.broken(), [Rule::FrameHeader]);
    let found = wire.seen.iter().filter(|seen| matches!(seen.seen, Seen::Finding(Finding::Violation(_))));
    assert_eq!(found.count(), 1);
}

/// Frames that break the rules are forgotten, however often they come.
#[test]
fn frames_that_break_the_rules_leave_nothing_behind() {
    let init = [0x00, 0x53, 0x41, 0xc0, 0x04, 0x01, 0xa3, 0x01, b'X'];
    let response = [0x00, 0x53, 0x43, 0xc0, 0x04, 0x01, 0xa0, 0x01, b'X'];
    let turn: Vec<Vec<u8>> = vec![
        SASL.to_vec(),
        AMQP.to_vec(),
        raw(1, 0, &init),
        raw(1, 0, &response),
        frame(0, &Frame::from(open()).0, &[]),
        frame(0, &Frame::from(begin(None)).0, &[]),
        frame(0, &Frame::from(begin(Some(0))).0, &[]),
        frame(0, &Frame::from(attach(Role::Sender)).0, &[]),
        frame(0, &Frame::from(attach(Role::Receiver)).0, &[]),
        frame(0, &Frame::from(credit(0, 3)).0, &[]),
        frame(0, &Frame::from(transfer(9)).0, &[]),
        frame(0, &Frame::from(disposition(0, 9)).0, &[]),
        frame(0, &Frame::from(amqp_proto::spec::performatives::Close::default()).0, &[]),
    ];
    let mut wire = Wire::new();
    let mut sizes = Vec::new();
    for _ in 0..200 {
        for bytes in &turn {
            wire.bytes(Side::Client, bytes);
            wire.bytes(Side::Server, bytes);
        }
        wire.seen.clear();
        sizes.push(format!("{:?}", wire.observer).len());
    }
    // Offsets and counters have a few digits more.
    assert!(sizes[199] < sizes[1] + 200, "{} bytes become {}", sizes[1], sizes[199]);
}
