//! The fuzz target that runs each SASL mechanism alone, on any input in any order.

use alloc::{vec, vec::Vec};

use super::script::Script;
use crate::sasl::{ChannelBinding, ExchangeContext, Mechanism, Step, StepInput, Supply, Tunnel};

/// Messages of logins. Those of SCRAM have the nonces that the entropy here makes.
const MESSAGES: [&[u8]; 13] = [
    b"",
    b"\0user\0secret",
    b"someone",
    b"user=user\x01auth=Bearer token\x01\x01",
    b"n,,\x01host=h\x01auth=Bearer token\x01\x01",
    b"n,a=user,\x01auth=Bearer token\x01\x01",
    b"{\"status\":\"401\"}",
    b"\x01",
    b"n,,n=user,r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
    b"p=tls-exporter,,n=user,r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
    b"r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH,s=c2FsdA==,i=1",
    b"c=biws,r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];

/// Runs one exchange over inputs that the bytes choose: messages of a login, some with a byte changed, and any others.
///
/// # Panics
/// If an exchange goes on after it has failed or succeeded, or a client succeeds without an outcome.
pub fn sasl_exchange(data: &[u8]) {
    let mut script = Script::new(data);
    let mechanisms = mechanisms();
    let number = usize::from(script.byte()).checked_rem(mechanisms.len()).unwrap_or(0);
    let Some(mechanism) = mechanisms.get(number) else { return };
    let mut tunnel = Tunnel::new().protected(true).identity("someone");
    if script.below(2) == 1 {
        tunnel = tunnel.binding(ChannelBinding::new("tls-exporter", "binding"));
    }
    let mut exchange = mechanism.start();
    exchange.prepare(&ExchangeContext { offered: &[], hostname: Some("h"), tunnel: &tunnel });
    let mut is_over = false;
    while !script.is_over() {
        let what = script.below(8);
        let message = message(&mut script);
        let input = match what {
            0 => StepInput::Start(None),
            1 => StepInput::Start(Some(&message)),
            2 => StepInput::Outcome(None),
            3 => StepInput::Outcome(Some(&message)),
            _ => StepInput::Data(&message),
        };
        let mut step = exchange.step(input);
        if step == Step::Pending {
            assert!(exchange.credentials().is_some() || mechanism.is_client(), "{mechanism:?}");
            step = exchange.supply(supply(&mut script));
        }
        let fails = matches!(step, Step::Fail(_));
        assert!(fails || !is_over, "{mechanism:?} goes on: {step:?} for {input:?}");
        let succeeds = matches!(step, Step::Done(_));
        assert!(!succeeds || mechanism.is_server() || matches!(input, StepInput::Outcome(_)));
        is_over |= fails || succeeds;
    }
}

/// Returns a message of a login, perhaps with one byte changed, or any bytes.
fn message(script: &mut Script<'_>) -> Vec<u8> {
    let number = usize::from(script.below(16));
    let Some(message) = MESSAGES.get(number) else {
        let count = usize::from(script.byte() & 0x3f);
        return script.take(count).to_vec();
    };
    let mut message = message.to_vec();
    let (at, change) = (script.byte(), script.byte());
    if let Some(byte) = message.get_mut(usize::from(at)) {
        *byte ^= change;
    }
    message
}

#[cfg(not(feature = "scram"))]
fn supply(script: &mut Script<'_>) -> Supply {
    Supply::Secret(if script.below(2) == 0 { "token" } else { "" }.into())
}

#[cfg(feature = "scram")]
fn supply(script: &mut Script<'_>) -> Supply {
    match script.below(4) {
        0 => Supply::Secret("token".into()),
        // The size of a salted password with SHA-1.
        1 => Supply::Secret(vec![7; 20].into()),
        2 => Supply::Keys(Some(scram_keys())),
        _ => Supply::Keys(None),
    }
}

fn mechanisms() -> Vec<Mechanism> {
    let mut all = vec![
        Mechanism::plain("user", "secret"),
        Mechanism::plain_server(|shown| shown.matches("user", "secret")),
        Mechanism::anonymous(),
        Mechanism::anonymous_server(),
        Mechanism::external(),
        Mechanism::external_server_from_tunnel(),
        Mechanism::xoauth2("user", "token"),
        Mechanism::xoauth2_deferred("user"),
        Mechanism::xoauth2_server(|shown| shown.secret == Some(b"token")),
        Mechanism::oauthbearer("user", "token", 5671),
        Mechanism::oauthbearer_deferred("", None),
        Mechanism::oauthbearer_server(|shown| (shown.secret == Some(b"token")).then(|| "user".into())),
        Mechanism::mssbcbs(),
        Mechanism::mssbcbs_server(),
    ];
    all.extend(scram());
    all
}

#[cfg(not(feature = "scram"))]
fn scram() -> Vec<Mechanism> {
    Vec::new()
}

#[cfg(feature = "scram")]
fn scram_keys() -> crate::sasl::ScramKeys {
    crate::sasl::ScramKeys {
        salt: "salt".into(),
        iterations: 1,
        stored_key: vec![7; 20].into(),
        server_key: vec![7; 20].into(),
    }
}

#[cfg(feature = "scram")]
fn scram() -> Vec<Mechanism> {
    use crate::sasl::ScramHash::Sha1;
    fn entropy(buffer: &mut [u8]) {
        buffer.fill(7);
    }
    // Few iterations, so that an input takes little time.
    let client = Mechanism::scram(Sha1, "user", "secret", entropy).iterations(1, 4);
    let deferred = Mechanism::scram_deferred(Sha1, "user", entropy).iterations(1, 4);
    let find = |user: &str| (user == "user").then(scram_keys);
    let server = Mechanism::scram_server(Sha1, find, [7; 32], entropy);
    let deferred_server = Mechanism::scram_server_deferred(Sha1, [7; 32], entropy);
    let plain = vec![client, deferred, server, deferred_server];
    let plus = plain.iter().cloned().map(Mechanism::plus).collect::<Vec<_>>();
    [plain, plus].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn pseudo_random_inputs_keep_the_promises() {
        super::super::inputs(20_000).for_each(|input| super::sasl_exchange(&input));
    }
}
