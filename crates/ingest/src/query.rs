//! Query parameters, read strictly: what is unknown, empty, repeated or malformed is named, all of it at once.

use std::fmt::Display;

use actix_web::HttpRequest;
use domain::time::Timestamp;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::problem::{Code, FieldError, Problem};

/// More parameters than any resource has.
const PARAMETERS_MAX: usize = 32;
pub(crate) const POINT: &str = "a point in time, as in 2026-05-01T00:00:00Z";
/// How `validator` calls what concerns more than one field.
const WHOLE_SHAPE: &str = "__all__";

#[derive(Debug)]
pub(crate) struct Query {
    left: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Self::parse(request.query_string())
    }

    /// For resources without parameters.
    pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
        Self::of(request)?.finish()
    }

    /// Values that came under these names by another way than in the address; those that are absent are none.
    pub(crate) fn of_values<const N: usize>(values: [(&'static str, Option<String>); N]) -> Self {
        let there = |(name, value): (&'static str, Option<String>)| Some((name.to_owned(), value?));
        Self {
            left: values.into_iter().filter_map(there).collect(),
            errors: Vec::new(),
        }
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let mut query = Self {
            left: Vec::new(),
            errors: Vec::new(),
        };
        for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == PARAMETERS_MAX {
                return Err(Problem::new(
                    Code::InvalidParameter,
                    "there are far too many query parameters",
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode(name) else {
                let detail = "the name of a query parameter is not well-formed percent-encoded UTF-8";
                return Err(Problem::new(Code::InvalidParameter, detail));
            };
            match decode(value) {
                Some(value) => query.left.push((name, value)),
                None => query.refuse(name, "malformed", "is not well-formed percent-encoded UTF-8"),
            }
        }
        Ok(query)
    }

    /// The value of a parameter, if it is there and `read` understands it; `expected` says what it should be.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        expected: impl Display,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take_text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.refuse(name.to_owned(), "malformed", format!("must be {expected}"));
        }
        value
    }

    /// The same for a parameter that must be there.
    pub(crate) fn require<T>(
        &mut self,
        name: &'static str,
        expected: impl Display,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let is_there = self.left.iter().any(|(known, _)| known == name);
        if !is_there && self.errors.iter().all(|error| error.field != name) {
            self.refuse(name.to_owned(), "missing", format!("is required: {expected}"));
        }
        self.take(name, expected, read)
    }

    fn take_text(&mut self, name: &'static str) -> Option<String> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        let (_, text) = self.left.swap_remove(at);
        if self.left.iter().any(|(known, _)| known == name) {
            self.left.retain(|(known, _)| known != name);
            self.refuse(name.to_owned(), "repeated", "was given twice");
            return None;
        }
        if text.is_empty() {
            self.refuse(name.to_owned(), "empty", "is empty");
            return None;
        }
        Some(text)
    }

    /// Notes what the shape of a request forbids.
    pub(crate) fn check(&mut self, shape: &impl Validate) {
        if let Err(errors) = shape.validate() {
            self.errors.extend(field_errors(&errors));
        }
    }

    /// Whatever nobody took is unknown.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.refuse(name, "unknown", "is no parameter of this resource");
        }
        let Some(first) = self.errors.first() else {
            return Ok(());
        };
        let detail = format!("the query parameter `{}` {}", first.field, first.message);
        Err(Problem::new(Code::InvalidParameter, detail).with_errors(self.errors))
    }

    /// Notes what is wrong with a parameter.
    pub(crate) fn refuse(
        &mut self,
        name: String,
        code: &'static str,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        self.errors.push(FieldError::new(name, code, message));
    }
}

/// What `validator` found, in our shape.
pub(crate) fn field_errors(errors: &ValidationErrors) -> Vec<FieldError> {
    let mut found = Vec::new();
    for (field, kind) in errors.errors() {
        let ValidationErrorsKind::Field(errors) = kind else {
            continue;
        };
        for error in errors {
            // What is wrong with several fields together carries the name of one of them as its code.
            let field = if field == WHOLE_SHAPE {
                error.code.clone()
            } else {
                field.clone()
            };
            found.push(FieldError::new(
                field,
                "malformed",
                error.message.clone().unwrap_or("is out of bounds".into()),
            ));
        }
    }
    found
}

/// Text that a database can hold: NUL is refused, for PostgreSQL has no place for it.
pub(crate) fn plain_text(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| text.to_owned())
}

/// A `+` that nobody encoded arrives as a space.
pub(crate) fn read_point(text: &str) -> Option<Timestamp> {
    match text.split_once(['T', 't']) {
        Some((_, time)) if time.contains(' ') => Timestamp::parse(&text.replace(' ', "+")),
        _ => Timestamp::parse(text),
    }
}

/// As `application/x-www-form-urlencoded` says, but strictly.
fn decode(text: &str) -> Option<String> {
    decoded(text, b' ')
}

/// Percent-decodes once; `plus` is what a `+` means.
pub(crate) fn decoded(text: &str, plus: u8) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => plus,
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<(String, String)> {
        let mut query = match Query::parse(text) {
            Ok(query) => query,
            Err(problem) => return vec![(String::new(), problem.to_string())],
        };
        query.take("limit", "a number", |text| text.parse::<u32>().ok());
        let Err(problem) = query.finish() else {
            return Vec::new();
        };
        problem.body("").errors_for_test()
    }

    #[test]
    fn each_wrong_parameter_is_named() {
        let named = |text: &str| {
            refused(text)
                .into_iter()
                .map(|(field, code)| format!("{field} {code}"))
                .collect::<Vec<_>>()
        };
        assert!(named("").is_empty());
        assert!(named("limit=7&").is_empty());
        assert_eq!(named("limit="), ["limit empty"]);
        assert_eq!(named("limit"), ["limit empty"]);
        assert_eq!(named("limit=x"), ["limit malformed"]);
        assert_eq!(named("limit=1&limit=2"), ["limit repeated"]);
        assert_eq!(named("limit=x&other=1"), ["limit malformed", "other unknown"]);
        assert_eq!(named("limit=%F"), ["limit malformed"]);
        assert_eq!(named("limit=%FF"), ["limit malformed"]);
        assert_eq!(named("%zz=1").len(), 1);
        assert_eq!(named(&"a=1&".repeat(PARAMETERS_MAX + 1)).len(), 1);
    }

    #[test]
    fn plus_and_percent_are_decoded_once() {
        assert_eq!(decode("a+b%2Bc%2520").as_deref(), Some("a b+c%20"));
        assert_eq!(decode("%E6%97%A5").as_deref(), Some("日"));
    }

    #[test]
    fn an_offset_survives_a_client_that_does_not_encode() {
        assert_eq!(
            read_point("2026-05-01T02:00:00 02:00"),
            Timestamp::parse("2026-05-01T00:00:00Z")
        );
        assert!(read_point("2026-05-01T02:00:00 02:00").is_some());
        assert_eq!(read_point("yesterday"), None);
    }
}
