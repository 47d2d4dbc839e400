//! A log entry: what every logger writes, each in its own way, brought into five columns without losing anything.

pub mod level;
mod names;
mod values;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

pub use self::level::Level;
use self::level::Scale;
use self::names::{Place, Role};
use self::values::LevelFound;
use crate::json::{self, Raw};
use crate::time::{Reading, Timestamp};

#[derive(Debug)]
pub struct LogEntry<'a> {
    pub timestamp: Option<Timestamp>,
    pub level: Option<Level>,
    /// What was written in the level's place, also where that is no level.
    pub level_original: Option<Cow<'a, str>>,
    pub message: Option<Cow<'a, str>>,
    pub service: Option<Cow<'a, str>>,
    pub attributes: Attributes<'a>,
}

/// Every member that the columns do not hold whole, verbatim and in the order written; shown as a JSON object.
#[derive(Debug)]
pub struct Attributes<'a> {
    object: json::Object<'a>,
    replaced: [usize; COLUMNS],
}

/// How many columns can hold a member whole.
const COLUMNS: usize = 4;

impl<'a> LogEntry<'a> {
    /// Any JSON object is a log entry.
    pub fn from_object(object: json::Object<'a>) -> Self {
        let mut columns = Columns::default();
        for (index, (name, raw)) in object.members().enumerate() {
            let places = names::places(name);
            if places.is_empty() {
                continue;
            }
            let member = Member {
                index,
                raw,
                opened: OnceCell::new(),
            };
            for place in places {
                columns.offer(place, &member);
            }
        }
        columns.settle();
        let replaced = columns.replaced();
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
            attributes: Attributes { object, replaced },
        }
    }
}

impl Attributes<'_> {
    pub fn write_to(&self, out: &mut String) {
        let members = self.object.members().enumerate();
        let kept = members.filter(|(index, _)| !self.replaced.contains(index));
        json::write_object(out, kept.map(|(_, member)| member));
    }
}

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_to(&mut text);
        formatter.write_str(&text)
    }
}

struct Member<'a> {
    index: usize,
    raw: Raw<'a>,
    /// Its own members, read at most once, and only if a place lies inside.
    opened: OnceCell<Option<json::Object<'a>>>,
}

impl<'a> Member<'a> {
    fn value_at(&self, place: &Place) -> Option<Raw<'a>> {
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
    fn replaced(&self) -> [usize; COLUMNS] {
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

#[cfg(test)]
mod tests;
