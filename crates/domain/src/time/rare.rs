//! Shapes too rare to be worth reading by hand.

use chrono::{DateTime, NaiveDateTime};

use super::Reading;

/// Longer texts are no times, and not worth trying every shape on.
const TEXT_BYTES_MAX: usize = 64;

const WITH_OFFSET: &[&str] = &[
    "%d/%b/%Y:%H:%M:%S %z",       // 10/Oct/2000:13:55:36 -0700, the common log format
    "%Y%m%dT%H%M%S%.f%#z",        // 20001010T135536Z, ISO 8601 without separators
    "%Y/%m/%d %H:%M:%S%.f %z",    // 2000/10/10 13:55:36 -0700
    "%a %b %d %Y %H:%M:%S GMT%z", // Tue Oct 10 2000 13:55:36 GMT-0700, JavaScript's toString
];

const IN_UTC: &[&str] = &[
    "%d/%b/%Y:%H:%M:%S",    // the common log format without offset
    "%Y/%m/%d %H:%M:%S%.f", // 2000/10/10 13:55:36, Go's log
    "%Y%m%dT%H%M%S%.f",     // 20001010T135536
    "%a %b %e %H:%M:%S %Y", // Tue Oct 10 13:55:36 2000, C's asctime
];

/// Never claims to be whole: what was written stays with whoever asked.
pub(super) fn read(text: &str) -> Option<Reading> {
    if text.len() > TEXT_BYTES_MAX || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = text.split(" (").next().unwrap_or(text).trim_matches(['[', ']']);
    let with_offset = || {
        WITH_OFFSET
            .iter()
            .find_map(|shape| DateTime::parse_from_str(text, shape).ok())
    };
    let in_utc = || {
        IN_UTC
            .iter()
            .find_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok())
    };
    let micros = DateTime::parse_from_rfc2822(text)
        .ok()
        .or_else(with_offset)
        .map(|at| at.timestamp_micros())
        .or_else(|| in_utc().map(|at| at.and_utc().timestamp_micros()))?;
    Reading::within_bounds(micros, false)
}
