//! One line of an uploaded file: a log entry, an event, or a rejection that says what is wrong with it.

mod likely_cause;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use likely_cause::{likely_cause, likely_cause_in_body};

use crate::event::Event;
use crate::events::{FieldCode, FieldError};
use crate::ids::{EventId, JobId};
use crate::intake::{self, EVENT_BYTES_MAX, Stamp};
use crate::json::{Malformed, Object};
use crate::log_entry::LogEntry;
use crate::time::Timestamp;
use crate::watch_time::PositionUnit;

/// Why a line is rejected: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    InvalidUtf8,
    InvalidJson,
    NotAnObject,
    TooDeep,
    LineTooLong,
    MissingField,
    InvalidField,
    TimestampInFuture,
    Unprocessable,
}

impl RejectCode {
    pub const ALL: [Self; 9] = [
        Self::InvalidUtf8,
        Self::InvalidJson,
        Self::NotAnObject,
        Self::TooDeep,
        Self::LineTooLong,
        Self::MissingField,
        Self::InvalidField,
        Self::TimestampInFuture,
        Self::Unprocessable,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::LineTooLong => "line_too_long",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::TimestampInFuture => "timestamp_in_future",
            Self::Unprocessable => "unprocessable",
        }
    }
}

impl From<FieldCode> for RejectCode {
    fn from(code: FieldCode) -> Self {
        match code {
            FieldCode::MissingField => Self::MissingField,
            FieldCode::InvalidField => Self::InvalidField,
            FieldCode::TimestampInFuture => Self::TimestampInFuture,
        }
    }
}

/// What an upload says its lines are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Each line is looked at.
    #[default]
    Auto,
    Logs,
    Events,
}

impl LineKind {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Logs, Self::Events];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Logs => "logs",
            Self::Events => "events",
        }
    }
}

/// A word that is none of a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words allowed here")]
pub struct UnknownWord;

macro_rules! word {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .into_iter()
                    .find(|word| word.as_str() == text)
                    .ok_or(UnknownWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

word!(RejectCode);
word!(LineKind);

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    pub code: RejectCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub message: String,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug)]
pub struct LineOrigin {
    pub job_id: JobId,
    /// 1-based; blank lines count.
    pub line_no: u64,
    pub job_created_at: Timestamp,
    pub received_at: Timestamp,
    pub kind: LineKind,
    /// In what heartbeats count positions.
    pub position_unit: PositionUnit,
}

/// What a line is.
#[derive(Debug)]
pub enum Line<'a> {
    Log(LogEntry<'a>),
    Event(Event),
}

/// Reads one line without its newline: valid UTF-8, already made storable.
pub fn read_line<'a>(text: &'a str, origin: &LineOrigin) -> Result<Line<'a>, Rejection> {
    let text = if origin.line_no == 1 {
        text.strip_prefix('\u{feff}').unwrap_or(text)
    } else {
        text
    };
    let object = Object::parse(text).map_err(|malformed| not_json(text, malformed))?;
    let is_event = match origin.kind {
        LineKind::Auto => looks_like_event(&object),
        LineKind::Logs => false,
        LineKind::Events => true,
    };
    if is_event {
        return read_event(text, &object, origin).map(Line::Event);
    }
    Ok(Line::Log(LogEntry::from_object(object)))
}

/// Whether a line holds nothing but JSON's white space.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Nearly all lines are log entries: one look at the names of their members settles that.
fn looks_like_event(object: &Object<'_>) -> bool {
    let (mut has_user, mut has_type_or_position, mut has_version) = (false, false, false);
    for (name, _) in object.members() {
        match name {
            "user_id" | "user" => has_user = true,
            "event_type" | "type" | "at" => has_type_or_position = true,
            "specversion" => has_version = true,
            _ => {}
        }
    }
    has_type_or_position && (has_user || has_version) && intake::is_known_event(object)
}

fn read_event(text: &str, object: &Object<'_>, origin: &LineOrigin) -> Result<Event, Rejection> {
    if text.len() > EVENT_BYTES_MAX {
        return Err(Rejection {
            code: RejectCode::LineTooLong,
            field: None,
            message: format!(
                "an event may have at most {EVENT_BYTES_MAX} bytes, this one has {}",
                text.len()
            ),
        });
    }
    let draft = intake::read(object).map_err(wrong_fields)?;
    let line_micros = i64::try_from(origin.line_no).unwrap_or(i64::MAX);
    let stamp = Stamp {
        event_id: EventId::of_line(origin.job_id, origin.line_no),
        timestamp: origin.job_created_at.plus_micros(line_micros),
        received_at: origin.received_at,
        position_unit: origin.position_unit,
    };
    draft.stamp(stamp).map_err(|error| wrong_fields(vec![error]))
}

/// The first error gives code and field; the message tells of all.
fn wrong_fields(errors: Vec<FieldError>) -> Rejection {
    let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match errors.into_iter().next() {
        Some(first) => Rejection {
            code: first.code.into(),
            field: Some(first.field),
            message,
        },
        None => Rejection {
            code: RejectCode::Unprocessable,
            field: None,
            message: "not an event".to_owned(),
        },
    }
}

fn not_json(text: &str, malformed: Malformed) -> Rejection {
    let (code, message) = match malformed {
        Malformed::NotAnObject(_) => (RejectCode::NotAnObject, malformed.to_string()),
        Malformed::TooDeep => (RejectCode::TooDeep, malformed.to_string()),
        Malformed::Syntax { column, detail, .. } => {
            let cause = likely_cause(text)
                .map(|cause| format!("; likely cause: {cause}"))
                .unwrap_or_default();
            (RejectCode::InvalidJson, format!("{detail} at column {column}{cause}"))
        }
    };
    Rejection {
        code,
        field: None,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_text_and_in_json() {
        for code in RejectCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
        for kind in LineKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!("Logs".parse::<LineKind>(), Err(UnknownWord));
        assert_eq!(LineKind::default(), LineKind::Auto);
    }

    #[test]
    fn only_white_space_of_json_is_blank() {
        assert!(is_blank(b"") && is_blank(b" \t\r\n"));
        assert!(!is_blank(b"{}") && !is_blank("\u{a0}".as_bytes()) && !is_blank(b"\x0b") && !is_blank(b"\0"));
    }
}
