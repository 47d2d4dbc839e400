//! The heartbeat `{"user", "slug", "at"}` of players that know no event types: it is a `watch`.

use super::envelope::{EVENT_TYPE, Envelope, USER_ID, claim};
use super::{Draft, reading};
use crate::event::EventType;
use crate::events::{FieldError, present};
use crate::json::Object;

/// The members that belong into the payload.
const PAYLOAD: [&str; 4] = ["slug", "at", "session_id", "stream_id"];

pub(super) fn read(object: &Object<'_>) -> Option<Result<Draft, Vec<FieldError>>> {
    if !is_heartbeat(object) {
        return None;
    }
    let mut envelope = Envelope::of(object);
    envelope.default_type(EventType::WATCH);
    for name in PAYLOAD {
        envelope.move_into_payload(name);
    }
    Some(reading::draft(&envelope))
}

pub(super) fn is_heartbeat(object: &Object<'_>) -> bool {
    present(object, "slug").is_some()
        && present(object, "at").is_some()
        && claim(object, &EVENT_TYPE).is_none()
        && claim(object, &USER_ID).is_some()
}
