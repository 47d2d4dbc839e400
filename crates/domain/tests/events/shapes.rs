//! Each shape: what becomes of its members, and who gives what it does not say.

use domain::event::{Event, EventType, framed};
use domain::events::FieldCode;
use domain::ids::EventId;
use domain::intake::{AHEAD_MICROS_MAX, analytics};
use domain::json::Object;

use crate::{STAMPED, assert_one_problem, event, problems, read, receipt, stamp};

#[test]
fn the_canonical_shape_stays_as_it_is() {
    let text = concat!(
        r#"{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"view","user_id":"u-17","device_id":"ipad-3","#,
        r#""timestamp":"2026-05-28T10:00:00.123456Z","received_at":"2026-05-28T10:00:00.000000Z","#,
        r#""payload":{"url":"/pricing", "n":1.10},"extra":{"a":1e400}}"#
    );
    let event = event(text);
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
    assert!(event.client_timed);
}

#[test]
fn what_the_client_does_not_say_is_stamped() {
    let event = event(r#"{"user_id":"u-17","event_type":"app_launch","received_at":"1999-01-01T00:00:00Z"}"#);
    assert_eq!((event.event_id, event.received_at), (STAMPED, receipt()));
    assert_eq!(event.timestamp, receipt().plus_micros(1));
    assert!(!event.client_timed);
    assert_eq!((event.payload.as_str(), event.extra), ("{}", None));
}

#[test]
fn a_heartbeat_is_a_watch() {
    let event = event(r#"{"user":"username","slug":"show_slug","at":4500.50,"x":[1 ,2]}"#);
    assert_eq!(event.event_type, EventType::WATCH);
    assert_eq!(
        event.payload.as_str(),
        r#"{"slug":"show_slug","at":4500.50,"x":[1 ,2]}"#
    );
    assert_eq!(event.slug.unwrap().as_str(), "show_slug");
}

#[test]
fn a_heartbeat_with_a_payload_keeps_both() {
    let event = event(r#"{"user":"u","slug":"s","at":1,"stream_id":"p1","v":2,"payload":{"quality":"hd","at":7}}"#);
    assert_eq!(
        event.payload.as_str(),
        r#"{"quality":"hd","at":7,"slug":"s","stream_id":"p1"}"#
    );
    assert_eq!(event.extra.as_ref().unwrap().as_str(), r#"{"at":1,"v":2}"#);
    assert_eq!(event.stream_id().unwrap().as_str(), "p1");
}

#[test]
fn a_field_is_called_as_the_client_called_it() {
    use FieldCode::{InvalidField, MissingField};
    assert_one_problem(r#"{"user":"u","slug":"s","at":"x"}"#, "at", InvalidField);
    assert_one_problem(r#"{"user_id":"u","type":"view","url":5}"#, "url", InvalidField);
    assert_one_problem(r#"{"user_id":"u","type":"view"}"#, "payload.url", MissingField);
    let start = r#"{"user_id":"u","type":"training_program_started""#;
    assert_one_problem(
        &format!(r#"{start},"training_program_id":[]}}"#),
        "training_program_id",
        InvalidField,
    );
    assert_one_problem(
        &format!(r#"{start},"training_program_title":"x"}}"#),
        "training_program_id",
        MissingField,
    );
    assert_one_problem(
        &format!(r#"{start},"time_stamp":"x","training_program_id":1}}"#),
        "time_stamp",
        InvalidField,
    );
}

#[test]
fn the_five_events_of_the_app_are_understood() {
    let text = include_str!("../samples/activity/five-events.json");
    let samples: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap();
    let events: Vec<Event> = samples.iter().map(|sample| event(sample.get())).collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            format!(
                "{} {} {} {}",
                event.timestamp,
                event.user_id,
                event.event_type,
                event.payload.as_str()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2021-02-28T16:22:52.000000Z foo2 app_launch {}
    2021-02-28T16:23:25.000000Z foo1 training_program_started {"program":{"id":"2352","title":"7 Minutes of HIIT Training"}}
    2021-02-28T16:52:00.000000Z foo2 training_program_started {"program":{"id":"2352"}}
    2021-02-28T16:54:21.000000Z foo2 training_program_cancelled {"program":{"id":"2352"}}
    2021-02-28T16:59:43.000000Z foo1 training_program_finished {"program":{"id":"2352"}}
    "#);
    assert!(events.iter().all(|event| event.extra.is_none() && event.client_timed));
}

#[test]
fn the_program_of_the_app_moves_but_never_over_another() {
    let flat = r#"{"user_id":"u","type":"app_launch","training_program_id":7,"program":"x"}"#;
    assert_eq!(
        event(flat).payload.as_str(),
        r#"{"training_program_id":7,"program":"x"}"#
    );
    let beside = r#"{"user_id":"u","type":"training_program_started","training_program_id":7,"payload":{"a":1},"b":2}"#;
    let event = event(beside);
    assert_eq!(event.payload.as_str(), r#"{"a":1,"program":{"id":7}}"#);
    assert_eq!(event.extra.unwrap().as_str(), r#"{"b":2}"#);
}

#[test]
fn aliases_are_understood_and_the_better_name_wins() {
    for text in [
        r#"{"user":"u","type":"x","time":"2026-05-28T09:00:00Z"}"#,
        r#"{"user_id":"u","event_type":"x","time_stamp":"2026-05-28 09:00:00"}"#,
        r#"{"user":null,"user_id":"u","type":"x","timestamp":1779958800}"#,
    ] {
        let event = event(text);
        assert_eq!((event.user_id.as_str(), event.event_type.as_str()), ("u", "x"));
        assert_eq!(event.timestamp.to_string(), "2026-05-28T09:00:00.000000Z", "{text}");
        assert_eq!(event.payload.as_str(), "{}");
    }
    let both = event(r#"{"id":"i","user":{"n":1},"user_id":"u","type":"y","event_type":"x","event_id":"e"}"#);
    assert_eq!((both.user_id.as_str(), both.event_type.as_str()), ("u", "x"));
    assert_eq!(both.payload.as_str(), r#"{"id":"i","user":{"n":1},"type":"y"}"#);
}

#[test]
fn numbers_are_taken_for_ids() {
    let event = event(r#"{"user_id":10000000000000000999,"device_id":1.50,"id":7,"type":"watch","slug":9,"at":1}"#);
    assert_eq!(event.user_id.as_str(), "10000000000000000999");
    assert_eq!(event.device_id.unwrap().as_str(), "1.50");
    assert_eq!(event.slug.unwrap().as_str(), "9");
    assert_eq!(Some(event.event_id), EventId::from_client(&event.user_id, "7").unwrap());
    assert_eq!(event.payload.as_str(), r#"{"slug":9,"at":1}"#);
}

#[test]
fn unknown_types_are_kept_verbatim() {
    let event = event(r#"{"user_id":"u","event_type":"Köp","payload":[1.0,{"a":1e999}],"more":true,"extra":{"x":1}}"#);
    assert!(!event.event_type.is_builtin());
    assert_eq!(event.payload.as_str(), r#"[1.0,{"a":1e999}]"#);
    assert_eq!(event.extra.unwrap().as_str(), r#"{"x":1,"more":true}"#);
}

#[test]
fn ids_of_clients_are_kept_or_derived() {
    let uuid = "0199f3a0-7c4e-7000-8000-0123456789ab";
    let id = |id: &str| {
        read(&format!(r#"{{"user_id":"u","type":"x","id":"{id}"}}"#))
            .unwrap()
            .event_id()
    };
    assert_eq!(id(uuid).unwrap().to_string(), uuid);
    assert_eq!(id("order-1").unwrap().as_uuid().get_version_num(), 5);
    assert_eq!(id("00000000-0000-0000-0000-000000000000"), None);
    assert_eq!(id("ffffffff-ffff-ffff-ffff-ffffffffffff"), None);
    assert_one_problem(
        r#"{"user_id":"u","type":"x","event_id":""}"#,
        "event_id",
        FieldCode::InvalidField,
    );
    assert_one_problem(r#"{"user_id":"u","type":"x","id":{}}"#, "id", FieldCode::InvalidField);
}

#[test]
fn an_idempotency_key_is_an_id_unless_the_event_has_one() {
    let without = read(r#"{"user_id":"u","type":"x"}"#)
        .unwrap()
        .or_client_id("key")
        .unwrap();
    let with = read(r#"{"user_id":"u","type":"x","id":"own"}"#)
        .unwrap()
        .or_client_id("key")
        .unwrap();
    assert_eq!(
        without.event_id(),
        EventId::from_client(without.user_id(), "key").unwrap()
    );
    assert_eq!(with.event_id(), EventId::from_client(with.user_id(), "own").unwrap());
}

#[test]
fn a_clock_may_be_a_day_ahead_and_no_more() {
    let ahead = |micros: i64| {
        let at = receipt().plus_micros(micros);
        stamp(read(&format!(r#"{{"user_id":"u","type":"x","time":"{at}"}}"#)).unwrap())
    };
    assert!(ahead(AHEAD_MICROS_MAX).is_ok());
    let error = ahead(AHEAD_MICROS_MAX + 1).unwrap_err();
    assert_eq!(
        (error.field.as_str(), error.code),
        ("time", FieldCode::TimestampInFuture)
    );
}

#[test]
fn the_analytics_door_stamps_id_and_time_itself() {
    let text = concat!(
        r#"{"user_id":"u","event_type":"view","event_id":"mine","timestamp":"never","#,
        r#""payload":{"url":"/"},"source":"web"}"#
    );
    let event = stamp(analytics::read(&Object::parse(text).unwrap()).unwrap()).unwrap();
    assert_eq!((event.event_id, event.client_timed), (STAMPED, false));
    assert_eq!(event.extra.unwrap().as_str(), r#"{"source":"web"}"#);
}

#[test]
fn the_analytics_door_is_strict() {
    use FieldCode::{InvalidField, MissingField};
    for (text, field, code) in [
        (r#"{"event_type":"click","payload":{}}"#, "user_id", MissingField),
        (
            r#"{"user_id":5,"event_type":"click","payload":{}}"#,
            "user_id",
            InvalidField,
        ),
        (
            r#"{"user_id":" ","event_type":"click","payload":{}}"#,
            "user_id",
            InvalidField,
        ),
        (
            r#"{"user_id":"a\tb","event_type":"click","payload":{}}"#,
            "user_id",
            InvalidField,
        ),
        (r#"{"user_id":"u","payload":{}}"#, "event_type", MissingField),
        (
            r#"{"user_id":"u","event_type":"watch","payload":{}}"#,
            "event_type",
            InvalidField,
        ),
        (
            r#"{"user_id":"u","event_type":"CLICK","payload":{}}"#,
            "event_type",
            InvalidField,
        ),
        (r#"{"user_id":"u","event_type":"click"}"#, "payload", MissingField),
        (
            r#"{"user_id":"u","event_type":"click","payload":[]}"#,
            "payload",
            InvalidField,
        ),
        (
            r#"{"user_id":"u","event_type":"view","payload":{}}"#,
            "payload.url",
            MissingField,
        ),
    ] {
        let read = analytics::read(&Object::parse(text).unwrap());
        assert_eq!(problems(read), [(field.to_owned(), code)], "{text}");
    }
}

#[test]
fn a_frame_keeps_what_the_canonical_shape_does_not_show() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Frame(#[serde(with = "framed")] Vec<Event>);

    let timed = event(r#"{"user":"u","slug":"s","at":1.0,"time":"2026-05-28T09:00:00Z"}"#);
    let untimed = event(r#"{"user":"u","slug":"s","at":1.0}"#);
    let frame = Frame(vec![timed, untimed]);
    let text = serde_json::to_string(&frame).unwrap();
    assert_eq!(serde_json::from_str::<Frame>(&text).unwrap(), frame);
}
