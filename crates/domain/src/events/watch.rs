//! `watch`: the heartbeat of a player.

use super::{FieldError, Fields, id, number};
use crate::json::Object;

/// The furthest position in a movie: 115 days are no movie.
pub const POSITION_SECONDS_MAX: f64 = 1e7;

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .required("slug", id)
        .required("at", |raw| number(raw, 0.0..=POSITION_SECONDS_MAX))
        .optional("session_id", id)
        .optional("stream_id", id)
        .done()
}
