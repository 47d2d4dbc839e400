//! Spans of time as people write them: `30m`.

use std::fmt;
use std::str::FromStr;

use crate::time::Timestamp;

/// How far a rule may look. What it reads of a user grows with it.
const PERIOD_DAYS_MAX: i64 = 31;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The largest first.
const UNITS_MICROS: [(&str, i64); 5] = [
    ("d", MICROS_PER_DAY),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
];

/// Why a text is not a span of time: the rest of a sentence that begins with its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPeriod {
    #[error("must be a whole number with its unit (ms, s, m, h or d), as `30m`")]
    Malformed,
    #[error("must be at most {PERIOD_DAYS_MAX}d")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Period {
    micros: i64,
}

impl Period {
    pub(super) const fn is_zero(self) -> bool {
        self.micros == 0
    }

    pub(super) const fn before(self, at: Timestamp) -> Timestamp {
        at.plus_micros(-self.micros)
    }

    pub(super) const fn after(self, at: Timestamp) -> Timestamp {
        at.plus_micros(self.micros)
    }

    /// Whether so much time, or less, lies between two points in time.
    pub(super) const fn spans(self, from: Timestamp, to: Timestamp) -> bool {
        to.as_micros().saturating_sub(from.as_micros()) <= self.micros
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = UNITS_MICROS.iter().find(|(name, _)| *name == unit);
        let (_, unit_micros) = unit.filter(|_| digits > 0).ok_or(InvalidPeriod::Malformed)?;
        let number: Option<i64> = number.parse().ok();
        number
            .and_then(|number| number.checked_mul(*unit_micros))
            .filter(|micros| *micros <= PERIOD_DAYS_MAX * MICROS_PER_DAY)
            .map(|micros| Self { micros })
            .ok_or(InvalidPeriod::TooLong)
    }
}

/// In the largest unit that says it whole.
impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, unit): &&(&str, i64)| self.micros >= *unit && self.micros % unit == 0;
        let (name, unit_micros) = UNITS_MICROS.iter().find(whole).unwrap_or(&("s", 1_000_000));
        write!(formatter, "{}{name}", self.micros / unit_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_in_the_largest_unit() {
        for (text, micros, written) in [
            ("0s", 0, "0s"),
            ("0d", 0, "0s"),
            ("500ms", 500_000, "500ms"),
            ("90s", 90_000_000, "90s"),
            ("1800s", 1_800_000_000, "30m"),
            ("007m", 420_000_000, "7m"),
            ("24h", 86_400_000_000, "1d"),
            ("31d", 2_678_400_000_000, "31d"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(
                (period.micros, period.to_string().as_str()),
                (micros, written),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "30", "m", "-1m", "+1m", "1.5h", "1h30m", "30 m", "30M", "30min", " 30m", "1w", "١m",
        ] {
            assert_eq!(text.parse::<Period>(), Err(InvalidPeriod::Malformed), "{text:?}");
        }
        for text in ["32d", "745h", "99999999999999999999ms", "9223372036854775807d"] {
            assert_eq!(text.parse::<Period>(), Err(InvalidPeriod::TooLong), "{text:?}");
        }
    }
}
