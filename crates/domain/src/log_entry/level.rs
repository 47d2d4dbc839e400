//! How bad it is: six levels, and the words and numbers that loggers use for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longer words are no levels.
const WORD_BYTES_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no level; known are trace, debug, info, warn, error, fatal")]
pub struct UnknownLevel;

/// What a number in a level's place counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// The name is every logger's: the number itself tells the scale.
    Any,
    /// 0 to 7, the lower the worse.
    Syslog,
    /// 10 to 50, where 30 is a warning.
    Python,
    /// 1 to 24.
    OpenTelemetry,
}

impl Level {
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level that a logger's word, or number written as text, stands for.
    pub fn of_word(text: &str) -> Option<Self> {
        Self::of_text(text, Scale::Any)
    }

    /// The level of a number whose scale is not known otherwise: syslog, pino and bunyan, Monolog, or logback.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::on_scale(number, Scale::Any)
    }

    pub(super) fn of_text(text: &str, scale: Scale) -> Option<Self> {
        let text = without_colour(text).trim();
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Self::on_scale(text.strip_suffix(".0").unwrap_or(text).parse().ok()?, scale);
        }
        let mut lower = [0; WORD_BYTES_MAX];
        let lower = lower.get_mut(..text.len())?;
        lower.copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        of_lower_case(lower).or_else(|| of_slog(lower))
    }

    fn on_scale(number: i64, scale: Scale) -> Option<Self> {
        match scale {
            Scale::Any => of_any_number(number),
            Scale::Syslog => of_syslog(number),
            Scale::Python => of_python(number),
            Scale::OpenTelemetry => of_open_telemetry(number),
        }
    }
}

/// Consoles get words in colours, and often the file gets the same words: `ESC [ 32 m info ESC [ 39 m`.
fn without_colour(text: &str) -> &str {
    let Some((_, coloured)) = text.split_once('\u{1b}') else {
        return text;
    };
    let word = coloured.split_once('m').map_or(coloured, |(_, word)| word);
    word.split('\u{1b}').next().unwrap_or(word)
}

#[rustfmt::skip]
fn of_lower_case(word: &[u8]) -> Option<Level> {
    Some(match word {
        b"trace" | b"trc" | b"trce" | b"silly" | b"finer" | b"finest" | b"t" => Level::Trace,
        b"debug" | b"dbg" | b"dbug" | b"verbose" | b"vrb" | b"fine" | b"config" | b"d" | b"v"
        | b"debug1" | b"debug2" | b"debug3" | b"debug4" | b"debug5" | b"d1" | b"d2" | b"d3" | b"d4" | b"d5" => Level::Debug,
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"note" | b"success" | b"http" | b"log" | b"i" => Level::Info,
        b"warn" | b"warning" | b"wrn" | b"w" => Level::Warn,
        b"error" | b"err" | b"eror" | b"severe" | b"fail" | b"e" => Level::Error,
        b"fatal" | b"ftl" | b"critical" | b"crit" | b"panic" | b"dpanic" | b"emerg" | b"emergency" | b"alert" | b"fault"
        | b"f" => Level::Fatal,
        _ => return None,
    })
}

/// `ERROR+2`: slog names a level by its distance from the next lower one that has a name.
fn of_slog(word: &[u8]) -> Option<Level> {
    let sign = word.iter().position(|byte| matches!(byte, b'+' | b'-'))?;
    let base = match &word[..sign] {
        b"debug" => -4,
        b"info" => 0,
        b"warn" => 4,
        b"error" => 8,
        _ => return None,
    };
    let offset: i32 = std::str::from_utf8(&word[sign..]).ok()?.parse().ok()?;
    Some(match offset.saturating_add(base) {
        ..-4 => Level::Trace,
        -4..0 => Level::Debug,
        0..4 => Level::Info,
        4..8 => Level::Warn,
        8..12 => Level::Error,
        12.. => Level::Fatal,
    })
}

fn of_any_number(number: i64) -> Option<Level> {
    of_syslog(number)
        .or_else(|| of_pino(number))
        .or_else(|| of_monolog(number))
        .or_else(|| of_logback(number))
}

/// Tens, bunyan's too. Users add levels in between, but 11 to 24 could as well be OpenTelemetry's.
fn of_pino(number: i64) -> Option<Level> {
    Some(match number {
        10 => Level::Trace,
        20 | 25..30 => Level::Debug,
        30..40 => Level::Info,
        40..50 => Level::Warn,
        50..60 => Level::Error,
        60..70 => Level::Fatal,
        _ => return None,
    })
}

fn of_monolog(number: i64) -> Option<Level> {
    Some(match number {
        100 => Level::Debug,
        200 | 250 => Level::Info,
        300 => Level::Warn,
        400 => Level::Error,
        500 | 550 | 600 => Level::Fatal,
        _ => return None,
    })
}

fn of_logback(number: i64) -> Option<Level> {
    Some(match number {
        5_000 => Level::Trace,
        10_000 => Level::Debug,
        20_000 => Level::Info,
        30_000 => Level::Warn,
        40_000 => Level::Error,
        50_000 => Level::Fatal,
        _ => return None,
    })
}

fn of_syslog(number: i64) -> Option<Level> {
    Some(match number {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        7 => Level::Debug,
        _ => return None,
    })
}

fn of_python(number: i64) -> Option<Level> {
    Some(match number {
        1..10 => Level::Trace,
        10..20 => Level::Debug,
        20..30 => Level::Info,
        30..40 => Level::Warn,
        40..50 => Level::Error,
        50..60 => Level::Fatal,
        _ => return None,
    })
}

fn of_open_telemetry(number: i64) -> Option<Level> {
    Some(match number {
        1..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warn,
        17..=20 => Level::Error,
        21..=24 => Level::Fatal,
        _ => return None,
    })
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Only the six names, in any case: what a query asks for is no guess.
impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownLevel)
    }
}

/// How it is stored: 0 to 5, so that worse is greater.
impl From<Level> for i16 {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => 0,
            Level::Debug => 1,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
            Level::Fatal => 5,
        }
    }
}

impl TryFrom<i16> for Level {
    type Error = UnknownLevel;

    fn try_from(code: i16) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| i16::from(*level) == code)
            .ok_or(UnknownLevel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_loggers() {
        for (level, words) in [
            (Some(Level::Trace), "trace TRC silly finest T DEBUG-4"),
            (
                Some(Level::Debug),
                "debug dbg Verbose vrb fine config D INFO-1 DEBUG+3 D2 DEBUG5",
            ),
            (
                Some(Level::Info),
                "info INF information informational notice success http I INFO+2 6 30 200 20000",
            ),
            (Some(Level::Warn), "warn WARNING wrn W WARN+3 4 40 40.0 300 30000"),
            (Some(Level::Error), "error err EROR severe E ERROR+2 3 50 400 40000"),
            (
                Some(Level::Fatal),
                "fatal ftl crit critical panic dpanic emerg emergency alert F ERROR+4 0 60 600",
            ),
            (
                None,
                "Metadata RequestResponse DEFAULT OFF audit 8 9 17 24 70 150 -1 INFO+x LEVEL(12) информация ERROR+99999999999",
            ),
        ] {
            for word in words.split(' ') {
                assert_eq!(Level::of_word(word), level, "{word}");
            }
        }
        assert_eq!(Level::of_word(" \tINFO\n"), Some(Level::Info));
        assert_eq!(Level::of_word("\u{1b}[32minfo\u{1b}[39m"), Some(Level::Info));
        assert_eq!(Level::of_word("\u{1b}[31"), None);
        assert_eq!(Level::of_word(""), None);
    }

    #[test]
    fn numbers_between_pinos_tens_round_down() {
        for (number, level) in [
            (25, Level::Debug),
            (35, Level::Info),
            (49, Level::Warn),
            (69, Level::Fatal),
        ] {
            assert_eq!(Level::of_number(number), Some(level), "{number}");
        }
        assert!(
            (11..25)
                .filter(|number| *number != 20)
                .all(|number| Level::of_number(number).is_none())
        );
    }

    #[test]
    fn scales_differ() {
        for (number, scale, level) in [
            ("30", Scale::Python, Some(Level::Warn)),
            ("30", Scale::Any, Some(Level::Info)),
            ("30", Scale::Syslog, None),
            ("17", Scale::OpenTelemetry, Some(Level::Error)),
            ("6", Scale::OpenTelemetry, Some(Level::Debug)),
            ("0", Scale::OpenTelemetry, None),
        ] {
            assert_eq!(Level::of_text(number, scale), level, "{number} {scale:?}");
        }
    }

    #[test]
    fn a_query_names_one_of_six() {
        assert_eq!("WARN".parse(), Ok(Level::Warn));
        for text in ["warning", "", " info", "3"] {
            assert_eq!(text.parse::<Level>(), Err(UnknownLevel), "{text}");
        }
    }

    #[test]
    fn codes_and_names_lead_back() {
        for level in Level::ALL {
            assert_eq!(Level::try_from(i16::from(level)), Ok(level));
            assert_eq!(level.as_str().parse(), Ok(level));
            assert_eq!(serde_json::to_string(&level).unwrap(), format!("\"{level}\""));
            assert_eq!(Level::of_word(level.as_str()), Some(level));
        }
        assert!(Level::ALL.is_sorted_by_key(|level| i16::from(*level)));
        assert_eq!(Level::try_from(6), Err(UnknownLevel));
    }
}
