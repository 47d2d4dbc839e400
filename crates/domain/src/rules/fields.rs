//! What a rule says, field by field: each is read once by the kind that knows it, and all that is wrong is gathered.

use serde::Serialize;

use super::RuleError;
use super::file::{Member, Value, Written};
use super::key::KeyPath;
use super::kind::Kind;
use super::message::Message;
use super::period::Period;
use crate::event::{EventType, Verbatim};
use crate::stream_limit::LIMIT_MAX;

/// How long the name of a rule may be: it stands in metrics and in every notification.
const NAME_CHARS_MAX: usize = 64;
/// How many types a list of them may have.
const TYPES_MAX: usize = 100;

/// The word for a user's own limit.
const OWN_LIMIT: &str = "limit";

/// How many are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threshold {
    OwnLimit,
    Number(usize),
}

impl Threshold {
    pub(super) const fn of(self, own_limit: usize) -> usize {
        match self {
            Self::OwnLimit => own_limit,
            Self::Number(number) => number,
        }
    }
}

#[derive(Debug)]
pub(super) struct Fields<'w> {
    written: &'w Written,
    asked: Vec<&'static str>,
    /// The fields that are fine, as they are to be written again.
    said: Vec<(&'static str, Verbatim)>,
    types: Vec<EventType>,
    errors: Vec<RuleError>,
}

/// What is left when all fields were read.
pub(super) struct Said {
    pub(super) types: Vec<EventType>,
    pub(super) as_json: Verbatim,
}

impl<'w> Fields<'w> {
    pub(super) const fn of(written: &'w Written) -> Self {
        Self {
            written,
            asked: Vec::new(),
            said: Vec::new(),
            types: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn name(&mut self) -> Option<String> {
        self.text("name", |text| {
            let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
            let is_name = (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(allowed);
            let refused = || format!("must have 1 to {NAME_CHARS_MAX} characters: letters, digits, `-`, `_` or `.`");
            is_name.then(|| text.to_owned()).ok_or_else(refused)
        })
    }

    pub(super) fn kind(&mut self) -> Option<&'static Kind> {
        self.text("kind", |text| {
            Kind::named(text).ok_or_else(|| format!("must be one of {}", Kind::names()))
        })
    }

    pub(super) fn message(&mut self, figures: &[&'static str]) -> Option<Message> {
        self.text("message", |text| Message::parse(text, figures))
    }

    pub(super) fn event_type(&mut self, name: &'static str) -> Option<EventType> {
        let event_type = self.text(name, event_type)?;
        self.note_type(name, &event_type);
        Some(event_type)
    }

    /// At least one.
    pub(super) fn event_types(&mut self, name: &'static str) -> Option<Vec<EventType>> {
        let member = self.required(name)?;
        let types = self.list(name, member)?;
        if types.is_empty() {
            self.refuse(name, "must name at least one type");
        }
        Some(types)
    }

    pub(super) fn event_types_if_any(&mut self, name: &'static str) -> Option<Vec<EventType>> {
        match self.optional(name) {
            Some(member) => self.list(name, member),
            None => {
                self.say(name, &[(); 0]);
                Some(Vec::new())
            }
        }
    }

    pub(super) fn key(&mut self, name: &'static str) -> Option<KeyPath> {
        self.text(name, |text| {
            let refused = || "must be `user_id`, `device_id`, or a path as `payload.program.id`".to_owned();
            KeyPath::parse(text).ok_or_else(refused)
        })
    }

    pub(super) fn key_if_any(&mut self, name: &'static str) -> Option<KeyPath> {
        match self.optional(name) {
            Some(_) => self.key(name),
            None => Some(KeyPath::Nowhere),
        }
    }

    pub(super) fn period(&mut self, name: &'static str) -> Option<Period> {
        let period: Period = self.text(name, |text| text.parse().map_err(|error| format!("{error}")))?;
        Some(period)
    }

    pub(super) fn period_above_zero(&mut self, name: &'static str) -> Option<Period> {
        let period = self.period(name)?;
        if period.is_zero() {
            self.refuse(name, "must be more than nothing");
        }
        Some(period)
    }

    pub(super) fn threshold(&mut self, name: &'static str) -> Option<Threshold> {
        let member = self.required(name)?;
        let number = match &member.value {
            Value::Text(text) if text == OWN_LIMIT => {
                self.say(name, &OWN_LIMIT);
                return Some(Threshold::OwnLimit);
            }
            Value::Number(number) => usize::try_from(*number).ok(),
            Value::Text(_) | Value::List(_) | Value::Other => None,
        };
        let Some(number) = number.filter(|number| *number <= LIMIT_MAX) else {
            self.refuse(
                name,
                &format!("must be `\"{OWN_LIMIT}\"` or a whole number from 0 to {LIMIT_MAX}"),
            );
            return None;
        };
        self.say(name, &number);
        Some(Threshold::Number(number))
    }

    /// Notes what is wrong with a field: the rest of a sentence that begins with it.
    pub(super) fn refuse(&mut self, name: &str, message: &str) {
        let member = self.written.member(name);
        let line = member.map_or(self.written.line, |member| member.line);
        let reason = format!("`{name}` {message}");
        self.errors.push(RuleError { line, reason });
    }

    /// Notes the fields that nobody asked for. To be called when all were asked for that there are.
    pub(super) fn refuse_unknown(&mut self) {
        let unknown = self
            .written
            .members
            .iter()
            .filter(|member| !self.asked.contains(&member.name.as_str()));
        let known = self
            .asked
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let errors = unknown.map(|member| RuleError {
            line: member.line,
            reason: format!("unknown key `{}`: there are {known}", member.name),
        });
        self.errors.extend(errors);
    }

    pub(super) fn done(self) -> Result<Said, Vec<RuleError>> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        Ok(Said {
            types: self.types,
            as_json: Verbatim::object_of(self.said.iter().map(|(name, value)| (*name, value.raw()))),
        })
    }

    fn optional(&mut self, name: &'static str) -> Option<&'w Member> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.written.member(name)
    }

    fn required(&mut self, name: &'static str) -> Option<&'w Member> {
        let member = self.optional(name);
        if member.is_none() {
            self.refuse(name, "is required");
        }
        member
    }

    fn text<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let member = self.required(name)?;
        let read = match &member.value {
            Value::Text(text) => read(text).inspect(|_| self.say(name, text)),
            Value::Number(_) | Value::List(_) | Value::Other => Err("must be a string".to_owned()),
        };
        read.map_err(|message| self.refuse(name, &message)).ok()
    }

    fn list(&mut self, name: &'static str, member: &Member) -> Option<Vec<EventType>> {
        let types: Option<Vec<EventType>> = match &member.value {
            Value::List(elements) if elements.len() <= TYPES_MAX => elements.iter().map(type_in).collect(),
            _ => None,
        };
        let Some(types) = types else {
            let message = format!("must be a list of at most {TYPES_MAX} types of events, as `[\"app_launch\"]`");
            self.refuse(name, &message);
            return None;
        };
        for event_type in &types {
            self.note_type(name, event_type);
        }
        self.say(name, &types);
        Some(types)
    }

    /// A type plays one part in a rule.
    fn note_type(&mut self, name: &'static str, event_type: &EventType) {
        if self.types.contains(event_type) {
            self.refuse(
                name,
                &format!("names `{event_type}`, which this rule has named already"),
            );
        } else {
            self.types.push(event_type.clone());
        }
    }

    fn say(&mut self, name: &'static str, value: &impl Serialize) {
        self.said.push((name, Verbatim::of(value)));
    }
}

fn event_type(text: &str) -> Result<EventType, String> {
    text.parse().map_err(|invalid| format!("{invalid}"))
}

fn type_in(value: &Value) -> Option<EventType> {
    match value {
        Value::Text(text) => event_type(text).ok(),
        Value::Number(_) | Value::List(_) | Value::Other => None,
    }
}
