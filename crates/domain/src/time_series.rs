//! The buckets of a time series: hours and days as the clocks of a zone show them.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::date_range::InvalidParameter;
use crate::line::UnknownWord;
use crate::time::Timestamp;
use crate::zone::Zone;

/// So many buckets one answer may have.
pub const POINTS_MAX: usize = 10_000;

const SECONDS_PER_HOUR: i64 = 3_600;
const MICROS_PER_HOUR: i64 = SECONDS_PER_HOUR * MICROS_PER_SECOND;
const MICROS_PER_SECOND: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    Hour,
    Day,
}

impl Interval {
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl FromStr for Interval {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|interval| interval.as_str() == text)
            .ok_or(UnknownWord)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The borders of the buckets of a range: bucket n lies between border n and n + 1. The first and the last bucket are cut to
/// the range; an empty range has none.
pub fn borders(range: Range<Timestamp>, interval: Interval, zone: Zone) -> Result<Vec<Timestamp>, InvalidParameter> {
    let (start, end) = (range.start.clipped(), range.end.clipped());
    if start >= end {
        return Ok(Vec::new());
    }
    let mut borders = vec![start];
    let mut border = start;
    loop {
        border = match interval {
            Interval::Hour => next_hour(border, zone),
            Interval::Day => next_day(border, zone),
        };
        if border >= end {
            borders.push(end);
            return Ok(borders);
        }
        if borders.len() == POINTS_MAX {
            return Err(too_many());
        }
        borders.push(border);
    }
}

/// Where the clocks are set an hour ends too: no bucket has two hours of the clock in it, and an hour shown twice has two.
fn next_hour(at: Timestamp, zone: Zone) -> Timestamp {
    let shown_micros = at.as_micros() + zone.offset_seconds(at) * MICROS_PER_SECOND;
    let hour_ends = at.plus_micros(MICROS_PER_HOUR - shown_micros.rem_euclid(MICROS_PER_HOUR));
    zone.offset_changes(at, hour_ends).unwrap_or(hour_ends)
}

/// A day that the zone skipped has no bucket.
fn next_day(at: Timestamp, zone: Zone) -> Timestamp {
    let today = zone.shown(at).date();
    today
        .iter_days()
        .skip(1)
        .map(|day| zone.day_begins(day))
        .find(|begins| *begins > at)
        .unwrap_or(Timestamp::from_micros(i64::MAX))
}

fn too_many() -> InvalidParameter {
    let message = format!("gives more than {POINTS_MAX} points; take a longer interval or a shorter range");
    InvalidParameter::new("interval", message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn of(start: &str, end: &str, interval: Interval, zone: &str) -> Vec<Timestamp> {
        borders(at(start)..at(end), interval, zone.parse().unwrap()).unwrap()
    }

    fn minutes(borders: &[Timestamp]) -> Vec<i64> {
        borders
            .windows(2)
            .map(|bucket| (bucket[1].as_micros() - bucket[0].as_micros()) / 60_000_000)
            .collect()
    }

    #[test]
    fn days_have_the_hours_that_the_zone_gives_them() {
        let days = |start, end, zone| minutes(&of(start, end, Interval::Day, zone));
        let spring = days("2025-03-28T23:00:00Z", "2025-03-31T22:00:00Z", "Europe/Berlin");
        assert_eq!(spring, [24 * 60, 23 * 60, 24 * 60]);
        let autumn = days("2025-10-24T22:00:00Z", "2025-10-27T23:00:00Z", "Europe/Berlin");
        assert_eq!(autumn, [24 * 60, 25 * 60, 24 * 60]);
        let clipped = days("2025-05-29T00:00:00Z", "2025-05-30T00:00:00Z", "Asia/Kolkata");
        assert_eq!(clipped, [18 * 60 + 30, 5 * 60 + 30]);
        let skipped = days("2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z", "Pacific/Apia");
        assert_eq!(skipped, [24 * 60, 24 * 60]);
    }

    #[test]
    fn hours_begin_where_the_clocks_say_so() {
        let hours = |start, end, zone| minutes(&of(start, end, Interval::Hour, zone));
        let half = hours("2025-05-29T00:00:00Z", "2025-05-29T02:00:00Z", "Asia/Kathmandu");
        assert_eq!(half, [15, 60, 45]);
        // The clocks of Lord Howe Island are set by half an hour, those of Caracas once were in the middle of one.
        let set_on = hours("2025-10-04T14:30:00Z", "2025-10-04T17:00:00Z", "Australia/Lord_Howe");
        assert_eq!(set_on, [60, 30, 60]);
        let set_back = hours("2025-04-05T13:00:00Z", "2025-04-05T16:30:00Z", "Australia/Lord_Howe");
        assert_eq!(set_back, [60, 60, 30, 60]);
        let midway = hours("2016-05-01T06:30:00Z", "2016-05-01T09:00:00Z", "America/Caracas");
        assert_eq!(midway, [30, 60, 60]);
        for (start, end, expected) in [
            ("2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", 23),
            ("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", 25),
        ] {
            assert_eq!(hours(start, end, "Europe/Berlin"), vec![60; expected]);
        }
    }

    #[test]
    fn points_are_bounded_and_an_empty_range_has_none() {
        let start = at("2025-01-01T00:00:00Z");
        let hours = |count: usize| {
            let hours = i64::try_from(count).unwrap();
            borders(
                start..start.plus_micros(hours * MICROS_PER_HOUR),
                Interval::Hour,
                Zone::UTC,
            )
        };
        assert_eq!(hours(POINTS_MAX).unwrap().len(), POINTS_MAX + 1);
        assert_eq!(hours(POINTS_MAX + 1).unwrap_err().parameter, "interval");
        assert_eq!(hours(0), Ok(Vec::new()));
        assert_eq!(
            borders(start..start.plus_micros(-1), Interval::Day, Zone::UTC),
            Ok(Vec::new())
        );
        let always = Timestamp::from_micros(i64::MIN)..Timestamp::from_micros(i64::MAX);
        assert!(borders(always, Interval::Day, Zone::UTC).is_err());
        assert_eq!("day".parse(), Ok(Interval::Day));
        assert_eq!("week".parse::<Interval>(), Err(UnknownWord));
    }

    proptest! {
        #[test]
        fn borders_increase_from_the_start_to_the_end(
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
            start in -2_500_000_000_000_000_i64..4_500_000_000_000_000,
            micros in 1_i64..2_000_000_000_000,
            interval in prop::sample::select(Interval::ALL.as_slice()),
        ) {
            let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(start + micros));
            let zone: Zone = zone.name().parse().unwrap();
            let borders = borders(start..end, interval, zone).unwrap();
            prop_assert_eq!((borders.first(), borders.last()), (Some(&start), Some(&end)));
            for bucket in borders.windows(2) {
                prop_assert!(bucket[0] < bucket[1]);
                let (first, last) = (zone.shown(bucket[0]), zone.shown(bucket[1].plus_micros(-1)));
                match interval {
                    Interval::Hour => prop_assert_eq!(first.format("%F %H").to_string(), last.format("%F %H").to_string()),
                    Interval::Day => prop_assert!(first.date() == last.date(), "{first} {last} in {zone}"),
                }
            }
        }
    }
}
