//! The door's understanding: every shape in which clients write events, each a pure function from an object to a draft.
//!
//! A draft is valid but for what only the door can give: the time of receipt, and an id where the client has none.

mod app;
mod canonical;
mod envelope;
mod heartbeat;
mod reading;

pub mod analytics;
pub mod body;
pub mod cloud_event;

use std::borrow::Cow;

use crate::event::{Event, EventType, Verbatim};
use crate::events::{FieldCode, FieldError};
use crate::ids::{DeviceId, EventId, InvalidId, Slug, UserId};
use crate::json::Object;
use crate::time::Timestamp;
use crate::watch_time::PositionUnit;

/// How long one event may be, as it is written.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// How far ahead of the server a client's clock may be.
pub const AHEAD_MICROS_MAX: i64 = 24 * 60 * 60 * 1_000_000;

/// One shape: `None` if the object is not of it.
type Adapter = fn(&Object<'_>) -> Option<Result<Draft, Vec<FieldError>>>;

/// The shapes other than the canonical one, in the order in which they are tried.
const OTHER_SHAPES: [Adapter; 3] = [heartbeat::read, cloud_event::read, app::read];

/// Reads an event of any shape that the door understands.
pub fn read(object: &Object<'_>) -> Result<Draft, Vec<FieldError>> {
    OTHER_SHAPES
        .iter()
        .find_map(|read| read(object))
        .unwrap_or_else(|| canonical::read(object))
}

/// A heartbeat, or a user with a built-in type, as a CloudEvent or otherwise: log lines have a `user` or a `type` by chance, so no less will do.
pub(crate) fn is_known_event(object: &Object<'_>) -> bool {
    heartbeat::is_heartbeat(object) || envelope::names_user_and_built_in_type(object) || cloud_event::is_known(object)
}

/// A valid event that has not been stamped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    event_id: Option<EventId>,
    event_type: EventType,
    user_id: UserId,
    device_id: Option<DeviceId>,
    timestamp: Option<ClientTime>,
    slug: Option<Slug>,
    /// Where a heartbeat's position stands that is none in one unit: only the door knows the unit.
    misplaced: Option<Misplaced>,
    payload: Verbatim,
    extra: Option<Verbatim>,
}

/// A position beyond what a unit allows, as the client called it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Misplaced {
    unit: PositionUnit,
    field: Cow<'static, str>,
}

/// A client's timestamp, and under which name it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ClientTime {
    field: String,
    at: Timestamp,
}

/// What the door adds.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The id of an event whose client gave none.
    pub event_id: EventId,
    /// The time of an event whose client gave none.
    pub timestamp: Timestamp,
    pub received_at: Timestamp,
    /// In what heartbeats count positions.
    pub position_unit: PositionUnit,
}

impl Draft {
    /// The id that the client gave, or that follows from it.
    pub fn event_id(&self) -> Option<EventId> {
        self.event_id
    }

    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Takes an id that came beside the event (an `Idempotency-Key`) if the event itself has none.
    pub fn or_client_id(mut self, id: &str) -> Result<Self, InvalidId> {
        if self.event_id.is_none() {
            self.event_id = EventId::from_client(&self.user_id, id)?;
        }
        Ok(self)
    }

    /// When an event came first whose id was stamped here and comes back.
    fn first_received(&self) -> Option<Timestamp> {
        self.event_id.and_then(EventId::stamped_at)
    }

    fn misplaced_in(&self, unit: PositionUnit) -> Option<FieldError> {
        let misplaced = self.misplaced.as_ref().filter(|misplaced| misplaced.unit == unit)?;
        Some(FieldError::invalid(misplaced.field.as_ref(), unit.refusal()))
    }

    /// Makes the event. Only a timestamp too far ahead of the receipt is an error, and a position that is none in the door's
    /// unit.
    pub fn stamp(self, stamp: Stamp) -> Result<Event, FieldError> {
        if let Some(error) = self.misplaced_in(stamp.position_unit) {
            return Err(error);
        }
        let client_timed = self.timestamp.is_some();
        let is_possible = |at: &Timestamp| *at <= stamp.received_at.plus_micros(AHEAD_MICROS_MAX);
        let timestamp = match self.timestamp {
            Some(time) if !is_possible(&time.at) => return Err(in_future(time)),
            Some(time) => time.at,
            None => self.first_received().filter(is_possible).unwrap_or(stamp.timestamp),
        };
        Ok(Event {
            event_id: self.event_id.unwrap_or(stamp.event_id),
            event_type: self.event_type,
            user_id: self.user_id,
            device_id: self.device_id,
            timestamp,
            received_at: stamp.received_at,
            payload: self.payload,
            extra: self.extra,
            client_timed,
            client_named: self.event_id.is_some(),
            slug: self.slug,
        })
    }
}

fn in_future(time: ClientTime) -> FieldError {
    FieldError {
        field: time.field,
        code: FieldCode::TimestampInFuture,
        message: "lies more than 24 hours ahead of the server's clock".to_owned(),
    }
}
