//! Redirects in errors of connections and links.

use crate::support::*;
use amqp_proto::{
    Cause, Event,
    extensions::{Redirect, RequestConfig, Requests},
    spec::definitions::{AmqpError, ErrorCondition},
    types::{Fields, Symbol, Value},
};

fn error(condition: ErrorCondition, info: &[(&'static str, Value)]) -> AmqpError {
    let info = info.iter().map(|(key, value)| (Symbol::from_static(key), value.clone())).collect::<Fields>();
    AmqpError { info: Some(info), ..AmqpError::new(condition) }
}

#[test]
fn redirect_has_all_entries_of_the_info() {
    let info = [
        ("hostname", "vhost".into()),
        ("network-host", "10.0.0.1".into()),
        ("port", 5671_u16.into()),
        ("address", "queue".into()),
        ("scheme", Symbol::from_static("wss").into()),
        ("path", "/ws".into()),
        ("other", 1_u32.into()),
    ];
    for condition in [ErrorCondition::ConnectionRedirect, ErrorCondition::LinkRedirect] {
        let redirect = Redirect::of(&error(condition, &info)).unwrap();
        assert_eq!(redirect.hostname.as_deref(), Some("vhost"));
        assert_eq!(redirect.network_host.as_deref(), Some("10.0.0.1"));
        assert_eq!(redirect.port, Some(5671));
        assert_eq!(redirect.address.as_deref(), Some("queue"));
        assert_eq!(redirect.scheme.as_deref(), Some("wss"));
        assert_eq!(redirect.path.as_deref(), Some("/ws"));
    }
}

#[test]
fn entries_that_are_missing_or_of_another_type_are_none() {
    let bare = AmqpError::new(ErrorCondition::ConnectionRedirect);
    assert_eq!(Redirect::of(&bare), Some(Redirect::default()));
    let info = [("hostname", 7_u32.into()), ("port", "5671".into()), ("address", Value::Null)];
    assert_eq!(Redirect::of(&error(ErrorCondition::LinkRedirect, &info)), Some(Redirect::default()));
    let ports = [(Value::Int(5671), Some(5671)), (Value::Uint(65_536), None), (Value::Long(-1), None)];
    for (port, expected) in ports {
        let redirect = Redirect::of(&error(ErrorCondition::LinkRedirect, &[("port", port)])).unwrap();
        assert_eq!(redirect.port, expected);
    }
}

#[test]
fn other_conditions_are_no_redirects() {
    for condition in [ErrorCondition::NotFound, ErrorCondition::ConnectionForced, ErrorCondition::Stolen] {
        assert_eq!(Redirect::of(&error(condition, &[("hostname", "vhost".into())])), None);
    }
}

#[test]
fn redirect_arrives_with_the_error_of_a_connection() {
    let mut world = World::new();
    let session = world.session;
    let mut requests = Requests::attach(world.client(), session, "node", RequestConfig::new("c")).unwrap();
    world.turn(&mut requests);
    let moved = error(ErrorCondition::ConnectionRedirect, &[("network-host", "other".into())]);
    world.server().close(Some(moved)).unwrap();
    let left = world.turn(&mut requests);
    let Some(Event::ConnectionError(failure)) = left.last() else { panic!("{left:?}") };
    assert_eq!(failure.cause, Cause::Peer);
    assert_eq!(Redirect::of(&failure.error).unwrap().network_host.as_deref(), Some("other"));
}
