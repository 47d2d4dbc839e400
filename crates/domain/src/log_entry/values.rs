//! What the value of a member says, once its name has told what it is about.

use std::borrow::Cow;

use super::level::{Level, Scale};
use crate::json::{self, Raw};
use crate::time::Reading;

/// Longer values are no names: they stay where they were written.
const LEVEL_BYTES_MAX: usize = 256;
const SERVICE_BYTES_MAX: usize = 256;

/// Follows names, separated by `/`, into an object.
pub(super) fn inside<'a>(object: &json::Object<'a>, path: &str) -> Option<Raw<'a>> {
    match path.split_once('/') {
        Some((name, path)) => inside(&json::object(member(object, name)?)?, path),
        None => member(object, path),
    }
}

fn member<'a>(object: &json::Object<'a>, name: &str) -> Option<Raw<'a>> {
    object
        .members()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, raw)| raw)
}

pub(super) fn timestamp(raw: Raw<'_>) -> Option<Reading> {
    match raw.get().as_bytes().first()? {
        b'"' => Reading::of_text(&json::text(raw)?),
        b'{' => timestamp_of_parts(&json::object(raw)?),
        _ => Reading::of_number(raw.get()),
    }
}

/// The objects in which loggers write a time. Each stays as it is: only the point in time matters.
fn timestamp_of_parts(parts: &json::Object<'_>) -> Option<Reading> {
    let counted = |seconds: &str, nanos: &str| {
        let seconds = scalar(member(parts, seconds)?)?;
        let nanos: u32 = member(parts, nanos).map_or(Some(0), |raw| raw.get().parse().ok())?;
        Reading::of_number(&format!("{seconds}.{nanos:09}"))
    };
    let named = |name: &str| timestamp(member(parts, name)?);
    counted("epochSecond", "nanoOfSecond") // Log4j2
        .or_else(|| counted("seconds", "nanos")) // protobuf
        .or_else(|| named("$date")) // MongoDB
        .or_else(|| named("$numberLong"))
        .or_else(|| named("repr")) // loguru
        .or_else(|| named("timestamp"))
        .or_else(|| zoned(parts)) // PHP
}

/// `{"date": "2026-11-20 09:55:26.952", "timezone": "+01:00"}`. Named zones other than UTC are not known here.
fn zoned(parts: &json::Object<'_>) -> Option<Reading> {
    let date = json::text(member(parts, "date")?)?;
    let zone = json::text(member(parts, "timezone")?)?;
    Reading::of_text(&format!("{date}{}", if zone == "UTC" { "Z" } else { &zone }))
}

pub(super) struct LevelFound<'a> {
    pub(super) level: Option<Level>,
    pub(super) original: Cow<'a, str>,
    /// Whether `original` says all that was written.
    pub(super) whole: bool,
}

/// A level, or at least something in a level's place.
pub(super) fn level(raw: Raw<'_>, scale: Scale) -> Option<LevelFound<'_>> {
    let original = match raw.get().as_bytes().first()? {
        b'{' => return level_of_parts(&json::object(raw)?),
        b'n' => return None,
        b'"' => json::text(raw)?,
        _ => Cow::Borrowed(raw.get()),
    };
    let level = Level::of_text(&original, scale);
    // Elsewhere than under a level's own name what is no level is something else.
    let tells = level.is_some() || scale == Scale::Any;
    let fits = !original.trim().is_empty() && original.len() <= LEVEL_BYTES_MAX;
    (tells && fits).then_some(LevelFound {
        level,
        original,
        whole: true,
    })
}

/// `{"level": 20000, "levelStr": "INFO"}`, `{"name": "INFO", "no": 20}`: the word, else the number.
fn level_of_parts<'a>(parts: &json::Object<'a>) -> Option<LevelFound<'a>> {
    let places = [
        ("levelStr", Scale::Any),
        ("name", Scale::Any),
        ("level", Scale::Any),
        ("no", Scale::Python),
    ];
    places.into_iter().find_map(|(name, scale)| {
        let original = scalar(member(parts, name)?)?;
        let level = Level::of_text(&original, scale)?;
        Some(LevelFound {
            level: Some(level),
            original,
            whole: false,
        })
    })
}

pub(super) fn message(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    scalar(raw)
}

pub(super) fn service(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    json::text(raw).filter(|text| !text.trim().is_empty() && text.len() <= SERVICE_BYTES_MAX)
}

/// The text of a string, a number or a boolean.
fn scalar(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes().first()? {
        b'"' => json::text(raw),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(raw.get())),
    }
}
