//! Rules as text: TOML, or one rule as JSON. What stands where, before anybody asks what it means.

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::RuleError;
use crate::events::is_number;
use crate::json::{self, Malformed, Object, Raw};

/// The one name at the top of a file.
const RULE: &str = "rule";

/// One rule as it stands in a text.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) line: usize,
    pub(super) members: Vec<Member>,
}

impl Written {
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Self>),
    Other,
}

/// What could be read of a text, and what could not.
type Read = (Vec<Written>, Vec<RuleError>);

/// Where the lines of a text begin: looked for once, however often somebody asks.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1).collect())
    }

    /// From 1.
    fn at(&self, place: usize) -> usize {
        1 + self.0.partition_point(|begin| *begin <= place)
    }
}

/// All rules of a TOML file.
pub(super) fn rules(text: &str) -> Read {
    let lines = Lines::of(text);
    let (members, errors) = table(text, &lines);
    rules_in(&lines, members.get_ref(), errors)
}

fn rules_in(lines: &Lines, members: &DeTable<'_>, mut errors: Vec<RuleError>) -> Read {
    let mut rules = Vec::new();
    for (name, value) in members {
        let line = lines.at(name.span().start);
        match value.get_ref() {
            DeValue::Array(elements) if name.get_ref() == RULE => {
                for element in elements {
                    let line = lines.at(element.span().start);
                    match element.get_ref() {
                        DeValue::Table(members) => rules.push(written(lines, line, members)),
                        _ => errors.push(not_a_rule(line)),
                    }
                }
            }
            _ if name.get_ref() == RULE => errors.push(not_a_rule(line)),
            _ => {
                let reason = format!("unknown key `{}`: there is nothing beside `[[rule]]`", name.get_ref());
                errors.push(RuleError { line, reason });
            }
        }
    }
    (rules, errors)
}

/// One rule by itself: a JSON object, or TOML with or without its header.
pub(super) fn one_rule(text: &str) -> Read {
    let lines = Lines::of(text);
    if text.trim_start().starts_with('{') {
        return match Object::parse(text) {
            Ok(object) => (vec![written_as_json(text, &lines, &object)], Vec::new()),
            Err(malformed) => (Vec::new(), vec![not_json(&malformed)]),
        };
    }
    let (members, errors) = table(text, &lines);
    if errors.is_empty() && !members.get_ref().contains_key(RULE) {
        return (vec![written(&lines, 1, members.get_ref())], errors);
    }
    let (rules, mut errors) = rules_in(&lines, members.get_ref(), errors);
    if errors.is_empty() && rules.len() != 1 {
        let line = rules.get(1).map_or(1, |rule| rule.line);
        let reason = format!("one rule is expected here, there are {}", rules.len());
        errors.push(RuleError { line, reason });
    }
    (rules, errors)
}

fn table<'t>(text: &'t str, lines: &Lines) -> (toml::Spanned<DeTable<'t>>, Vec<RuleError>) {
    let (members, errors) = DeTable::parse_recoverable(text);
    let errors = errors.iter().map(|error| RuleError {
        line: lines.at(error.span().map_or(0, |span| span.start)),
        reason: format!("not TOML: {}", error.message()),
    });
    (members, errors.collect())
}

fn written(lines: &Lines, line: usize, members: &DeTable<'_>) -> Written {
    let members = members.iter().map(|(name, value)| Member {
        name: name.get_ref().to_string(),
        line: lines.at(name.span().start),
        value: Value::of_toml(value.get_ref()),
    });
    Written {
        line,
        members: members.collect(),
    }
}

fn written_as_json(text: &str, lines: &Lines, object: &Object<'_>) -> Written {
    let members = object.members().map(|(name, raw)| Member {
        name: name.to_owned(),
        line: lines.at(place_in(text, raw)),
        value: Value::of_json(raw),
    });
    Written {
        line: 1,
        members: members.collect(),
    }
}

impl Value {
    fn of_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Self::Other, Self::Number)
            }
            DeValue::Array(elements) => Self::List(
                elements
                    .iter()
                    .map(|element| Self::of_toml(element.get_ref()))
                    .collect(),
            ),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => Self::Other,
        }
    }

    fn of_json(raw: Raw<'_>) -> Self {
        if let Some(text) = json::text(raw) {
            return Self::Text(text.into_owned());
        }
        if is_number(raw) {
            return raw.get().parse().map_or(Self::Other, Self::Number);
        }
        let elements: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).ok();
        elements.map_or(Self::Other, |elements| {
            Self::List(elements.into_iter().map(|raw| Self::of_json(raw.into())).collect())
        })
    }
}

fn not_a_rule(line: usize) -> RuleError {
    let reason = "each rule begins with `[[rule]]`".to_owned();
    RuleError { line, reason }
}

fn not_json(malformed: &Malformed) -> RuleError {
    let line = match malformed {
        Malformed::Syntax { line, .. } => *line,
        Malformed::NotAnObject(_) | Malformed::TooDeep => 1,
    };
    let reason = match malformed {
        Malformed::Syntax { detail, .. } => format!("not JSON: {detail}"),
        Malformed::NotAnObject(_) | Malformed::TooDeep => malformed.to_string(),
    };
    RuleError { line, reason }
}

/// Where a value stands in the text that it borrows from.
fn place_in(text: &str, raw: Raw<'_>) -> usize {
    raw.get().as_ptr().addr().saturating_sub(text.as_ptr().addr())
}
