//! `start_date`, `end_date` and `tz` of a query: which points in time somebody asks for.

use crate::counts::Span;
use crate::time::{Timestamp, Written};
use crate::zone::Zone;

const START_DATE: &str = "start_date";
const END_DATE: &str = "end_date";
const TZ: &str = "tz";

/// The parameters as they were written, percent-decoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct DateRangeQuery<'q> {
    pub start_date: Option<&'q str>,
    pub end_date: Option<&'q str>,
    pub tz: Option<&'q str>,
}

/// What they mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateRange {
    pub span: Span,
    pub zone: Zone,
}

/// A parameter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} {message}")]
pub struct InvalidParameter {
    pub parameter: &'static str,
    /// The rest of a sentence that begins with the parameter: what is allowed.
    pub message: String,
}

impl InvalidParameter {
    pub(crate) fn new(parameter: &'static str, message: impl Into<String>) -> Self {
        Self {
            parameter,
            message: message.into(),
        }
    }
}

impl DateRange {
    pub fn read(query: DateRangeQuery<'_>) -> Result<Self, InvalidParameter> {
        let zone = query.tz.map_or(Ok(Zone::default()), read_zone)?;
        let start = query.start_date.map(|text| read_time(START_DATE, text)).transpose()?;
        let end = query.end_date.map(|text| read_time(END_DATE, text)).transpose()?;
        if start.zip(end).is_some_and(|(start, end)| is_reversed(start, end, zone)) {
            return Err(InvalidParameter::new(END_DATE, "must not lie before start_date"));
        }
        let span = Span {
            start: start.map(|start| begin_of(start, zone)),
            end: end.map(|end| end_of(end, zone)),
        };
        Ok(Self { span, zone })
    }
}

fn read_zone(name: &str) -> Result<Zone, InvalidParameter> {
    name.parse()
        .map_err(|_| InvalidParameter::new(TZ, "must be a time zone of the IANA database, like Europe/Berlin"))
}

fn read_time(parameter: &'static str, text: &str) -> Result<Written, InvalidParameter> {
    Written::parse(text).ok_or_else(|| {
        let allowed = "must be a date like 2025-05-29 or a time like 2025-05-29T10:00:00Z, in the years 0001 to 9999";
        InvalidParameter::new(parameter, allowed)
    })
}

/// Two days are compared as days, since a zone may have skipped one.
fn is_reversed(start: Written, end: Written, zone: Zone) -> bool {
    match (start, end) {
        (Written::Day(start), Written::Day(end)) => end < start,
        (_, Written::Day(_)) => end_of(end, zone) <= begin_of(start, zone),
        (_, Written::Local(_) | Written::Instant(_)) => end_of(end, zone) < begin_of(start, zone),
    }
}

fn begin_of(written: Written, zone: Zone) -> Timestamp {
    let at = match written {
        Written::Day(day) => zone.day_begins(day),
        Written::Local(shown) => zone.instant(shown),
        Written::Instant(at) => at,
    };
    at.clipped()
}

/// A day that is named as the end belongs to the range.
fn end_of(written: Written, zone: Zone) -> Timestamp {
    match written {
        Written::Day(day) => zone.day_begins(day.succ_opt().unwrap_or(day)).clipped(),
        Written::Local(_) | Written::Instant(_) => begin_of(written, zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(start: &str, end: &str, tz: &str) -> Result<Span, InvalidParameter> {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let query = DateRangeQuery {
            start_date: given(start),
            end_date: given(end),
            tz: given(tz),
        };
        DateRange::read(query).map(|range| range.span)
    }

    fn told(start: &str, end: &str, tz: &str) -> String {
        let span = read(start, end, tz).unwrap();
        let told = |at: Option<Timestamp>| at.map_or_else(|| "open".to_owned(), |at| at.to_string());
        format!("{} .. {}", told(span.start), told(span.end))
    }

    #[test]
    fn ranges_mean_what_was_written() {
        let ranges = [
            ("", "", ""),
            ("2025-05-29", "2025-05-29", ""),
            ("2025-05-29", "", "Asia/Kolkata"),
            ("", "2025-05-29", "Asia/Kathmandu"),
            ("2025-05-29T10:00:00", "2025-05-29 11:00:00.5", "America/New_York"),
            ("2025-05-29T10:00:00 02:00", "2025-05-29T10:00:00-0200", "Asia/Tokyo"),
            ("2025-05-29T10:00", "2025-05-29T10:00+02:00", "Europe/Berlin"),
            ("2025-05-29T10:00 02:00", "2025-05-29", "UTC"),
            ("2025-05-29T10:00:00.123456789Z", "", ""),
            ("2025-03-30", "2025-03-30", "Europe/Berlin"),
            ("2025-10-26", "2025-10-26", "Europe/Berlin"),
            ("2025-03-30T02:30:00", "2025-10-26T02:30:00", "Europe/Berlin"),
            ("2011-12-30", "2011-12-30", "Pacific/Apia"),
            ("2016-12-31T23:59:60Z", "", ""),
            ("0001-01-01", "9999-12-31", "America/New_York"),
            ("0001-01-01", "9999-12-31T23:59:59", "Asia/Tokyo"),
        ]
        .map(|(start, end, tz)| {
            format!("{tz} [{start} .. {end}] = {}", told(start, end, tz))
                .trim_start()
                .to_owned()
        });
        insta::assert_snapshot!(ranges.join("\n"), @r"
        [ .. ] = open .. open
        [2025-05-29 .. 2025-05-29] = 2025-05-29T00:00:00.000000Z .. 2025-05-30T00:00:00.000000Z
        Asia/Kolkata [2025-05-29 .. ] = 2025-05-28T18:30:00.000000Z .. open
        Asia/Kathmandu [ .. 2025-05-29] = open .. 2025-05-29T18:15:00.000000Z
        America/New_York [2025-05-29T10:00:00 .. 2025-05-29 11:00:00.5] = 2025-05-29T14:00:00.000000Z .. 2025-05-29T15:00:00.500000Z
        Asia/Tokyo [2025-05-29T10:00:00 02:00 .. 2025-05-29T10:00:00-0200] = 2025-05-29T08:00:00.000000Z .. 2025-05-29T12:00:00.000000Z
        Europe/Berlin [2025-05-29T10:00 .. 2025-05-29T10:00+02:00] = 2025-05-29T08:00:00.000000Z .. 2025-05-29T08:00:00.000000Z
        UTC [2025-05-29T10:00 02:00 .. 2025-05-29] = 2025-05-29T08:00:00.000000Z .. 2025-05-30T00:00:00.000000Z
        [2025-05-29T10:00:00.123456789Z .. ] = 2025-05-29T10:00:00.123456Z .. open
        Europe/Berlin [2025-03-30 .. 2025-03-30] = 2025-03-29T23:00:00.000000Z .. 2025-03-30T22:00:00.000000Z
        Europe/Berlin [2025-10-26 .. 2025-10-26] = 2025-10-25T22:00:00.000000Z .. 2025-10-26T23:00:00.000000Z
        Europe/Berlin [2025-03-30T02:30:00 .. 2025-10-26T02:30:00] = 2025-03-30T01:00:00.000000Z .. 2025-10-26T00:30:00.000000Z
        Pacific/Apia [2011-12-30 .. 2011-12-30] = 2011-12-30T10:00:00.000000Z .. 2011-12-30T10:00:00.000000Z
        [2016-12-31T23:59:60Z .. ] = 2017-01-01T00:00:00.000000Z .. open
        America/New_York [0001-01-01 .. 9999-12-31] = 0001-01-01T04:56:02.000000Z .. 9999-12-31T23:59:59.999999Z
        Asia/Tokyo [0001-01-01 .. 9999-12-31T23:59:59] = 0001-01-01T00:00:00.000000Z .. 9999-12-31T14:59:59.000000Z
        ");
    }

    #[test]
    fn the_last_millisecond_of_a_day_is_inside_of_it() {
        let span = read("", "2025-05-29", "").unwrap();
        let last = Timestamp::parse("2025-05-29T23:59:59.999Z").unwrap();
        assert!(
            span.end
                .is_some_and(|end| last < end && end.as_micros() - last.as_micros() == 1_000)
        );
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for malformed in [
            "x",
            "2025-5-29",
            "2025-02-29",
            "2025-05-29Z",
            "2025-05-29T25:00:00Z",
            "2025-05-29T10",
            "2025-05-29T10:00.5",
            "2025-05-29T10:00:00 x",
            "2025-05-29T10:00:00+24:00",
            "2025-05-29 ",
            "0000-12-31",
            "10000-01-01",
            "-001-01-01",
            "1748509200",
            "2025-05-2９",
        ] {
            assert_eq!(
                read(malformed, "", "").unwrap_err().parameter,
                "start_date",
                "{malformed}"
            );
            assert_eq!(
                read("", malformed, "").unwrap_err().parameter,
                "end_date",
                "{malformed}"
            );
        }
        assert_eq!(
            read("2025-05-29", "", "Europe/Atlantis").unwrap_err().to_string(),
            "tz must be a time zone of the IANA database, like Europe/Berlin"
        );
    }

    #[test]
    fn an_end_before_the_start_is_an_error_and_an_empty_range_is_none() {
        for (start, end) in [
            ("2025-05-29", "2025-05-28"),
            ("2025-05-29T00:00:00", "2025-05-28"),
            ("2025-05-29", "2025-05-28T23:59:59.999999"),
            ("2025-05-29T10:00:00Z", "2025-05-29T10:00:00+00:01"),
        ] {
            let refused = read(start, end, "").unwrap_err();
            assert_eq!(refused.to_string(), "end_date must not lie before start_date");
        }
        for same in ["2025-05-29T10:00:00", "2025-05-29T10:00:00+05:45"] {
            let span = read(same, same, "Asia/Kolkata").unwrap();
            assert_eq!(span.start, span.end);
        }
        assert!(read("2025-05-29", "2025-05-29T00:00", "").is_ok());
    }
}
