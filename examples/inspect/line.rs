//! One line of output, as text or as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};

use crate::json::Printed;

/// One line of output.
pub struct Line {
    pub offset: usize,
    pub size: usize,
    pub kind: &'static str,
    pub name: String,
    pub channel: Option<u16>,
    pub content: Json,
}

impl Line {
    pub fn print(self, as_json: bool, out: &mut impl Write) -> io::Result<()> {
        if as_json {
            let mut object = Map::new();
            object.insert("offset".into(), self.offset.into());
            object.insert("size".into(), self.size.into());
            object.insert("kind".into(), self.kind.into());
            object.insert("name".into(), self.name.into());
            if let Some(channel) = self.channel {
                object.insert("channel".into(), channel.into());
            }
            object.insert("content".into(), self.content);
            return writeln!(out, "{}", Printed(&Json::Object(object)));
        }
        let channel = self.channel.map(|channel| format!(" channel {channel}")).unwrap_or_default();
        let content = match self.content {
            Json::Null => String::new(),
            content => format!(" {}", Printed(&content)),
        };
        writeln!(out, "{:>8} {:>7} {}{channel} {}{content}", self.offset, self.size, self.kind, self.name)
    }
}
