//! Each built-in type: what passes, and what does not.

use domain::event::{BUILT_IN, EventType, built_in};
use domain::events::FieldCode;

use crate::{assert_one_problem, event, problems, read};

fn canonical(event_type: &str, payload: &str) -> String {
    format!(r#"{{"user_id":"u-17","event_type":"{event_type}","payload":{payload}}}"#)
}

#[test]
fn payloads_that_are_fine() {
    for (event_type, payload) in [
        ("view", r#"{"url":"/pricing"}"#),
        ("view", r#"{"url":"/pricing","title":"Pricing","unknown":[1,2]}"#),
        ("view", r#"{"url":"/pricing","title":null}"#),
        ("click", "{}"),
        ("click", r#"{"element_id":"","text":"","xpath":"/a"}"#),
        ("location", r#"{"latitude":-90,"longitude":180.0}"#),
        ("location", r#"{"latitude":90.0,"longitude":-1.8e2,"accuracy":0}"#),
        ("watch", r#"{"slug":"s","at":0}"#),
        ("watch", r#"{"slug":17,"at":1e7,"session_id":5,"stream_id":"x"}"#),
        ("watch", r#"{"slug":"s","at":12.25}"#),
        ("stream_started", r#"{"stream_id":"a"}"#),
        (
            "stream_ended",
            r#"{"stream_id":7,"slug":"s","device":"tv","reason":"expired"}"#,
        ),
        ("app_launch", r#"{"cold":true}"#),
        ("training_program_started", r#"{"program":{"id":"2352"}}"#),
        ("training_program_finished", r#"{"program":{"id":2352,"title":"HIIT"}}"#),
        (
            "training_program_cancelled",
            r#"{"program":{"id":"2352","title":null,"level":3}}"#,
        ),
    ] {
        let event = event(&canonical(event_type, payload));
        assert_eq!(
            (event.payload.as_str(), event.event_type.as_str()),
            (payload, event_type)
        );
    }
}

#[test]
fn payloads_with_one_thing_wrong() {
    use FieldCode::{InvalidField, MissingField};
    let long = format!(r#"{{"slug":"{}","at":1}}"#, "x".repeat(256));
    for (event_type, payload, field, code) in [
        ("view", "{}", "payload.url", MissingField),
        ("view", r#"{"url":null}"#, "payload.url", MissingField),
        ("view", r#"{"url":5}"#, "payload.url", InvalidField),
        ("view", r#"{"url":" "}"#, "payload.url", InvalidField),
        ("view", r#"{"url":"/","title":5}"#, "payload.title", InvalidField),
        ("view", r#""url""#, "payload", InvalidField),
        ("app_launch", "[]", "payload", InvalidField),
        ("click", r#"{"element_id":5}"#, "payload.element_id", InvalidField),
        ("click", r#"{"text":{}}"#, "payload.text", InvalidField),
        ("click", r#"{"xpath":false}"#, "payload.xpath", InvalidField),
        ("location", r#"{"longitude":0}"#, "payload.latitude", MissingField),
        ("location", r#"{"latitude":0}"#, "payload.longitude", MissingField),
        (
            "location",
            r#"{"latitude":"52","longitude":0}"#,
            "payload.latitude",
            InvalidField,
        ),
        (
            "location",
            r#"{"latitude":90.000001,"longitude":0}"#,
            "payload.latitude",
            InvalidField,
        ),
        (
            "location",
            r#"{"latitude":0,"longitude":-180.000001}"#,
            "payload.longitude",
            InvalidField,
        ),
        (
            "location",
            r#"{"latitude":0,"longitude":1e400}"#,
            "payload.longitude",
            InvalidField,
        ),
        (
            "location",
            r#"{"latitude":0,"longitude":0,"accuracy":-1}"#,
            "payload.accuracy",
            InvalidField,
        ),
        (
            "location",
            r#"{"latitude":0,"longitude":0,"accuracy":1e400}"#,
            "payload.accuracy",
            InvalidField,
        ),
        ("watch", r#"{"at":1}"#, "payload.slug", MissingField),
        ("watch", r#"{"slug":"s"}"#, "payload.at", MissingField),
        ("watch", r#"{"slug":"s","at":"1"}"#, "payload.at", InvalidField),
        ("watch", r#"{"slug":"s","at":-0.1}"#, "payload.at", InvalidField),
        (
            "watch",
            r#"{"slug":"s","at":10000000000.1}"#,
            "payload.at",
            InvalidField,
        ),
        ("watch", r#"{"slug":"","at":1}"#, "payload.slug", InvalidField),
        ("watch", r#"{"slug":"a\nb","at":1}"#, "payload.slug", InvalidField),
        ("watch", r#"{"slug":true,"at":1}"#, "payload.slug", InvalidField),
        ("watch", &long, "payload.slug", InvalidField),
        (
            "watch",
            r#"{"slug":"s","at":1,"session_id":""}"#,
            "payload.session_id",
            InvalidField,
        ),
        ("stream_started", "{}", "payload.stream_id", MissingField),
        (
            "stream_ended",
            r#"{"stream_id":"x","slug":[]}"#,
            "payload.slug",
            InvalidField,
        ),
        (
            "stream_ended",
            r#"{"stream_id":"x","reason":1}"#,
            "payload.reason",
            InvalidField,
        ),
        ("training_program_started", "{}", "payload.program.id", MissingField),
        (
            "training_program_started",
            r#"{"program":{}}"#,
            "payload.program.id",
            MissingField,
        ),
        (
            "training_program_finished",
            r#"{"program":"2352"}"#,
            "payload.program",
            InvalidField,
        ),
        (
            "training_program_cancelled",
            r#"{"program":{"id":""}}"#,
            "payload.program.id",
            InvalidField,
        ),
        (
            "training_program_cancelled",
            r#"{"program":{"id":"1","title":2}}"#,
            "payload.program.title",
            InvalidField,
        ),
    ] {
        assert_one_problem(&canonical(event_type, payload), field, code);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = r#"{"user":"","type":"location","time":"yesterday","device_id":[],"payload":{"latitude":91}}"#;
    let fields: Vec<_> = problems(read(text)).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        ["user", "device_id", "time", "payload.latitude", "payload.longitude"]
    );
    let missing = vec![
        ("user_id".to_owned(), FieldCode::MissingField),
        ("event_type".to_owned(), FieldCode::MissingField),
    ];
    assert_eq!(problems(read("{}")), missing);
    assert_eq!(problems(read(r#"{"user_id":null,"event_type":null}"#)), missing);
}

#[test]
fn the_registry_knows_its_types_and_no_others() {
    for built in &BUILT_IN {
        let event_type: EventType = built.name.parse().unwrap();
        assert!(event_type.is_builtin() && event_type.built_in().is_some());
        assert_eq!(BUILT_IN.iter().filter(|other| other.name == built.name).count(), 1);
    }
    for name in ["VIEW", "view ", "purchase"] {
        let event_type: EventType = name.parse().unwrap();
        assert!(!event_type.is_builtin() && built_in(name).is_none());
        assert_eq!(event_type.as_str(), name);
    }
    assert!("".parse::<EventType>().is_err());
    assert_eq!(
        serde_json::from_str::<EventType>(r#""watch""#).unwrap(),
        EventType::WATCH
    );
    assert!(EventType::WATCH.is_builtin());
}
