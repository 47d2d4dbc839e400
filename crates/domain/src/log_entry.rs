//! A log entry: what every logger writes, each in its own way, brought into five columns without losing anything.

pub mod level;
mod names;
mod values;

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

pub use self::level::Level;
use self::level::Scale;
use self::names::{Place, Role};
use self::values::LevelFound;
use crate::json;
use crate::time::{Reading, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    pub timestamp: Option<Timestamp>,
    pub level: Option<Level>,
    /// What was written in the level's place, also where that is no level.
    pub level_original: Option<Cow<'a, str>>,
    pub message: Option<Cow<'a, str>>,
    pub service: Option<Cow<'a, str>>,
    /// A JSON object: every member that the columns above do not hold whole, verbatim and in the order written.
    pub attributes: String,
}

impl<'a> LogEntry<'a> {
    /// Any JSON object is a log entry.
    pub fn from_object(object: &json::Object<'a>) -> Self {
        let mut columns = Columns::default();
        for (index, (name, raw)) in object.members().enumerate() {
            let member = Member {
                index,
                raw,
                opened: OnceCell::new(),
            };
            for place in names::places(name) {
                columns.offer(place, &member);
            }
        }
        columns.settle();
        let attributes = rest(object, columns.replaced());
        let (level, level_original) = match columns.level.or(columns.level_unknown) {
            Some(best) => (best.value.level, Some(best.value.original)),
            None => (columns.is_compact.then_some(Level::Info), None),
        };
        Self {
            timestamp: columns.timestamp.map(|best| best.value.at),
            level,
            level_original,
            message: columns.message.map(|best| best.value),
            service: columns.service.map(|best| best.value),
            attributes,
        }
    }
}

struct Member<'a> {
    index: usize,
    raw: &'a RawValue,
    /// Its own members, read at most once, and only if a place lies inside.
    opened: OnceCell<Option<json::Object<'a>>>,
}

impl<'a> Member<'a> {
    fn value_at(&self, place: &Place) -> Option<&'a RawValue> {
        let Some(path) = place.inside else {
            return Some(self.raw);
        };
        values::inside(self.opened.get_or_init(|| json::object(self.raw)).as_ref()?, path)
    }
}

/// The best value for a column so far.
struct Best<T> {
    rank: usize,
    value: T,
    /// The member that the value holds whole, and that therefore need not be kept.
    replaces: Option<usize>,
}

/// Columns as they fill while the members go by. Whatever comes later replaces only what ranks lower.
#[derive(Default)]
struct Columns<'a> {
    timestamp: Option<Best<Reading>>,
    level: Option<Best<LevelFound<'a>>>,
    /// What stood in a level's place and is none.
    level_unknown: Option<Best<LevelFound<'a>>>,
    message: Option<Best<Cow<'a, str>>>,
    service: Option<Best<Cow<'a, str>>>,
    service_is_name: bool,
    is_bunyan: bool,
    is_compact: bool,
}

impl<'a> Columns<'a> {
    fn offer(&mut self, place: &Place, member: &Member<'a>) {
        match place.role {
            Role::Timestamp => self.offer_timestamp(place, member),
            Role::Level(scale) => self.offer_level(place, member, scale),
            Role::Message => self.offer_message(place, member),
            Role::Service | Role::BunyanName => self.offer_service(place, member),
            Role::BunyanMark => self.is_bunyan = true,
            Role::CompactMark => self.is_compact = true,
        }
    }

    fn offer_timestamp(&mut self, place: &Place, member: &Member<'a>) {
        if improves(self.timestamp.as_ref(), place.rank)
            && let Some(raw) = member.value_at(place)
            && let Some(reading) = values::timestamp(raw)
        {
            let whole = reading.whole && !raw.get().starts_with('{');
            self.timestamp = Some(best(place, member, reading, whole));
        }
    }

    fn offer_level(&mut self, place: &Place, member: &Member<'a>, scale: Scale) {
        if improves(self.level.as_ref(), place.rank)
            && let Some(raw) = member.value_at(place)
            && let Some(found) = values::level(raw, scale)
        {
            let (is_level, whole) = (found.level.is_some(), found.whole);
            let column = if is_level {
                &mut self.level
            } else {
                &mut self.level_unknown
            };
            if improves(column.as_ref(), place.rank) {
                *column = Some(best(place, member, found, whole));
            }
        }
    }

    fn offer_message(&mut self, place: &Place, member: &Member<'a>) {
        if improves(self.message.as_ref(), place.rank)
            && let Some(raw) = member.value_at(place)
            && let Some(text) = values::message(raw)
        {
            let is_blank = text.trim_ascii().is_empty();
            let mut offered = best(place, member, text, true);
            if is_blank {
                offered.rank += BLANK_RANK;
            }
            if improves(self.message.as_ref(), offered.rank) {
                self.message = Some(offered);
            }
        }
    }

    fn offer_service(&mut self, place: &Place, member: &Member<'a>) {
        if improves(self.service.as_ref(), place.rank)
            && let Some(raw) = member.value_at(place)
            && let Some(text) = values::service(raw)
        {
            self.service = Some(best(place, member, text, true));
            self.service_is_name = place.role == Role::BunyanName;
        }
    }

    /// Takes back what counts only beside members that did not come.
    fn settle(&mut self) {
        if self.service_is_name && !self.is_bunyan {
            self.service = None;
        }
    }

    /// The members that the columns hold whole.
    fn replaced(&self) -> [usize; 4] {
        let level = self.level.as_ref().or(self.level_unknown.as_ref());
        [
            replaces(self.timestamp.as_ref()),
            replaces(level),
            replaces(self.message.as_ref()),
            replaces(self.service.as_ref()),
        ]
    }
}

/// No object has so many members.
const NO_MEMBER: usize = usize::MAX;

/// A blank message is one only if there is no other: every name ranks before the blank ones.
const BLANK_RANK: usize = 1_000;

fn improves<T>(column: Option<&Best<T>>, rank: usize) -> bool {
    column.is_none_or(|best| rank < best.rank)
}

fn replaces<T>(column: Option<&Best<T>>) -> usize {
    column.and_then(|best| best.replaces).unwrap_or(NO_MEMBER)
}

fn best<T>(place: &Place, member: &Member<'_>, value: T, whole: bool) -> Best<T> {
    Best {
        rank: place.rank,
        value,
        replaces: (whole && place.inside.is_none()).then_some(member.index),
    }
}

/// The members that no column replaces, as a JSON object.
fn rest(object: &json::Object<'_>, replaced: [usize; 4]) -> String {
    let bytes: usize = object
        .members()
        .map(|(name, raw)| name.len() + raw.get().len() + 4)
        .sum();
    let mut text = String::with_capacity(bytes + 2);
    text.push('{');
    for (index, (name, raw)) in object.members().enumerate() {
        if replaced.contains(&index) {
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        push_name(&mut text, name);
        text.push(':');
        text.push_str(raw.get());
    }
    text.push('}');
    text
}

fn push_name(text: &mut String, name: &str) {
    // Without a way out of the loop it is done eight letters at a time.
    let needs_escape = name
        .bytes()
        .fold(false, |found, byte| found | matches!(byte, b'"' | b'\\' | 0..0x20));
    if needs_escape {
        text.push_str(&serde_json::Value::from(name).to_string());
        return;
    }
    text.push('"');
    text.push_str(name);
    text.push('"');
}

#[cfg(test)]
mod tests;
