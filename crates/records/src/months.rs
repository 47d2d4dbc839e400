//! Months, by which events and log entries are kept and forgotten. Events say when they happened; of log entries it is the
//! job's id, a UUIDv7, whose order is the order of time.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate};
use domain::time::Timestamp;
use uuid::Uuid;

/// Where forgetting what lies before `cut` ends: whole months go, and the one of the cut stays.
pub fn forgotten_before(cut: Timestamp) -> Timestamp {
    Month::of(cut).begins_at()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Month {
    year: i32,
    month: u32,
}

impl Month {
    pub(crate) fn of(at: Timestamp) -> Self {
        let date = DateTime::from_timestamp_micros(at.as_micros()).unwrap_or_default();
        Self {
            year: date.year(),
            month: date.month(),
        }
    }

    #[cfg(any(feature = "services", test))]
    pub(crate) fn next(self) -> Self {
        match self.month {
            12 => Self {
                year: self.year + 1,
                month: 1,
            },
            month => Self {
                month: month + 1,
                ..self
            },
        }
    }

    /// This month and the ones behind it.
    #[cfg(any(feature = "services", test))]
    pub(crate) fn and_next(self, months: usize) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |month| Some(month.next())).take(months + 1)
    }

    pub(crate) fn begins_at(self) -> Timestamp {
        let first = NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or_default();
        Timestamp::from_micros(first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
    }

    /// The smallest id that a job of this month can have.
    pub(crate) fn first_job_id(self) -> Uuid {
        let millis = (self.begins_at().as_micros() / 1_000).max(0);
        Uuid::from_u128(u128::from(millis.cast_unsigned()) << 80)
    }
}

/// As it is written below.
#[cfg(any(feature = "services", test))]
impl std::str::FromStr for Month {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('_').unwrap_or((text, ""));
        Ok(Self {
            year: year.parse()?,
            month: month.parse()?,
        })
    }
}

/// Sorts as time does.
impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}_{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp as UuidTimestamp};

    use super::*;

    fn month(text: &str) -> Month {
        Month::of(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn a_year_ends_and_the_next_begins() {
        let names: Vec<_> = month("2026-11-20T09:00:00Z")
            .and_next(2)
            .map(|month| month.to_string())
            .collect();
        assert_eq!(names, ["2026_11", "2026_12", "2027_01"]);
        assert_eq!("2026_12".parse(), Ok(month("2026-12-20T09:00:00Z")));
    }

    #[test]
    fn every_job_of_a_month_lies_between_its_first_id_and_the_next() {
        let december = month("2026-12-31T23:59:59.999Z");
        let id = |seconds| Uuid::new_v7(UuidTimestamp::from_unix(NoContext, seconds, 0));
        let (first, last) = (id(1_796_083_200), id(1_798_761_599));
        assert!(december.first_job_id() <= first && last < december.next().first_job_id());
        assert!(id(1_796_083_199) < december.first_job_id());
        assert!(december.next().first_job_id() <= id(1_798_761_600));
    }
}
