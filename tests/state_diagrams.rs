//! The diagrams in `docs/states.md`, drawn from the tables of `state.rs`.

use std::fmt::Write as _;

use amqp_proto::state::{
    ConnectionState, LinkState, SaslClientState, SaslServerState, SessionState, TlsState,
};

const INTRODUCTION: &str = "\
# State diagrams

The tables of [`state`](../src/state.rs) as diagrams. `S:` is a frame that an end sends, drawn in blue, and `R:` one that
it receives, drawn in green. The first state is rounded, a final state has a double border. The rows that are not in
the standard's own diagrams are explained in the documentation of the module.

A test draws this page: `UPDATE_TABLES=1 cargo test --test state_diagrams`.
";

/// A table by the names of its states and triggers.
struct Table {
    title: &'static str,
    section: &'static str,
    states: Vec<&'static str>,
    rows: Vec<[&'static str; 3]>,
}

macro_rules! table {
    ($state:ident, $title:literal in $section:literal) => {
        Table {
            title: $title,
            section: $section,
            states: $state::ALL.iter().map(|state| state.name()).collect(),
            rows: $state::TABLE.iter().map(|(from, on, to)| [from.name(), on.name(), to.name()]).collect(),
        }
    };
}

impl Table {
    fn is_final(&self, state: &str) -> bool {
        self.rows.iter().all(|[from, ..]| *from != state)
    }

    /// The trigger that leads from every state to one, which is a sentence and no arrows.
    fn everywhere(&self) -> Option<(&'static str, &'static str)> {
        let [_, trigger, to] = *self.rows.iter().find(|[_, trigger, _]| *trigger == "LOST")?;
        let count = self.rows.iter().filter(|[_, each, end]| *each == trigger && *end == to).count();
        let alive = self.states.iter().filter(|state| !self.is_final(state)).count();
        (count == alive).then_some((trigger, to))
    }

    fn draw(&self) -> String {
        let everywhere = self.everywhere();
        let id = |state: &str| self.states.iter().position(|each| *each == state).unwrap();
        let mut text = format!("\n## {} ({})\n\n", self.title, self.section);
        if let Some((trigger, to)) = everywhere {
            writeln!(text, "`{trigger}` leads from every state to `{to}`, and is not drawn.\n").unwrap();
        }
        text += "```mermaid\nflowchart TD\n";
        for (index, state) in self.states.iter().enumerate() {
            let (open, close) = match index {
                0 => ("([", "])"),
                _ if self.is_final(state) => ("[[", "]]"),
                _ => ("[", "]"),
            };
            writeln!(text, "    s{index}{open}\"{state}\"{close}").unwrap();
        }
        // One arrow for all triggers that lead from one state to another and are all sent, or all received.
        let mut arrows: Vec<(usize, usize, &str, String)> = Vec::new();
        for [from, trigger, to] in self.rows.iter().filter(|row| Some((row[1], row[2])) != everywhere) {
            let (from, to, kind) = (id(from), id(to), trigger.get(..2).unwrap());
            match arrows.iter_mut().find(|arrow| (arrow.0, arrow.1, arrow.2) == (from, to, kind)) {
                Some((.., label)) => *label += &format!("<br/>{trigger}"),
                None => arrows.push((from, to, kind, (*trigger).to_owned())),
            }
        }
        for (from, to, _, label) in &arrows {
            let label = label.replace("[!=S:HDR]", " differs from S:HDR");
            writeln!(text, "    s{from} -->|\"{label}\"| s{to}").unwrap();
        }
        for (kind, colour) in [("S:", "#2f6fed"), ("R:", "#0e9384")] {
            let these = arrows.iter().enumerate().filter(|(_, arrow)| arrow.2 == kind);
            let these: Vec<_> = these.map(|(index, _)| index.to_string()).collect();
            writeln!(text, "    linkStyle {} stroke:{colour}", these.join(",")).unwrap();
        }
        text + "```\n"
    }
}

#[test]
fn the_page_of_diagrams_is_that_of_the_tables() {
    let tables = [
        table!(ConnectionState, "Connection" in "2.4.6, 2.4.7"),
        table!(SessionState, "Session" in "2.5.5"),
        table!(LinkState, "Link" in "2.6.2 to 2.6.6"),
        table!(SaslClientState, "SASL client" in "5.3.2"),
        table!(SaslServerState, "SASL server" in "5.3.2"),
        table!(TlsState, "TLS" in "5.2"),
    ];
    let drawn: String = tables.iter().map(Table::draw).collect();
    let drawn = format!("{INTRODUCTION}{drawn}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(path, drawn).expect("docs/states.md can be written");
        return;
    }
    let held = std::fs::read_to_string(path).expect("docs/states.md is there");
    assert_eq!(held, drawn, "run with UPDATE_TABLES=1, then look at what has changed");
}
