//! The filters that a receiver asks for, and the check that they are in force.

use amqp_proto::{
    extensions::filters::{
        ApplicationPropertiesFilter, Filter, FilterDescriptor, StreamOffset, TextMatch, in_force, names,
    },
    spec::terminus::{FilterSet, Source},
    types::{Fields, Symbol, Timestamp, Value},
};
use clap::Args;

use crate::{advice::about, client::Result, entry::Entry};

/// The options about filters.
#[derive(Args)]
pub struct Wanted {
    /// Ask for messages that pass a filter; may be repeated. It is a selector, as in "colour = 'blue' AND size > 3", or
    /// one value of a property: properties:KEY=TEXT or application-properties:KEY=TEXT, with KEY:=VALUE for a number or
    /// a boolean. A TEXT that begins with &p: or &s: is the start or the end of the property.
    #[arg(long = "filter", value_name = "EXPR", value_parser = Expression::parse)]
    filters: Vec<Expression>,
    /// The place in a stream of RabbitMQ to start from: first, last, next, an offset, a time as in
    /// 2026-11-25T08:30:00Z, or how long ago, as in 10m or 7D (units: Y, M, D, h, m, s).
    #[arg(long, value_parser = offset)]
    offset: Option<StreamOffset>,
}

/// An expression of `--filter`.
#[derive(Clone)]
enum Expression {
    Selector(String),
    Property(Symbol, Value),
    ApplicationProperty(Entry),
}

impl Expression {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        if let Some(entry) = text.strip_prefix("application-properties:") {
            let entry = Entry::parse(entry)?;
            check_modifier(&entry)?;
            return Ok(Self::ApplicationProperty(entry));
        }
        if let Some(entry) = text.strip_prefix("properties:") {
            let entry = Entry::parse(entry)?;
            check_modifier(&entry)?;
            let name = Symbol::try_from(&*entry.name).map_err(|error| error.to_string())?;
            let value = property(entry).ok_or("not a property, or not of its type")?;
            return Ok(Self::Property(name, value));
        }
        if text.trim().is_empty() {
            Err("the selector is empty".into())
        } else {
            Ok(Self::Selector(text.into()))
        }
    }
}

/// Fails for a text with a modifier that does not exist.
fn check_modifier(entry: &Entry) -> std::result::Result<(), String> {
    let is_known = entry.value.as_str().is_none_or(|text| TextMatch::parse(text).is_some());
    if is_known { Ok(()) } else { Err("`&` is followed by neither p:, s: nor &".into()) }
}

/// Returns the value of a property in the type that it has (3.2.4).
fn property(Entry { name, value }: Entry) -> Option<Value> {
    let text = value.as_str().map(str::to_owned);
    match &*name {
        "message-id" | "correlation-id" => match value.as_u64() {
            Some(number) => Some(number.into()),
            None => text.map(Value::from),
        },
        "to" | "subject" | "reply-to" | "group-id" | "reply-to-group-id" => text.map(Value::from),
        "user-id" => text.map(|text| text.into_bytes().into()),
        "content-type" | "content-encoding" => Symbol::try_from(&*text?).ok().map(Value::from),
        "absolute-expiry-time" | "creation-time" => {
            let millis = value.as_i64().or_else(|| time(&text?).map(Timestamp::as_millis));
            millis.map(|millis| Timestamp::from_millis(millis).into())
        }
        "group-sequence" => value.as_u32().map(Value::from),
        _ => None,
    }
}

fn offset(text: &str) -> std::result::Result<StreamOffset, String> {
    let is_interval = || {
        let number = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    match text {
        "first" => Ok(StreamOffset::First),
        "last" => Ok(StreamOffset::Last),
        "next" => Ok(StreamOffset::Next),
        _ if is_interval() => Ok(StreamOffset::Interval(text.into())),
        _ => {
            let number = text.parse().ok().map(StreamOffset::Offset);
            let place = number.or_else(|| time(text).map(StreamOffset::Timestamp));
            place.ok_or_else(|| "neither a place, an offset, a time nor an interval".into())
        }
    }
}

/// Reads a time in UTC, such as 2026-11-25T08:30:00Z.
fn time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: &[i64] = lengths.get(..usize::try_from(month.checked_sub(1)?).ok()?)?;
    let length = lengths.get(before.len())?;
    let is_time = (1970..=9999).contains(&year)
        && (1..=*length).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    // Leap years before this one.
    let leaps = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let days = (year - 1970) * 365 + leaps(year) - leaps(1970) + before.iter().sum::<i64>() + day - 1;
    is_time.then(|| Timestamp::from_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
    let numbers: Option<Vec<i64>> = text.split(separator).map(digits).collect();
    numbers?.try_into().ok()
}

impl Wanted {
    /// Returns the filters to ask for, or an error if there are two selectors: a source has one.
    pub fn filters(&self) -> Result<Vec<Filter>> {
        let (mut filters, mut selectors) = (Vec::new(), 0);
        let (mut properties, mut application) = (Fields::new(), ApplicationPropertiesFilter::new());
        for expression in &self.filters {
            match expression {
                Expression::Selector(text) => {
                    filters.push(Filter::selector(text.as_str()));
                    selectors += 1;
                }
                Expression::Property(name, value) => drop(properties.insert(name.clone(), value.clone())),
                Expression::ApplicationProperty(Entry { name, value }) => {
                    let text = value.as_str().and_then(TextMatch::parse);
                    application = match text {
                        Some(text) => application.text(name.as_str(), text),
                        None => application.value(name.as_str(), value.clone()),
                    };
                }
            }
        }
        if selectors > 1 {
            return Err(about("--filter: there are two selectors", "join them by AND"));
        }
        if !properties.is_empty() {
            filters.push(Filter::new(names::PROPERTIES, FilterDescriptor::Code(0x173), properties));
        }
        if !application.values().is_empty() {
            filters.push(application.into());
        }
        filters.extend(self.offset.clone().map(Filter::from));
        Ok(filters)
    }
}

/// Returns the source at an address, with filters.
pub fn source(address: &str, filters: &[Filter]) -> Source {
    let mut source = Source::at(address);
    filters.iter().for_each(|filter| filter.clone().add_to(&mut source));
    source
}

/// Fails if the sender's answer has not all filters: messages would arrive that nobody wants (3.5.3).
pub fn check(asked: &[Filter], answered: Option<&FilterSet>) -> Result<()> {
    match in_force(asked, answered).missing.first() {
        Some(missing) => {
            let what = format!("the filter {} is not in force: {:?}", missing.filter.name(), missing.reason);
            Err(about(what, "leave --filter and --offset out, or receive from a peer that has the filter"))
        }
        None => Ok(()),
    }
}
