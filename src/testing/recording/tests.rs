use alloc::{format, string::String, vec, vec::Vec};
use core::{fmt::Debug, time::Duration};

use proptest::prelude::*;

use super::{
    arguments::{Argument, Words},
    settings::Settings,
    text::{Text, text},
};
use crate::{
    ConnectionConfig, CreditPolicy, DecodeLimits, DeliveryId, Limits, ReceiverConfig, ReceiverId, SaslPolicy,
    SendOptions, SenderConfig, SenderId, SessionConfig, SessionId, Side, Timeouts, TlsHeader, Tolerance,
    config::LinkConfig,
    spec::{
        definitions::{AmqpError, ReceiverSettleMode, SenderSettleMode},
        delivery_state::{DeliveryState, Modified},
        terminus::{Source, TargetArchetype},
    },
    testing::strategies::{Generate, any},
    types::{DeliveryTag, Fields, Str, Symbol},
};

fn assert_returns<T: Text + Debug + PartialEq>(value: &T) {
    let word = text(value);
    assert!(!word.is_empty() && !word.contains([' ', '\n', '#']), "{word}");
    assert_eq!(T::parse(&word).as_ref(), Some(value), "{word}");
}

fn returns<T: Text + Debug + PartialEq + Generate + 'static>() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let values = (any::<T>(), proptest::option::of(any::<T>()), prop::collection::vec(any::<T>(), 0..3));
    let result = runner.run(&values, |(value, option, list)| {
        assert_returns(&value);
        assert_returns(&option);
        assert_returns(&list);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn words_of_generated_values_are_read_as_those_values() {
    returns::<Str>();
    returns::<Symbol>();
    returns::<DeliveryTag>();
    returns::<AmqpError>();
    returns::<DeliveryState>();
    returns::<Modified>();
    returns::<Fields>();
    returns::<Source>();
    returns::<TargetArchetype>();
}

#[test]
fn words_of_ids_and_durations_are_read_as_those_values() {
    for number in [0_u64, 1, 0xffff, 0x1_0000, 0x0012_3456_789a_bcde] {
        assert_returns(&SessionId::parse(&format!("{number}")).unwrap());
        assert_eq!(
            text(&SessionId::parse(&format!("{number}")).unwrap()),
            format!("{}", number & 0xffff_ffff_ffff)
        );
    }
    for number in [0, 7, u64::MAX, 0x0123_4567_89ab_cdef_u64] {
        let word = format!("{number}");
        assert_eq!(text(&SenderId::parse(&word).unwrap()), word);
        assert_eq!(text(&ReceiverId::parse(&word).unwrap()), word);
        assert_eq!(text(&DeliveryId::parse(&word).unwrap()), word);
    }
    for duration in [Duration::ZERO, Duration::from_millis(1500), Duration::from_nanos(1), Duration::MAX] {
        assert_returns(&duration);
    }
    assert_returns(&CreditPolicy::Manual);
    assert_returns(&CreditPolicy::Auto(7));
}

#[test]
fn words_of_another_type_are_refused() {
    for word in ["", "x", "1.5", "99999999999999999999999"] {
        assert_eq!(u32::parse(word), None, "{word}");
        assert_eq!(Duration::parse(word), None, "{word}");
        assert_eq!(bytes::Bytes::parse(word), None, "{word}");
        assert_eq!(Str::parse(word), None, "{word}");
        assert_eq!(CreditPolicy::parse(word), None, "{word}");
        assert_eq!(Vec::<u16>::parse(word), None, "{word}");
    }
    assert_eq!(bytes::Bytes::parse("0x123"), None);
    assert_eq!(bytes::Bytes::parse("0xgg"), None);
    assert_eq!(Str::parse("\"%4\""), None);
    assert_eq!(Str::parse("\"%ff\""), None);
    assert_eq!(DeliveryState::parse("0x5374"), None);
    assert_eq!(<Option<Side>>::parse("client"), None);
}

/// Fails unless settings of which all differ from the default are read as they are written. Returns their text.
fn settings_return<T: Settings>(settings: &T, mut default: T) -> String {
    let mut written = String::new();
    settings.write_changed(&default, "", &mut written);
    let mut unchanged = String::new();
    default.write_changed(&default, "", &mut unchanged);
    assert_eq!(unchanged, "");
    assert_eq!(Words(written.trim_start()).set_all(&mut default), Some(()), "{written}");
    let mut again = String::new();
    settings.write_changed(&default, "", &mut again);
    assert_eq!(again, "", "read otherwise than written");
    written
}

fn symbols() -> Vec<Symbol> {
    vec![Symbol::from_static("one"), Symbol::from_static("two, and a blank")]
}

fn fields() -> Fields {
    let mut fields = Fields::new();
    fields.insert(Symbol::from_static("key"), 7_u32);
    fields
}

fn count(written: &str) -> usize {
    written.split(' ').filter(|word| word.contains('=')).count()
}

#[test]
fn every_setting_of_a_connection_returns() {
    let second = Some(Duration::from_secs(1));
    let limits = Limits::default()
        .decode(DecodeLimits::DEFAULT.max_depth(1).max_elements(2).max_zero_width_elements(3))
        .max_events(4)
        .max_outbox_bytes(5)
        .max_reply_bytes(6)
        .max_unanswered_bytes(7)
        .max_held_bytes(8)
        .max_held_bytes_per_session(9)
        .max_held_bytes_before_open(10)
        .max_buffered_bytes_per_delivery(11)
        .max_unsettled(12)
        .max_retained_unsettled(13)
        .max_updates_per_delivery(18)
        .max_sasl_frame_size(14)
        .max_sasl_frame_size_sent(15)
        .max_sasl_rounds(99)
        .min_peer_idle_timeout(Duration::from_secs(17));
    let timeouts = Timeouts {
        open: second,
        sasl: None,
        close: second,
        begin: second,
        end: second,
        attach: second,
        detach: second,
        drain: second,
        echo: None,
        unread_replies: second,
    };
    let config = ConnectionConfig::server("a server")
        .hostname("höst")
        .max_frame_size(1000)
        .channel_max(3)
        .idle_timeout(Duration::from_nanos(1_500_001))
        .offered_capabilities(symbols())
        .desired_capabilities(symbols())
        .required_capabilities(symbols())
        .properties(fields())
        .outgoing_locales(symbols())
        .incoming_locales(symbols())
        .sasl_policy(SaslPolicy::Optional)
        .tls_header(TlsHeader::Required)
        .limits(limits)
        .timeouts(timeouts)
        .tolerance(Tolerance::strict())
        .auto_accept_sessions(true);
    let written = settings_return(&config, ConnectionConfig::client(""));
    assert_eq!(count(&written), 12 + 3 + 18 + 10 + 11, "{written}");
    assert!(
        written.contains(" limits.decode.max_depth=1 ") && written.contains(" facts.properties=0x"),
        "{written}"
    );
}

#[test]
fn every_setting_of_sessions_links_and_messages_returns() {
    let session = SessionConfig::new()
        .incoming_window(1)
        .outgoing_window(2)
        .next_outgoing_id(3)
        .handle_max(4)
        .properties(fields())
        .offered_capabilities(symbols())
        .desired_capabilities(symbols());
    assert_eq!(count(&settings_return(&session, SessionConfig::new())), 7);
    let link = LinkConfig {
        name: Some("none".into()),
        source: Some(Source::at("a queue").into()),
        target: Some(crate::spec::terminus::Target::at("").into()),
        snd_settle_mode: SenderSettleMode::Settled,
        rcv_settle_mode: ReceiverSettleMode::Second,
        max_message_size: u64::MAX,
        properties: Some(fields()),
        offered_capabilities: symbols(),
        desired_capabilities: symbols(),
        credit: CreditPolicy::Auto(9),
        streaming: true,
        keep_outcomes: true,
        initial_delivery_count: u32::MAX.into(),
    };
    assert_eq!(count(&settings_return(&SenderConfig(link.clone()), SenderConfig::new())), 13);
    assert_eq!(count(&settings_return(&ReceiverConfig(link), ReceiverConfig::new())), 13);
    let options = SendOptions::new()
        .settled(false)
        .message_format(5.into())
        .state(DeliveryState::RELEASED)
        .rcv_settle_mode(ReceiverSettleMode::First)
        .batchable(true);
    assert_eq!(count(&settings_return(&options, SendOptions::new())), 5);
    // As the last argument they take all that is left of a line.
    let mut line = String::new();
    7_u32.append(&mut line);
    options.append(&mut line);
    let mut words = Words(line.trim_start());
    assert_eq!(words.take::<u32>(), Some(7));
    assert_eq!(words.take::<SendOptions>().unwrap().delivery_state, options.delivery_state);
    assert_eq!(words.next(), None);
}

/// Returns the names of the methods in a source that change their receiver.
fn commands(source: &str) -> Vec<String> {
    let methods = source.split("pub fn ").skip(1);
    let changing = methods.filter(|method| {
        let arguments = method.split_once('(').unwrap().1.trim_start();
        arguments.starts_with("&mut self")
    });
    changing.map(|method| method.split(['(', '<']).next().unwrap().into()).collect()
}

#[test]
fn a_recorder_has_every_method_of_a_connection_and_its_handles_that_changes_anything() {
    let ours = [include_str!("commands.rs"), include_str!("recorder.rs")].concat();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/connection");
    let mut checked = 0;
    for entry in
        [folder.clone(), folder.join("handles")].iter().flat_map(|folder| std::fs::read_dir(folder).unwrap())
    {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for name in commands(&std::fs::read_to_string(&path).unwrap()) {
            let is_there = ours.contains(&format!(" {name}(")) || ours.contains(&format!("({name}: "));
            assert!(is_there, "{name} of {} is not recorded", path.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked} methods");
}
