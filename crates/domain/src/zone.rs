//! Time zones: what the clocks of a place show, and when they show it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::time::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Further from UTC no clock has been, not even one that skipped a day.
const SECONDS_FROM_UTC_MAX: i64 = 36 * 3_600;

/// A zone of the IANA database, UTC unless somebody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database")]
pub struct UnknownZone;

impl Zone {
    pub const UTC: Self = Self(Tz::UTC);

    /// What the clocks show at a point in time.
    pub(crate) fn shown(self, at: Timestamp) -> NaiveDateTime {
        self.0.from_utc_datetime(&utc(at)).naive_local()
    }

    pub(crate) fn offset_seconds(self, at: Timestamp) -> i64 {
        let offset = self.0.offset_from_utc_datetime(&utc(at));
        offset.fix().local_minus_utc().into()
    }

    /// When the clocks show this: the first time if they show it twice, and the moment after the gap if they skip it.
    pub(crate) fn instant(self, shown: NaiveDateTime) -> Timestamp {
        match self.0.from_local_datetime(&shown) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Timestamp::from_micros(at.timestamp_micros()),
            LocalResult::None => self.end_of_gap(shown),
        }
    }

    pub(crate) fn day_begins(self, day: NaiveDate) -> Timestamp {
        self.instant(day.and_time(NaiveTime::MIN))
    }

    /// The first time within `(before, at_latest]` at which the offset is no longer that of `before`; clocks are set at
    /// whole seconds.
    pub(crate) fn offset_changes(self, before: Timestamp, at_latest: Timestamp) -> Option<Timestamp> {
        let offset = self.offset_seconds(before);
        let has_changed = |second: i64| self.offset_seconds(at_second(second)) != offset;
        let (from, to) = (second_of(before), second_of(at_latest));
        has_changed(to).then(|| at_second(first_that(from, to, has_changed)))
    }

    fn end_of_gap(self, shown: NaiveDateTime) -> Timestamp {
        let second = shown.and_utc().timestamp();
        let (from, to) = (second - SECONDS_FROM_UTC_MAX, second + SECONDS_FROM_UTC_MAX);
        at_second(first_that(from, to, |second| self.shown(at_second(second)) > shown))
    }
}

/// The first number for which it holds, knowing that it does not for `from` and does for `to`.
fn first_that(from: i64, to: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut not_yet, mut already) = (from, to);
    while already - not_yet > 1 {
        let between = not_yet + (already - not_yet) / 2;
        if holds(between) {
            already = between;
        } else {
            not_yet = between;
        }
    }
    already
}

fn second_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(MICROS_PER_SECOND)
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(MICROS_PER_SECOND))
}

fn utc(at: Timestamp) -> NaiveDateTime {
    DateTime::from_timestamp_micros(at.as_micros())
        .unwrap_or_default()
        .naive_utc()
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        name.parse().map(Self).map_err(|_| UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(zone: &str, shown: &str) -> String {
        let zone: Zone = zone.parse().unwrap();
        zone.instant(shown.parse().unwrap()).to_string()
    }

    #[test]
    fn a_time_shown_twice_is_the_earlier_and_one_never_shown_is_the_end_of_the_gap() {
        for (zone, shown, expected) in [
            ("UTC", "2025-05-29T10:00:00.000001", "2025-05-29T10:00:00.000001Z"),
            ("Asia/Kathmandu", "2025-05-29T10:00:00", "2025-05-29T04:15:00.000000Z"),
            ("Europe/Berlin", "2025-10-26T02:30:00", "2025-10-26T00:30:00.000000Z"),
            ("Europe/Berlin", "2025-03-30T02:00:00", "2025-03-30T01:00:00.000000Z"),
            ("Europe/Berlin", "2025-03-30T02:59:59.9", "2025-03-30T01:00:00.000000Z"),
            ("Europe/Berlin", "2025-03-30T03:00:00", "2025-03-30T01:00:00.000000Z"),
            (
                "Australia/Lord_Howe",
                "2025-10-05T02:10:00",
                "2025-10-04T15:30:00.000000Z",
            ),
            ("America/Havana", "2025-03-09T00:00:00", "2025-03-09T05:00:00.000000Z"),
            ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00.000000Z"),
        ] {
            assert_eq!(instant(zone, shown), expected, "{shown} in {zone}");
        }
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!("Asia/Kolkata".parse::<Zone>().unwrap().to_string(), "Asia/Kolkata");
        assert_eq!(Zone::default().to_string(), "UTC");
        for name in ["", "Mars/Olympus", "europe/berlin", "+02:00", " UTC"] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
        }
    }
}
