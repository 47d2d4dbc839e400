//! Rows of events and of their counts.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use domain::counts::NewCount;
use domain::event::{Event, EventType};
use domain::time::Timestamp;

use super::known;
use crate::{CountDifference, Error, Result};

#[derive(QueryableByName)]
pub(crate) struct EventRow {
    #[diesel(sql_type = Text)]
    body: String,
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self> {
        serde_json::from_str(&row.body).map_err(|error| Error::Broken(format!("an event is kept as no event: {error}")))
    }
}

/// The canonical shape, as it is kept.
pub(crate) fn body(event: &Event) -> Result<String> {
    serde_json::to_string(event).map_err(|error| Error::Broken(error.to_string()))
}

/// The movie that a heartbeat is about; its heartbeats are found again by it.
pub(crate) fn watched(event: &Event) -> Option<&str> {
    let slug = event.slug.as_ref().filter(|_| event.event_type == EventType::WATCH)?;
    Some(slug.as_str())
}

#[derive(QueryableByName)]
pub(crate) struct TypeRow {
    #[diesel(sql_type = Text)]
    event_type: String,
}

impl TryFrom<TypeRow> for EventType {
    type Error = Error;

    fn try_from(row: TypeRow) -> Result<Self> {
        known("type of event", &row.event_type)
    }
}

/// So many events of a type in a quarter, or in the bucket of a series.
#[derive(QueryableByName)]
pub(crate) struct EventCountRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl TryFrom<EventCountRow> for (i64, String, u64) {
    type Error = Error;

    fn try_from(row: EventCountRow) -> Result<Self> {
        Ok((row.place, row.event_type, row.events.cast_unsigned()))
    }
}

impl TryFrom<EventCountRow> for NewCount {
    type Error = Error;

    fn try_from(row: EventCountRow) -> Result<Self> {
        Ok(Self {
            quarter: Timestamp::from_micros(row.place),
            event_type: known("type of event", &row.event_type)?,
            events: row.events.cast_unsigned(),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct ValueRow {
    #[diesel(sql_type = Text)]
    value: String,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl TryFrom<ValueRow> for (String, u64) {
    type Error = Error;

    fn try_from(row: ValueRow) -> Result<Self> {
        Ok((row.value, row.events.cast_unsigned()))
    }
}

#[derive(QueryableByName)]
pub(crate) struct DifferenceRow {
    #[diesel(sql_type = BigInt)]
    quarter: i64,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = BigInt)]
    counted: i64,
    #[diesel(sql_type = BigInt)]
    stored: i64,
}

impl TryFrom<DifferenceRow> for CountDifference {
    type Error = Error;

    fn try_from(row: DifferenceRow) -> Result<Self> {
        Ok(Self {
            quarter: Timestamp::from_micros(row.quarter),
            event_type: row.event_type,
            counted: row.counted.cast_unsigned(),
            stored: row.stored.cast_unsigned(),
        })
    }
}
