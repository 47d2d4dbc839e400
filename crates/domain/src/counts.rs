//! How events are counted: by type, in quarters of an hour, which every time zone's hours and days are made of.

use crate::event::{Event, EventType};
use crate::time::Timestamp;

pub const QUARTER_MICROS: i64 = 15 * 60 * 1_000_000;

/// So many types that nobody knows are counted by name, and the rest together as [`OTHER`].
pub const UNKNOWN_TYPES_MAX: usize = 1_000;
pub const OTHER: &str = "(other)";

/// Half-open, in the time of the events; `None` is an open end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// So many new events of one type in one quarter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCount {
    /// The beginning of the quarter.
    pub quarter: Timestamp,
    pub event_type: EventType,
    pub events: u64,
}

/// The beginning of the quarter that a time lies in.
pub fn quarter_of(at: Timestamp) -> Timestamp {
    let micros = at.as_micros();
    Timestamp::from_micros(micros - micros.rem_euclid(QUARTER_MICROS))
}

/// What new events add to the counts, sorted by quarter and type.
pub fn count<'e>(events: impl Iterator<Item = &'e Event>) -> Vec<NewCount> {
    let mut counts = std::collections::BTreeMap::<(Timestamp, &EventType), u64>::new();
    for event in events {
        *counts
            .entry((quarter_of(event.timestamp), &event.event_type))
            .or_default() += 1;
    }
    let counted = |((quarter, event_type), events): ((Timestamp, &EventType), u64)| NewCount {
        quarter,
        event_type: event_type.clone(),
        events,
    };
    counts.into_iter().map(counted).collect()
}
