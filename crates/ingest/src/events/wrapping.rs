//! How events are wrapped into a request. The media type is a hint: what is JSON is read, whatever it is called.

use actix_web::http::header::{self, HeaderMap};
use domain::intake::cloud_event::header_text;

use crate::problem::{Code, Problem};

/// The attributes of a CloudEvent whose data is the body stand in headers of these names.
const ATTRIBUTE_PREFIX: &str = "ce-";
/// A CloudEvent in binary mode has both.
const REQUIRED: [&str; 2] = ["ce-specversion", "ce-type"];
const JSON: &[u8] = b"json";
const CLOUD_EVENTS: &str = "application/cloudevents";

/// Beside whatever has JSON in its name: what clients say who do not say what they send. `curl -d` calls everything a form.
const TAKEN_FOR_JSON: [&str; 3] = [
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// The body says it all: one event, or several.
    Structured,
    /// A CloudEvent in binary mode: these are its attributes, the body is its data.
    Binary(Vec<(String, String)>),
}

impl Wrapping {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let media = media_type(headers)?;
        if !media.is_none_or(is_taken_for_json) {
            return Err(Problem::of(Code::UnsupportedMediaType));
        }
        let is_structured = media.is_some_and(|media| begins_with(media, CLOUD_EVENTS));
        if is_structured || !REQUIRED.iter().any(|name| headers.contains_key(*name)) {
            return Ok(Self::Structured);
        }
        attributes(headers).map(Self::Binary)
    }
}

/// Without parameters, as it is written.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Problem::of(Code::UnsupportedMediaType))?;
    let media = text.split(';').next().unwrap_or_default().trim();
    Ok(Some(media).filter(|media| !media.is_empty()))
}

pub(crate) fn is_taken_for_json(media: &str) -> bool {
    let mut words = media.as_bytes().windows(JSON.len());
    words.any(|word| word.eq_ignore_ascii_case(JSON))
        || TAKEN_FOR_JSON.iter().any(|known| media.eq_ignore_ascii_case(known))
}

fn begins_with(media: &str, family: &str) -> bool {
    media
        .get(..family.len())
        .is_some_and(|first| first.eq_ignore_ascii_case(family))
}

fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let named = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(ATTRIBUTE_PREFIX)?, value)));
    named
        .map(|(name, value)| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok((name.to_owned(), header_text(text).into_owned())),
            Err(_) => Err(Problem::new(
                Code::BadRequest,
                format!("the header `{ATTRIBUTE_PREFIX}{name}` is not text"),
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Result<Wrapping, Code> {
        let named = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        };
        Wrapping::of(&headers.iter().map(named).collect()).map_err(|problem| problem.code())
    }

    #[test]
    fn whatever_may_be_json_is_taken_for_it() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/x-ndjson",
            "application/vnd.custom+json",
            "text/plain;charset=UTF-8",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
            "application/cloudevents+json; charset=UTF-8",
            "application/cloudevents-batch+json",
            "",
        ] {
            assert_eq!(of(&[("content-type", media)]), Ok(Wrapping::Structured), "{media}");
        }
        assert_eq!(of(&[]), Ok(Wrapping::Structured));
        for media in [
            "text/html",
            "application/xml",
            "application/cloudevents+avro",
            "multipart/form-data",
            "日本",
        ] {
            assert_eq!(
                of(&[("content-type", media)]),
                Err(Code::UnsupportedMediaType),
                "{media}"
            );
        }
    }

    #[test]
    fn attributes_in_headers_are_decoded_once() {
        let binary = of(&[
            ("ce-specversion", "1.0"),
            ("ce-source", "/caf%C3%A9%2520"),
            ("x-other", "1"),
        ])
        .unwrap();
        let Wrapping::Binary(mut attributes) = binary else {
            panic!("{binary:?}");
        };
        attributes.sort();
        let expected = [("source", "/café%20"), ("specversion", "1.0")];
        assert_eq!(
            attributes,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
        let both = [
            ("content-type", "application/cloudevents+json"),
            ("ce-specversion", "1.0"),
        ];
        assert_eq!(of(&both), Ok(Wrapping::Structured));
        assert!(matches!(of(&[("ce-type", "view")]), Ok(Wrapping::Binary(_))));
        assert_eq!(of(&[("ce-trace", "1")]), Ok(Wrapping::Structured));
    }
}
