//! Rules: what must have happened for a user to be told something, written as data.
//!
//! What a rule implies follows from the user's stored events alone, and from few of them: those near the event that causes
//! the message. So it does not matter in which order, how often and by whom they were brought, and a look at the
//! surroundings of an event is enough to see what it changes.

use std::ops::RangeInclusive;

use crate::event::{Event, EventType, Verbatim};
use crate::ids::{EventId, JobId};
use crate::time::Timestamp;

mod absence;
mod concurrency;
mod duration;
mod fields;
mod file;
mod history;
mod key;
mod kind;
mod message;
mod period;
mod rule;

pub use rule::Rule;

use file::{Value, Written};

/// How many rules there may be: each is looked at for every event.
pub const RULES_MAX: usize = 100;
/// How many errors of a text are told: whoever has put these right asks again, and a text of nothing but errors costs no more.
pub const ERRORS_MAX: usize = 20;

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// What is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RuleError {
    /// From 1.
    pub line: usize,
    pub reason: String,
}

/// A stored event as a rule looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    pub event: Event,
    /// Whether somebody may be told because of it: it came over HTTP, or with a file that was meant so.
    pub live: bool,
    /// The file it came with.
    pub job_id: Option<JobId>,
}

impl Happened {
    /// When it happened, but never after its receipt: a fast clock pins nothing.
    pub fn at(&self) -> Timestamp {
        self.event.timestamp.min(self.event.received_at)
    }
}

/// A stretch of the user's time, both ends included.
pub type Stretch = RangeInclusive<Timestamp>;

/// What a rule has to say about one event that may cause a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub cause: EventId,
    pub cause_at: Timestamp,
    pub verdict: Verdict,
}

/// Events of which nothing can come have no judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is due.
    Implied(Implied),
    /// It will be due then, by the wall clock, if nothing happens that speaks against it.
    Pending { due_at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    pub message: String,
    /// What the message was made of, as a JSON object.
    pub data: Verbatim,
    /// When the last of the events that imply it was accepted, or its time ran out: the grace begins here.
    pub since: Timestamp,
    /// Whether one of the events that imply it is live. For an `absence` its cause alone counts: whatever happens today
    /// lets the time of all that was imported run out.
    pub live: bool,
    /// The files that the events came with that imply it.
    pub jobs: Vec<JobId>,
}

/// What is not in the events.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The wall clock.
    pub now: Timestamp,
    /// How many streams the user may run at once.
    pub stream_limit: usize,
}

impl Rules {
    /// Reads a file of rules; unknown keys, wrong values and names used twice are refused, the first [`ERRORS_MAX`]
    /// of them at once.
    pub fn parse(text: &str) -> Result<Self, Vec<RuleError>> {
        let (written, mut errors) = file::rules(text);
        if let Some(beyond) = written.get(RULES_MAX) {
            let reason = format!("at most {RULES_MAX} rules are allowed");
            errors.push(RuleError {
                line: beyond.line,
                reason,
            });
            // What is too much to look at is not read either.
            return none_of(errors).map(|()| Self { rules: Vec::new() });
        }
        errors.extend(names_used_twice(&written));
        let mut rules = Vec::with_capacity(written.len());
        for written in &written {
            match Rule::read(written) {
                Ok(rule) => rules.push(rule),
                Err(more) => errors.extend(more),
            }
        }
        none_of(errors).map(|()| Self { rules })
    }

    /// The file that is in force where nobody wrote another one.
    pub const fn default_file() -> &'static str {
        include_str!("rules/default.toml")
    }

    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    pub fn named(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name() == name)
    }

    /// The rules that name a type of event: for each of them a user must be looked at when such an event is new.
    pub fn naming(&self, event_type: &EventType) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.types().contains(event_type))
    }
}

impl Default for Rules {
    /// The rules of the [default file](Self::default_file).
    fn default() -> Self {
        Self::parse(Self::default_file()).unwrap_or(Self { rules: Vec::new() })
    }
}

fn names_used_twice(rules: &[Written]) -> Vec<RuleError> {
    let mut names: Vec<&str> = Vec::new();
    let mut errors = Vec::new();
    for member in rules.iter().filter_map(|rule| rule.member("name")) {
        let Value::Text(name) = &member.value else { continue };
        if names.contains(&name.as_str()) {
            errors.push(RuleError {
                line: member.line,
                reason: format!("`name` is used already: {name}"),
            });
        }
        names.push(name);
    }
    errors
}

fn none_of(mut errors: Vec<RuleError>) -> Result<(), Vec<RuleError>> {
    if errors.is_empty() {
        return Ok(());
    }
    errors.sort_by_key(|error| error.line);
    errors.truncate(ERRORS_MAX);
    Err(errors)
}
