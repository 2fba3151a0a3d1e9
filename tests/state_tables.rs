//! The state tables: what SPEC_NOTES.md prints is what the engine walks, and what the standard draws is in it.

use std::collections::BTreeSet;

use amqp_proto::state::{
    ConnectionState, ConnectionTrigger, LinkState, LinkTrigger, SaslClientState, SaslClientTrigger,
    SaslServerState, SaslServerTrigger, SessionState, SessionTrigger, TlsState, TlsTrigger,
};

/// A table as text: from, trigger, to.
type Rows = Vec<[&'static str; 3]>;

macro_rules! rows {
    ($state:ident) => {
        $state::TABLE
            .iter()
            .map(|(from, trigger, to)| [from.name(), trigger.name(), to.name()])
            .collect::<Rows>()
    };
}

macro_rules! walk {
    ($state:ident, $trigger:ident, ends: [$($end:ident),*]) => {{
        // `next` is the table: it knows every row and nothing else.
        for from in $state::ALL {
            for trigger in $trigger::ALL {
                let row = $state::TABLE.iter().find(|(f, t, _)| f == from && t == trigger);
                assert_eq!(from.next(*trigger), row.map(|(_, _, to)| *to), "{from:?} on {trigger:?}");
            }
        }
        // Every state is reached from the first, and only ends have no way on.
        let mut reached = BTreeSet::from([$state::ALL[0]]);
        for _ in $state::ALL {
            for (from, _, to) in $state::TABLE {
                if reached.contains(from) {
                    reached.insert(*to);
                }
            }
        }
        assert_eq!(reached.len(), $state::ALL.len(), "{reached:?}");
        let ends: Vec<_> =
            $state::ALL.iter().filter(|state| $state::TABLE.iter().all(|(from, ..)| from != *state)).collect();
        let due: Vec<&$state> = vec![$(&$state::$end),*];
        assert_eq!(ends, due);
        rows!($state)
    }};
}

fn tables() -> [(&'static str, Rows); 6] {
    [
        ("Connection (2.4.6)", walk!(ConnectionState, ConnectionTrigger, ends: [End])),
        ("Session (2.5.5)", walk!(SessionState, SessionTrigger, ends: [])),
        ("Link (2.6.2 to 2.6.6)", walk!(LinkState, LinkTrigger, ends: [])),
        ("SASL client (5.3.2)", walk!(SaslClientState, SaslClientTrigger, ends: [Done, Failed])),
        ("SASL server (5.3.2)", walk!(SaslServerState, SaslServerTrigger, ends: [Done, Failed])),
        ("TLS (5.2)", walk!(TlsState, TlsTrigger, ends: [Done])),
    ]
}

#[test]
fn spec_notes_print_the_tables_of_the_engine() {
    let mut printed = String::new();
    for (name, rows) in tables() {
        printed += &format!("### {name}\n\n| state | trigger | next |\n|---|---|---|\n");
        for [from, trigger, to] in rows {
            printed += &format!("| {from} | {trigger} | {to} |\n");
        }
        printed += "\n";
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/SPEC_NOTES.md");
    let notes = std::fs::read_to_string(path).expect("SPEC_NOTES.md is there");
    let (begin, end) = ("<!-- tables -->\n", "<!-- end of tables -->");
    let (before, rest) = notes.split_once(begin).expect("the tables' place is marked");
    let (held, after) = rest.split_once(end).expect("the tables' end is marked");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(path, format!("{before}{begin}\n{printed}{end}{after}"))
            .expect("SPEC_NOTES.md can be written");
        return;
    }
    assert_eq!(held.trim(), printed.trim(), "run with UPDATE_TABLES=1, then look at what has changed");
}

/// Compares a table with the arrows of the standard's diagram and with our own rows.
fn compare(rows: Rows, standard: &[[&str; 3]], ours: &[[&str; 3]]) {
    let rows: BTreeSet<_> = rows.into_iter().collect();
    let due: BTreeSet<_> = standard.iter().chain(ours).copied().collect();
    assert_eq!(due.difference(&rows).collect::<Vec<_>>(), Vec::<&[&str; 3]>::new(), "not in the table");
    assert_eq!(rows.difference(&due).collect::<Vec<_>>(), Vec::<&[&str; 3]>::new(), "not accounted for");
}

#[test]
fn connection_table_is_the_diagram_of_2_4_7_with_our_rows() {
    let standard = [
        ["START", "R:HDR", "HDR_RCVD"],
        ["START", "S:HDR", "HDR_SENT"],
        ["HDR_RCVD", "S:HDR", "HDR_EXCH"],
        ["HDR_RCVD", "R:HDR[!=S:HDR]", "END"],
        ["HDR_SENT", "R:HDR", "HDR_EXCH"],
        ["HDR_SENT", "R:HDR[!=S:HDR]", "END"],
        ["HDR_SENT", "S:OPEN", "OPEN_PIPE"],
        ["HDR_EXCH", "R:OPEN", "OPEN_RCVD"],
        ["HDR_EXCH", "S:OPEN", "OPEN_SENT"],
        ["OPEN_PIPE", "R:HDR", "OPEN_SENT"],
        ["OPEN_PIPE", "R:HDR[!=S:HDR]", "END"],
        ["OPEN_PIPE", "S:CLOSE", "OC_PIPE"],
        ["OC_PIPE", "R:HDR", "CLOSE_PIPE"],
        ["OC_PIPE", "R:HDR[!=S:HDR]", "END"],
        ["OPEN_RCVD", "S:OPEN", "OPENED"],
        ["OPEN_SENT", "R:OPEN", "OPENED"],
        ["OPEN_SENT", "S:CLOSE", "CLOSE_PIPE"],
        ["CLOSE_PIPE", "R:OPEN", "CLOSE_SENT"],
        ["OPENED", "R:CLOSE", "CLOSE_RCVD"],
        ["OPENED", "S:CLOSE", "CLOSE_SENT"],
        ["OPENED", "S:CLOSE(error)", "DISCARDING"],
        ["CLOSE_RCVD", "S:CLOSE", "END"],
        ["CLOSE_SENT", "R:CLOSE", "END"],
        ["DISCARDING", "R:CLOSE", "END"],
    ];
    let mut ours = vec![
        // A violation before both are open is closed with its error too.
        ["OPEN_PIPE", "S:CLOSE(error)", "OC_PIPE"],
        ["OPEN_SENT", "S:CLOSE(error)", "DISCARDING"],
        ["CLOSE_RCVD", "S:CLOSE(error)", "END"],
        // Some peers close without having opened.
        ["OPEN_SENT", "R:CLOSE", "CLOSE_RCVD"],
        ["CLOSE_PIPE", "R:CLOSE", "END"],
    ];
    // A transport can be lost at any time.
    let alive = ConnectionState::ALL.iter().filter(|state| **state != ConnectionState::End);
    ours.extend(alive.map(|state| [state.name(), "LOST", "END"]));
    compare(rows!(ConnectionState), &standard, &ours);
}

#[test]
fn session_table_is_the_diagram_of_2_5_5_with_our_rows() {
    let standard = [
        ["UNMAPPED", "S:BEGIN", "BEGIN_SENT"],
        ["UNMAPPED", "R:BEGIN", "BEGIN_RCVD"],
        ["BEGIN_SENT", "R:BEGIN", "MAPPED"],
        ["BEGIN_RCVD", "S:BEGIN", "MAPPED"],
        ["MAPPED", "S:END(error)", "DISCARDING"],
        ["MAPPED", "S:END", "END_SENT"],
        ["MAPPED", "R:END", "END_RCVD"],
        ["DISCARDING", "R:END", "UNMAPPED"],
        ["END_SENT", "R:END", "UNMAPPED"],
        ["END_RCVD", "S:END", "UNMAPPED"],
    ];
    let ours = [
        // An end may carry an error whoever ends first.
        ["END_RCVD", "S:END(error)", "UNMAPPED"],
        // A session ended before its begin was answered: the answer still comes first.
        ["BEGIN_SENT", "S:END", "END_PIPE"],
        ["BEGIN_SENT", "S:END(error)", "END_PIPE"],
        ["END_PIPE", "R:BEGIN", "END_SENT"],
    ];
    compare(rows!(SessionState), &standard, &ours);
}

#[test]
fn sasl_tables_follow_the_sequence_of_5_3_2() {
    // 5.3: the header, then the frames that 5.3.2 draws. The challenge with its response is the only loop.
    let client = [
        ["START", "S:HDR", "HDR_SENT"],
        ["HDR_SENT", "R:HDR", "HDR_EXCH"],
        ["HDR_EXCH", "R:SASL-MECHANISMS", "OFFERED"],
        ["OFFERED", "S:SASL-INIT", "INITIATED"],
        ["INITIATED", "R:SASL-CHALLENGE", "CHALLENGED"],
        ["CHALLENGED", "S:SASL-RESPONSE", "INITIATED"],
        ["INITIATED", "R:SASL-OUTCOME(ok)", "DONE"],
        ["INITIATED", "R:SASL-OUTCOME(failure)", "FAILED"],
    ];
    let server = [
        ["START", "R:HDR", "HDR_RCVD"],
        ["HDR_RCVD", "S:HDR", "HDR_EXCH"],
        ["HDR_EXCH", "S:SASL-MECHANISMS", "OFFERED"],
        ["OFFERED", "R:SASL-INIT", "STEPPING"],
        ["STEPPING", "S:SASL-CHALLENGE", "CHALLENGING"],
        ["CHALLENGING", "R:SASL-RESPONSE", "STEPPING"],
        ["STEPPING", "S:SASL-OUTCOME(ok)", "DONE"],
        ["STEPPING", "S:SASL-OUTCOME(failure)", "FAILED"],
    ];
    compare(rows!(SaslClientState), &client, &[]);
    compare(rows!(SaslServerState), &server, &[]);
}

#[test]
fn tls_table_exchanges_headers_in_either_order() {
    // 5.2: each peer starts with a header, as 2.2 has it: the client first, or both at once.
    let headers = [
        ["START", "S:HDR", "HDR_SENT"],
        ["START", "R:HDR", "HDR_RCVD"],
        ["HDR_SENT", "R:HDR", "TUNNEL"],
        ["HDR_RCVD", "S:HDR", "TUNNEL"],
    ];
    let ours = [["TUNNEL", "TLS", "DONE"]];
    compare(rows!(TlsState), &headers, &ours);
}
