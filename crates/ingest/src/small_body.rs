//! Small bodies: one object of a few members, or nothing. Whatever is wrong with it is named, all of it at once; so is a
//! member that nobody knows, for it may be a known one with a slip of the pen.

use std::borrow::Cow;
use std::str::FromStr;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use domain::events::id_text;
use domain::ids::InvalidId;
use domain::intake::body::{BodyError, InvalidJson, ItemError};
use domain::json::{self, Malformed, Object, Raw};
use domain::line::likely_cause_in_body;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::accept::{Accept, Room};
use crate::events::{ARRIVAL_MAX, is_taken_for_json, media_type};
use crate::problem::{Code, FieldError, Problem};

pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 << 10;

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A body and the room it takes.
#[derive(Debug)]
pub(crate) struct SmallBody {
    bytes: Bytes,
    _room: Room,
}

impl SmallBody {
    /// A body of JSON, whatever it is called.
    pub(crate) async fn json(accept: &Accept, request: &HttpRequest, payload: web::Payload) -> Result<Self, Problem> {
        Self::of_media(accept, request, payload, is_taken_for_json).await
    }

    pub(crate) async fn of_media(
        accept: &Accept,
        request: &HttpRequest,
        payload: web::Payload,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Self, Problem> {
        refuse_packed(request.headers())?;
        if !media_type(request.headers())?.is_none_or(is_taken) {
            return Err(Problem::of(Code::UnsupportedMediaType));
        }
        timeout(ARRIVAL_MAX, arrival(accept, payload))
            .await
            .map_err(|_| Problem::of(Code::BodyStalled))?
    }

    /// What it says, without what stands around it.
    pub(crate) fn text(&self) -> Result<Cow<'_, str>, Problem> {
        let text = std::str::from_utf8(&self.bytes).map_err(|error| BodyError::InvalidUtf8 {
            byte_offset: error.valid_up_to(),
        })?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        Ok(json::storable(text.trim_matches(WHITE_SPACE)))
    }
}

fn refuse_packed(headers: &HeaderMap) -> Result<(), Problem> {
    let coding = headers
        .get(header::CONTENT_ENCODING)
        .map(|coding| coding.as_bytes().trim_ascii());
    if coding.is_none_or(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let detail = "this resource takes no packed body";
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

async fn arrival(accept: &Accept, mut payload: web::Payload) -> Result<SmallBody, Problem> {
    let (mut bytes, mut room) = (BytesMut::new(), accept.room_for(0)?);
    while let Some(part) = payload.next().await {
        let part = part.map_err(|error| Problem::new(Code::BadRequest, format!("the body cannot be read: {error}")))?;
        if bytes.len() + part.len() > SMALL_BODY_BYTES_MAX {
            let detail = format!("this resource takes up to {SMALL_BODY_BYTES_MAX} bytes");
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        room.merge(accept.room_for(part.len())?);
        bytes.extend_from_slice(&part);
    }
    Ok(SmallBody {
        bytes: bytes.freeze(),
        _room: room,
    })
}

/// The one object that a text is.
pub(crate) fn object(text: &str) -> Result<Object<'_>, Problem> {
    if text.is_empty() {
        return Err(BodyError::Empty.into());
    }
    Object::parse(text).map_err(|malformed| match malformed {
        Malformed::NotAnObject(kind) => ItemError::NotAnObject(kind).into(),
        Malformed::TooDeep => BodyError::TooDeep.into(),
        Malformed::Syntax { line, column, detail } => BodyError::InvalidJson(InvalidJson {
            line,
            column,
            detail,
            likely_cause: likely_cause_in_body(text),
        })
        .into(),
    })
}

/// The members of a body, taken one by one. A member that is `null` is as good as none.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    left: Vec<(String, Raw<'a>)>,
    errors: Vec<FieldError>,
}

impl<'a> Members<'a> {
    /// No text, or `null`, has no members.
    pub(crate) fn of(text: &'a str) -> Result<Self, Problem> {
        let left = match text {
            "" | "null" => Vec::new(),
            text => object(text)?
                .members()
                .map(|(name, raw)| (name.to_owned(), raw))
                .collect(),
        };
        Ok(Self {
            left,
            errors: Vec::new(),
        })
    }

    /// The value of a member if it is there; `read` says what it is, or ends a sentence that begins with its name.
    pub(crate) fn take<T>(&mut self, name: &'static str, read: impl FnOnce(Raw<'_>) -> Result<T, String>) -> Option<T> {
        let place = self.left.iter().position(|(known, _)| known == name)?;
        let (_, raw) = self.left.swap_remove(place);
        if raw.get() == "null" {
            return None;
        }
        read(raw)
            .map_err(|message| self.refuse(name, "malformed", message))
            .ok()
    }

    /// The same for a member that must be there.
    pub(crate) fn require<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Raw<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let errors = self.errors.len();
        let value = self.take(name, read);
        if value.is_none() && self.errors.len() == errors {
            self.refuse(name, "missing", "is required");
        }
        value
    }

    /// Whatever nobody took is unknown.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.refuse(name, "unknown", "is no member of this body");
        }
        let Some(first) = self.errors.first() else {
            return Ok(());
        };
        let detail = format!("`{}` {}", first.field, first.message);
        Err(Problem::new(Code::InvalidBody, detail).with_errors(self.errors))
    }

    fn refuse(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.errors.push(FieldError::new(name, code, message));
    }
}

/// An id or a slug. A number is taken for one and keeps its digits.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(raw: Raw<'_>) -> Result<T, String> {
    let text = id_text(raw).ok_or_else(|| "must be a string".to_owned())?;
    text.parse().map_err(|invalid: InvalidId| invalid.to_string())
}

/// A whole number that is no larger.
pub(crate) fn number_to(max: usize) -> impl FnOnce(Raw<'_>) -> Result<u32, String> {
    move |raw| {
        let number: Option<u32> = raw.get().parse().ok();
        number
            .filter(|number| usize::try_from(*number).is_ok_and(|number| number <= max))
            .ok_or_else(|| format!("must be a whole number from 0 to {max}"))
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::Slug;

    use super::*;

    /// The slug, the number, and what is wrong.
    fn read(text: &str) -> (Option<String>, Option<u32>, Vec<String>) {
        let mut members = Members::of(text).unwrap();
        let slug: Option<Slug> = members.take("slug", id);
        let number = members.require("number", number_to(1_000));
        let errors = members.finish().err().map_or_else(Vec::new, |problem| {
            let errors = problem.body("").errors_for_test().into_iter();
            errors.map(|(field, code)| format!("{field} {code}")).collect()
        });
        (slug.map(|slug| slug.to_string()), number, errors)
    }

    #[test]
    fn every_member_that_is_wrong_is_named() {
        let errors = |text: &str| read(text).2;
        assert_eq!(errors(""), ["number missing"]);
        assert_eq!(errors("null"), ["number missing"]);
        assert_eq!(errors(r#"{"number":null}"#), ["number missing"]);
        assert_eq!(errors(r#"{"nubmer":1}"#), ["number missing", "nubmer unknown"]);
        assert_eq!(
            errors(r#"{"slug":"","number":1001}"#),
            ["slug malformed", "number malformed"]
        );
        for number in ["-1", "1.0", "1e2", "\"1\"", "true", "[]", "99999999999"] {
            let body = format!(r#"{{"number":{number}}}"#);
            assert_eq!(errors(&body), ["number malformed"], "{number}");
        }
    }

    #[test]
    fn a_number_is_an_id_too() {
        assert_eq!(
            read(r#"{"slug":7e1,"number":0}"#),
            (Some("7e1".to_owned()), Some(0), vec![])
        );
        assert_eq!(read(r#"{"slug":null,"number":1000}"#), (None, Some(1_000), vec![]));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (text, code) in [
            ("[]", Code::NotAnObject),
            ("7", Code::NotAnObject),
            ("{", Code::InvalidJson),
            ("{\"a\":1,}", Code::InvalidJson),
        ] {
            assert_eq!(Members::of(text).unwrap_err().code(), code, "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(Members::of(&deep).unwrap_err().code(), Code::TooDeep);
    }
}
