//! What an upload may ask for beside its file, in the query or in small parts of the form.

use std::borrow::Cow;

use domain::job::{JobOptions, LINE_DELAY_MS_MAX};
use domain::line::LineKind;
use validator::Validate;

use crate::problem::{Code, FieldError, Problem};
use crate::query::{Query, field_errors};

/// A part that holds an option is never longer.
pub(crate) const OPTION_BYTES_MAX: usize = 256;

const KIND: &str = "one of auto, logs, events";
const NOTIFY: &str = "true or false";
const DELAY: &str = "a number from 0 to 1000";

#[derive(Debug, Default, Validate)]
pub(crate) struct Options {
    kind: Option<LineKind>,
    notify: Option<bool>,
    #[validate(range(max = 1000, message = "must be a number from 0 to 1000"))]
    line_delay_ms_max: Option<u32>,
}

impl Options {
    pub(crate) fn read(query: &mut Query) -> Self {
        let options = Self {
            kind: query.take("kind", KIND, |text| text.parse().ok()),
            notify: query.take("notify", NOTIFY, |text| text.parse().ok()),
            line_delay_ms_max: query.take("line_delay_ms_max", DELAY, read_delay),
        };
        query.check(&options);
        options
    }

    pub(crate) fn is_known(name: &str) -> bool {
        matches!(name, "kind" | "notify" | "line_delay_ms_max")
    }

    /// Takes what a part of the form says.
    pub(crate) fn set(&mut self, name: &str, text: &[u8]) -> Result<(), Problem> {
        let text = std::str::from_utf8(text).map(str::trim).unwrap_or_default();
        match name {
            "kind" => fill(&mut self.kind, name, KIND, text.parse().ok())?,
            "notify" => fill(&mut self.notify, name, NOTIFY, text.parse().ok())?,
            "line_delay_ms_max" => fill(&mut self.line_delay_ms_max, name, DELAY, read_delay(text))?,
            _ => return Err(unknown_field(name)),
        }
        self.validate().map_err(|errors| refused(field_errors(&errors)))
    }

    pub(crate) fn for_job(&self, line_delay_ms_default: u32) -> JobOptions {
        JobOptions {
            kind: self.kind.unwrap_or_default(),
            notify: self.notify.unwrap_or(false),
            line_delay_ms_max: self
                .line_delay_ms_max
                .unwrap_or(line_delay_ms_default)
                .min(LINE_DELAY_MS_MAX),
        }
    }
}

fn read_delay(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn fill<T>(place: &mut Option<T>, name: &str, expected: &str, value: Option<T>) -> Result<(), Problem> {
    if place.is_some() {
        return Err(invalid_field(name, "repeated", "was given twice"));
    }
    let Some(value) = value else {
        return Err(invalid_field(name, "malformed", format!("must be {expected}")));
    };
    *place = Some(value);
    Ok(())
}

pub(crate) fn invalid_field(name: &str, code: &'static str, message: impl Into<Cow<'static, str>>) -> Problem {
    refused(vec![FieldError::new(name.to_owned(), code, message)])
}

pub(crate) fn unknown_field(name: &str) -> Problem {
    let error = FieldError::new(name.to_owned(), "unknown", "is no part of this form");
    Problem::of(Code::UnknownField).with_errors(vec![error])
}

fn refused(errors: Vec<FieldError>) -> Problem {
    let detail = errors.first().map_or_else(String::new, |first| {
        format!("the part `{}` {}", first.field, first.message)
    });
    Problem::new(Code::InvalidField, detail).with_errors(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_or_named() {
        let mut options = Options::default();
        options.set("kind", b"logs").unwrap();
        options.set("line_delay_ms_max", b"1000").unwrap();
        let job = options.for_job(7);
        assert_eq!(
            (job.kind, job.notify, job.line_delay_ms_max),
            (LineKind::Logs, false, 1000)
        );
        assert_eq!(Options::default().for_job(7).line_delay_ms_max, 7);
        for (name, text) in [
            ("kind", "both"),
            ("notify", "yes"),
            ("notify", ""),
            ("line_delay_ms_max", "1001"),
            ("line_delay_ms_max", "+1"),
            ("line_delay_ms_max", ""),
        ] {
            let refused = Options::default().set(name, text.as_bytes()).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidField, "{name} {text:?}");
        }
        assert_eq!(options.set("kind", b"logs").unwrap_err().code(), Code::InvalidField);
        assert_eq!(options.set("other", b"x").unwrap_err().code(), Code::UnknownField);
    }
}
