//! What an observer has seen, as JSON.

use amqp_proto::{
    DecodeLimits, Side,
    codec::from_bytes,
    observe::{Finding, FrameSeen, LinkView, Observation, SaslSeen, Seen, SessionView, Stall, Violation},
    types::Value,
};
use serde_json::{Map, Value as Json, json};

use crate::json;

pub fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// An observation by its parts. `content` holds the fields by name.
pub struct Shown {
    pub kind: &'static str,
    pub name: String,
    pub channel: Option<u16>,
    pub content: Json,
    pub payload: usize,
}

impl Shown {
    fn new(kind: &'static str, name: impl Into<String>, content: Json) -> Self {
        Self { kind, name: name.into(), channel: None, content, payload: 0 }
    }

    pub fn of(observation: &Observation) -> Self {
        match &observation.seen {
            Seen::Header(header) => Self::new("header", header.to_string(), Json::Null),
            Seen::Sasl(frame) => Self::sasl(frame),
            Seen::Frame(frame) => Self::frame(frame),
            Seen::Finding(finding) => Self::finding(finding),
            other => Self::new("frame", format!("{other:?}"), Json::Null),
        }
    }

    fn sasl(frame: &SaslSeen) -> Self {
        let (name, content) = match frame {
            SaslSeen::Mechanisms(mechanisms) => {
                let names: Vec<_> = mechanisms.iter().map(|name| name.as_str()).collect();
                ("sasl-mechanisms", json!({ "sasl_server_mechanisms": names }))
            }
            SaslSeen::Init(mechanism) => ("sasl-init", json!({ "mechanism": mechanism.as_str() })),
            SaslSeen::Challenge => ("sasl-challenge", Json::Null),
            SaslSeen::Response => ("sasl-response", Json::Null),
            SaslSeen::Outcome(code) => {
                ("sasl-outcome", json!({ "code": format!("{code:?}").to_lowercase() }))
            }
            _ => ("sasl", Json::Null),
        };
        Self::new("sasl-frame", name, content)
    }

    fn frame(frame: &FrameSeen) -> Self {
        let name = match &frame.performative {
            Some(performative) => performative.type_name().to_lowercase(),
            None if frame.body.is_empty() => "empty".into(),
            None => "malformed".into(),
        };
        let content = match from_bytes::<Value>(&frame.body, DecodeLimits::DEFAULT) {
            Ok(value) => json::fields(&value),
            Err(_) if frame.body.is_empty() => Json::Null,
            Err(_) => json!({ "bytes": json::bytes(&frame.body) }),
        };
        let channel = Some(frame.channel);
        Self { channel, payload: frame.payload.len(), ..Self::new("frame", name, content) }
    }

    fn finding(finding: &Finding) -> Self {
        let (kind, name) = match finding {
            Finding::Violation(Violation { rule, .. }) => ("violation", format!("{rule:?}")),
            Finding::Stall(stall) => ("stall", format!("{:?}", stall.kind)),
        };
        let mut content = json!({ "section": finding.section(), "text": finding.to_string() });
        if let (Finding::Stall(stall), Json::Object(content)) = (finding, &mut content) {
            Self::stall(stall, content);
        }
        Self::new(kind, name, content)
    }

    fn stall(stall: &Stall, content: &mut Map<String, Json>) {
        content.insert("waits_for".into(), side(stall.waits_for).into());
        content.insert("over".into(), stall.over.into());
        content.insert("seconds".into(), stall.lasted.as_secs_f64().into());
        if let Some(session) = stall.session {
            content.insert("session".into(), session.into());
        }
        if let Some(link) = stall.link {
            content.insert("link".into(), link.into());
        }
    }
}

/// A session's numbers: transfers left by its windows and unsettled deliveries, of the client and of the server.
pub fn session(view: &SessionView) -> Json {
    json!([
        view.id,
        view.windows.client.left,
        view.windows.server.left,
        view.unsettled.client,
        view.unsettled.server
    ])
}

/// A link's numbers: credit, available, delivery-count.
pub fn link(view: &LinkView) -> Json {
    json!([view.id, view.credit, view.available, view.delivery_count])
}

/// A link's description.
pub fn describe_link(view: &LinkView) -> Json {
    json!({
        "id": view.id,
        "session": view.session,
        "name": &*view.name,
        "sender": side(view.sender),
        "source": view.source.as_deref(),
        "target": view.target.as_deref(),
    })
}
