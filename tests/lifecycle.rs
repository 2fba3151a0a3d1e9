//! Sessions' lifecycle against a model of section 2.5.5: begun and ended from both ends, crossing, refused, with
//! errors and without.

use amqp_proto::{
    Begin, Config, Event, SessionId,
    spec::definitions::{Error, ErrorCondition},
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

#[derive(Default)]
struct Model {
    grammar: Grammar,
    sessions: Vec<(SessionId, Phase)>,
}

impl Model {
    fn phase(&mut self, id: SessionId) -> &mut Phase {
        &mut self.sessions.iter_mut().find(|(known, _)| *known == id).expect("a session known").1
    }

    fn events(&mut self, end: &mut End) {
        for event in end.events() {
            self.grammar.note(&event);
            match event {
                Event::SessionRequested { session } => self.sessions.push((session, Phase::Asking)),
                Event::SessionOpen { session } => {
                    let phase = self.phase(session);
                    assert!(matches!(*phase, Phase::Asked | Phase::Asking), "{session} opens from {phase:?}");
                    *phase = Phase::Open;
                }
                // Our own end, with an error or without, and the peer's without one.
                Event::SessionClosed { session } => {
                    let phase = self.phase(session);
                    assert!(matches!(*phase, Phase::Open | Phase::Ending), "{session} closes from {phase:?}");
                    *phase = Phase::Over;
                }
                // Only the peer's error comes as one.
                Event::SessionError { session, failure } => {
                    assert_eq!(failure.error.condition, ErrorCondition::NotAllowed);
                    let phase = self.phase(session);
                    assert!(*phase != Phase::Over, "{session} ends twice");
                    *phase = Phase::Over;
                }
                Event::ConnectionOpen | Event::ConnectionClosed => {}
                other => panic!("{other:?}"),
            }
        }
        for (id, phase) in &self.sessions {
            assert_eq!(end.connection.session_is_open(*id), *phase == Phase::Open, "{id} is {phase:?}");
        }
    }

    fn begin(&mut self, end: &mut End) {
        if self.sessions.iter().filter(|(_, phase)| *phase != Phase::Over).count() < 4 {
            let id = end.connection.begin(Begin::new()).unwrap();
            self.grammar.began(id);
            self.sessions.push((id, Phase::Asked));
        }
    }

    fn end(&mut self, end: &mut End, which: usize, error: bool) {
        let Some((id, phase)) = self.sessions.iter_mut().rev().nth(which) else { return };
        let error = error.then(|| Error::new(ErrorCondition::NotAllowed));
        let done = end.connection.session(*id).and_then(|mut session| session.end(error));
        // 2.5.5: only what we have begun can be ended, and once.
        assert_eq!(done.is_ok(), matches!(phase, Phase::Asked | Phase::Open), "{id} is {phase:?}: {done:?}");
        if done.is_ok() {
            *phase = Phase::Ending;
        }
    }

    fn answer(&mut self, end: &mut End, refuse: bool) {
        let asking = self.sessions.iter().find(|(_, phase)| *phase == Phase::Asking);
        let Some(id) = asking.map(|(id, _)| *id) else { return };
        if refuse {
            end.connection.refuse_session(id, Error::new(ErrorCondition::NotAllowed)).unwrap();
            self.grammar.refused_session(id);
            *self.phase(id) = Phase::Over;
        } else {
            end.connection.accept_session(id, Begin::new()).unwrap();
        }
        let twice = end.connection.accept_session(id, Begin::new());
        assert!(twice.is_err(), "{id} is answered twice");
    }
}

fn open() -> Pair {
    let mut pair = Pair::new(Config::client("client"), Config::server("server"));
    pair.client.connection.open().unwrap();
    pair.run();
    assert_eq!(pair.server.events(), [Event::ConnectionRequested]);
    pair.server.connection.open().unwrap();
    pair.run();
    pair
}

fn converse(steps: &[Step]) {
    let mut pair = open();
    let (mut client, mut server) = (Model::default(), Model::default());
    for step in steps {
        match *step {
            Step::Begin(true) => client.begin(&mut pair.client),
            Step::Begin(false) => server.begin(&mut pair.server),
            Step::End { client: true, which, error } => client.end(&mut pair.client, which, error),
            Step::End { client: false, which, error } => server.end(&mut pair.server, which, error),
            Step::Answer { client: true, refuse } => client.answer(&mut pair.client, refuse),
            Step::Answer { client: false, refuse } => server.answer(&mut pair.server, refuse),
            Step::Up(octets) => drop(pair.up(octets)),
            Step::Down(octets) => drop(pair.down(octets)),
        }
        client.events(&mut pair.client);
        server.events(&mut pair.server);
    }
    // Everything is answered and ended, and then nothing is left.
    for _ in 0..40 {
        pair.run();
        client.events(&mut pair.client);
        server.events(&mut pair.server);
        client.answer(&mut pair.client, false);
        server.answer(&mut pair.server, false);
    }
    for (model, end) in [(&mut client, &mut pair.client), (&mut server, &mut pair.server)] {
        for which in 0..model.sessions.len() {
            if model.sessions.iter().rev().nth(which).is_some_and(|(_, phase)| *phase == Phase::Open) {
                model.end(end, which, false);
            }
        }
    }
    pair.run();
    client.events(&mut pair.client);
    server.events(&mut pair.server);
    for (model, end) in [(&client, &pair.client), (&server, &pair.server)] {
        assert!(model.sessions.iter().all(|(_, phase)| *phase == Phase::Over), "{:?}", model.sessions);
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
