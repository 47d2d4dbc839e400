//! A time as a person asks for it: a whole day, what a clock on some wall shows, or a point in time.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::{MICROS_PER_DAY, MICROS_PER_SECOND, Timestamp, WRITTEN_MICROS, rfc3339};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Day(NaiveDate),
    /// Without an offset: which point in time it is, a zone tells.
    Local(NaiveDateTime),
    Instant(Timestamp),
}

impl Written {
    /// Reads `YYYY-MM-DD`, and the same with `THH:MM`, seconds, a fraction and an offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.as_bytes().split_first_chunk::<10>()?;
        let day_micros = rfc3339::read_date(*date)? * MICROS_PER_DAY;
        if !WRITTEN_MICROS.contains(&day_micros) {
            return None;
        }
        if rest.is_empty() {
            return shown(day_micros).map(|shown| Self::Day(shown.date()));
        }
        let (micros_of_day, offset) = read_clock(rest)?;
        let micros = day_micros + micros_of_day;
        if offset.is_empty() {
            return shown(micros).map(Self::Local);
        }
        let offset_micros = read_offset(offset)? * MICROS_PER_SECOND;
        Some(Self::Instant(Timestamp(micros - offset_micros)))
    }
}

fn shown(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc())
}

/// The microsecond of the day, and what follows the clock. Its seconds may be left out.
fn read_clock(text: &[u8]) -> Option<(i64, &[u8])> {
    if text.get(6) == Some(&b':') {
        let (clock, rest) = text.split_first_chunk::<9>()?;
        let (second_of_day, _) = rfc3339::read_clock(*clock)?;
        let (fraction, rest) = rfc3339::read_fraction(rest)?;
        return Some((second_of_day * MICROS_PER_SECOND + fraction.micros, rest));
    }
    let ([between, h0, h1, colon, m0, m1], rest) = text.split_first_chunk::<6>()?;
    let (second_of_day, _) = rfc3339::read_clock([*between, *h0, *h1, *colon, *m0, *m1, b':', b'0', b'0'])?;
    Some((second_of_day * MICROS_PER_SECOND, rest))
}

/// In a URL a `+` means a space, so where a sign should be a space was meant to be a plus.
fn read_offset(text: &[u8]) -> Option<i64> {
    match text {
        [b' ', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            rfc3339::read_offset(&[b"+", digits].concat())
        }
        _ => rfc3339::read_offset(text),
    }
}
