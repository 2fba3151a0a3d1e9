//! An option that is a name with a value: `KEY=TEXT`, or `KEY:=VALUE` for a number or a boolean.

use amqp_proto::{message::SimpleValue, types::Double};

/// A name and a value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub value: SimpleValue,
}

impl Entry {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("neither KEY=TEXT nor KEY:=VALUE")?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => (name, typed(value).ok_or("neither true, false nor a number")?),
            None => (name, value.into()),
        };
        if name.is_empty() {
            return Err("the key is empty".into());
        }
        Ok(Self { name: name.into(), value })
    }
}

/// Returns a boolean, a long, or a double.
fn typed(text: &str) -> Option<SimpleValue> {
    match text {
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        _ => {
            let integer = text.parse::<i64>().ok().map(SimpleValue::from);
            let double = || text.parse().ok().filter(|number| f64::is_finite(*number));
            integer.or_else(|| double().map(Double::new).map(SimpleValue::from))
        }
    }
}
