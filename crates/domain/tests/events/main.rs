//! What makes an event of a type valid, type by type and shape by shape.

#![allow(clippy::panic, clippy::unwrap_used)]

mod cloud_events;
mod positions;
mod shapes;
mod types;

use domain::event::Event;
use domain::events::{FieldCode, FieldError};
use domain::ids::EventId;
use domain::intake::{self, Draft, Stamp};
use domain::json::Object;
use domain::time::Timestamp;
use uuid::Uuid;

const STAMPED: EventId = EventId::new(Uuid::from_u128(42));

fn receipt() -> Timestamp {
    Timestamp::parse("2026-05-28T10:00:00Z").unwrap()
}

fn read(text: &str) -> Result<Draft, Vec<FieldError>> {
    intake::read(&Object::parse(text).unwrap())
}

fn stamp(draft: Draft) -> Result<Event, FieldError> {
    draft.stamp(Stamp {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        event_id: STAMPED,
        timestamp: receipt().plus_micros(1),
        received_at: receipt(),
    })
}

#[track_caller]
fn event(text: &str) -> Event {
    stamp(read(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))).unwrap()
}

fn problems(result: Result<Draft, Vec<FieldError>>) -> Vec<(String, FieldCode)> {
    result
        .unwrap_err()
        .into_iter()
        .map(|error| (error.field, error.code))
        .collect()
}

#[track_caller]
fn assert_one_problem(text: &str, field: &str, code: FieldCode) {
    assert_eq!(problems(read(text)), [(field.to_owned(), code)], "{text}");
}
