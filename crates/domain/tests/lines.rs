//! What becomes of the lines of a file, friendly and hostile.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use domain::event::Event;
use domain::ids::{EventId, JobId};
use domain::intake::EVENT_BYTES_MAX;
use domain::json::storable;
use domain::line::{Line, LineKind, LineOrigin, RejectCode, Rejection, is_blank, read_line};
use domain::time::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

fn origin(kind: LineKind) -> LineOrigin {
    let job_created_at = Timestamp::parse("2026-05-28T10:00:00Z").unwrap();
    LineOrigin {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        job_id: JobId::new(Uuid::from_u128(7)),
        line_no: 3,
        job_created_at,
        received_at: job_created_at.plus_micros(5_000_000),
        kind,
    }
}

fn auto(text: &str) -> Result<Line<'_>, Rejection> {
    read_line(text, &origin(LineKind::Auto))
}

#[track_caller]
fn event_of(read: Result<Line<'_>, Rejection>) -> Event {
    match read {
        Ok(Line::Event(event)) => event,
        other => panic!("not an event: {other:?}"),
    }
}

#[track_caller]
fn assert_rejected(text: &str, kind: LineKind, code: RejectCode, field: Option<&str>) {
    let rejection = read_line(text, &origin(kind)).unwrap_err();
    assert_eq!(
        (rejection.code, rejection.field.as_deref()),
        (code, field),
        "{text}: {rejection}"
    );
}

#[test]
fn log_entries_are_not_mistaken_for_events() {
    for text in [
        "{}",
        r#"{"user":"alice","level":30,"msg":"hello"}"#,
        r#"{"user":"alice","type":"request","msg":"hello"}"#,
        r#"{"user":"alice","type":"VIEW"}"#,
        r#"{"user":"alice","type":7}"#,
        r#"{"user":"alice","event_type":"purchase","type":"view"}"#,
        r#"{"user":"alice","type":null,"slug":"s"}"#,
        r#"{"user":"alice","slug":"s","at":1,"type":"request"}"#,
        r#"{"user":null,"type":"view"}"#,
        r#"{"type":"view","url":"/"}"#,
        r#"{"slug":"s","at":1}"#,
        r#"{"user":"alice","slug":"s","at":null}"#,
        r#"{"specversion":"1.0","id":"1","source":"/","type":"view","data":{"url":"/"}}"#,
        r#"{"specversion":"1.0","id":"1","source":"/","type":"request","subject":"alice"}"#,
        r#"{"specversion":"1.0","type":"view","subject":"alice"}"#,
    ] {
        assert!(matches!(auto(text), Ok(Line::Log(_))), "{text}");
    }
}

#[test]
fn heartbeats_and_built_in_types_with_a_user_are_events() {
    for (text, event_type) in [
        (r#"{"user":"u","slug":"s","at":1}"#, "watch"),
        (r#"{"user_id":"u","slug":"s","at":1,"type":null}"#, "watch"),
        (r#"{"user_id":"u","event_type":"view","payload":{"url":"/"}}"#, "view"),
        (r#"{"user":"u","type":"vi\u0065w","url":"/"}"#, "view"),
        (
            r#"{"user_id":5,"type":"app_launch","time_stamp":"2021-02-28 16:22:52"}"#,
            "app_launch",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"view","data":{"user":"u","url":"/"}}"#,
            "view",
        ),
    ] {
        assert_eq!(event_of(auto(text)).event_type.as_str(), event_type, "{text}");
    }
}

#[test]
fn an_event_line_without_id_and_time_gets_both_from_its_place() {
    let event = event_of(auto(r#"{"user":"u","slug":"s","at":1}"#));
    let origin = origin(LineKind::Auto);
    assert_eq!(event.event_id, EventId::of_line(origin.job_id, 3));
    assert_eq!(event.timestamp, origin.job_created_at.plus_micros(3));
    assert_eq!(event.received_at, origin.received_at);
    assert!(!event.client_timed);
}

#[test]
fn malformed_events_are_rejected_with_their_field() {
    use RejectCode::{InvalidField, LineTooLong, MissingField, TimestampInFuture};
    let long = format!(
        r#"{{"user":"u","type":"click","text":"{}"}}"#,
        "x".repeat(EVENT_BYTES_MAX)
    );
    for (text, code, field) in [
        (r#"{"user":"u","type":"view"}"#, MissingField, Some("payload.url")),
        (r#"{"user":"u","slug":"s","at":"1"}"#, InvalidField, Some("at")),
        (r#"{"user":"","type":"app_launch"}"#, InvalidField, Some("user")),
        (
            r#"{"user":"u","type":"app_launch","time":"soon"}"#,
            InvalidField,
            Some("time"),
        ),
        (
            r#"{"user":"u","type":"app_launch","time":"2026-05-29T10:00:06Z"}"#,
            TimestampInFuture,
            Some("time"),
        ),
        (&long, LineTooLong, None),
    ] {
        assert_rejected(text, LineKind::Auto, code, field);
        assert!(matches!(read_line(text, &origin(LineKind::Logs)), Ok(Line::Log(_))));
    }
}

#[test]
fn the_kind_of_an_upload_decides_for_every_line() {
    let purchase = r#"{"user":"u","type":"purchase"}"#;
    assert!(matches!(auto(purchase), Ok(Line::Log(_))));
    assert_eq!(
        event_of(read_line(purchase, &origin(LineKind::Events)))
            .event_type
            .as_str(),
        "purchase"
    );
    let log = r#"{"level":"info","message":"x"}"#;
    assert_rejected(log, LineKind::Events, RejectCode::MissingField, Some("user_id"));
    assert_rejected(
        r#"{"user":"u"}"#,
        LineKind::Events,
        RejectCode::MissingField,
        Some("event_type"),
    );
    let beat = r#"{"user":"u","slug":"s","at":1}"#;
    assert!(matches!(read_line(beat, &origin(LineKind::Logs)), Ok(Line::Log(_))));
}

#[test]
fn what_is_not_an_object_is_rejected_with_its_reason() {
    use RejectCode::{InvalidJson, NotAnObject, TooDeep};
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    for (text, code) in [
        ("[{}]", NotAnObject),
        ("\"x\"", NotAnObject),
        (r#"{"a":NaN}"#, InvalidJson),
        (&deep, TooDeep),
    ] {
        for kind in LineKind::ALL {
            assert_rejected(text, kind, code, None);
        }
    }
    let rejection = auto(r#"{"a":1,}"#).unwrap_err();
    assert_eq!(
        rejection.message,
        "trailing comma at column 8; likely cause: a trailing comma"
    );
}

fn samples(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(folder)
}

/// What an importer would make of a file: a word per line.
fn outcomes(file: &Path) -> Vec<&'static str> {
    let bytes = std::fs::read(file).unwrap();
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').zip(1..).collect();
    lines.retain(|(line, _)| !is_blank(line));
    lines
        .into_iter()
        .map(|(line, line_no)| outcome(line, line_no))
        .collect()
}

fn outcome(line: &[u8], line_no: u64) -> &'static str {
    let Ok(text) = std::str::from_utf8(line) else {
        return RejectCode::InvalidUtf8.as_str();
    };
    match read_line(
        &storable(text),
        &LineOrigin {
            position_unit: domain::watch_time::PositionUnit::Seconds,
            line_no,
            ..origin(LineKind::Auto)
        },
    ) {
        Ok(Line::Log(_)) => "log",
        Ok(Line::Event(_)) => "event",
        Err(rejection) => rejection.code.as_str(),
    }
}

#[test]
fn hostile_files_cost_only_their_broken_lines() {
    let told: Vec<_> = [
        "bom-utf8",
        "crlf",
        "empty",
        "es-bulk",
        "json-array",
        "no-final-newline",
        "non-objects",
        "trailing-comma-seed3",
        "two-per-line",
    ]
    .map(|name| {
        let outcomes = outcomes(&samples("hostile/lines").join(format!("{name}.jsonl")));
        format!("{name}: {}", outcomes.join(" ")).trim_end().to_owned()
    })
    .to_vec();
    insta::assert_snapshot!(told.join("\n"), @r"
    bom-utf8: log log log
    crlf: log log log log log
    empty:
    es-bulk: log log log log log log
    json-array: invalid_json invalid_json log invalid_json
    no-final-newline: log log
    non-objects: not_an_object not_an_object not_an_object not_an_object not_an_object not_an_object log log
    trailing-comma-seed3: invalid_json invalid_json
    two-per-line: invalid_json log
    ");
}

#[test]
fn every_file_of_the_json_test_suite_has_the_outcome_it_asks_for() {
    let mut files_seen = 0;
    for folder in ["test_parsing", "test_transform"] {
        for entry in std::fs::read_dir(samples("hostile/JSONTestSuite").join(folder)).unwrap() {
            assert_as_asked(&entry.unwrap().path());
            files_seen += 1;
        }
    }
    assert!(files_seen > 300, "{files_seen} files");
}

/// `y_` is JSON, `n_` is not; with the others it is enough that there is an outcome.
fn assert_as_asked(file: &Path) {
    let name = file.file_name().unwrap().to_string_lossy();
    let bytes = std::fs::read(file).unwrap();
    let outcome = outcome(&bytes, 1);
    if name.starts_with("y_") {
        let expected = if bytes.trim_ascii_start().starts_with(b"{") {
            "log"
        } else {
            "not_an_object"
        };
        assert_eq!(outcome, expected, "{name}");
    }
    if name.starts_with("n_") {
        assert!(
            !matches!(outcome, "log" | "event" | "not_an_object"),
            "{name}: {outcome}"
        );
    }
}

/// JSON texts of little sense, with numbers as no float could hold them.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?(e[+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &std::collections::BTreeMap<String, String>) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\" : {value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            for kind in LineKind::ALL {
                drop(read_line(&storable(text), &origin(kind)));
            }
        }
    }

    /// Broken JSON is more treacherous than noise.
    #[test]
    fn no_damage_makes_it_panic(json in any_json(), at in any::<prop::sample::Index>(), put in r#"[{}\[\],:"'\\\-nNtI\u{e9}]"#) {
        let text = format!(r#"{{"user":"u","type":"watch","slug":"s","at":1,"payload":{json}}}"#);
        let at = text.floor_char_boundary(at.index(text.len()));
        let next = text.ceil_char_boundary(at + 1);
        for damaged in [&text[..at], &format!("{}{}", &text[..at], &text[next..]), &format!("{}{put}{}", &text[..at], &text[at..])] {
            drop(auto(&storable(damaged)));
        }
    }

    #[test]
    fn an_event_is_the_same_after_each_journey(
        event_type in "[a-z_]{1,20}",
        user in "[^\\p{Cc}]{1,40}",
        id in prop::option::of("[^\\p{Cc}]{1,40}"),
        device in prop::option::of("[^\\p{Cc}]{1,40}"),
        micros in 0_i64..1_779_000_000_000_000,
        payload in any_json(),
        extra in prop::option::of(prop::collection::btree_map("x[a-z]{1,4}", any_json(), 1..3)),
    ) {
        let quoted = |text: &String| serde_json::to_string(text).unwrap();
        let member = |name: &str, value: Option<String>| value.map(|value| format!(",\"{name}\":{value}")).unwrap_or_default();
        let text = format!(
            r#"{{"event_type":"{event_type}","user_id":{},"timestamp":"{}","payload":{payload}{}{}{}}}"#,
            quoted(&user),
            Timestamp::from_micros(micros),
            member("id", id.as_ref().map(quoted)),
            member("device_id", device.as_ref().map(quoted)),
            member("extra", extra.as_ref().map(object)),
        );
        let origin = LineOrigin { kind: LineKind::Events, ..origin(LineKind::Events) };
        prop_assume!(domain::event::built_in(&event_type).is_none());
        let first = event_of(read_line(&text, &origin));
        prop_assert_eq!(first.payload.as_str(), payload);
        let written = serde_json::to_string(&first).unwrap();
        let again = event_of(read_line(&written, &LineOrigin { line_no: 99, ..origin }));
        // On its way back the id is one that a client brings.
        prop_assert_eq!(&again, &Event { client_named: true, ..first.clone() });
        let stored: Event = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(Event { client_timed: true, client_named: first.client_named, ..stored }, first);
    }
}
