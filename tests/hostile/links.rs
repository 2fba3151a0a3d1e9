//! L: links come and go (2.6.1 to 2.6.6).

use amqp_proto::{
    Cause, CommandError, Event, ReceiverConfig, ReceiverId, SenderConfig, SenderId, SessionConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role, SenderSettleMode},
        performatives::{self as p, Unsettled},
        terminus::{Source, Target, TargetArchetype},
        transaction::Coordinator,
    },
    types::{DeliveryTag, Fields, Symbol, Value},
};

use crate::{
    bench::{ALL_BROKEN, Bench, Case, FRAMING, Fate, Setup},
    peer::{accepted, attach, detach, flow, frame, link_flow, raw, transfer, with_payload},
};

/// A client that has asked for a link called "link".
fn asking(role: Role) -> Bench {
    let mut bench = Bench::client_session();
    let settled = SenderSettleMode::Settled;
    match role {
        Role::Sender => {
            let link = SenderConfig::to("q").name("link").snd_settle_mode(settled);
            bench.sender = Some(bench.session().attach_sender(link).unwrap());
        }
        Role::Receiver => {
            let link = ReceiverConfig::from("q").name("link").snd_settle_mode(settled);
            bench.receiver = Some(bench.session().attach_receiver(link).unwrap());
        }
    }
    bench.forget();
    bench
}

fn few_handles() -> Bench {
    Bench::linked_with(Setup { our_begin: SessionConfig::new().handle_max(2), ..Setup::default() })
}

fn many_handles() -> Bench {
    Bench::linked_with(Setup { our_begin: SessionConfig::new().handle_max(u32::MAX), ..Setup::default() })
}

/// A link that we detached with an error, which the peer does not know yet.
fn errant() -> Bench {
    let mut bench = Bench::linked();
    bench.feed(&with_payload(0, &transfer(0, 0), b"x"));
    bench.feed_frame(0, &link_flow(1, 10));
    bench.sender().send(1_u32, b"x".as_slice()).unwrap();
    let failed = || Some(AmqpError::new(ErrorCondition::InternalError));
    bench.receiver().close(failed()).unwrap();
    bench.sender().close(failed()).unwrap();
    bench.forget();
    bench
}

const ERRANT: &str = "END@0 amqp:session:errant-link";
const UNATTACHED: &str = "END@0 amqp:session:unattached-handle";

/// A link that the peer asks for, of which nothing more is expected.
const fn asked(id: &'static str, steps: fn(&mut Bench), events: &'static [&'static str]) -> Case {
    Case { id, start: Bench::linked, steps, output: &[], events, fate: Fate::Alive }
}

const NO_SOURCE: &[&str] = &["ATTACH@0 2 l without source", "DETACH@0 2 closed amqp:invalid-field"];
const NO_TARGET: &[&str] = &["ATTACH@0 2 l without target", "DETACH@0 2 closed amqp:invalid-field"];

/// An attach that is refused, since its termini break a rule.
const fn misshapen(id: &'static str, output: &'static [&'static str], steps: fn(&mut Bench)) -> Case {
    Case { id, start: Bench::linked, steps, output, events: &[], fate: Fate::Alive }
}

/// A source that is dynamic or not, with an address or not, and with properties of a dynamic node or not.
fn dynamic(dynamic: bool, address: bool, properties: bool) -> Box<Source> {
    let lifetime = || Fields::from([(Symbol::from_static("lifetime-policy"), Value::Null)]);
    Box::new(Source {
        dynamic,
        address: address.then(|| "node".into()),
        dynamic_node_properties: properties.then(lifetime),
        ..Source::default()
    })
}

/// A target with the same fields.
fn as_target(source: &Source) -> Box<TargetArchetype> {
    let Source { dynamic, address, dynamic_node_properties, .. } = source.clone();
    Target { dynamic, address, dynamic_node_properties, ..Target::default() }.into()
}

/// The peer asks for a link to a coordinator of transactions.
fn ask_for_coordinator(b: &mut Bench) -> ReceiverId {
    let coordinator = TargetArchetype::Coordinator(Coordinator::default());
    b.feed_frame(0, &p::Attach { target: Some(Box::new(coordinator)), ..attach("l", 2, Role::Sender) });
    let Some(&Event::ReceiverRequested { receiver, .. }) = b.events.last() else { panic!("{:?}", b.events) };
    receiver
}

const fn errs(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case {
        id,
        start: errant,
        steps,
        output: &[ERRANT],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    }
}

/// An attach whose unsettled map holds these bytes: a key and a value.
fn unread_unsettled(b: &mut Bench, pair: &[u8]) {
    let size = |bytes: &[u8]| u8::try_from(bytes.len() + 1).unwrap();
    let map = [&[0xc1, size(pair), 2], pair].concat();
    // Name, handle, role; no modes, no termini; then the map.
    let fields = [&b"\xa1\x01n\x52\x02\x42\x40\x40\x40\x40"[..], &map].concat();
    b.feed(&raw(0, 0, &[&[0x00, 0x53, 0x12, 0xc0, size(&fields), 8], &fields[..]].concat()));
}

fn accept_sender(b: &mut Bench) -> SenderId {
    let [Event::SenderRequested { sender, .. }] = b.events[..] else { panic!("{:?}", b.events) };
    b.conn.accept_sender(sender, SenderConfig::new()).unwrap();
    sender
}

fn send_with_max(b: &mut Bench, max: u64) -> Result<(), CommandError> {
    let wanted = p::Attach { max_message_size: Some(max), ..attach("limited", 2, Role::Receiver) };
    b.feed_frame(0, &wanted);
    let sender = accept_sender(b);
    b.feed_frame(0, &link_flow(2, 1));
    b.conn.sender(sender).unwrap().send(1_u32, vec![0; 1024]).map(drop)
}

fn assert_refused(b: &Bench) {
    let (Some(Event::SenderError { failure, .. }) | Some(Event::ReceiverError { failure, .. })) =
        b.events.last()
    else {
        panic!("{:?}", b.events)
    };
    assert_eq!(failure.cause, Cause::Refused);
}

pub const CASES: &[Case] = &[
    Case {
        id: "L01",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &attach("new", 256, Role::Sender)),
        output: FRAMING,
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "L02",
        start: many_handles,
        steps: |b| b.feed_frame(0, &attach("new", 65535, Role::Sender)),
        output: &[],
        events: &["RECEIVER_REQUESTED"],
        fate: Fate::Alive,
    },
    Case {
        id: "L03",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &attach("new", 0, Role::Sender)),
        output: &["CLOSE amqp:session:handle-in-use"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "L04",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &attach("link", 2, Role::Sender)),
        output: &["DETACH@0 0 closed amqp:link:stolen"],
        events: &["RECEIVER_ERROR", "RECEIVER_REQUESTED"],
        fate: Fate::Alive,
    },
    Case {
        id: "L06",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &attach("link", 2, Role::Receiver));
            accept_sender(b);
            assert_eq!(b.session().links().count(), 3);
        },
        output: &["ATTACH@0 2 link"],
        events: &["SENDER_REQUESTED", "SENDER_OPEN"],
        fate: Fate::Alive,
    },
    asked("L07", |b| b.feed_frame(0, &attach("", 2, Role::Sender)), &["RECEIVER_REQUESTED"]),
    asked(
        "L08",
        |b| b.feed_frame(0, &attach(&"n".repeat(30 << 10), 2, Role::Sender)),
        &["RECEIVER_REQUESTED"],
    ),
    Case {
        id: "L09",
        start: few_handles,
        steps: |b| {
            (2..5).for_each(|handle| b.feed_frame(0, &attach(&format!("{handle}"), handle, Role::Sender)))
        },
        output: FRAMING,
        events: &[
            "RECEIVER_REQUESTED",
            "RECEIVER_ERROR",
            "SENDER_ERROR",
            "RECEIVER_ERROR",
            "SESSION_ERROR",
            "RECEIVER_ERROR",
            "SESSION_ERROR",
            "CONNECTION_ERROR",
        ],
        fate: Fate::Closing,
    },
    Case {
        id: "L10",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(
                0,
                &p::Attach { initial_delivery_count: None, ..attach("uncounted", 2, Role::Sender) },
            );
            b.feed_frame(0, &detach(2, true));
            assert_eq!(b.session().links().count(), 2);
        },
        output: &["ATTACH@0 2 uncounted without target", "DETACH@0 2 closed amqp:invalid-field"],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "L11",
        start: || asking(Role::Sender),
        steps: |b| {
            let receiver =
                p::Attach { initial_delivery_count: Some(5.into()), ..attach("link", 0, Role::Receiver) };
            b.feed_frame(0, &receiver);
            b.feed_frame(0, &link_flow(0, 10));
            assert_eq!(b.sender().credit(), 10);
        },
        output: &[],
        events: &["SENDER_OPEN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "L11b",
        start: Bench::linked,
        steps: |b| {
            let counted = Some(5.into());
            b.feed_frame(
                0,
                &p::Attach { initial_delivery_count: counted, ..attach("new", 2, Role::Receiver) },
            );
            let sender = accept_sender(b);
            b.feed_frame(0, &link_flow(2, 10));
            assert_eq!(b.conn.sender(sender).unwrap().credit(), 10);
        },
        output: &["ATTACH@0 2 new"],
        events: &["SENDER_REQUESTED", "SENDER_OPEN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "L13",
        start: || asking(Role::Sender),
        steps: |b| {
            b.feed_frame(0, &p::Attach { target: None, ..attach("link", 0, Role::Receiver) });
            assert!(!b.sender().is_open());
            assert!(b.sender().send(1_u32, b"x".as_slice()).is_err());
            b.feed_frame(
                0,
                &p::Detach {
                    error: Some(Box::new(AmqpError::new(ErrorCondition::NotFound))),
                    ..detach(0, true)
                },
            );
            assert_refused(b);
        },
        output: &["DETACH@0 0 closed"],
        events: &["SENDER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "L13b",
        start: || asking(Role::Receiver),
        steps: |b| {
            b.receiver().set_credit(5).unwrap();
            b.feed_frame(0, &p::Attach { source: None, ..attach("link", 0, Role::Sender) });
            assert!(!b.receiver().is_open());
            b.feed_frame(0, &detach(0, true));
            assert_refused(b);
        },
        output: &["DETACH@0 0 closed"],
        events: &["RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    misshapen("L15", NO_SOURCE, |b| {
        b.feed_frame(
            0,
            &p::Attach { source: Some(dynamic(true, true, false)), ..attach("l", 2, Role::Receiver) },
        );
    }),
    misshapen("L15b", NO_TARGET, |b| {
        let target = Some(as_target(&dynamic(true, true, false)));
        b.feed_frame(0, &p::Attach { target, ..attach("l", 2, Role::Sender) });
    }),
    Case {
        id: "L15d",
        start: Bench::linked,
        steps: |b| {
            // An empty name is a name, in front of the termini.
            let source = Some(dynamic(true, true, false));
            b.feed_frame(0, &p::Attach { source, ..attach("", 2, Role::Receiver) });
        },
        output: &["ATTACH@0 2  without source", "DETACH@0 2 closed amqp:invalid-field"],
        events: &[],
        fate: Fate::Alive,
    },
    // The end that has made the node names it, and other ends' termini are their own.
    asked(
        "L15c",
        |b| {
            b.feed_frame(
                0,
                &p::Attach { source: Some(dynamic(true, true, true)), ..attach("l", 2, Role::Sender) },
            );
            let target = Some(as_target(&dynamic(true, true, true)));
            b.feed_frame(0, &p::Attach { target, ..attach("m", 3, Role::Receiver) });
            // Whoever asks for a node may have properties for it.
            let source = Some(dynamic(true, false, true));
            b.feed_frame(0, &p::Attach { source, ..attach("n", 4, Role::Receiver) });
            let target = Some(as_target(&dynamic(true, false, true)));
            b.feed_frame(0, &p::Attach { target, ..attach("o", 5, Role::Sender) });
            let source = Some(dynamic(false, true, false));
            b.feed_frame(0, &p::Attach { source, ..attach("p", 6, Role::Receiver) });
        },
        &[
            "RECEIVER_REQUESTED",
            "SENDER_REQUESTED",
            "SENDER_REQUESTED",
            "RECEIVER_REQUESTED",
            "SENDER_REQUESTED",
        ],
    ),
    misshapen("L16", NO_SOURCE, |b| {
        b.feed_frame(
            0,
            &p::Attach { source: Some(dynamic(false, true, true)), ..attach("l", 2, Role::Receiver) },
        );
    }),
    misshapen("L16b", NO_TARGET, |b| {
        let target = Some(as_target(&dynamic(false, false, true)));
        b.feed_frame(0, &p::Attach { target, ..attach("l", 2, Role::Sender) });
    }),
    Case {
        id: "L28",
        start: Bench::linked,
        steps: |b| {
            let receiver = ask_for_coordinator(b);
            b.conn.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            b.feed_frame(0, &detach(2, true));
            assert!(b.conn.receiver(receiver).is_err());
        },
        output: &["ATTACH@0 2 l without target", "DETACH@0 2 closed amqp:not-implemented"],
        events: &["RECEIVER_REQUESTED", "RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "L28b",
        start: Bench::linked,
        steps: |b| {
            let receiver = ask_for_coordinator(b);
            let config = ReceiverConfig::new().target(Target::at("a queue"));
            b.conn.accept_receiver(receiver, config).unwrap();
            b.feed_frame(0, &detach(2, true));
        },
        output: &["ATTACH@0 2 l without target", "DETACH@0 2 closed amqp:not-implemented"],
        events: &["RECEIVER_REQUESTED", "RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "L28c",
        start: Bench::linked,
        steps: |b| {
            let receiver = ask_for_coordinator(b);
            let config = ReceiverConfig::new().coordinator(Coordinator::default());
            b.conn.accept_receiver(receiver, config).unwrap();
            assert!(b.conn.receiver(receiver).unwrap().is_open());
        },
        output: &["ATTACH@0 2 l"],
        events: &["RECEIVER_REQUESTED", "RECEIVER_OPEN"],
        fate: Fate::Alive,
    },
    asked(
        "L20",
        |b| {
            let unsettled: Unsettled =
                Unsettled::from_pairs((0..2000_u32).map(|tag| (DeliveryTag::from(tag), None)).collect())
                    .unwrap();
            let wanted = p::Attach { unsettled: Some(unsettled), ..attach("new", 2, Role::Sender) };
            b.feed_frame(0, &wanted);
        },
        &["RECEIVER_REQUESTED"],
    ),
    Case {
        id: "L17",
        start: Bench::linked,
        steps: |b| unread_unsettled(b, &[0x40, 0x40]),
        output: &["CLOSE amqp:decode-error"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "L18",
        start: Bench::linked,
        steps: |b| unread_unsettled(b, &[&[0xa0, 33][..], &[7; 33], &[0x40]].concat()),
        output: &["CLOSE amqp:decode-error"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    errs("L24", |b| b.feed_frame(0, &attach("link", 2, Role::Sender))),
    Case {
        id: "L24b",
        start: Bench::linked,
        steps: |b| {
            // What we detach for is the peer's fault, and its own detach does not close the link.
            let untagged = frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) });
            let again = frame(0, &attach("link", 0, Role::Sender));
            b.feed(&[untagged, frame(0, &detach(0, false)), again].concat());
        },
        output: &["DETACH@0 0 closed amqp:invalid-field", ERRANT],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "L25",
        start: || asking(Role::Receiver),
        steps: |b| {
            b.receiver().set_credit(1).unwrap();
            let sender =
                p::Attach { snd_settle_mode: SenderSettleMode::Unsettled, ..attach("link", 0, Role::Sender) };
            b.feed_frame(0, &sender);
            b.pump();
            b.feed(&with_payload(0, &transfer(0, 0), b"x"));
            assert_eq!(b.accept_all().len(), 1);
        },
        output: &["FLOW@0 0 count=0 credit=1", "DISPOSITION@0 receiver 0 settled accepted"],
        events: &["RECEIVER_OPEN", "DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "L26",
        start: Bench::linked,
        steps: |b| assert_eq!(send_with_max(b, 1), Err(CommandError::TooLarge { max: 1 })),
        output: &["ATTACH@0 2 limited"],
        events: &["SENDER_REQUESTED", "SENDER_OPEN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "L27",
        start: Bench::linked,
        steps: |b| assert_eq!(send_with_max(b, 0), Ok(())),
        output: &["ATTACH@0 2 limited", "TRANSFER@0 2 1024 bytes"],
        events: &["SENDER_REQUESTED", "SENDER_OPEN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "L29",
        start: Bench::linked,
        steps: |b| {
            let filter = Fields::from([(Symbol::from_static("f"), "a filter without a descriptor")]);
            let source = Source { filter: Some(filter), ..Source::at("node") };
            b.feed_frame(0, &p::Attach { source: Some(source.into()), ..attach("l", 2, Role::Receiver) });
        },
        output: &["ATTACH@0 2 l without source", "DETACH@0 2 closed amqp:invalid-field"],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "L31",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &detach(4, true)),
        output: &[UNATTACHED],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "L32",
        start: Bench::linked,
        steps: |b| b.feed(&frame(0, &detach(0, true)).repeat(2)),
        output: &["DETACH@0 0 closed", UNATTACHED],
        events: &["RECEIVER_CLOSED", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "L33",
        start: Bench::linked,
        steps: |b| {
            b.receiver().detach(None).unwrap();
            b.feed_frame(0, &detach(0, true));
            b.pump();
            b.feed_frame(0, &attach("link", 0, Role::Sender));
            b.feed_frame(0, &detach(0, true));
            assert_eq!(b.session().links().count(), 1);
        },
        output: &["DETACH@0 0", "ATTACH@0 0 link", "DETACH@0 0 closed"],
        events: &["RECEIVER_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "L33b",
        start: Bench::linked,
        steps: |b| {
            b.receiver().close(None).unwrap();
            b.feed_frame(0, &detach(0, false));
            b.feed_frame(0, &attach("link", 0, Role::Sender));
            b.feed_frame(0, &detach(0, true));
            assert_eq!(b.session().links().count(), 1);
        },
        output: &["DETACH@0 0 closed", "ATTACH@0 0 link without target", "DETACH@0 0 closed"],
        events: &["RECEIVER_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "L35",
        start: Bench::linked,
        steps: |b| b.feed(&[frame(0, &detach(0, false)), frame(0, &transfer(0, 0))].concat()),
        output: &["DETACH@0 0", UNATTACHED],
        events: &["RECEIVER_DETACHED", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    errs("L36", |b| b.feed_frame(0, &transfer(0, 1))),
    errs("L36b", |b| b.feed_frame(0, &link_flow(1, 10))),
    errs("L36c", |b| b.feed_frame(0, &accepted(0, None))),
    Case {
        id: "L36d",
        start: Bench::linked,
        steps: |b| {
            let untagged = frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) });
            b.feed(&[untagged, frame(0, &transfer(0, 1))].concat());
        },
        output: &["DETACH@0 0 closed amqp:invalid-field", ERRANT],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "L37",
        start: Bench::linked,
        steps: |b| {
            b.receiver().close(None).unwrap();
            b.feed(&with_payload(0, &transfer(0, 0), b"in flight"));
            b.feed_frame(0, &p::Flow { handle: Some(0.into()), ..flow() });
            b.feed_frame(0, &detach(0, true));
        },
        output: &["DETACH@0 0 closed"],
        events: &["RECEIVER_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "L38",
        start: Bench::linked,
        steps: |b| {
            // The peer's own detach frees its handle.
            b.feed(&[frame(0, &detach(0, true)), frame(0, &attach("next", 0, Role::Sender))].concat());
        },
        output: &["DETACH@0 0 closed"],
        events: &["RECEIVER_CLOSED", "RECEIVER_REQUESTED"],
        fate: Fate::Alive,
    },
];
