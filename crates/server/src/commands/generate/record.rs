//! One record of sample data, as a line of JSON.

use domain::time::Timestamp;
use serde::Serialize;
use uuid::{Builder, Uuid};

use super::dice::Dice;
use super::rhythm::at;
use super::world::Person;

/// How log lines are counted, which have no type.
pub(super) const LOG_LINE: &str = "(log line)";

/// Something that happened, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// The type of an event, or [`LOG_LINE`].
    pub(super) counted_as: &'static str,
    /// Without the line's end.
    pub(super) line: String,
}

/// When something happens, and under which id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: i64,
    pub(super) event_id: Uuid,
    /// How many records of the same story come after this one.
    pub(super) left: u64,
}

impl Moment {
    /// The id begins with the time, so that an index of such ids grows at its end; the rest follows from seed and number.
    pub(super) fn new(at: i64, seed: u64, number: u64, left: u64) -> Self {
        let mut dice = Dice::of(&[seed, number]);
        let time = u128::from(at.unsigned_abs()) << 80;
        let rest = (u128::from(dice.roll()) << 64 | u128::from(dice.roll())) >> 48;
        Self {
            at,
            event_id: Builder::from_custom_bytes((time | rest).to_be_bytes()).into_uuid(),
            left,
        }
    }
}

#[derive(Serialize)]
struct Written<'a, P> {
    event_id: Uuid,
    event_type: &'static str,
    user_id: &'a str,
    device_id: &'a str,
    timestamp: Timestamp,
    payload: P,
}

pub(super) fn event(
    moment: Moment,
    event_type: &'static str,
    person: &Person,
    payload: impl Serialize,
) -> serde_json::Result<Record> {
    let written = Written {
        event_id: moment.event_id,
        event_type,
        user_id: &person.user_id,
        device_id: &person.device_id,
        timestamp: at(moment.at),
        payload,
    };
    Ok(Record {
        at: moment.at,
        counted_as: event_type,
        line: serde_json::to_string(&written)?,
    })
}

pub(super) fn log_line(moment: Moment, entry: impl Serialize) -> serde_json::Result<Record> {
    Ok(Record {
        at: moment.at,
        counted_as: LOG_LINE,
        line: serde_json::to_string(&entry)?,
    })
}
