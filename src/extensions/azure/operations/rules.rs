//! Operations on the rules of a subscription, which decide what messages of a topic it gets.

use alloc::{boxed::Box, vec::Vec};

use super::{SKIP, TOP, body_of, operation};
use crate::{
    extensions::{
        management::{Operation, Response},
        status::items,
    },
    types::{Described, Map, Str, Value},
};

const RULE_NAME: &str = "rule-name";
const RULE_DESCRIPTION: &str = "rule-description";
const EXPRESSION: &str = "expression";

/// A rule of a subscription.
///
/// ```
/// use amqp_proto::extensions::azure::operations::{Rule, RuleFilter, add_rule};
///
/// let rule = Rule::new("large", RuleFilter::Sql("quantity > 100".into())).action("SET priority = 'high'");
/// assert_eq!(add_rule(&rule).name(), "com.microsoft:add-rule");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The name, of 50 characters at most.
    pub name: Str,
    /// The messages that it is about.
    pub filter: RuleFilter,
    /// A statement of SQL that changes their properties.
    pub action: Option<Str>,
}

impl Rule {
    /// Returns a rule without an action.
    pub fn new(name: impl Into<Str>, filter: RuleFilter) -> Self {
        Self { name: name.into(), filter, action: None }
    }

    /// Sets the action.
    #[must_use]
    pub fn action(mut self, action: impl Into<Str>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Returns the map that describes the rule.
    fn to_map(&self) -> Map<Str> {
        let (key, filter) = match &self.filter {
            RuleFilter::Correlation(filter) => ("correlation-filter", filter.to_map()),
            RuleFilter::Sql(expression) => (SQL_FILTER, expression_map(expression)),
            RuleFilter::True => (SQL_FILTER, expression_map(&Str::from_static("1=1"))),
            RuleFilter::False => (SQL_FILTER, expression_map(&Str::from_static("1=0"))),
        };
        let action = self.action.as_ref().map(expression_map);
        Map::new().with(key, filter).with("sql-rule-action", action).with(RULE_NAME, self.name.clone())
    }

    /// Reads a described list of a filter, an action and a name.
    fn read(entry: &Value) -> Option<Self> {
        let description = entry.as_map()?.get(RULE_DESCRIPTION)?.as_described()?;
        let [filter, action, name, ..] = description.value.as_list()? else { return None };
        let action = action.as_described().and_then(|action| action.value.as_list()?.first()?.as_str());
        Some(Self {
            name: name.as_str()?.into(),
            filter: RuleFilter::read(filter.as_described()?)?,
            action: action.map(Str::from),
        })
    }
}

const SQL_FILTER: &str = "sql-filter";

fn expression_map(expression: &Str) -> Map<Str> {
    Map::new().with(EXPRESSION, expression.clone())
}

/// The messages that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleFilter {
    /// All messages.
    True,
    /// No message.
    False,
    /// Those for which an expression of SQL is true.
    Sql(Str),
    /// Those with certain properties.
    Correlation(Box<CorrelationFilter>),
}

impl RuleFilter {
    fn read(filter: &Described) -> Option<Self> {
        const SQL: (u64, &str) = (6, "com.microsoft:sql-filter:list");
        const TRUE: (u64, &str) = (7, "com.microsoft:true-filter:list");
        const FALSE: (u64, &str) = (8, "com.microsoft:false-filter:list");
        const CORRELATION: (u64, &str) = (9, "com.microsoft:correlation-filter:list");
        let fields = filter.value.as_list().unwrap_or_default();
        match [SQL, TRUE, FALSE, CORRELATION].into_iter().find(|one| is_of_type(&filter.descriptor, *one))? {
            SQL => fields.first()?.as_str().map(|expression| Self::Sql(expression.into())),
            TRUE => Some(Self::True),
            FALSE => Some(Self::False),
            _ => Some(Self::Correlation(Box::new(CorrelationFilter::read(fields)))),
        }
    }
}

/// True if the descriptor is the name, or the code with this last digit.
///
/// The filters of the service have a digit less in their codes than its other types. Both are read.
fn is_of_type(descriptor: &Value, (digit, name): (u64, &str)) -> bool {
    const CODES: [u64; 2] = [0x0000_0013_7000_0000, 0x0000_0137_0000_0000];
    *descriptor == name
        || descriptor.as_u64().is_some_and(|code| CODES.iter().any(|start| start | digit == code))
}

/// The properties that a message must have for a rule. Those that are `None` may have any value.
///
/// ```
/// use amqp_proto::extensions::azure::operations::{CorrelationFilter, Rule};
///
/// let mut filter = CorrelationFilter::default();
/// filter.label = Some("orders".into());
/// filter.properties.insert("region", "north");
/// let rule = Rule::new("north", filter.into());
/// # assert_eq!(rule.name, "north");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorrelationFilter {
    /// The correlation-id.
    pub correlation_id: Option<Str>,
    /// The message-id.
    pub message_id: Option<Str>,
    /// The address that the message is meant for.
    pub to: Option<Str>,
    /// The address for replies.
    pub reply_to: Option<Str>,
    /// The subject.
    pub label: Option<Str>,
    /// The session: the group-id.
    pub session_id: Option<Str>,
    /// The session for replies: the reply-to-group-id.
    pub reply_to_session_id: Option<Str>,
    /// The content-type.
    pub content_type: Option<Str>,
    /// The application-properties.
    pub properties: Map<Str>,
}

impl CorrelationFilter {
    fn to_map(&self) -> Map<Str> {
        let texts = [
            ("correlation-id", &self.correlation_id),
            ("message-id", &self.message_id),
            ("to", &self.to),
            ("reply-to", &self.reply_to),
            ("label", &self.label),
            ("session-id", &self.session_id),
            ("reply-to-session-id", &self.reply_to_session_id),
            ("content-type", &self.content_type),
        ];
        let mut map = Map::new();
        for (key, text) in texts {
            if let Some(text) = text {
                map.insert(key, text.clone());
            }
        }
        if !self.properties.is_empty() {
            map.insert("properties", self.properties.clone());
        }
        map
    }

    fn read(fields: &[Value]) -> Self {
        let text = |index: usize| fields.get(index).and_then(Value::as_str).map(Str::from);
        let properties = fields.get(8).and_then(Value::as_map).into_iter().flatten();
        Self {
            correlation_id: text(0),
            message_id: text(1),
            to: text(2),
            reply_to: text(3),
            label: text(4),
            session_id: text(5),
            reply_to_session_id: text(6),
            content_type: text(7),
            properties: properties
                .filter_map(|(key, value)| Some((Str::from(key.as_str()?), value.clone())))
                .collect(),
        }
    }
}

impl From<CorrelationFilter> for RuleFilter {
    fn from(filter: CorrelationFilter) -> Self {
        Self::Correlation(Box::new(filter))
    }
}

/// Adds a rule to a subscription. The node is that of the subscription.
pub fn add_rule(rule: &Rule) -> Operation {
    let body = Map::new().with(RULE_NAME, rule.name.clone()).with(RULE_DESCRIPTION, rule.to_map());
    operation("com.microsoft:add-rule", body)
}

/// Removes a rule of a subscription.
///
/// ```
/// use amqp_proto::extensions::azure::operations::remove_rule;
///
/// // The rule that a new subscription has, which is about all messages.
/// assert_eq!(remove_rule("$Default").name(), "com.microsoft:remove-rule");
/// ```
pub fn remove_rule(name: &str) -> Operation {
    operation("com.microsoft:remove-rule", Map::new().with(RULE_NAME, name))
}

/// Asks for the rules of a subscription, one page at a time. The answer has [`rules`].
///
/// ```
/// use amqp_proto::extensions::azure::operations::enumerate_rules;
///
/// assert_eq!(enumerate_rules(0, 100).name(), "com.microsoft:enumerate-rules");
/// ```
pub fn enumerate_rules(skip: i32, top: i32) -> Operation {
    operation("com.microsoft:enumerate-rules", Map::new().with(TOP, top).with(SKIP, skip))
}

/// Reads the rules of an answer. Those of an unknown form are left out.
///
/// ```
/// use amqp_proto::{extensions::{azure::operations::rules, management::Response}};
///
/// fn print(response: &Response) {
///     rules(response).iter().for_each(|rule| println!("{}: {:?}", rule.name, rule.filter));
/// }
/// ```
pub fn rules(response: &Response) -> Vec<Rule> {
    let body = body_of(response);
    body.get("rules").and_then(items).unwrap_or_default().iter().filter_map(Rule::read).collect()
}
