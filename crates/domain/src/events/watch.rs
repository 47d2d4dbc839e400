//! `watch`: the heartbeat of a player.

use super::{FieldError, Fields, id, number_in, present};
use crate::json::{Object, Raw};
use crate::watch_time::PositionUnit;

/// The furthest position in a movie: 115 days are no movie.
pub const POSITION_SECONDS_MAX: f64 = 1e7;

/// Where the position stands.
pub(crate) const POSITION: &str = "payload.at";

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .required("slug", id)
        .required("at", position)
        .optional("session_id", id)
        .optional("stream_id", id)
        .done()
}

/// The unit is not known here, so only what is a position in none is refused.
fn position(raw: Raw<'_>) -> Result<(), String> {
    let number = number_in(raw).ok_or_else(|| "must be a number".to_owned())?;
    let is_position = PositionUnit::ALL.into_iter().any(|unit| unit.allows(number));
    let refused = || format!("must be from 0 to {POSITION_SECONDS_MAX} seconds");
    is_position.then_some(()).ok_or_else(refused)
}

/// The unit in which a position that passed is none after all.
pub(crate) fn unit_refused(payload: &Object<'_>) -> Option<PositionUnit> {
    let number = present(payload, "at").and_then(number_in)?;
    PositionUnit::ALL.into_iter().find(|unit| !unit.allows(number))
}
