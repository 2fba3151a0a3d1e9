//! Selectors in the syntax of JMS, as far as they are comparisons joined by AND: `colour = 'blue' AND size > 3`.
//!
//! An identifier is an application-property, one of `JMSMessageID`, `JMSCorrelationID`, `JMSType`, `JMSPriority`,
//! `JMSDeliveryMode` and `JMSTimestamp`, or `amqp.annotation.NAME`. A literal is a text, a number, TRUE or FALSE.

use amqp_proto::{
    extensions::azure::names,
    message::{Message, MessageError},
    spec::messaging::MessageId,
    types::{Str, Symbol, Timestamp, Value},
};

/// The literal of Event Hubs for the place behind the last message.
const LATEST: &str = "@latest";

/// Comparisons, all of which must hold.
pub struct Selector(Vec<Comparison>);

struct Comparison {
    field: Field,
    operator: Operator,
    literal: Value,
}

enum Field {
    MessageId,
    CorrelationId,
    Type,
    Priority,
    DeliveryMode,
    Timestamp,
    /// The broker's number of the message, which is its offset too.
    Number,
    EnqueuedTime,
    Annotation(Symbol),
    Property(Str),
}

#[derive(Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [(&str, Operator); 6] = [
    ("<>", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Selector {
    /// Reads a selector, or returns `None` if it is more than comparisons joined by AND.
    ///
    /// `last` is the number of the last message that was enqueued.
    pub fn parse(text: &str, last: u64) -> Option<Self> {
        let (mut comparisons, mut rest) = (Vec::new(), text);
        loop {
            let (name, after) = identifier(rest)?;
            let after = after.trim_start();
            let (token, operator) = OPERATORS.into_iter().find(|(token, _)| after.starts_with(token))?;
            let (literal, after) = literal(after[token.len()..].trim_start())?;
            let literal = if literal == LATEST { Value::from(last) } else { literal };
            comparisons.push(Comparison { field: Field::named(name)?, operator, literal });
            if after.trim().is_empty() {
                return Some(Self(comparisons));
            }
            let (word, after) = identifier(after)?;
            if !word.eq_ignore_ascii_case("AND") {
                return None;
            }
            rest = after;
        }
    }

    pub fn comparisons(&self) -> usize {
        self.0.len()
    }

    /// True if all comparisons hold. One with a property that the message lacks does not.
    pub fn matches(&self, number: u64, enqueued: Timestamp, message: &Message) -> Result<bool, MessageError> {
        for Comparison { field, operator, literal } in &self.0 {
            let value = field.value(number, enqueued, message)?;
            if !compare(&value, *operator, literal) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        if let Some(annotation) = name.strip_prefix("amqp.annotation.") {
            let annotation = Symbol::try_from(annotation).ok()?;
            return Some(match () {
                () if annotation == names::SEQUENCE_NUMBER || annotation == names::OFFSET => Self::Number,
                () if annotation == names::ENQUEUED_TIME => Self::EnqueuedTime,
                () => Self::Annotation(annotation),
            });
        }
        match name {
            "JMSMessageID" => Some(Self::MessageId),
            "JMSCorrelationID" => Some(Self::CorrelationId),
            "JMSType" => Some(Self::Type),
            "JMSPriority" => Some(Self::Priority),
            "JMSDeliveryMode" => Some(Self::DeliveryMode),
            "JMSTimestamp" => Some(Self::Timestamp),
            // Others of these, and operators, are not known here.
            _ if name.starts_with("JMS") || name.starts_with("amqp.") || is_keyword(name) => None,
            _ => Some(Self::Property(name.into())),
        }
    }

    fn value(&self, number: u64, enqueued: Timestamp, message: &Message) -> Result<Value, MessageError> {
        let identity = |id: Option<MessageId>| match id {
            Some(MessageId::String(text)) => text.into(),
            Some(MessageId::Ulong(number)) => number.into(),
            _ => Value::Null,
        };
        let millis = |time: Timestamp| Value::from(time.as_millis());
        Ok(match self {
            Self::MessageId => identity(message.message_id()?),
            Self::CorrelationId => identity(message.correlation_id()?),
            Self::Type => message.subject()?.into(),
            Self::Priority => message.priority()?.into(),
            Self::DeliveryMode => if message.durable()? { "PERSISTENT" } else { "NON_PERSISTENT" }.into(),
            Self::Timestamp => message.creation_time()?.map_or(Value::Null, millis),
            Self::Number => number.into(),
            Self::EnqueuedTime => millis(enqueued),
            Self::Annotation(name) => message.message_annotation(name)?.unwrap_or_default(),
            Self::Property(name) => {
                message.application_property(name)?.map_or(Value::Null, |value| value.into_value())
            }
        })
    }
}

fn is_keyword(name: &str) -> bool {
    let keywords = ["NOT", "AND", "OR", "BETWEEN", "LIKE", "IN", "IS", "ESCAPE", "NULL", "TRUE", "FALSE"];
    keywords.iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
}

/// Splits an identifier off. Names of annotations have hyphens, which a selector of JMS does not know.
fn identifier(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let is_part = |part: char| part.is_alphanumeric() || "_$.-:".contains(part);
    let end = text.find(|part| !is_part(part)).unwrap_or(text.len());
    let starts_well = text.starts_with(|part: char| part.is_alphabetic() || part == '_' || part == '$');
    starts_well.then(|| text.split_at(end))
}

/// Splits a literal off.
fn literal(text: &str) -> Option<(Value, &str)> {
    if let Some(mut rest) = text.strip_prefix('\'') {
        let mut content = String::new();
        loop {
            let (part, after) = rest.split_once('\'')?;
            content += part;
            // A quote within a text is doubled.
            let Some(more) = after.strip_prefix('\'') else { return Some((content.into(), after)) };
            content.push('\'');
            rest = more;
        }
    }
    let end = text.find(|part: char| !(part.is_alphanumeric() || "+-.".contains(part))).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word {
        _ if word.eq_ignore_ascii_case("TRUE") => true.into(),
        _ if word.eq_ignore_ascii_case("FALSE") => false.into(),
        _ => number(word)?,
    };
    Some((value, rest))
}

fn number(text: &str) -> Option<Value> {
    // Words such as `inf` are no numbers here.
    let begins_well = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let integer = || text.parse::<i64>().ok().map(Value::from);
    let fraction = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    begins_well.then(|| integer().or_else(fraction))?
}

fn compare(value: &Value, operator: Operator, literal: &Value) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    // Event Hubs' clients write numbers as texts.
    let as_number = literal.as_str().filter(|_| value.as_str().is_none()).and_then(number);
    let literal = as_number.as_ref().unwrap_or(literal);
    let order = match (value.as_i128(), literal.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => match (double(value), double(literal)) {
            (Some(one), Some(other)) => one.partial_cmp(&other),
            _ => match (value.as_str(), literal.as_str()) {
                (Some(one), Some(other)) => Some(one.cmp(other)),
                _ => match (value.as_bool(), literal.as_bool()) {
                    (Some(one), Some(other)) => Some(one.cmp(&other)),
                    _ => None,
                },
            },
        },
    };
    // Nothing holds for what cannot be compared, such as a property that is not there.
    order.is_some_and(|order| match operator {
        Operator::Equal => order == Equal,
        Operator::NotEqual => order != Equal,
        Operator::Less => order == Less,
        Operator::LessOrEqual => order != Greater,
        Operator::Greater => order == Greater,
        Operator::GreaterOrEqual => order != Less,
    })
}

/// Returns a number of any type, rounded.
fn double(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i128().map(|number| number as f64))
}
