//! One JSON object, read once: its members as borrowed raw text, so that numbers stay exactly as they were written.

mod name_slot;
mod scan;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use self::name_slot::{NAME_SLOTS, name_slot};

/// How deep arrays and objects may nest.
pub const DEPTH_MAX: usize = 128;

/// Up to so many members a repeated name is found by looking at all of them, beyond by hashing.
const MEMBERS_SCANNED_MAX: usize = 32;

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

/// A JSON value as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    pub const fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(raw.get())
    }
}

/// The members of one object, in the order they were written.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Raw<'a>)>,
}

impl<'a> Object<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        if let Some(members) = scan::members(text) {
            return Ok(Self::of(members));
        }
        if nests_deeper_than(text, DEPTH_MAX) {
            return Err(Malformed::TooDeep);
        }
        if let Some(kind) = kind_other_than_object(text) {
            let parsed = serde_json::from_str::<IgnoredAny>(text);
            return Err(parsed.map_or_else(|error| Malformed::from(&error), |_| Malformed::NotAnObject(kind)));
        }
        serde_json::from_str(text).map_err(|error| Malformed::from(&error))
    }

    fn of(members: Vec<(Cow<'a, str>, Raw<'a>)>) -> Self {
        let (mut taken, mut may_repeat) = ([0_u64; NAME_SLOTS / 64], false);
        for (name, _) in &members {
            let slot = name_slot(name);
            let mark = 1 << (slot % 64);
            may_repeat |= taken[slot / 64] & mark != 0;
            taken[slot / 64] |= mark;
        }
        let mut object = Self { members };
        if may_repeat {
            object.keep_last_of_each_name();
        }
        object
    }

    /// The value of a member. Where a name stands twice, the last one wins.
    pub fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.members
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// All members in the order written, each name once: the last one wins.
    pub fn members(&self) -> impl Iterator<Item = (&str, Raw<'a>)> {
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
                let mut members = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, Raw::from(map.next_value::<&RawValue>()?)));
                }
                Ok(Object::of(members))
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

/// Writes an object of these members, each value as it was written.
pub(crate) fn write_object<'m>(out: &mut String, members: impl Iterator<Item = (&'m str, Raw<'m>)>) {
    out.push('{');
    for (index, (name, raw)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if scan::is_plain(name) {
            out.push('"');
            out.push_str(name);
            out.push('"');
        } else {
            out.push_str(&serde_json::Value::from(name).to_string());
        }
        out.push(':');
        out.push_str(raw.get());
    }
    out.push('}');
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
pub fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix('"')?;
    if memchr::memchr(b'\\', quoted.as_bytes()).is_none() {
        return quoted.strip_suffix('"').map(Cow::Borrowed);
    }
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// The members of a raw value that is an object.
pub fn object(raw: Raw<'_>) -> Option<Object<'_>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    // However deep it lies: what was put together may lie deeper than what came in.
    scan::members(raw.get())
        .map(Object::of)
        .or_else(|| serde_json::from_str(raw.get()).ok())
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
    use proptest::prelude::*;

    use super::*;

    /// The members as serde_json finds them, unless they lie too deep.
    fn by_serde(text: &str) -> Option<Vec<(String, &str)>> {
        let object: Object<'_> = serde_json::from_str(text).ok()?;
        (!nests_deeper_than(text, DEPTH_MAX)).then(|| shown(&object))
    }

    fn shown<'a>(object: &Object<'a>) -> Vec<(String, &'a str)> {
        let members = object.members.iter();
        members.map(|(name, raw)| (name.to_string(), raw.get())).collect()
    }

    fn by_scan(text: &str) -> Option<Vec<(String, &str)>> {
        scan::members(text).map(|members| shown(&Object::of(members)))
    }

    /// What has a name with escapes may be left to serde_json.
    #[track_caller]
    fn assert_agreed(text: &str) {
        let (found, expected) = (by_scan(text), by_serde(text));
        if found.is_some() || !text.contains('\\') {
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn the_scan_takes_what_serde_json_takes() {
        for text in [
            "{}",
            " { } ",
            "\t{\r\n}\n",
            r#"{"a":1}"#,
            r#"{ "a" : 1 , "b" : "c" }"#,
            r#"{"a":-0.5e+10,"b":0,"c":1E5,"d":1e-2,"e":120,"f":-0}"#,
            r#"{"a":true,"b":false,"c":null}"#,
            r#"{"a":[],"b":[ ],"c":[1,[2,{"d":[]}]],"e":{"f":{}, "g":{"h":"}"}}}"#,
            r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud800"}"#,
            r#"{"a":"eight ok","b":"seven77","c":"ninenine9","":""}"#,
            r#"{"ключ":"значение","😀":"😀"}"#,
            r#"{"a":1,"a":2}"#,
            "{\"a\":\"\u{7f}\u{80}\u{2028}\"}",
        ] {
            let found = by_scan(text);
            assert!(found.is_some(), "{text}");
            assert_eq!(found, by_serde(text), "{text}");
        }
    }

    #[test]
    fn the_scan_takes_nothing_that_serde_json_refuses() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "1",
            "null",
            "{}{}",
            "{} x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":1;"b":2}"#,
            r#"{a:1}"#,
            r#"{'a':1}"#,
            r#"{"a":'b'}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":1e+}"#,
            r#"{"a":0x1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":Infinity}"#,
            r#"{"a":tru}"#,
            r#"{"a":truex}"#,
            r#"{"a":nul}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[,1]}"#,
            r#"{"a":[1}"#,
            r#"{"a":{]}"#,
            r#"{"a":"b}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"\u123"}"#,
            r#"{"a":"\"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"12345678\u{1}\"}",
            "{\"a\":\"\u{1f}2345678901234567\"}",
            "{\"a\n\":1}",
            "\u{feff}{}",
            "{\u{a0}}",
            "{\u{c}}",
            r#"{"a":1}/"#,
            r#"{/**/"a":1}"#,
        ] {
            assert_eq!(by_serde(text), None, "{text}");
            assert_eq!(by_scan(text), None, "{text}");
        }
    }

    /// Texts of which many are JSON: pieces of it, put together by chance.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            8 => prop::sample::select(&["{", "}", "[", "]", ",", ":", " ", "\"a\":", "\"b\":1,", "\"", "\\"][..])
                .prop_map(ToOwned::to_owned),
            4 => prop::sample::select(&["1", "-", "0", ".5", "e7", "true", "null", "\\n", "\\u00", "é", "\t", "\u{1}"][..])
                .prop_map(ToOwned::to_owned),
            2 => "\"[ -~é]{0,20}\"",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
    }

    fn json(depth: u32) -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(depth, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(" ,"))),
                prop::collection::vec(("[a-z.@_é]{0,18}", inner), 0..6).prop_map(|members| {
                    let members = members.iter().map(|(name, value)| format!("\"{name}\": {value}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_scan_finds_what_serde_json_finds(value in json(5), name in "[a-z]{0,9}") {
            let text = format!("{{\"{name}\":{value}}}");
            prop_assert!(by_serde(&text).is_some());
            prop_assert_eq!(by_scan(&text), by_serde(&text));
        }

        #[test]
        fn the_scan_agrees_where_a_text_is_nearly_json(text in nearly_json()) {
            assert_agreed(&text);
        }

        #[test]
        fn the_scan_agrees_where_one_letter_is_another(value in json(3), at: prop::sample::Index, letter in "[ -~\\x00\\n]") {
            let text = format!("{{\"a\":{value}}}");
            let (at, _) = text.char_indices().nth(at.index(text.chars().count())).unwrap();
            let (before, after) = text.split_at(at);
            assert_agreed(&format!("{before}{letter}{}", after.chars().skip(1).collect::<String>()));
        }
    }

    #[test]
    fn a_name_with_escapes_is_read() {
        let object = Object::parse(r#"{"\u0061\n":1,"b":2}"#).unwrap();
        assert_eq!(shown(&object), [("a\n".to_owned(), "1"), ("b".to_owned(), "2")]);
    }

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
