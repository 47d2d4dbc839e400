//! What rules wait for, look at and say.

use chrono::{DateTime, Utc};
use domain::time::Timestamp;

use super::jobs::time;

mod evidence;
mod notices;
mod notifications;
mod wakes;
mod watermark;

#[cfg(test)]
pub(crate) use wakes::due_wakes_query;

/// The years 1 to 9999, in which everything lies that is kept.
const KEPT_MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// The beginning or the end of a stretch, which may lie beyond all calendars.
fn bound(at: Timestamp) -> DateTime<Utc> {
    let micros = at.as_micros().clamp(*KEPT_MICROS.start(), *KEPT_MICROS.end());
    time(Timestamp::from_micros(micros))
}
