//! Tokens: who is asked for them and when, and what their callbacks receive.

use crate::harness::{Harness, NO_ENDPOINTS, before};
use amqp_proto::{
    ConnectionConfig,
    callback::{AgentConfig, AgentError, ConnectionHandle},
    extensions::{
        RequestConfig,
        cbs::{CbsConfig, CbsForm, Token},
    },
    sasl::Mechanism,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

const ORDERS: &str = "amqps://ns.example/orders";
const BILLS: &str = "amqps://ns.example/bills";

const HOUR: Duration = Duration::from_secs(3600);

/// A provider that returns these tokens, one at a time, good for an hour, and notes who asked.
#[derive(Clone, Default)]
struct Mint {
    texts: Rc<RefCell<VecDeque<&'static str>>>,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Mint {
    fn new(texts: &[&'static str]) -> Self {
        Self { texts: Rc::new(RefCell::new(texts.iter().copied().collect())), asked: Rc::default() }
    }

    fn provider(&self) -> impl FnMut(&str) -> Option<Token> + use<> {
        let mint = self.clone();
        move |audience| {
            mint.asked.borrow_mut().push(audience.to_owned());
            let text = mint.texts.borrow_mut().pop_front()?;
            Some(Token::sas(audience, text).lifetime(HOUR))
        }
    }

    fn asked(&self) -> usize {
        self.asked.borrow().len()
    }
}

/// Opens a connection with this audience and these tokens for it, all of whose events are logged as `connection`.
fn authorized(harness: &mut Harness, texts: &[&'static str]) -> (ConnectionHandle, Mint) {
    let (connection, mint) = (harness.connect(), Mint::new(texts));
    connection.authorize(ORDERS, None, mint.provider()).unwrap();
    assert_eq!(mint.asked(), 0);
    harness.run();
    (connection, mint)
}

#[test]
fn provider_is_asked_once_the_connection_has_opened_and_the_grant_is_reported() {
    let mut harness = Harness::default();
    let (_connection, mint) = authorized(&mut harness, &["one"]);
    assert_eq!(*mint.asked.borrow(), [ORDERS]);
    // The session and the links for tokens have no events.
    assert_eq!(harness.log(), ["connection CONNECTION_OPEN", "connection TOKEN_GRANTED"]);
    assert_eq!(harness.server().tokens, [format!("{ORDERS} one")]);
    assert_eq!(harness.agent.counts().sessions, 0);
}

#[test]
fn token_is_asked_for_from_inside_the_callback_of_the_connection() {
    let mut harness = Harness::default();
    let (mint, log) = (Mint::new(&["one"]), Rc::new(RefCell::new(Vec::new())));
    let shared: Rc<RefCell<Option<ConnectionHandle>>> = Rc::default();
    let (handle, events, provider) = (shared.clone(), log.clone(), mint.clone());
    let connection = harness.agent.open_connection(crate::harness::URL, move |event, _| {
        events.borrow_mut().push(event.to_owned());
        let handle = handle.borrow();
        match event {
            "CONNECTION_OPEN" => {
                handle.as_ref().unwrap().authorize(ORDERS, None, provider.provider()).unwrap();
            }
            "TOKEN_GRANTED" => handle.as_ref().unwrap().close(),
            _ => {}
        }
    });
    *shared.borrow_mut() = Some(connection.unwrap());
    harness.run();
    assert_eq!(*log.borrow(), ["CONNECTION_OPEN", "TOKEN_GRANTED", "CONNECTION_CLOSED"]);
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn token_that_the_provider_leaves_for_later_is_put_when_it_is_handed_in() {
    let mut harness = Harness::default();
    let (connection, mint) = authorized(&mut harness, &[]);
    assert_eq!((mint.asked(), harness.take_log().len()), (1, 1));
    assert!(harness.agent.poll_timeout().is_none());
    connection.put_token(Token::sas(ORDERS, "late")).unwrap();
    assert!(harness.agent.poll_timeout().is_some());
    harness.run();
    assert_eq!(harness.log(), ["connection TOKEN_GRANTED"]);
    assert_eq!((mint.asked(), harness.server().tokens.len()), (1, 1));
}

#[test]
fn renewal_is_asked_for_at_its_time_and_not_before() {
    let mut harness = Harness::default();
    let opened = harness.now;
    let (_connection, mint) = authorized(&mut harness, &["one", "two"]);
    harness.take_log();
    let due = harness.agent.poll_timeout().unwrap();
    // Three quarters of an hour after it was put, in one of the rounds above.
    let after_put = due.saturating_since(opened.saturating_add(HOUR * 3 / 4));
    assert!(after_put > Duration::ZERO && after_put <= Duration::from_millis(20), "{after_put:?}");
    harness.agent.run_callbacks(before(due));
    assert_eq!(mint.asked(), 1);
    harness.agent.run_callbacks(due);
    assert_eq!(mint.asked(), 2);
    harness.now = due;
    harness.run();
    assert_eq!(harness.log(), ["connection TOKEN_GRANTED"]);
    assert_eq!(harness.server().tokens[1], format!("{ORDERS} two"));
    // The one that was renewed does not expire.
    harness.advance(HOUR / 2);
    assert_eq!(harness.log().len(), 1);
}

/// They reached the terminal of whoever prints errors.
#[test]
fn controls_in_the_texts_of_a_refusal_are_escaped() {
    let mut harness = Harness::default();
    let _connection = authorized(&mut harness, &["rude"]);
    let refused = format!("connection TOKEN_ERROR {ORDERS}: 401 a\\u{{1b}}[2Jb c\\u{{202e}}d\\ne");
    assert_eq!(harness.take_log().last(), Some(&refused));
}

#[test]
fn refused_renewal_is_an_error_and_the_token_expires_in_its_time() {
    let mut harness = Harness::default();
    let (connection, mint) = authorized(&mut harness, &["one", "bad", "three"]);
    harness.take_log();
    harness.advance(HOUR * 3 / 4);
    let refused = format!("connection TOKEN_ERROR {ORDERS}: 401 amqp:unauthorized-access no");
    assert_eq!(harness.take_log(), [refused]);
    harness.advance(HOUR / 4);
    assert_eq!((harness.take_log(), mint.asked()), (vec!["connection TOKEN_EXPIRED".to_owned()], 2));
    // Another attempt is the application's decision.
    connection.authorize(ORDERS, None, mint.provider()).unwrap();
    harness.run();
    assert_eq!((harness.log(), mint.asked()), (vec!["connection TOKEN_GRANTED".to_owned()], 3));
}

#[test]
fn audiences_report_to_callbacks_of_their_own() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    connection.authorize(ORDERS, Some(harness.callback("orders")), Mint::new(&["one"]).provider()).unwrap();
    connection.authorize(BILLS, Some(harness.callback("bills")), Mint::new(&["bad"]).provider()).unwrap();
    harness.run();
    let log = harness.take_log();
    assert_eq!(log.len(), 3);
    assert!(log.contains(&"orders TOKEN_GRANTED".to_owned()), "{log:?}");
    assert!(log.iter().any(|line| line.starts_with(&format!("bills TOKEN_ERROR {BILLS}: 401"))), "{log:?}");
    let own = harness.callbacks_alive();
    connection.forget_token(BILLS).unwrap();
    harness.run();
    assert_eq!(harness.callbacks_alive(), own - 1);
    drop(connection);
    harness.run();
    assert_eq!(
        (harness.callbacks_alive(), harness.log()),
        (0, vec!["connection CONNECTION_CLOSED".to_owned()])
    );
}

/// One request at a time, so the second audience waits for the answer to the first.
#[test]
fn tokens_beyond_the_limit_of_requests_wait_for_an_answer() {
    let requests = RequestConfig::new("tokens").max_pending(1);
    let config = AgentConfig::new("agent").cbs_config(CbsConfig::new("tokens").requests(requests));
    let mut harness = Harness::new(config);
    let (connection, mint) = (harness.connect(), Mint::new(&["one", "two", "three"]));
    for audience in [ORDERS, BILLS, "third"] {
        connection.authorize(audience, None, mint.provider()).unwrap();
    }
    harness.run();
    assert_eq!(harness.log().iter().filter(|line| line.ends_with("TOKEN_GRANTED")).count(), 3);
    assert_eq!(mint.asked(), 3);
}

#[test]
fn links_that_the_peer_has_closed_are_attached_again_for_the_next_token() {
    let mut harness = Harness::default();
    let (_connection, mint) = authorized(&mut harness, &["one", "two"]);
    harness.take_log();
    harness.server().close_answers();
    harness.run();
    assert_eq!(harness.log(), Vec::<String>::new());
    let attached = |harness: &mut Harness| {
        harness.server().events.iter().filter(|event| event.ends_with("_REQUESTED")).count()
    };
    assert_eq!(attached(&mut harness), 2);
    harness.advance(HOUR * 3 / 4);
    assert_eq!((attached(&mut harness), mint.asked()), (4, 2));
    assert_eq!(harness.take_log(), ["connection TOKEN_GRANTED"]);
    // The session too.
    harness.server().end(1, None);
    harness.run();
    harness.advance(HOUR);
    // There is no third token, so the second one expires.
    assert_eq!((harness.log(), mint.asked()), (vec!["connection TOKEN_EXPIRED".to_owned()], 3));
}

#[test]
fn token_without_an_answer_is_an_error_in_time_or_when_the_links_end() {
    let mut harness = Harness::default();
    let (connection, _mint) = authorized(&mut harness, &["silent"]);
    harness.take_log();
    harness.advance(Duration::from_secs(30));
    assert_eq!(harness.take_log(), [format!("connection TOKEN_ERROR {ORDERS}: no answer arrived in time")]);
    connection.put_token(Token::sas(ORDERS, "silent")).unwrap();
    harness.run();
    harness.server().close_answers();
    harness.run();
    let lost = "connection TOKEN_ERROR amqps://ns.example/orders: a link ended before the answer";
    assert_eq!(harness.take_log(), [lost]);
    // One that waits for the answer to another is put after it.
    connection.put_token(Token::sas(ORDERS, "silent")).unwrap();
    harness.run();
    connection.put_token(Token::sas(ORDERS, "good")).unwrap();
    harness.run();
    assert_eq!(harness.take_log(), Vec::<String>::new());
    harness.advance(Duration::from_secs(30));
    assert_eq!(harness.log().last().unwrap(), "connection TOKEN_GRANTED");
}

/// The provider was never asked, and no error followed.
#[test]
fn node_for_tokens_that_gives_no_credit_is_an_error_in_time() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    harness.run();
    harness.take_log();
    harness.server().is_busy = true;
    let mint = Mint::new(&["one", "two"]);
    connection.authorize(ORDERS, None, mint.provider()).unwrap();
    harness.run();
    harness.advance(Duration::from_secs(29));
    assert_eq!((harness.take_log(), mint.asked()), (vec![], 0));
    harness.advance(Duration::from_secs(1));
    let log = harness.take_log();
    assert_eq!((log.len(), mint.asked()), (1, 0), "{log:?}");
    assert!(log[0].starts_with(&format!("connection TOKEN_ERROR {ORDERS}: ")), "{log:?}");
    // The links are attached again for the next one.
    harness.server().is_busy = false;
    connection.authorize(ORDERS, None, mint.provider()).unwrap();
    harness.run();
    assert_eq!(harness.take_log(), ["connection TOKEN_GRANTED"]);
}

#[test]
fn end_of_the_connection_by_the_peer_fails_the_tokens_without_an_answer_first() {
    let mut harness = Harness::default();
    let (_connection, _mint) = authorized(&mut harness, &["silent"]);
    harness.take_log();
    harness.server().end(0, None);
    harness.run();
    let lost = format!("connection TOKEN_ERROR {ORDERS}: a link ended before the answer");
    assert_eq!(harness.log(), [lost, "connection CONNECTION_CLOSED".to_owned()]);
    assert_eq!(harness.callbacks_alive(), 0);
}

#[test]
fn connection_that_does_not_open_fails_the_tokens_that_are_due() {
    let mut harness = Harness::default();
    harness.server_config = ConnectionConfig::server("server").sasl(Mechanism::plain_server(|_| true));
    let (connection, mint) = authorized(&mut harness, &["one"]);
    let log = harness.log();
    assert_eq!((log.len(), mint.asked()), (2, 0));
    assert_eq!(log[0], format!("connection TOKEN_ERROR {ORDERS}: the connection has ended"));
    assert!(log[1].starts_with("connection CONNECTION_ERROR"), "{log:?}");
    assert_eq!(connection.authorize(ORDERS, None, mint.provider()), Err(AgentError::Closed));
    assert_eq!(connection.put_token(Token::sas(ORDERS, "one")), Err(AgentError::Closed));
    assert_eq!(connection.forget_token(ORDERS), Err(AgentError::Closed));
}

#[test]
fn closed_handle_has_no_more_events_of_tokens() {
    let mut harness = Harness::default();
    let (connection, _mint) = authorized(&mut harness, &["silent"]);
    harness.take_log();
    drop(connection);
    harness.run();
    assert_eq!(harness.log(), ["connection CONNECTION_CLOSED"]);
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn token_for_an_audience_that_was_not_asked_for_is_an_error() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    connection.authorize(ORDERS, None, |_| Some(Token::sas(BILLS, "one"))).unwrap();
    connection.put_token(Token::sas("other", "one")).unwrap();
    harness.run();
    let errors = [
        "connection TOKEN_ERROR other: the audience is not one to be authorized".to_owned(),
        format!("connection TOKEN_ERROR {ORDERS}: the token is for another audience"),
    ];
    let log: Vec<_> = harness.log().into_iter().filter(|line| line.contains("TOKEN")).collect();
    assert_eq!(log, errors);
    assert!(harness.server().tokens.is_empty());
}

#[test]
fn forgotten_audience_is_not_renewed_and_has_no_events() {
    let mut harness = Harness::default();
    let (connection, mint) = authorized(&mut harness, &["one", "two"]);
    harness.take_log();
    connection.forget_token(ORDERS).unwrap();
    harness.advance(HOUR * 2);
    assert_eq!((harness.log(), mint.asked()), (Vec::new(), 1));
    assert_eq!(harness.agent.poll_timeout(), None);
}

#[test]
fn peer_with_the_capability_gets_set_token() {
    let mut harness = Harness::default();
    harness.server_config = harness.server_config.clone().offered_capabilities([CbsForm::CAPABILITY]);
    let (_connection, mint) = authorized(&mut harness, &["one"]);
    assert_eq!((harness.log().last().unwrap().as_str(), mint.asked()), ("connection TOKEN_GRANTED", 1));
    assert_eq!(harness.server().tokens, [" one"]);
}

#[test]
fn token_that_is_rejected_without_an_error_has_a_reason_all_the_same() {
    let mut harness = Harness::default();
    let (_connection, _mint) = authorized(&mut harness, &["rejected"]);
    let error = format!("connection TOKEN_ERROR {ORDERS}: the peer refuses the token");
    assert_eq!(harness.log().last(), Some(&error));
}

#[test]
fn refused_node_for_tokens_is_an_error_and_the_connection_stays() {
    let config = AgentConfig::new("agent").cbs_config(CbsConfig::new("tokens").node("missing"));
    let mut harness = Harness::new(config);
    let (connection, _mint) = authorized(&mut harness, &["one"]);
    let log = harness.take_log();
    let error = format!("connection TOKEN_ERROR {ORDERS}: amqp:not-found: no such node");
    assert_eq!(log, ["connection CONNECTION_OPEN".to_owned(), error.clone()]);
    assert!(connection.is_open());
    // Neither is it tried again by itself.
    assert_eq!(harness.agent.poll_timeout(), None);
    connection.put_token(Token::sas(ORDERS, "one")).unwrap();
    harness.run();
    assert_eq!(harness.log(), [error]);
}

#[test]
fn session_for_tokens_beyond_the_limit_is_an_error_and_those_with_handles_stay() {
    let config = ConnectionConfig::client("agent").channel_max(0);
    let mut harness = Harness::new(AgentConfig::new("agent").connection_config(config));
    let (connection, session) = harness.connect_with_session();
    harness.run();
    harness.take_log();
    connection.authorize(ORDERS, None, |_| None).unwrap();
    harness.run();
    let log = harness.log();
    assert!(log.len() == 1 && log[0].starts_with(&format!("connection TOKEN_ERROR {ORDERS}: ")), "{log:?}");
    assert!(session.is_open());
    assert_eq!(harness.agent.poll_timeout(), None);
}
