//! What becomes of the body of a request, friendly and hostile.

#![allow(clippy::panic, clippy::unwrap_used)]

use domain::event::Event;
use domain::events::FieldCode;
use domain::ids::EventId;
use domain::intake::body::{Body, BodyError, ITEMS_MAX, InvalidJson, ItemError, read_body};
use domain::intake::{self, Draft, EVENT_BYTES_MAX, Stamp, analytics};
use domain::time::Timestamp;
use proptest::prelude::*;

const VIEW: &str = r#"{"user_id":"u","event_type":"view","payload":{"url":"/"}}"#;
const BEAT: &str = r#"{"user":"u","slug":"s","at":1.50}"#;

fn read(bytes: impl AsRef<[u8]>) -> Result<Body, BodyError> {
    read_body(bytes.as_ref(), intake::read)
}

#[track_caller]
fn one(bytes: impl AsRef<[u8]>) -> Result<Draft, ItemError> {
    match read(bytes).unwrap() {
        Body::One(item) => item,
        Body::Several(items) => panic!("several: {items:?}"),
    }
}

#[track_caller]
fn several(bytes: impl AsRef<[u8]>) -> Vec<Result<Draft, ItemError>> {
    match read(bytes).unwrap() {
        Body::Several(items) => items,
        Body::One(item) => panic!("one: {item:?}"),
    }
}

#[track_caller]
fn invalid(bytes: impl AsRef<[u8]>) -> InvalidJson {
    match read(bytes) {
        Err(BodyError::InvalidJson(invalid)) => invalid,
        other => panic!("{other:?}"),
    }
}

/// A word per item.
fn outcomes(bytes: impl AsRef<[u8]>) -> Vec<&'static str> {
    let word = |item: &Result<Draft, ItemError>| match item {
        Ok(_) => "event",
        Err(ItemError::InvalidJson(_)) => "json",
        Err(ItemError::NotAnObject(_)) => "object",
        Err(ItemError::TooDeep) => "deep",
        Err(ItemError::TooLong { .. }) => "long",
        Err(ItemError::Fields(_)) => "fields",
    };
    several(bytes).iter().map(word).collect()
}

#[test]
fn one_object_is_one_event_however_it_is_laid_out() {
    let draft = one(VIEW).unwrap();
    let pretty = VIEW.replace(",\"", ",\r\n  \"");
    for text in [
        format!("\u{feff}{VIEW}"),
        format!(" \r\n\n{VIEW}\n\n"),
        format!("{VIEW}\r\n"),
        pretty.replacen('{', "{\n", 1),
        pretty,
    ] {
        assert_eq!(one(&text).unwrap(), draft, "{text}");
    }
    assert_eq!(
        one("{\n}").unwrap_err().to_string(),
        "user_id is required; event_type is required"
    );
}

#[test]
fn several_are_read_from_an_array_and_from_lines() {
    let drafts = vec![one(VIEW), one(BEAT)];
    for text in [
        format!("[{VIEW},{BEAT}]"),
        format!("\u{feff}\n[\n  {VIEW} ,\n  {BEAT}\n]\n"),
        format!("{VIEW}\n{BEAT}"),
        format!("\u{feff}{VIEW}\r\n\r\n \t\n{BEAT}\r\n"),
        format!("\n  {VIEW}\n  {BEAT}\n"),
    ] {
        assert_eq!(several(&text), drafts, "{text}");
    }
    assert_eq!(several("[]"), []);
    assert_eq!(several(format!("[{VIEW}]")).len(), 1);
}

#[test]
fn the_five_events_of_the_app_are_an_array() {
    let items = several(include_str!("samples/activity/five-events.json"));
    let types: Vec<_> = items
        .iter()
        .map(|item| item.as_ref().unwrap().event_type().as_str())
        .collect();
    assert_eq!(
        types,
        [
            "app_launch",
            "training_program_started",
            "training_program_started",
            "training_program_cancelled",
            "training_program_finished",
        ]
    );
}

#[test]
fn a_broken_item_costs_only_itself() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    let long = VIEW.replace("\"/\"", &format!("\"{}\"", "x".repeat(EVENT_BYTES_MAX)));
    let items = [VIEW, "5", "[]", "null", "\"x\"", "{}", &deep, &long, BEAT];
    let expected = [
        "event", "object", "object", "object", "object", "fields", "deep", "long", "event",
    ];
    assert_eq!(outcomes(format!("[{}]", items.join(","))), expected);
    assert_eq!(outcomes(items.join("\n")), expected);
}

#[test]
fn lines_are_told_from_one_broken_object() {
    for (text, expected) in [
        (format!("{VIEW}\n{{\"a\":1,}}\n{VIEW}"), vec!["event", "json", "event"]),
        (format!("{{\"a\":1,}}\n{VIEW}"), vec!["json", "event"]),
        (format!("{{\"a\":1\n{VIEW}\n{VIEW}"), vec!["json", "event", "event"]),
        (format!("garbage\n{VIEW}"), vec!["json", "event"]),
        (format!("{VIEW}\ngarbage"), vec!["event", "json"]),
        (format!("{VIEW},\n{VIEW},\n{VIEW}"), vec!["json", "json", "event"]),
        ("{'a':1}\r\n{'a':2}\r\n".to_owned(), vec!["json", "json"]),
        (format!("{{\"a\":1,}}\nnonsense\n{VIEW}"), vec!["json", "json", "event"]),
        ("5\n6".to_owned(), vec!["object", "object"]),
        (format!("[]\n{VIEW}"), vec!["object", "event"]),
    ] {
        assert_eq!(outcomes(&text), expected, "{text}");
    }
    for (text, line, cause) in [
        ("{\n  \"a\": 1,\n  \"b\": 2,\n}", 4, Some("a trailing comma")),
        ("{\"a\":1,\n\"b\":{\"c\":1},\n{\"d\":1}}", 3, None),
        ("{\n\"a\":1\n\"b\":2\n}", 3, None),
        ("{\"a\":1\n\"b\":2}", 2, None),
        ("{'a':1,\n 'b':2}", 1, Some("single quotes")),
        ("{ // why\n  \"a\": 1\n}", 1, Some("a comment")),
        ("{\n  \"a\": [\n    {\"b\":1}\n    {\"b\":2}\n  ]\n}", 4, None),
        ("{\n\"a\":{\"b\":1},", 2, Some("cut off")),
        ("\n\n{\"a\":NaN}", 3, Some("NaN")),
        ("[\n{\"a\":1},\n{\"a\":1},\n]", 4, Some("a trailing comma")),
        ("[{\"a\":1},\n{\"a\":2}\n", 3, Some("cut off")),
        ("[{\"a\":1}{\"a\":2}]", 1, None),
        ("[{\"a\":1}] x", 1, None),
        ("{\"a\":1}{\"a\":2}", 1, Some("several values")),
        ("a=b&c=d", 1, None),
    ] {
        let invalid = invalid(text);
        assert_eq!(invalid.line, line, "{text}: {invalid}");
        let told = invalid
            .likely_cause
            .zip(cause)
            .map(|(told, cause)| told.contains(cause));
        assert_eq!(told, cause.map(|_| true), "{text}: {invalid}");
    }
}

#[test]
fn the_place_of_a_fault_is_told() {
    assert_eq!(
        invalid("{\"ä\":1,\n \"b\": tru}").to_string(),
        "expected ident at line 2, column 10"
    );
    let items = several(format!("\n{VIEW}\n\n  {{\"a\":1,}}\n"));
    assert_eq!(
        items[1].as_ref().unwrap_err().to_string(),
        "trailing comma at line 4, column 10; likely cause: a trailing comma"
    );
}

#[test]
fn what_no_event_can_be_made_of_is_named() {
    for (bytes, expected) in [
        (&b""[..], BodyError::Empty),
        (b" \r\n\t", BodyError::Empty),
        (b"\xEF\xBB\xBF \n", BodyError::Empty),
        (b"{\"a\":\"\xff\"}", BodyError::InvalidUtf8 { byte_offset: 6 }),
        (b"\"x\"", BodyError::NotAnObject("string")),
        (b"-1.5e3\n", BodyError::NotAnObject("number")),
        (b"null", BodyError::NotAnObject("null")),
    ] {
        assert_eq!(read(bytes), Err(expected));
    }
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    assert_eq!(read(&deep), Err(BodyError::TooDeep));
    assert!(read("[".repeat(1_000_000)).is_err() && read("{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn items_are_bounded() {
    for (separator, around) in [(",", ("[", "]")), ("\n", ("", ""))] {
        let body = |count: usize| format!("{}{}{}", around.0, vec![BEAT; count].join(separator), around.1);
        assert_eq!(several(body(ITEMS_MAX)).len(), ITEMS_MAX);
        assert_eq!(read(body(ITEMS_MAX + 1)), Err(BodyError::TooManyItems));
    }
}

#[test]
fn an_event_may_have_64_kib_as_written() {
    let padded = |bytes: usize| {
        let around = VIEW.len() - 1;
        VIEW.replace("\"/\"", &format!("\"{}\"", "x".repeat(bytes - around)))
    };
    let (fits, too_long) = (padded(EVENT_BYTES_MAX), padded(EVENT_BYTES_MAX + 1));
    let bytes = EVENT_BYTES_MAX + 1;
    assert!(one(format!("  {fits}\n")).is_ok());
    assert_eq!(one(&too_long), Err(ItemError::TooLong { bytes }));
    assert_eq!(
        one(too_long.replacen(',', ",\n", 1)),
        Err(ItemError::TooLong { bytes: bytes + 1 })
    );
    assert!(several(format!("[ {fits} ]"))[0].is_ok() && several(format!("{fits} \n{fits}\r\n"))[0].is_ok());
    assert_eq!(several(format!("[{too_long}]")), [Err(ItemError::TooLong { bytes })]);
    assert!(matches!(read(&too_long[..bytes - 1]), Err(BodyError::InvalidJson(_))));
}

#[test]
fn what_cannot_be_stored_is_replaced() {
    let text = r#"{"user_id":"u\ud800","event_type":"x","payload":{"a":"\u0000\udc00\ud83d\ude00"}}"#;
    for draft in [one(text).unwrap(), several(format!("[{text}]")).remove(0).unwrap()] {
        assert_eq!(draft.user_id().as_str(), "u\u{fffd}");
        assert_eq!(stamped(draft).payload.as_str(), r#"{"a":"\ufffd\ufffd\ud83d\ude00"}"#);
    }
}

#[test]
fn the_strict_door_shares_the_body() {
    let strict = |text: &str| read_body(text.as_bytes(), analytics::read_any).unwrap();
    assert!(matches!(strict(VIEW), Body::One(Ok(_))));
    let Body::One(Err(ItemError::Fields(errors))) = strict(BEAT) else {
        panic!("a heartbeat at the strict door");
    };
    assert_eq!(
        (errors[0].field.as_str(), errors[0].code),
        ("event_type", FieldCode::MissingField)
    );
}

fn stamped(draft: Draft) -> Event {
    let receipt = Timestamp::parse("2026-05-28T10:00:00Z").unwrap();
    let stamp = Stamp {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        event_id: EventId::stamped(receipt, 7),
        timestamp: receipt,
        received_at: receipt,
    };
    draft.stamp(stamp).unwrap()
}

/// An event of any shape, valid or nearly so, on one line.
fn any_item() -> impl Strategy<Value = String> {
    let text = || any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let id = "[a-zé]{0,8}";
    prop_oneof![
        (id, text()).prop_map(|(user, url)| format!(
            r#"{{"user_id":"{user}","event_type":"view","payload":{{"url":{url}}},"x":[1.0 ,null]}}"#
        )),
        (id, any::<i16>()).prop_map(|(user, at)| format!(r#"{{"user":"{user}","slug":"s","at":{at}}}"#)),
        (id, id).prop_map(|(user, program)| format!(
            r#"{{"user_id":"{user}","device_id":"d","type":"training_program_started","time_stamp":"2021-02-28 16:23:25","training_program_id":"{program}"}}"#
        )),
        (id, id, text()).prop_map(|(user, id, text)| format!(
            r#"{{"specversion":"1.0","type":"x","source":"/","id":"{id}","data":{{"user":"{user}","text":{text}}}}}"#
        )),
        Just("5".to_owned()),
    ]
}

proptest! {
    #[test]
    fn array_lines_and_one_by_one_are_the_same(items in prop::collection::vec(any_item(), 2..8)) {
        let in_array = several(format!("[{}]", items.join(" ,\n")));
        prop_assert_eq!(&several(items.join("\n")), &in_array);
        for (item, expected) in items.iter().zip(&in_array) {
            if item != "5" {
                prop_assert_eq!(&one(item), expected);
            }
        }
    }

    #[test]
    fn the_canonical_shape_is_a_fixed_point(items in prop::collection::vec(any_item(), 1..4)) {
        for draft in several(format!("[{}]", items.join(","))).into_iter().flatten() {
            let event = stamped(draft);
            let written = serde_json::to_string(&event).unwrap();
            let again = stamped(one(&written).unwrap());
            prop_assert_eq!(again, Event { client_timed: true, client_named: true, ..event });
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        drop(read(&bytes));
        drop(read(&text));
    }

    /// Broken bodies are more treacherous than noise.
    #[test]
    fn no_damage_makes_it_panic(
        items in prop::collection::vec(any_item(), 1..4),
        separator in prop::sample::select(vec!["\n", ",", ",\n", "\r\n\r\n", " "]),
        at in any::<prop::sample::Index>(),
        put in r#"[{}\[\],:"'\\\-\nNtI\u{e9}]"#,
    ) {
        for text in [items.join(separator), format!("[{}]", items.join(separator))] {
            let at = text.floor_char_boundary(at.index(text.len()));
            let (before, behind) = text.split_at(at);
            drop(read(before));
            drop(read(behind));
            drop(read(format!("{before}{put}{behind}")));
        }
    }
}
