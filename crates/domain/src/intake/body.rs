//! The body of a request: one event, or several as an array or line by line, whatever its media type says.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Draft, EVENT_BYTES_MAX};
use crate::events::FieldError;
use crate::json::{self, DEPTH_MAX, Malformed, Object};
use crate::line::{is_blank, likely_cause, likely_cause_in_body};

/// So many events one body may hold.
pub const ITEMS_MAX: usize = 10_000;

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    One(Result<Draft, ItemError>),
    /// By index; blank lines have none.
    Several(Vec<Result<Draft, ItemError>>),
}

/// Why nothing can be made of a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("not UTF-8 at byte {byte_offset}")]
    InvalidUtf8 { byte_offset: usize },
    #[error("an empty body")]
    Empty,
    #[error(transparent)]
    InvalidJson(InvalidJson),
    #[error("a JSON {0} where an object or an array of objects is expected")]
    NotAnObject(&'static str),
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("more than {ITEMS_MAX} events")]
    TooManyItems,
}

/// What is wrong with one event of a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    #[error(transparent)]
    InvalidJson(InvalidJson),
    #[error("a JSON {0} where an object is expected")]
    NotAnObject(&'static str),
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("an event may have at most {EVENT_BYTES_MAX} bytes, this one has {bytes}")]
    TooLong { bytes: usize },
    #[error("{}", sentence(.0))]
    Fields(Vec<FieldError>),
}

/// Where a text stops being JSON; line and column count from 1, the column in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} at line {line}, column {column}{}", likely(*.likely_cause))]
pub struct InvalidJson {
    pub line: usize,
    pub column: usize,
    pub detail: String,
    pub likely_cause: Option<&'static str>,
}

fn sentence(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn likely(cause: Option<&'static str>) -> String {
    cause
        .map(|cause| format!("; likely cause: {cause}"))
        .unwrap_or_default()
}

/// Reads a body, and each of its events as the door's `read` understands it.
pub fn read_body<R>(bytes: &[u8], read: R) -> Result<Body, BodyError>
where
    R: Fn(&Object<'_>) -> Result<Draft, Vec<FieldError>>,
{
    let text = std::str::from_utf8(bytes).map_err(|error| BodyError::InvalidUtf8 {
        byte_offset: error.valid_up_to(),
    })?;
    let text = json::storable(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    let content = text.trim_matches(WHITE_SPACE);
    if content.is_empty() {
        return Err(BodyError::Empty);
    }
    if content.split_once('\n').is_some_and(|(first, _)| is_json(first)) {
        return several_lines(&text, &read);
    }
    if content.starts_with('[') {
        return array(&text, &read);
    }
    match one(&text, content, &read) {
        Err(BodyError::InvalidJson(_)) if is_line_by_line(content) => several_lines(&text, &read),
        one => one.map(Body::One),
    }
}

/// Whether a text that is not JSON as a whole is lines of which the first is broken, rather than a broken object over
/// several lines: its first line does not go on in the next one, and a later one begins as an object does.
fn is_line_by_line(content: &str) -> bool {
    let Some((first, rest)) = content.split_once('\n') else {
        return false;
    };
    let goes_on = first.trim_end_matches(WHITE_SPACE).ends_with(['{', '[', ':', ',']) && is_begun(first);
    !goes_on && rest.split('\n').any(|line| line.starts_with('{'))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether nothing is wrong with a text but that it ends too early.
fn is_begun(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

type Item = Result<Draft, ItemError>;

fn one<R>(text: &str, content: &str, read: &R) -> Result<Item, BodyError>
where
    R: Fn(&Object<'_>) -> Result<Draft, Vec<FieldError>>,
{
    // What is too long is not taken apart; only whether it is JSON at all is still to be told.
    if content.len() > EVENT_BYTES_MAX && is_json(text) {
        return Ok(Err(ItemError::TooLong { bytes: content.len() }));
    }
    match Object::parse(text) {
        Ok(object) => Ok(read(&object).map_err(ItemError::Fields)),
        Err(Malformed::NotAnObject(kind)) => Err(BodyError::NotAnObject(kind)),
        Err(Malformed::TooDeep) => Err(BodyError::TooDeep),
        Err(Malformed::Syntax { line, column, detail }) => Err(invalid_body(text, line, column, detail)),
    }
}

fn invalid_body(text: &str, line: usize, column: usize, detail: String) -> BodyError {
    BodyError::InvalidJson(InvalidJson {
        line,
        column,
        detail,
        likely_cause: likely_cause_in_body(text),
    })
}

fn several_lines<R>(text: &str, read: &R) -> Result<Body, BodyError>
where
    R: Fn(&Object<'_>) -> Result<Draft, Vec<FieldError>>,
{
    let mut items = Vec::new();
    for (line, line_no) in text.split('\n').zip(1..) {
        if is_blank(line.as_bytes()) {
            continue;
        }
        if items.len() == ITEMS_MAX {
            return Err(BodyError::TooManyItems);
        }
        items.push(item(line, line_no, read));
    }
    Ok(Body::Several(items))
}

fn array<R>(text: &str, read: &R) -> Result<Body, BodyError>
where
    R: Fn(&Object<'_>) -> Result<Draft, Vec<FieldError>>,
{
    let mut raw_items = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let split = RawItems(&mut raw_items).deserialize(&mut deserializer);
    if let Err(error) = split.and_then(|()| deserializer.end()) {
        if raw_items.len() > ITEMS_MAX {
            return Err(BodyError::TooManyItems);
        }
        let (line, column) = (error.line(), error.column());
        return Err(invalid_body(text, line, column, json::detail_of(&error)));
    }
    let items = raw_items.into_iter().map(|raw| item(raw.get(), 1, read));
    Ok(Body::Several(items.collect()))
}

fn item<R>(written: &str, line_no: usize, read: &R) -> Item
where
    R: Fn(&Object<'_>) -> Result<Draft, Vec<FieldError>>,
{
    let bytes = written.trim_matches(WHITE_SPACE).len();
    if bytes > EVENT_BYTES_MAX {
        return Err(ItemError::TooLong { bytes });
    }
    let object = Object::parse(written).map_err(|malformed| match malformed {
        Malformed::NotAnObject(kind) => ItemError::NotAnObject(kind),
        Malformed::TooDeep => ItemError::TooDeep,
        Malformed::Syntax { line, column, detail } => ItemError::InvalidJson(InvalidJson {
            line: line_no + line - 1,
            column,
            detail,
            likely_cause: likely_cause(written),
        }),
    })?;
    read(&object).map_err(ItemError::Fields)
}

/// Splits an array without looking into its items, and stops at the first that is too many.
struct RawItems<'i, 'de>(&'i mut Vec<&'de RawValue>);

impl<'de> DeserializeSeed<'de> for RawItems<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RawItems<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(raw) = array.next_element()? {
            self.0.push(raw);
            if self.0.len() > ITEMS_MAX {
                return Err(A::Error::custom(BodyError::TooManyItems));
            }
        }
        Ok(())
    }
}
