//! What the payload of each built-in type must hold: one file per type.
//!
//! Required fields are present and known fields are of their type; what is unknown is nobody's business here.

pub mod app_launch;
pub mod click;
pub mod location;
pub mod stream_ended;
pub mod stream_started;
pub mod training_program;
pub mod view;
pub mod watch;

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::ids;
use crate::json::{self, Object, Raw};

/// What is wrong with one field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field} {message}")]
pub struct FieldError {
    /// Where it stands, as the client wrote it: `payload.latitude`.
    pub field: String,
    pub code: FieldCode,
    /// The rest of a sentence that begins with the field.
    pub message: String,
}

/// The ways in which a field can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    MissingField,
    InvalidField,
    TimestampInFuture,
}

impl FieldCode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::TimestampInFuture => "timestamp_in_future",
        }
    }
}

impl fmt::Display for FieldCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FieldError {
    pub fn missing(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: FieldCode::MissingField,
            message: "is required".to_owned(),
        }
    }

    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: FieldCode::InvalidField,
            message: message.into(),
        }
    }
}

/// A member that is there and says something: `null` is as good as nothing.
pub(crate) fn present<'a>(object: &Object<'a>, name: &str) -> Option<Raw<'a>> {
    object.get(name).filter(|raw| raw.get() != "null")
}

/// The text of an id. A number is taken for one and keeps its digits.
pub fn id_text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    if is_number(raw) {
        Some(Cow::Borrowed(raw.get()))
    } else {
        json::text(raw)
    }
}

pub(crate) fn is_number(raw: Raw<'_>) -> bool {
    raw.get()
        .starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

pub(crate) fn number_in(raw: Raw<'_>) -> Option<f64> {
    is_number(raw).then(|| raw.get().parse().ok()).flatten()
}

/// Looks at the fields of one object and gathers what is wrong with them.
struct Fields<'o, 'a> {
    path: &'static str,
    object: &'o Object<'a>,
    errors: Vec<FieldError>,
}

impl<'o, 'a> Fields<'o, 'a> {
    fn of(path: &'static str, object: &'o Object<'a>) -> Self {
        Self {
            path,
            object,
            errors: Vec::new(),
        }
    }

    fn required(mut self, name: &str, rule: impl Fn(Raw<'_>) -> Result<(), String>) -> Self {
        if present(self.object, name).is_none() {
            self.errors.push(FieldError::missing(format!("{}.{name}", self.path)));
        }
        self.optional(name, rule)
    }

    fn optional(mut self, name: &str, rule: impl Fn(Raw<'_>) -> Result<(), String>) -> Self {
        if let Some(Err(message)) = present(self.object, name).map(rule) {
            self.errors
                .push(FieldError::invalid(format!("{}.{name}", self.path), message));
        }
        self
    }

    fn done(self) -> Result<(), Vec<FieldError>> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.errors)
        }
    }
}

fn text(raw: Raw<'_>) -> Result<(), String> {
    json::text(raw).map(drop).ok_or_else(|| "must be a string".to_owned())
}

fn text_not_blank(raw: Raw<'_>) -> Result<(), String> {
    match json::text(raw) {
        Some(text) if !text.trim().is_empty() => Ok(()),
        Some(_) => Err("must not be empty".to_owned()),
        None => Err("must be a string".to_owned()),
    }
}

fn id(raw: Raw<'_>) -> Result<(), String> {
    let text = id_text(raw).ok_or_else(|| "must be a string".to_owned())?;
    ids::validate(&text).map_err(|invalid| invalid.to_string())
}

fn number(raw: Raw<'_>, range: RangeInclusive<f64>) -> Result<(), String> {
    match number_in(raw) {
        Some(number) if range.contains(&number) => Ok(()),
        Some(_) if *range.end() == f64::MAX => Err(format!("must be at least {}", range.start())),
        Some(_) => Err(format!("must be from {} to {}", range.start(), range.end())),
        None => Err("must be a number".to_owned()),
    }
}
