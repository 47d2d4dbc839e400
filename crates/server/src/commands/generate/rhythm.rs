//! When people do things: little at night, most in the evening, more at weekends.
//!
//! Time is measured by how much happens in it: so much `bustle` per millisecond, from the first day to the last.

use domain::time::Timestamp;

const MILLIS_PER_HOUR: u64 = 3_600_000;
const MILLIS_PER_DAY: i64 = 24 * 3_600_000;

/// How busy each hour of a day is.
const HOURS: [u64; 24] = [
    18, 9, 5, 3, 3, 5, 12, 24, 34, 38, 40, 44, 52, 50, 44, 42, 46, 58, 72, 92, 108, 100, 70, 38,
];
/// How busy each day is, from Monday on.
const WEEKDAYS: [u64; 7] = [10, 10, 10, 11, 13, 15, 14];
/// 1970-01-01 was a Thursday.
const WEEKDAY_OF_DAY_0: i64 = 3;

/// A day of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// Reads `YYYY-MM-DD`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let midnight = Timestamp::parse(&format!("{text}T00:00:00Z"));
        midnight
            .map(Self::of)
            .ok_or_else(|| "not a date such as 2025-05-01".to_owned())
    }

    /// The day to which this moment belongs.
    pub(super) fn of(moment: Timestamp) -> Self {
        Self(moment.as_micros().div_euclid(MILLIS_PER_DAY * 1_000))
    }

    pub(super) fn minus(self, days: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(days))
    }

    /// How many days there are from this one to the other, both included; none if that one is earlier.
    pub(super) fn days_until(self, last: Self) -> u64 {
        u64::try_from(last.0 - self.0 + 1).unwrap_or_default()
    }

    pub(super) fn number(self) -> u64 {
        self.0.unsigned_abs()
    }

    fn first_milli(self) -> i64 {
        self.0 * MILLIS_PER_DAY
    }

    fn busyness(self) -> u64 {
        let weekday = (self.0 + WEEKDAY_OF_DAY_0).rem_euclid(7);
        usize::try_from(weekday).map_or(0, |weekday| WEEKDAYS[weekday])
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let midnight = at(self.first_milli()).to_string();
        formatter.write_str(midnight.split('T').next().unwrap_or_default())
    }
}

/// Milliseconds since 1970, as clients stamp them.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis.saturating_mul(1_000))
}

/// Some days in a row.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    first: Day,
    /// What has happened before each day, and at the end what has happened in all.
    bustle_before: Vec<u64>,
}

impl Rhythm {
    pub(super) fn of(first: Day, days: u64) -> Self {
        let mut bustle_before = vec![0];
        let mut sum = 0;
        for (day, _) in (first.0..).zip(0..days) {
            sum += Day(day).busyness() * HOURS.iter().sum::<u64>() * MILLIS_PER_HOUR;
            bustle_before.push(sum);
        }
        Self { first, bustle_before }
    }

    pub(super) fn bustle(&self) -> u64 {
        self.bustle_before.last().copied().unwrap_or_default()
    }

    /// The first millisecond that is too late.
    pub(super) fn end(&self) -> i64 {
        let days = i64::try_from(self.bustle_before.len()).unwrap_or(i64::MAX) - 1;
        Day(self.first.0 + days).first_milli()
    }

    /// When so much has happened.
    pub(super) fn time_at(&self, bustle: u64) -> i64 {
        let bustle = bustle.min(self.bustle().saturating_sub(1));
        let day = self.bustle_before.partition_point(|before| *before <= bustle) - 1;
        let date = Day(self.first.0 + i64::try_from(day).unwrap_or_default());
        let mut left = bustle - self.bustle_before[day];
        let mut begin = date.first_milli();
        for hour in HOURS {
            let per_milli = hour * date.busyness();
            if left < per_milli * MILLIS_PER_HOUR {
                return begin + i64::try_from(left / per_milli).unwrap_or_default();
            }
            left -= per_milli * MILLIS_PER_HOUR;
            begin += i64::try_from(MILLIS_PER_HOUR).unwrap_or_default();
        }
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_day_is_read_and_written() {
        assert_eq!(day("2025-05-29").to_string(), "2025-05-29");
        assert_eq!(day("2024-02-29").days_until(day("2024-03-01")), 2);
        assert_eq!(day("2024-03-01").days_until(day("2024-02-29")), 0);
        assert_eq!(day("2024-03-01").minus(2), day("2024-02-28"));
        for wrong in ["", "2025-5-1", "2025-02-29", "29.05.2025", "2025-05-01T00:00:00"] {
            assert!(Day::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_runs_from_the_first_moment_to_the_last() {
        let rhythm = Rhythm::of(day("2025-05-01"), 29);
        assert_eq!(at(rhythm.time_at(0)).to_string(), "2025-05-01T00:00:00.000000Z");
        assert_eq!(at(rhythm.time_at(u64::MAX)).to_string(), "2025-05-29T23:59:59.999000Z");
        assert_eq!(at(rhythm.end()).to_string(), "2025-05-30T00:00:00.000000Z");
        let steps = 5_000;
        let times: Vec<i64> = (0..steps)
            .map(|step| rhythm.time_at(rhythm.bustle() / steps * step))
            .collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn weekends_are_busier() {
        let busyness = |text: &str| day(text).busyness();
        assert!(
            busyness("2025-05-03") > busyness("2025-05-05"),
            "a Saturday and a Monday"
        );
        assert_eq!(busyness("2025-05-05"), busyness("2025-05-12"));
    }
}
