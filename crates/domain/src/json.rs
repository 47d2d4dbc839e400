//! One JSON object, read once: its members as borrowed raw text, so that numbers stay exactly as they were written.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// How deep arrays and objects may nest.
pub const DEPTH_MAX: usize = 128;

/// Up to so many members a repeated name is found by looking at all of them, beyond by hashing.
const MEMBERS_SCANNED_MAX: usize = 32;

/// Room for the members of most lines from the start.
const MEMBERS_USUAL: usize = 12;

/// Why a text is not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("{detail} at line {line}, column {column}")]
    Syntax { line: usize, column: usize, detail: String },
    #[error("a JSON {0} where an object is expected")]
    NotAnObject(&'static str),
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// The members of one object, in the order they were written.
#[derive(Debug)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        if nests_deeper_than(text, DEPTH_MAX) {
            return Err(Malformed::TooDeep);
        }
        if let Some(kind) = kind_other_than_object(text) {
            let parsed = serde_json::from_str::<IgnoredAny>(text);
            return Err(parsed.map_or_else(|error| Malformed::from(&error), |_| Malformed::NotAnObject(kind)));
        }
        serde_json::from_str(text).map_err(|error| Malformed::from(&error))
    }

    /// The value of a member. Where a name stands twice, the last one wins.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// All members in the order written, each name once: the last one wins.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), *value))
    }

    fn keep_last_of_each_name(&mut self) {
        if self.members.len() <= MEMBERS_SCANNED_MAX {
            let mut index = 0;
            while index < self.members.len() {
                let (before, after) = self.members.split_at(index + 1);
                if after.iter().any(|(key, _)| *key == before[index].0) {
                    self.members.remove(index);
                } else {
                    index += 1;
                }
            }
            return;
        }
        let mut seen = HashSet::with_capacity(self.members.len());
        let mut keep: Vec<bool> = self
            .members
            .iter()
            .rev()
            .map(|(key, _)| seen.insert(key.as_ref()))
            .collect();
        drop(seen);
        self.members.retain(|_| keep.pop().unwrap_or(true));
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(MEMBERS_USUAL);
                let (mut seen, mut may_repeat) = (0_u128, false);
                while let Some(Text(key)) = map.next_key()? {
                    let mark = mark_of(&key);
                    may_repeat |= seen & mark != 0;
                    seen |= mark;
                    members.push((key, map.next_value()?));
                }
                let mut object = Object { members };
                if may_repeat {
                    object.keep_last_of_each_name();
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl From<&serde_json::Error> for Malformed {
    fn from(error: &serde_json::Error) -> Self {
        Self::Syntax {
            line: error.line(),
            column: error.column(),
            detail: detail_of(error),
        }
    }
}

/// What the parser says, without the place.
pub(crate) fn detail_of(error: &serde_json::Error) -> String {
    let full = error.to_string();
    full.split(" at line ").next().unwrap_or(&full).to_owned()
}

/// Members to be written as an object, in this order.
pub(crate) struct Members<'a, Name, Value>(pub(crate) &'a [(Name, Value)]);

impl<Name: Serialize, Value: Serialize> Serialize for Members<'_, Name, Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// One of 128 bits for a name: names with different bits are different.
fn mark_of(name: &str) -> u128 {
    let bytes = name.as_bytes();
    let letter = |at: usize| bytes.get(at).map_or(0, |byte| usize::from(*byte));
    let last = bytes.len().saturating_sub(1);
    1 << ((bytes.len() * 67 + letter(0) * 31 + letter(last) * 7 + letter(last / 2)) % 128)
}

/// A string that borrows from the input where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// The text of a raw value that is a JSON string.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix('"')?;
    if memchr::memchr(b'\\', quoted.as_bytes()).is_none() {
        return quoted.strip_suffix('"').map(Cow::Borrowed);
    }
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// The members of a raw value that is an object.
pub fn object(raw: &RawValue) -> Option<Object<'_>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

/// Replaces the escapes that PostgreSQL cannot hold, `\u0000` and lone surrogates, by `\ufffd`.
pub fn storable(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = at + found;
        let (length, good) = match escaped_unit(bytes, escape) {
            None => (2, true),
            Some(0xD800..=0xDBFF) => match escaped_unit(bytes, escape + 6) {
                Some(0xDC00..=0xDFFF) => (12, true),
                _ => (6, false),
            },
            Some(0 | 0xDC00..=0xDFFF) => (6, false),
            Some(_) => (6, true),
        };
        at = (escape + length).min(bytes.len());
        if !good {
            out.push_str(&text[copied..escape]);
            out.push_str("\\ufffd");
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The UTF-16 unit of a `\uXXXX` escape that begins at `at`.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16)
        .ok()
        .filter(|_| !digits.starts_with('+'))
}

fn kind_other_than_object(text: &str) -> Option<&'static str> {
    match text.trim_start_matches([' ', '\t', '\r', '\n']).as_bytes().first()? {
        b'[' => Some("array"),
        b'"' => Some("string"),
        b't' | b'f' => Some("boolean"),
        b'n' => Some("null"),
        b'-' | b'0'..=b'9' => Some("number"),
        _ => None,
    }
}

fn nests_deeper_than(text: &str, levels_max: usize) -> bool {
    if memchr::memchr2_iter(b'{', b'[', text.as_bytes())
        .take(levels_max + 1)
        .count()
        <= levels_max
    {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > levels_max {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_of_a_repeated_name_wins() {
        for filler in [0, MEMBERS_SCANNED_MAX] {
            let more: String = (0..filler).map(|n| format!(r#","f{n}":{n}"#)).collect();
            let text = format!(r#"{{"a":1,"b":2{more},"a":3}}"#);
            let object = Object::parse(&text).unwrap();
            assert_eq!(object.get("a").unwrap().get(), "3");
            let names: Vec<_> = object.members().map(|(name, _)| name).collect();
            assert_eq!(names.iter().filter(|name| **name == "a").count(), 1);
            assert_eq!((names[0], *names.last().unwrap()), ("b", "a"));
        }
    }

    #[test]
    fn numbers_stay_as_written() {
        let object = Object::parse(r#"{"n":10000000000000000999.10}"#).unwrap();
        assert_eq!(object.get("n").unwrap().get(), "10000000000000000999.10");
    }

    #[test]
    fn what_is_no_object_is_named() {
        assert_eq!(Object::parse("[1]").unwrap_err(), Malformed::NotAnObject("array"));
        assert_eq!(Object::parse("null").unwrap_err(), Malformed::NotAnObject("null"));
        assert!(matches!(Object::parse("[1").unwrap_err(), Malformed::Syntax { .. }));
        assert!(matches!(Object::parse("NaN").unwrap_err(), Malformed::Syntax { .. }));
        assert!(matches!(
            Object::parse(r#"{"a":1,}"#).unwrap_err(),
            Malformed::Syntax { .. }
        ));
        assert!(matches!(Object::parse("{} {}").unwrap_err(), Malformed::Syntax { .. }));
    }

    #[test]
    fn depth_is_bounded_and_strings_do_not_count() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Object::parse(&nested(DEPTH_MAX - 1)).is_ok());
        assert_eq!(Object::parse(&nested(DEPTH_MAX)).unwrap_err(), Malformed::TooDeep);
        assert!(Object::parse(&format!(r#"{{"a":"{}"}}"#, "[".repeat(1_000))).is_ok());
    }

    #[test]
    fn what_cannot_be_stored_is_replaced() {
        for (given, kept) in [
            (r#""\u0000""#, r#""\ufffd""#),
            (r#""\ud800x""#, r#""\ufffdx""#),
            (r#""\udc00\ud800""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\\u0000""#, r#""\\u0000""#),
            (r#""\\\u0000""#, r#""\\\ufffd""#),
            (r#""\u00e9""#, r#""\u00e9""#),
        ] {
            assert_eq!(storable(given), kept);
        }
    }
}
