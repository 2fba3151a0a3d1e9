//! Claims-based security: tokens as bytes, answers, renewals, and the server's half.

use crate::support::*;
use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Instant, SendOptions, SessionConfig,
    extensions::{
        RequestConfig, RequestFailure, Status, StatusSpelling,
        cbs::{Cbs, CbsConfig, CbsEvent, CbsForm, Token},
    },
    message::{Message, SectionKind},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Rejected},
        performatives::Open,
    },
    types::{Fields, Str, Symbol, Timestamp, Value},
};
use core::time::Duration;
use proptest::prelude::*;
use std::sync::Arc;

const QUEUE: &str = "amqps://ns.example/queue";
const TOPIC: &str = "amqps://ns.example/topic";

fn attach(world: &mut World, config: CbsConfig) -> Cbs {
    let session = world.session;
    let mut cbs = Cbs::attach(world.client(), session, config).unwrap();
    assert_eq!(world.turn(&mut cbs), []);
    assert_eq!(events(&mut cbs), [CbsEvent::Ready]);
    cbs
}

fn events(cbs: &mut Cbs) -> Vec<CbsEvent> {
    core::iter::from_fn(|| cbs.poll_event()).collect()
}

fn put(world: &mut World, cbs: &mut Cbs, token: Token) {
    let now = world.now();
    cbs.put(now, world.client(), token).unwrap();
    world.turn(cbs);
}

/// Answers the last request.
fn answer(world: &mut World, cbs: &mut Cbs, status: &Status) {
    let request = world.request(world.requests.len() - 1);
    let reply = status.reply(&request, StatusSpelling::Hyphenated).unwrap();
    world.reply(reply.value(Value::Null));
    world.turn(cbs);
}

fn grant(world: &mut World, cbs: &mut Cbs, token: Token) {
    put(world, cbs, token);
    answer(world, cbs, &Status::new(202).description("Accepted"));
}

fn granted(audience: &str) -> CbsEvent {
    CbsEvent::Granted { audience: audience.into() }
}

fn renewal(audience: &str) -> CbsEvent {
    CbsEvent::RenewalDue { audience: audience.into() }
}

fn expired(audience: &str) -> CbsEvent {
    CbsEvent::Expired { audience: audience.into() }
}

fn lasting(audience: &str, seconds: u64) -> Token {
    Token::sas(audience, "secret").lifetime(Duration::from_secs(seconds))
}

/// The vectors of Azure's protocol guide: three or four application-properties, and the token as amqp-value string.
#[test]
fn put_token_is_a_request_with_the_names_of_azure() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, Token::sas("sb://h/q", "SharedAccessSignature x"));
    let expires = Timestamp::from_millis(0x0102);
    put(
        &mut world,
        &mut cbs,
        Token::jwt("sb://h/r", "e.y.J").expires(expires).lifetime(Duration::from_secs(9)),
    );
    let properties =
        |id| section(0x73, list(&[string(id), NULL.into(), NULL.into(), NULL.into(), string("c")]));
    let mut pairs: Vec<_> =
        ["operation", "put-token", "type", Token::SAS, "name", "sb://h/q"].map(string).into();
    let body = section(0x77, string("SharedAccessSignature x"));
    assert_eq!(bytes(&world.requests[0]), [properties("c-1"), section(0x74, map(&pairs)), body].concat());
    pairs[3] = string("jwt");
    pairs[5] = string("sb://h/r");
    pairs.extend([string("expiration"), vec![0x83, 0, 0, 0, 0, 0, 0, 1, 2]]);
    let body = section(0x77, string("e.y.J"));
    assert_eq!(bytes(&world.requests[1]), [properties("c-2"), section(0x74, map(&pairs)), body].concat());
    let (sender, receiver) = world.attaches();
    assert_eq!(target_address(&sender.unwrap()).as_deref(), Some("$cbs"));
    let receiver = receiver.unwrap();
    assert_eq!(source_address(&receiver).as_deref(), Some("$cbs"));
    assert_eq!(target_address(&receiver).as_deref(), Some("c"));
}

/// As AMQP.Net Lite sends it: subject, `token-type`, and the token as amqp-value string, on one link.
#[test]
fn set_token_is_a_message_on_one_link() {
    let server = ConnectionConfig::server("s").offered_capabilities([CbsForm::CAPABILITY]);
    let mut world = World::with(server);
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    assert_eq!(cbs.form(), CbsForm::SetToken);
    put(&mut world, &mut cbs, Token::jwt("q", "e.y.J").expires(Timestamp::from_millis(1)));
    let properties = section(0x73, list(&[NULL.into(), NULL.into(), NULL.into(), string("set-token")]));
    let application = section(0x74, map(&[string("token-type"), string("jwt")]));
    let expected = [properties, application, section(0x77, string("e.y.J"))].concat();
    assert_eq!(bytes(&world.requests[0]), expected);
    assert_eq!(events(&mut cbs), [granted("q")]);
    assert!(world.replies.is_none() && cbs.requests().receiver().is_none());
}

fn open_with(capabilities: &[Symbol], properties: Option<Fields>) -> Open {
    Open { offered_capabilities: capabilities.to_vec().into(), properties, ..Open::default() }
}

#[test]
fn form_and_node_are_those_of_the_peers_open() {
    let plain = open_with(&[], None);
    assert_eq!((CbsForm::of(&plain), CbsForm::PutToken.node(&plain)), (CbsForm::PutToken, "$cbs".into()));
    let offered = [Symbol::from_static("OTHER"), CbsForm::CAPABILITY];
    assert_eq!(CbsForm::of(&open_with(&offered, None)), CbsForm::SetToken);
    assert_eq!(CbsForm::SetToken.node(&open_with(&offered, None)), "$cbs");
    for key in [Symbol::from_static("$cbs"), Symbol::from_static("cbs-node")] {
        let open = open_with(&offered, Some(Fields::new().with(key.clone(), "tokens")));
        assert_eq!(CbsForm::SetToken.node(&open), "tokens");
        // Azure's node has always the one address.
        assert_eq!(CbsForm::PutToken.node(&open), "$cbs");
        let open = open_with(&offered, Some(Fields::new().with(key, 7_u32)));
        assert_eq!(CbsForm::SetToken.node(&open), "$cbs");
    }
}

#[test]
fn configuration_overrules_form_and_node() {
    let server = ConnectionConfig::server("s").offered_capabilities([CbsForm::CAPABILITY]);
    let mut world = World::with(server);
    let config = CbsConfig::new("c").form(CbsForm::PutToken).node("other").requests(RequestConfig::new("d"));
    let cbs = attach(&mut world, config);
    assert_eq!(cbs.form(), CbsForm::PutToken);
    let (sender, receiver) = world.attaches();
    assert_eq!(target_address(&sender.unwrap()).as_deref(), Some("other"));
    assert_eq!(target_address(&receiver.unwrap()).as_deref(), Some("d"));
}

#[test]
fn without_the_peers_open_the_form_has_to_be_set() {
    let mut client = Connection::new(ConnectionConfig::client("c"));
    client.open().unwrap();
    let session = client.begin(SessionConfig::new()).unwrap();
    let refused = Cbs::attach(&mut client, session, CbsConfig::new("c"));
    assert!(matches!(refused, Err(CommandError::IllegalState(_))));
    Cbs::attach(&mut client, session, CbsConfig::new("c").form(CbsForm::PutToken)).unwrap();
}

#[test]
fn codes_of_success_grant_in_both_spellings() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    for code in [200, 202] {
        for spelling in [StatusSpelling::Hyphenated, StatusSpelling::CamelCase] {
            put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
            assert!(events(&mut cbs).is_empty());
            let request = world.request(world.requests.len() - 1);
            world.reply(Status::new(code).reply(&request, spelling).unwrap().value(Value::Null));
            world.turn(&mut cbs);
            assert_eq!(events(&mut cbs), [granted(QUEUE)]);
            assert!(cbs.is_granted(QUEUE) && !cbs.is_granted(TOPIC));
        }
    }
}

#[test]
fn other_codes_refuse_with_their_texts() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    let status = Status::new(401).description("bad signature").condition("amqp:unauthorized-access");
    answer(&mut world, &mut cbs, &status);
    let refused = CbsEvent::Refused {
        audience: QUEUE.into(),
        status: Some(401),
        condition: Some("amqp:unauthorized-access".into()),
        description: Some("bad signature".into()),
    };
    assert_eq!(events(&mut cbs), [refused]);
    assert!(!cbs.is_granted(QUEUE));
    grant(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
}

#[test]
fn answer_without_a_status_fails_the_token() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    world.reply(Message::builder().correlation_id("c-1").value("!"));
    world.turn(&mut cbs);
    assert_eq!(
        events(&mut cbs),
        [CbsEvent::Failed { audience: QUEUE.into(), why: RequestFailure::Malformed }]
    );
}

/// It was no answer at all, and the token waited for its time-out.
#[test]
fn answer_without_a_body_counts_by_its_status() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    let reply = Status::new(202).reply(&world.request(0), StatusSpelling::Hyphenated).unwrap();
    let with_body = Message::try_from(reply.data("").build()).unwrap();
    let body = with_body.range(SectionKind::Data).unwrap();
    world.send(with_body.payload().into_bytes().slice(..body.start).into(), &SendOptions::new());
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
}

#[test]
fn rejected_set_token_is_refused_with_the_error_and_other_outcomes_fail() {
    let server = ConnectionConfig::server("s").offered_capabilities([CbsForm::CAPABILITY]);
    let mut world = World::with(server);
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    let error = AmqpError::described(ErrorCondition::UnauthorizedAccess, "no");
    world.behaviour.outcome = Some(DeliveryState::Rejected(Arc::new(Rejected { error: Some(error) })));
    put(&mut world, &mut cbs, Token::jwt("q", "t"));
    let refused = CbsEvent::Refused {
        audience: "q".into(),
        status: None,
        condition: Some("amqp:unauthorized-access".into()),
        description: Some("no".into()),
    };
    assert_eq!(events(&mut cbs), [refused]);
    world.behaviour.outcome = Some(DeliveryState::RELEASED);
    put(&mut world, &mut cbs, Token::jwt("q", "t"));
    let why = RequestFailure::NotAccepted(Some(DeliveryState::RELEASED));
    assert_eq!(events(&mut cbs), [CbsEvent::Failed { audience: "q".into(), why }]);
}

#[test]
fn one_token_of_an_audience_is_under_way_at_a_time() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    let now = world.now();
    let second = cbs.put(now, world.client(), Token::sas(QUEUE, "secret"));
    assert!(matches!(second, Err(CommandError::IllegalState(_))));
    put(&mut world, &mut cbs, Token::sas(TOPIC, "secret"));
    answer(&mut world, &mut cbs, &Status::new(200));
    assert_eq!(events(&mut cbs), [granted(TOPIC)]);
    let request = world.request(0);
    world.reply(Status::new(202).reply(&request, StatusSpelling::Hyphenated).unwrap().value(Value::Null));
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
    put(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
}

/// The lifetime, how long before its end a renewal is wanted, and when it is due: all in seconds.
#[test]
fn renewal_is_due_at_three_quarters_or_before_the_end_and_never_in_the_first_half() {
    let cases = [
        (3600, 300, 2700),
        (1200, 300, 900),
        (900, 300, 600),
        (600, 300, 300),
        (400, 300, 200),
        (240, 300, 120),
        (3600, 0, 2700),
        (3600, 1800, 1800),
        (3600, 3000, 1800),
        (0, 300, 0),
    ];
    for (lifetime, before, due) in cases {
        let mut world = World::new();
        let config = CbsConfig::new("c").renew_before(Duration::from_secs(before));
        let mut cbs = attach(&mut world, config);
        grant(&mut world, &mut cbs, lasting(QUEUE, lifetime));
        assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(due * 1000)), "{lifetime} {before}");
    }
}

#[test]
fn renewal_and_expiry_come_once_and_to_the_millisecond() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    world.advance(&mut cbs, millis(7));
    put(&mut world, &mut cbs, lasting(QUEUE, 3600));
    // The lifetime begins when the token is put.
    world.advance(&mut cbs, millis(100));
    answer(&mut world, &mut cbs, &Status::new(202));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
    assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(2_700_007)));
    cbs.handle_timeout(Instant::from_millis(2_700_006), world.client());
    assert_eq!(events(&mut cbs), []);
    cbs.handle_timeout(Instant::from_millis(2_700_007), world.client());
    assert_eq!(events(&mut cbs), [renewal(QUEUE)]);
    assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(3_600_007)));
    cbs.handle_timeout(Instant::from_millis(3_600_006), world.client());
    assert_eq!((events(&mut cbs), cbs.is_granted(QUEUE)), (vec![], true));
    cbs.handle_timeout(Instant::from_millis(3_600_007), world.client());
    assert_eq!((events(&mut cbs), cbs.is_granted(QUEUE)), (vec![expired(QUEUE)], false));
    assert_eq!(cbs.poll_timeout(), None);
}

#[test]
fn renewed_token_replaces_the_deadlines_of_the_old_one() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    world.advance(&mut cbs, Duration::from_secs(2700));
    assert_eq!(events(&mut cbs), [granted(QUEUE), renewal(QUEUE)]);
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
    assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(5_400_000)));
    // The old token's end goes by.
    world.advance(&mut cbs, Duration::from_secs(2699));
    assert_eq!((events(&mut cbs), cbs.is_granted(QUEUE)), (vec![], true));
    world.advance(&mut cbs, Duration::from_secs(1));
    assert_eq!(events(&mut cbs), [renewal(QUEUE)]);
}

#[test]
fn token_without_a_lifetime_never_expires_here_and_stops_the_deadlines_of_an_earlier_one() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 60));
    grant(&mut world, &mut cbs, Token::sas(QUEUE, "secret"));
    assert_eq!((cbs.poll_timeout(), cbs.is_granted(QUEUE)), (None, true));
}

#[test]
fn renewal_that_fails_keeps_the_old_token_until_it_expires() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    world.advance(&mut cbs, Duration::from_secs(2700));
    put(&mut world, &mut cbs, lasting(QUEUE, 3600));
    answer(&mut world, &mut cbs, &Status::new(500));
    events(&mut cbs);
    assert!(cbs.is_granted(QUEUE));
    put(&mut world, &mut cbs, lasting(QUEUE, 3600));
    world.advance(&mut cbs, Duration::from_secs(30));
    assert_eq!(
        events(&mut cbs),
        [CbsEvent::Failed { audience: QUEUE.into(), why: RequestFailure::TimedOut }]
    );
    assert!(cbs.is_granted(QUEUE));
    world.advance(&mut cbs, Duration::from_secs(870));
    assert_eq!((events(&mut cbs), cbs.is_granted(QUEUE)), (vec![expired(QUEUE)], false));
}

#[test]
fn no_renewal_is_asked_for_while_one_is_under_way() {
    let mut world = World::new();
    let config = CbsConfig::new("c").requests(RequestConfig::new("c").timeout(Duration::from_secs(1000)));
    let mut cbs = attach(&mut world, config);
    grant(&mut world, &mut cbs, lasting(QUEUE, 400));
    events(&mut cbs);
    world.advance(&mut cbs, Duration::from_secs(199));
    put(&mut world, &mut cbs, lasting(QUEUE, 400));
    world.advance(&mut cbs, Duration::from_secs(1));
    assert_eq!(events(&mut cbs), []);
    // The old one expires first, and the new one is granted all the same.
    world.advance(&mut cbs, Duration::from_secs(200));
    assert_eq!(events(&mut cbs), [expired(QUEUE)]);
    answer(&mut world, &mut cbs, &Status::new(200));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
    assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(399_000)));
}

#[test]
fn clock_that_jumps_over_both_deadlines_raises_both_in_their_order() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    grant(&mut world, &mut cbs, lasting(TOPIC, 1200));
    events(&mut cbs);
    world.advance(&mut cbs, Duration::from_secs(1_000_000));
    assert_eq!(events(&mut cbs), [renewal(TOPIC), expired(TOPIC), renewal(QUEUE), expired(QUEUE)]);
    assert_eq!(cbs.poll_timeout(), None);
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    assert_eq!(cbs.poll_timeout(), Some(Instant::from_millis(1_002_700_000)));
}

#[test]
fn token_of_zero_lifetime_is_due_and_expired_at_once() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 0));
    world.advance(&mut cbs, Duration::ZERO);
    assert_eq!(events(&mut cbs), [granted(QUEUE), renewal(QUEUE), expired(QUEUE)]);
}

#[test]
fn forgotten_audience_has_no_more_events() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    put(&mut world, &mut cbs, lasting(TOPIC, 3600));
    events(&mut cbs);
    cbs.forget(QUEUE);
    cbs.forget(TOPIC);
    cbs.forget("unknown");
    answer(&mut world, &mut cbs, &Status::new(200));
    world.advance(&mut cbs, Duration::from_secs(10_000));
    assert_eq!((events(&mut cbs), cbs.is_granted(QUEUE), cbs.poll_timeout()), (vec![], false, None));
    grant(&mut world, &mut cbs, lasting(TOPIC, 3600));
    assert_eq!(events(&mut cbs), [granted(TOPIC)]);
}

#[test]
fn answer_to_a_forgotten_token_is_not_taken_for_that_to_a_newer_one() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    put(&mut world, &mut cbs, lasting(QUEUE, 3600));
    cbs.forget(QUEUE);
    put(&mut world, &mut cbs, lasting(QUEUE, 3600));
    let forgotten = world.request(0);
    world.reply(Status::new(401).reply(&forgotten, StatusSpelling::Hyphenated).unwrap().value(Value::Null));
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), []);
    answer(&mut world, &mut cbs, &Status::new(202));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
}

#[test]
fn loss_of_a_link_fails_what_is_under_way_and_tokens_in_force_still_expire() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    put(&mut world, &mut cbs, lasting(TOPIC, 3600));
    events(&mut cbs);
    let replies = world.replies.unwrap();
    world.server().sender(replies).unwrap().close(None).unwrap();
    world.turn(&mut cbs);
    let failed = CbsEvent::Failed { audience: TOPIC.into(), why: RequestFailure::LinkLost };
    assert_eq!(events(&mut cbs), [failed, CbsEvent::Closed { failure: None }]);
    world.advance(&mut cbs, Duration::from_secs(3600));
    assert_eq!(events(&mut cbs), [renewal(QUEUE), expired(QUEUE)]);
    let now = world.now();
    let late = cbs.put(now, world.client(), lasting(QUEUE, 3600));
    assert!(matches!(late, Err(CommandError::IllegalState(_))));
}

#[test]
fn links_attached_again_keep_the_tokens_in_force_and_match_no_answer_from_before() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    grant(&mut world, &mut cbs, lasting(QUEUE, 3600));
    put(&mut world, &mut cbs, lasting(TOPIC, 3600));
    let session = world.session;
    let early = cbs.reattach(world.client(), session);
    assert!(matches!(early, Err(CommandError::IllegalState(_))));
    let replies = world.replies.unwrap();
    world.server().sender(replies).unwrap().close(None).unwrap();
    world.turn(&mut cbs);
    events(&mut cbs);
    cbs.reattach(world.client(), session).unwrap();
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), [CbsEvent::Ready]);
    assert_ne!(world.replies, Some(replies));
    let (sender, receiver) = world.attaches();
    assert_eq!(target_address(&sender.unwrap()).as_deref(), Some("$cbs"));
    assert_eq!(target_address(&receiver.unwrap()).as_deref(), Some("c"));
    assert!(cbs.is_granted(QUEUE) && !cbs.is_granted(TOPIC));
    put(&mut world, &mut cbs, lasting(TOPIC, 3600));
    // The answer to the request that was lost with the links.
    let lost = world.request(1);
    world.reply(Status::new(202).reply(&lost, StatusSpelling::Hyphenated).unwrap().value(Value::Null));
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), []);
    answer(&mut world, &mut cbs, &Status::new(202));
    assert_eq!(events(&mut cbs), [granted(TOPIC)]);
    world.advance(&mut cbs, Duration::from_secs(2700));
    assert!(events(&mut cbs).contains(&renewal(QUEUE)));
}

#[test]
fn put_that_fails_leaves_no_trace() {
    let mut world = World::new();
    world.behaviour.credit = 0;
    let session = world.session;
    let mut cbs = Cbs::attach(world.client(), session, CbsConfig::new("c")).unwrap();
    world.turn(&mut cbs);
    let now = world.now();
    let refused = cbs.put(now, world.client(), lasting(QUEUE, 60));
    assert_eq!(refused, Err(CommandError::NoCredit));
    let asked = world.asked.unwrap();
    world.server().receiver(asked).unwrap().add_credit(5).unwrap();
    world.turn(&mut cbs);
    assert_eq!(events(&mut cbs), [CbsEvent::Ready]);
    grant(&mut world, &mut cbs, lasting(QUEUE, 60));
    assert_eq!(events(&mut cbs), [granted(QUEUE)]);
}

#[test]
fn debug_hides_the_token() {
    let mut world = World::new();
    let mut cbs = attach(&mut world, CbsConfig::new("c"));
    let token = Token::sas(QUEUE, "hush-hush");
    let shown = format!("{token:?}");
    assert!(shown.contains(QUEUE) && shown.contains(Token::SAS) && !shown.contains("hush"), "{shown}");
    let now = world.now();
    cbs.put(now, world.client(), token).unwrap();
    let shown = format!("{cbs:?} {:?}", world.client());
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn server_reads_both_forms_and_leaves_other_requests() {
    let read = |payload: amqp_proto::frame::Payload| Token::parse(&Message::try_from(payload).unwrap());
    let data = Message::builder()
        .application_property("operation", "put-token")
        .application_property("type", "jwt")
        .application_property("name", "q")
        .data("e.y.J")
        .build();
    assert_eq!(read(data), Ok(Some((CbsForm::PutToken, Token::jwt("q", "e.y.J")))));
    let put = |operation: &str, name: Option<&str>| {
        let request = Message::builder().application_property("operation", operation);
        let request = request.application_property("type", "jwt");
        match name {
            Some(name) => request.application_property("name", name),
            None => request,
        }
    };
    assert_eq!(read(put("put-token", None).value("t").build()), Ok(None));
    assert_eq!(read(put("delete-token", Some("q")).value("t").build()), Ok(None));
    assert_eq!(read(put("put-token", Some("q")).value(7_u32).build()), Ok(None));
    assert_eq!(read(put("put-token", Some("q")).data(b"\xff".as_slice()).build()), Ok(None));
    assert_eq!(read(Message::builder().subject("set-token").value("t").build()), Ok(None));
}

proptest! {
    #[test]
    fn token_of_any_text_is_read_as_it_was_written(
        audience in any::<String>(),
        kind in any::<String>(),
        text in any::<String>(),
        expires in any::<Option<i64>>(),
    ) {
        let mut token = Token::new(audience, kind.as_str(), text.as_str());
        if let Some(expires) = expires {
            token = token.expires(Timestamp::from_millis(expires));
        }
        let parse = |form| {
            let message = Message::try_from(token.to_message(form).message_id(1_u64).build()).unwrap();
            Token::parse(&message).unwrap()
        };
        prop_assert_eq!(parse(CbsForm::PutToken), Some((CbsForm::PutToken, token.clone())));
        // A set-token has neither an audience nor a time of expiry.
        let bare = Token::new(Str::empty(), kind.as_str(), text.as_str());
        prop_assert_eq!(parse(CbsForm::SetToken), Some((CbsForm::SetToken, bare)));
    }
}
