//! The connections of a capture: each has its observer, and what that sees is printed, or collected for the page.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
};

use amqp_proto::{
    Instant, Side,
    observe::{Finding, Observation, Observer, Seen},
};
use serde_json::{Map, Value as Json, json};

use crate::{
    frames::{self, Shown},
    json::Printed,
    page,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Text,
    Json,
    Page,
}

struct Watched {
    number: usize,
    observer: Observer,
    client: SocketAddr,
    server: SocketAddr,
    /// Frames and findings, for the page, with commas between them.
    rows: String,
    links: BTreeMap<u32, Json>,
}

/// The most bytes of frames and findings on a page. A browser needs several times as much for them.
const MAX_ROWS: usize = 32 << 20;

pub struct Report<'a> {
    style: Style,
    out: &'a mut dyn Write,
    flushes: bool,
    /// The time of the first packet, in microseconds.
    start: Option<u64>,
    now: u64,
    connections: Vec<Watched>,
    notes: Vec<String>,
    room: Room,
}

/// The room on the page.
struct Room {
    /// The bytes that there may still be.
    left: usize,
    /// The frames and findings that there was no room for.
    left_out: u64,
}

impl<'a> Report<'a> {
    pub fn new(style: Style, out: &'a mut dyn Write, flushes: bool) -> Self {
        Self {
            style,
            out,
            flushes,
            start: None,
            now: 0,
            connections: Vec::new(),
            notes: Vec::new(),
            room: Room { left: MAX_ROWS, left_out: 0 },
        }
    }

    /// Adds a connection, and returns its number.
    pub fn connection(&mut self, micros: u64, client: SocketAddr, server: SocketAddr) -> io::Result<usize> {
        self.start.get_or_insert(micros);
        let number = self.connections.len() + 1;
        match self.style {
            Style::Text => writeln!(self.out, "connection {number}: client {client}, server {server}")?,
            Style::Json => {
                let line = json!({ "kind": "connection", "connection": number, "client": client.to_string(), "server": server.to_string() });
                writeln!(self.out, "{line}")?;
            }
            Style::Page => {}
        }
        let (rows, links) = (String::new(), BTreeMap::new());
        self.connections.push(Watched { number, observer: Observer::new(), client, server, rows, links });
        Ok(number)
    }

    /// Passes bytes of a connection to its observer.
    pub fn bytes(&mut self, connection: usize, from: Side, micros: u64, bytes: &[u8]) -> io::Result<()> {
        let since = micros.saturating_sub(self.start.unwrap_or(micros));
        self.now = self.now.max(since);
        let Some(watched) = connection.checked_sub(1).and_then(|index| self.connections.get_mut(index))
        else {
            return Ok(());
        };
        let mut seen = Vec::new();
        watched.observer.observe(from, Instant::from_millis(since / 1000), bytes, |each| seen.push(each));
        for observation in seen {
            watched.show(&observation, since, self.style, self.out, &mut self.room)?;
        }
        if self.flushes { self.out.flush() } else { Ok(()) }
    }

    /// Notes something about the capture itself.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.notes.push(text.into());
        match self.style {
            Style::Text => writeln!(self.out, "note: {text}"),
            Style::Json => writeln!(self.out, "{}", json!({ "kind": "note", "text": text })),
            Style::Page => Ok(()),
        }
    }

    /// Ends the observation. Returns the data of the page.
    pub fn finish(mut self) -> io::Result<String> {
        for watched in &mut self.connections {
            let mut seen = Vec::new();
            watched.observer.finish(Instant::from_millis(self.now / 1000), |each| seen.push(each));
            for observation in seen {
                watched.show(&observation, self.now, self.style, self.out, &mut self.room)?;
            }
        }
        if self.connections.is_empty() {
            self.note("no connection of AMQP 1.0 in the capture; --port N takes one that does not begin with a header")?;
        }
        if self.room.left_out > 0 {
            let text = format!(
                "the page has no room for {} lines: without --html all are printed",
                self.room.left_out
            );
            self.note(&text)?;
            writeln!(io::stderr(), "inspect: {text}")?;
        }
        self.out.flush()?;
        let connections: Vec<_> = self.connections.into_iter().map(Watched::data).collect();
        let notes = page::escaped(&json!(self.notes));
        Ok(format!(r#"{{"connections":[{}],"notes":{notes}}}"#, connections.join(",")))
    }
}

impl Watched {
    fn show(
        &mut self,
        observation: &Observation,
        micros: u64,
        style: Style,
        out: &mut dyn Write,
        room: &mut Room,
    ) -> io::Result<()> {
        // The threshold of a stall is between two packets.
        let micros = match &observation.seen {
            Seen::Finding(Finding::Stall(stall)) if !stall.over => observation.at.as_millis() * 1000,
            _ => micros,
        };
        match style {
            Style::Text => self.print(observation, micros, out),
            Style::Json => self.print_json(observation, micros, out),
            Style::Page => {
                self.collect(observation, micros, room);
                Ok(())
            }
        }
    }

    fn print(&self, observation: &Observation, micros: u64, out: &mut dyn Write) -> io::Result<()> {
        let shown = Shown::of(observation);
        let arrow = if observation.from == Side::Client { "->" } else { "<-" };
        write!(out, "{:>5}.{:06} {} {arrow} ", micros / 1_000_000, micros % 1_000_000, self.number)?;
        if let Seen::Finding(finding) = &observation.seen {
            // The names in it are the peer's text: `{:?}` has escaped them.
            return writeln!(out, "!! {} {}: {finding}", shown.kind, finding.section());
        }
        let channel = shown.channel.map(|channel| format!(" channel {channel}")).unwrap_or_default();
        write!(
            out,
            "{:>8} {:>7} {}{channel} {}",
            observation.offset, observation.size, shown.kind, shown.name
        )?;
        if shown.content != Json::Null {
            write!(out, " {}", Printed(&shown.content))?;
        }
        if shown.payload > 0 {
            write!(out, " with {} bytes", shown.payload)?;
        }
        writeln!(out)
    }

    fn print_json(&self, observation: &Observation, micros: u64, out: &mut dyn Write) -> io::Result<()> {
        let shown = Shown::of(observation);
        let mut line = Map::new();
        line.insert("time".into(), (micros as f64 / 1e6).into());
        line.insert("connection".into(), self.number.into());
        line.insert("from".into(), frames::side(observation.from).into());
        line.insert("offset".into(), observation.offset.into());
        line.insert("size".into(), observation.size.into());
        line.insert("kind".into(), shown.kind.into());
        line.insert("name".into(), shown.name.into());
        if let Some(channel) = shown.channel {
            line.insert("channel".into(), channel.into());
        }
        if let Seen::Frame(frame) = &observation.seen {
            if let Some(session) = &frame.session {
                line.insert("session".into(), session.id.into());
            }
            if let Some(link) = &frame.link {
                line.insert("link".into(), link.id.into());
            }
            line.insert("payload".into(), shown.payload.into());
        }
        line.insert("content".into(), shown.content);
        writeln!(out, "{}", Printed(&Json::Object(line)))
    }

    /// Keeps a row for the page, under short names: there can be very many. It is the text that it will be, a tenth of its
    /// values.
    fn collect(&mut self, observation: &Observation, micros: u64, room: &mut Room) {
        let shown = Shown::of(observation);
        let mut row = Map::new();
        row.insert("t".into(), micros.into());
        row.insert("d".into(), u8::from(observation.from == Side::Server).into());
        row.insert("k".into(), shown.kind.into());
        row.insert("n".into(), shown.name.into());
        row.insert("o".into(), observation.offset.into());
        row.insert("z".into(), observation.size.into());
        row.insert("f".into(), shown.content);
        if let Some(channel) = shown.channel {
            row.insert("c".into(), channel.into());
        }
        if shown.payload > 0 {
            row.insert("p".into(), shown.payload.into());
        }
        let mut link = None;
        if let Seen::Frame(frame) = &observation.seen {
            row.extend(frame.session.as_ref().map(|view| ("s".into(), frames::session(view))));
            row.extend(frame.link.as_ref().map(|view| ("l".into(), frames::link(view))));
            link = frame.link.as_ref();
        }
        let row = page::escaped(&row.into());
        // No row comes behind one that is left out.
        if row.len() >= room.left || room.left_out > 0 {
            room.left_out += 1;
            return;
        }
        room.left -= row.len();
        if !self.rows.is_empty() {
            self.rows.push(',');
        }
        self.rows.push_str(&row);
        self.links.extend(link.map(|view| (view.id, frames::describe_link(view))));
    }

    fn data(self) -> String {
        let head = json!({
            "number": self.number,
            "client": self.client.to_string(),
            "server": self.server.to_string(),
            "links": self.links.into_values().collect::<Vec<_>>(),
        });
        let head = page::escaped(&head);
        format!(r#"{},"rows":[{}]}}"#, head.strip_suffix('}').unwrap_or(&head), self.rows)
    }
}
