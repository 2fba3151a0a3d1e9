//! `inspect`: raw bytes, captures of packets, and the page.

use std::{fs, path::PathBuf};

use amqp_proto::{
    codec::{Encode, to_vec},
    frame::ProtocolHeader,
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Open, Transfer},
    },
    types::{Channel, DeliveryNumber, DeliveryTag, SequenceNo},
};

use crate::support::run;

/// A file that is removed when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("amqp-proto-inspect-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const RABBITMQ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/rabbitmq-3.10.8-sender.bin");

#[test]
fn raw_bytes_are_a_line_for_each_header_and_frame() {
    let text = run("inspect", &[RABBITMQ]);
    let lines: Vec<_> = text.out.lines().collect();
    assert_eq!(text.code, Some(0), "{text:?}");
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["0", "8", "header", "SASL", "1.0.0"]);
    assert!(lines.iter().any(|line| line.contains("frame channel 0 transfer {")), "{text:?}");
    let json = run("inspect", &["--json", RABBITMQ]);
    assert_eq!(json.out.lines().count(), lines.len());
    assert!(json.out.lines().all(|line| line.starts_with("{\"") && line.contains("\"offset\":")));
    let followed = run("inspect", &["--follow", RABBITMQ]);
    assert_eq!((followed.code, followed.out), (Some(0), text.out));
}

#[test]
fn raw_bytes_that_are_cut_or_wrong_end_with_the_offset_and_the_condition() {
    let bytes = fs::read(RABBITMQ).unwrap();
    let cut = Temporary::new("cut.bin", &bytes[..bytes.len() - 1]);
    let wrong = Temporary::new("wrong.bin", &[&bytes[..8], &[0, 0, 0, 1, 9, 9, 9, 9]].concat());
    for (arguments, text) in [
        (&[cut.path()][..], "a frame is cut short at byte"),
        (&["--follow", cut.path()], "a frame is cut short at byte"),
        (&[wrong.path()], "at byte 8 (amqp:connection:framing-error)"),
        (&["--follow", wrong.path()], "at byte 8 (amqp:connection:framing-error)"),
        (&["--html", "/dev/null", RABBITMQ], "a page needs both directions"),
    ] {
        let ended = run("inspect", arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(text), "{ended:?}");
    }
}

/// A capture of raw IP packets, each with the direction, the connection's port, the sequence number and the payload.
fn pcap(packets: &[(bool, u16, u32, &[u8])]) -> Vec<u8> {
    let mut capture = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0xffff, 101] {
        capture.extend(word.to_le_bytes());
    }
    for (index, (up, port, sequence, payload)) in packets.iter().enumerate() {
        let (from, to) = if *up { (*port, 5672) } else { (5672, *port) };
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        packet[2..4].copy_from_slice(&u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
        packet.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(*payload);
        let size = u32::try_from(packet.len()).unwrap();
        for word in [1_700_000_000, u32::try_from(index).unwrap() * 1000, size, size] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

fn frame(performative: &impl Encode) -> Vec<u8> {
    let body = to_vec(performative);
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], &[2, 0, 0, 0], &body].concat()
}

const HOSTILE: &str = "</script><script>alert(1)</script>";

/// A client's stream up to its attach, its transfer without credit, and the server's stream up to its begin.
fn streams() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let header = ProtocolHeader::AMQP.to_bytes().to_vec();
    let open = Open { container_id: "c".into(), ..Open::default() };
    let attach = Attach {
        name: HOSTILE.into(),
        role: Role::Sender,
        initial_delivery_count: Some(SequenceNo::default()),
        ..Attach::default()
    };
    let transfer = Transfer {
        delivery_id: Some(DeliveryNumber::new(0)),
        delivery_tag: DeliveryTag::new(b"t").ok(),
        ..Transfer::default()
    };
    let begin = Begin { incoming_window: 9, ..Begin::default() };
    let answer = Begin { remote_channel: Some(Channel::new(0)), incoming_window: 9, ..Begin::default() };
    let up = [header.clone(), frame(&open), frame(&begin), frame(&attach)].concat();
    (up, frame(&transfer), [header, frame(&open), frame(&answer)].concat())
}

/// Two connections. Segments of the first arrive out of order and twice.
fn capture() -> Temporary {
    let (up, transfer, down) = streams();
    let (start, behind) = up.split_at(30);
    let (middle, end) = behind.split_at(9);
    let base = u32::MAX - 10;
    let at = |place: usize| base.wrapping_add(u32::try_from(place).unwrap());
    let packets = pcap(&[
        (true, 40_000, base, start),
        (true, 40_001, 1, &up[..8]),
        (true, 40_000, at(39), end),
        (true, 40_000, at(20), &up[20..35]),
        (true, 40_000, at(30), middle),
        (false, 40_000, 5, &down),
        (true, 40_000, base, start),
        (true, 40_000, at(up.len()), &transfer),
        (true, 40_002, 1, b"GET / HTTP/1.1\r\n\r\n"),
    ]);
    Temporary::new(&format!("{:?}.pcap", std::thread::current().id()), &packets)
}

#[test]
fn capture_is_a_line_for_each_frame_and_finding_of_every_connection() {
    let capture = capture();
    let ended = run("inspect", &[capture.path()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found: Vec<_> = ended
        .out
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                [_, connection, arrow, "!!", kind, section, ..] => {
                    format!("{connection} {arrow} {kind} {section}")
                }
                [_, connection, arrow, _, _, "header", name, ..] => format!("{connection} {arrow} {name}"),
                [_, connection, arrow, _, _, "frame", _, _, name, ..] => {
                    format!("{connection} {arrow} {name}")
                }
                _ => words[..2].join(" "),
            }
        })
        .collect();
    let due = [
        "connection 1:",
        "1 -> AMQP",
        "1 -> open",
        "connection 2:",
        "2 -> AMQP",
        "1 -> begin",
        "1 -> attach",
        "1 <- AMQP",
        "1 <- open",
        "1 <- begin",
        "1 -> transfer",
        "1 -> violation 2.6.7:",
    ];
    assert_eq!(found, due, "{}", ended.out);
    let json = run("inspect", &["--json", capture.path()]);
    assert_eq!(json.out.lines().count(), due.len());
    assert!(
        json.out.contains(r#""kind":"violation""#) && json.out.contains(r#""section":"2.6.7""#),
        "{}",
        json.out
    );
}

#[test]
fn clients_of_proton_break_nothing_and_are_followed_to_their_close() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/proton-0.40.0-clients.pcap");
    let ended = run("inspect", &[capture]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.out.contains("!!"), "{}", ended.out);
    let count = |text: &str| ended.out.lines().filter(|line| line.contains(text)).count();
    assert_eq!((count("connection "), count(" transfer {"), count(" close {")), (2, 16, 4), "{}", ended.out);
}

#[test]
fn port_takes_its_connections_whatever_they_begin_with() {
    let (_, transfer, _) = streams();
    let capture = Temporary::new("port.pcap", &pcap(&[(true, 40_000, 1, &transfer)]));
    let without = run("inspect", &[capture.path()]);
    assert_eq!((without.code, without.out.lines().count()), (Some(0), 1), "{without:?}");
    assert!(without.out.starts_with("note: no connection of AMQP 1.0"), "{without:?}");
    let with = run("inspect", &["--port", "5672", capture.path()]);
    assert!(with.out.contains(" transfer {") && !with.out.contains("!!"), "{with:?}");
    let other = run("inspect", &["--port", "5671", capture.path()]);
    assert!(other.out.starts_with("note: "), "{other:?}");
}

#[test]
fn page_holds_no_text_of_the_peer_as_markup() {
    let capture = capture();
    let page = Temporary::new("page.html", b"");
    let ended = run("inspect", &["--html", page.path(), capture.path()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = fs::read_to_string(page.path()).unwrap();
    assert!(text.contains(r"\u003c/script\u003e\u003cscript\u003ealert(1)"), "the name is there");
    assert!(!text.contains("<script>alert") && text.matches("</script>").count() == 2);
    assert!(!text.contains("http://") || !text.contains("src="), "nothing is loaded");
}

/// The page took the place of the capture, which was lost.
#[test]
fn page_is_not_written_over_its_capture_nor_while_it_grows() {
    let capture = capture();
    let before = fs::read(capture.path()).unwrap();
    let ended = run("inspect", &["--html", capture.path(), capture.path()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("would overwrite the capture"), "{ended:?}");
    assert_eq!(fs::read(capture.path()).unwrap(), before);
    let page = Temporary::new("growing.html", b"");
    let ended = run("inspect", &["--follow", "--html", page.path(), capture.path()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("--follow") && fs::read(page.path()).unwrap().is_empty(), "{ended:?}");
}

#[test]
fn malformed_and_cut_captures_make_no_panic() {
    let whole = fs::read(capture().path()).unwrap();
    for (name, bytes) in [
        ("head.pcap", &whole[..10]),
        ("cut.pcap", &whole[..whole.len() - 7]),
        ("ng.pcapng", &[0x0a, 0x0d, 0x0d, 0x0a, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4][..]),
    ] {
        let file = Temporary::new(name, bytes);
        let ended = run("inspect", &[file.path()]);
        assert!(ended.code.is_some_and(|code| code < 2) && !ended.err.contains("panicked"), "{ended:?}");
    }
}
