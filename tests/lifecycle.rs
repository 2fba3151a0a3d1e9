//! Sessions' lifecycle against a model of section 2.5.5: begun and ended from both ends, crossing, refused, with
//! errors and without, and why each of them says it has ended.

use std::collections::BTreeMap;

use amqp_proto::{
    Cause, ConnectionConfig, Event, SessionConfig, SessionId,
    spec::definitions::{AmqpError, ErrorCondition},
    testing::{End, Grammar, Pair},
};
use proptest::prelude::*;

/// What an end does, or the pipe.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(bool),
    End { client: bool, which: usize, error: bool },
    Answer { client: bool, refuse: bool },
    Up(usize),
    Down(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<bool>().prop_map(Step::Begin),
        2 => (any::<bool>(), 0..4_usize, any::<bool>())
            .prop_map(|(client, which, error)| Step::End { client, which, error }),
        3 => (any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(client, refuse)| Step::Answer { client, refuse }),
        2 => (1..60_usize).prop_map(Step::Up),
        2 => (1..60_usize).prop_map(Step::Down),
    ]
}

/// What the model knows of one end's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// We began, and wait for the answer.
    Asked,
    /// The peer began, and waits for ours.
    Asking,
    Open,
    /// We have ended it, and wait for the peer's end.
    Ending,
    Over,
}

/// A session at both ends: whether the client began it, and how many had been begun by that end before. Begins come in
/// the order in which they were written, so this is the same at both ends.
type Key = (bool, usize);

/// The ends that were written by command, by session and by whether the client wrote it; with their errors. One that
/// is not here was the engine's own answer, which has none.
#[derive(Default)]
struct Ledger {
    ends: BTreeMap<(Key, bool), Option<AmqpError>>,
}

impl Ledger {
    /// An error that no other end carries.
    fn error(&self) -> AmqpError {
        let conditions =
            [ErrorCondition::NotAllowed, ErrorCondition::InternalError, ErrorCondition::ResourceDeleted];
        let count = self.ends.len();
        AmqpError::described(conditions[count % conditions.len()].clone(), format!("error {count}"))
    }

    fn write(&mut self, key: Key, by_client: bool, error: Option<AmqpError>) {
        assert_eq!(self.ends.insert((key, by_client), error), None, "{key:?} is ended twice by one end");
    }
}

struct Session {
    id: SessionId,
    key: Key,
    phase: Phase,
}

struct Model {
    is_client: bool,
    grammar: Grammar,
    sessions: Vec<Session>,
}

impl Model {
    fn new(is_client: bool) -> Self {
        Self { is_client, grammar: Grammar::default(), sessions: Vec::new() }
    }

    fn session(&mut self, id: SessionId) -> &mut Session {
        self.sessions.iter_mut().find(|session| session.id == id).expect("a session known")
    }

    fn phase(&mut self, id: SessionId) -> &mut Phase {
        &mut self.session(id).phase
    }

    fn add(&mut self, id: SessionId, by_client: bool, phase: Phase) {
        let before = self.sessions.iter().filter(|session| session.key.0 == by_client).count();
        self.sessions.push(Session { id, key: (by_client, before), phase });
    }

    /// The session's last event: it tells the error that the peer's end carried, and no other.
    fn ends(&mut self, id: SessionId, error: Option<&AmqpError>, ledger: &Ledger) {
        let is_client = self.is_client;
        let Session { key, phase, .. } = self.session(id);
        let (ours, theirs) = (ledger.ends.get(&(*key, is_client)), ledger.ends.get(&(*key, !is_client)));
        // 2.5.2: an end of ours is a close, whatever it carried, and so is the peer's without an error. Where the two
        // cross, the peer's error is still the peer's.
        assert_eq!(error, theirs.and_then(Option::as_ref), "{id} from {phase:?}");
        assert!(ours.is_some() || theirs.is_some(), "{id} ends though nobody ended it");
        assert_eq!(ours.is_some(), *phase == Phase::Ending, "{id} from {phase:?}");
        assert!(matches!(phase, Phase::Open | Phase::Ending), "{id} ends from {phase:?}");
        *phase = Phase::Over;
    }

    fn events(&mut self, end: &mut End, ledger: &Ledger) {
        for event in end.events() {
            self.grammar.note(&event);
            match event {
                Event::SessionRequested { session } => self.add(session, !self.is_client, Phase::Asking),
                Event::SessionOpen { session } => {
                    let phase = self.phase(session);
                    assert!(matches!(*phase, Phase::Asked | Phase::Asking), "{session} opens from {phase:?}");
                    *phase = Phase::Open;
                }
                Event::SessionClosed { session } => self.ends(session, None, ledger),
                Event::SessionError { session, failure } => {
                    assert_eq!(failure.cause, Cause::Peer);
                    self.ends(session, Some(&failure.error), ledger);
                }
                Event::ConnectionOpen | Event::ConnectionClosed => {}
                other => panic!("{other:?}"),
            }
        }
        for Session { id, phase, .. } in &self.sessions {
            assert_eq!(
                end.connection.session_ref(*id).is_ok_and(|session| session.is_open()),
                *phase == Phase::Open,
                "{id} is {phase:?}"
            );
        }
    }

    fn begin(&mut self, end: &mut End) {
        if self.sessions.iter().filter(|session| session.phase != Phase::Over).count() < 4 {
            let id = end.connection.begin(SessionConfig::new()).unwrap();
            self.grammar.began(id);
            self.add(id, self.is_client, Phase::Asked);
        }
    }

    fn end(&mut self, end: &mut End, which: usize, error: bool, ledger: &mut Ledger) {
        let Some(Session { id, key, phase }) = self.sessions.iter_mut().rev().nth(which) else { return };
        let error = error.then(|| ledger.error());
        let done = end.connection.session(*id).and_then(|mut session| session.end(error.clone()));
        // 2.5.5: only what we have begun can be ended. The second time has no effect.
        let ends = matches!(phase, Phase::Asked | Phase::Open);
        assert_eq!(done.is_ok(), ends || *phase == Phase::Ending, "{id} is {phase:?}: {done:?}");
        if ends {
            *phase = Phase::Ending;
            ledger.write(*key, self.is_client, error);
        }
    }

    fn answer(&mut self, end: &mut End, refuse: bool, ledger: &mut Ledger) {
        let is_client = self.is_client;
        let asking = self.sessions.iter_mut().find(|session| session.phase == Phase::Asking);
        let Some(&mut Session { id, key, ref mut phase }) = asking else { return };
        if refuse {
            let error = ledger.error();
            end.connection.refuse_session(id, error.clone()).unwrap();
            *phase = Phase::Over;
            ledger.write(key, is_client, Some(error));
            self.grammar.refused_session(id);
        } else {
            end.connection.accept_session(id, SessionConfig::new()).unwrap();
        }
        let twice = end.connection.accept_session(id, SessionConfig::new());
        assert!(twice.is_err(), "{id} is answered twice");
    }
}

fn open() -> Pair {
    let mut pair = Pair::new(ConnectionConfig::client("client"), ConnectionConfig::server("server"));
    pair.client.connection.open().unwrap();
    pair.run();
    assert_eq!(pair.server.events(), [Event::ConnectionRequested]);
    pair.server.connection.open().unwrap();
    pair.run();
    pair
}

fn converse(steps: &[Step]) {
    let mut pair = open();
    let (mut client, mut server) = (Model::new(true), Model::new(false));
    let ledger = &mut Ledger::default();
    for step in steps {
        match *step {
            Step::Begin(true) => client.begin(&mut pair.client),
            Step::Begin(false) => server.begin(&mut pair.server),
            Step::End { client: true, which, error } => client.end(&mut pair.client, which, error, ledger),
            Step::End { client: false, which, error } => server.end(&mut pair.server, which, error, ledger),
            Step::Answer { client: true, refuse } => client.answer(&mut pair.client, refuse, ledger),
            Step::Answer { client: false, refuse } => server.answer(&mut pair.server, refuse, ledger),
            Step::Up(bytes) => drop(pair.up(bytes)),
            Step::Down(bytes) => drop(pair.down(bytes)),
        }
        client.events(&mut pair.client, ledger);
        server.events(&mut pair.server, ledger);
    }
    // Everything is answered and ended, and then nothing is left.
    for _ in 0..40 {
        pair.run();
        client.events(&mut pair.client, ledger);
        server.events(&mut pair.server, ledger);
        client.answer(&mut pair.client, false, ledger);
        server.answer(&mut pair.server, false, ledger);
    }
    for (model, end) in [(&mut client, &mut pair.client), (&mut server, &mut pair.server)] {
        for which in 0..model.sessions.len() {
            if model.sessions.iter().rev().nth(which).is_some_and(|session| session.phase == Phase::Open) {
                model.end(end, which, false, ledger);
            }
        }
    }
    pair.run();
    client.events(&mut pair.client, ledger);
    server.events(&mut pair.server, ledger);
    for (model, end) in [(&client, &pair.client), (&server, &pair.server)] {
        assert!(model.sessions.iter().all(|session| session.phase == Phase::Over));
        assert!(model.grammar.all_ended());
        assert_eq!(end.connection.session_ids().count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(255),
        ..ProptestConfig::default()
    })]

    #[test]
    fn sessions_begin_and_end_as_the_model_does(steps in prop::collection::vec(step(), 0..60)) {
        converse(&steps);
    }
}
