//! Points in time, and every way in which clients write them.

mod calendar;
mod epoch;
mod rare;
mod rfc3339;
mod wall_clock;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use wall_clock::Written;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// 0001-01-01T00:00:00Z and the last microsecond of 9999: what RFC 3339 can print and every database can hold.
const WRITTEN_MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    pub fn plus(self, duration: Duration) -> Self {
        self.plus_micros(micros(duration))
    }

    pub fn minus(self, duration: Duration) -> Self {
        self.plus_micros(-micros(duration))
    }

    /// The nearest time that can be written.
    pub(crate) fn clipped(self) -> Self {
        Self(self.0.clamp(*WRITTEN_MICROS.start(), *WRITTEN_MICROS.end()))
    }

    /// Reads a point in time that was written as text: RFC 3339 and its usual deviations (a space for the `T`, a comma for the
    /// point, no offset, which means UTC), the common log format, RFC 2822, and digits as an epoch number.
    ///
    /// Digits beyond the microsecond are cut off. A leap second is the second after it, as on every POSIX clock.
    pub fn parse(text: &str) -> Option<Self> {
        Reading::of_text(text).map(|reading| reading.at)
    }

    /// Reads an epoch number as it was written; its magnitude tells seconds from milli-, micro- and nanoseconds.
    pub fn from_epoch(number_text: &str) -> Option<Self> {
        Reading::of_number(number_text).map(|reading| reading.at)
    }
}

/// A point in time as it was read from what somebody wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) at: Timestamp,
    /// Whether `at` says all that was written: no digit was cut off, no offset forgotten.
    pub(crate) whole: bool,
}

impl Reading {
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        if text.as_bytes().get(4) == Some(&b'-') {
            return rfc3339::read(text.as_bytes());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return epoch::read(text);
        }
        rare::read(text)
    }

    pub(crate) fn of_number(number_text: &str) -> Option<Self> {
        epoch::read(number_text)
    }

    /// A reading within the years that can be written.
    fn within_bounds(micros: i64, whole: bool) -> Option<Self> {
        WRITTEN_MICROS.contains(&micros).then_some(Self {
            at: Timestamp(micros),
            whole,
        })
    }
}

/// RFC 3339, in UTC, with six digits.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = *b"0000-00-00T00:00:00.000000Z";
        if rfc3339::write(self.0, &mut buffer) {
            return formatter.pad(std::str::from_utf8(&buffer).map_err(|_| fmt::Error)?);
        }
        match chrono::DateTime::from_timestamp_micros(self.0) {
            Some(at) => write!(formatter, "{}", at.format("%Y-%m-%dT%H:%M:%S%.6fZ")),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl de::Visitor<'_> for Written {
            type Value = Timestamp;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a point in time as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Timestamp::parse(text).ok_or_else(|| E::custom("not a point in time"))
            }
        }
        deserializer.deserialize_str(Written)
    }
}

#[cfg(test)]
mod tests;
