//! What the examples and the documentation show to those who start from them.

use std::{fs, path::Path};

use crate::support::{Broker, run, start};

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn fg1_nodelay_is_set_by_every_example_with_a_socket_and_stands_in_the_loop() {
    for file in [
        "examples/quickstart.rs",
        "examples/agent.rs",
        "examples/common/timed.rs",
        "examples/common/peer.rs",
        "examples/common/dial.rs",
    ] {
        assert!(text(file).contains("set_nodelay(true)"), "{file}");
    }
    for (file, from, to) in
        [("src/lib.rs", "//! # The loop", "//! # SASL"), ("README.md", "## The loop", "## Speed")]
    {
        let text = text(file);
        let part = text.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap();
        assert!(part.contains("TCP_NODELAY"), "{file}");
    }
}

/// Each function that makes or takes a socket hands it to one of those that set it.
#[test]
fn fg1b_no_example_makes_a_socket_elsewhere() {
    let makers = ["TcpStream::connect", "TcpStream::from_std", "listener.accept()"];
    // Those in `common` end up in `Peer::new`, or are made by `dial.rs`.
    let files = [
        ("quickstart.rs", 2),
        ("agent.rs", 1),
        ("websocket.rs", 2),
        ("broker/server.rs", 0),
        ("broker/door.rs", 2),
        ("common/client.rs", 1),
        ("common/dial.rs", 1),
    ];
    for (file, made) in files.map(|(file, made)| (format!("examples/{file}"), made)) {
        let text = text(&file);
        let found: usize = makers.iter().map(|maker| text.matches(maker).count()).sum();
        assert_eq!(found, made, "{file}: is TCP_NODELAY set on each socket?");
    }
    for file in ["examples/send.rs", "examples/receive.rs", "examples/inspect/main.rs"] {
        assert!(!text(file).contains("TcpStream"), "{file}");
    }
}

// The README's own program logs in with PLAIN, and runs as a test of the documentation.
#[test]
fn fg2_every_server_in_examples_and_documentation_offers_sasl() {
    for file in ["README.md", "examples/quickstart.rs", "examples/agent.rs", "examples/broker/main.rs"] {
        let mut text = text(file);
        if file.ends_with("main.rs") {
            text += &self::text("examples/broker/users.rs");
        }
        let servers = text.matches("ConnectionConfig::server(").count();
        assert!(servers > 0 && text.contains("anonymous_server()"), "{file}");
    }
}

#[test]
fn fg2b_the_quickstart_and_the_agent_log_in_and_end_well() {
    let quickstart = run("quickstart", &[]);
    assert_eq!(quickstart.code, Some(0), "{quickstart:?}");
    assert!(
        quickstart.out.contains("client CONNECTION_CLOSED")
            && quickstart.out.contains("server CONNECTION_CLOSED")
    );
    let agent = run("agent", &[]);
    assert_eq!(agent.code, Some(0), "{agent:?}");
    assert!(agent.out.contains("5 messages received"), "{agent:?}");
}

#[test]
fn a_closed_standard_output_makes_no_program_panic() {
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "3"]).code, Some(0));
    let url = broker.url("q");
    for arguments in [&["quickstart"][..], &["agent"], &["receive", &url, "--drain"], &["send", &url]] {
        let ended = start(arguments[0], &arguments[1..]).without_output().end();
        assert!(ended.code.is_some_and(|code| code < 2) && !ended.err.contains("panicked"), "{ended:?}");
    }
}
