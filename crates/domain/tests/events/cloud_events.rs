//! CloudEvents: where attributes and data come to lie, in both modes and at both doors.

use domain::event::Event;
use domain::events::{FieldCode, FieldError};
use domain::ids::EventId;
use domain::intake::{Draft, analytics, cloud_event};
use domain::json::Object;

use crate::{STAMPED, assert_one_problem, event, problems, stamp};

const STRUCTURED: &str = include_str!("../samples/clients/cloudevents-python-structured.json");
/// The headers of this client's request; its body is the sample.
const BINARY: &str = include_str!("../samples/clients/cloudevents-python-binary.json");
const BINARY_HEADERS: [(&str, &str); 5] = [
    ("type", "click"),
    ("source", "/web"),
    ("specversion", "1.0"),
    ("id", "5c6ba304-99d5-47b2-8680-b76c19f507ba"),
    ("time", "2026-05-28T10:02:46.955850Z"),
];

fn cloud_event(rest: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/shop"{rest}}}"#)
}

fn binary(attributes: &[(&str, &str)], data: &str) -> Result<Draft, Vec<FieldError>> {
    cloud_event::binary(attributes.iter().copied(), &Object::parse(data).unwrap())
}

fn extra(event: &Event) -> &str {
    event.extra.as_ref().unwrap().as_str()
}

#[test]
fn the_python_client_is_understood_at_both_doors() {
    let structured = Object::parse(STRUCTURED).unwrap();
    let at_any_door = domain::intake::read(&structured).unwrap();
    assert_eq!(analytics::read_any(&structured), Ok(at_any_door.clone()));
    let id = "a3a50daf-47db-40e1-adf5-ec25c4379e15";
    assert_eq!(at_any_door.event_id().unwrap().to_string(), id);
    assert_eq!(at_any_door.user_id().as_str(), "u1");

    let body = Object::parse(BINARY).unwrap();
    let strict = analytics::binary(BINARY_HEADERS.into_iter(), &body).unwrap();
    assert_eq!(binary(&BINARY_HEADERS, BINARY), Ok(strict.clone()));
    let event = stamp(strict).unwrap();
    assert_eq!(event.event_id.to_string(), "5c6ba304-99d5-47b2-8680-b76c19f507ba");
    assert_eq!(event.timestamp.to_string(), "2026-05-28T10:02:46.955850Z");
    assert_eq!((event.user_id.as_str(), event.event_type.as_str()), ("u1", "click"));
    assert_eq!((event.payload.as_str(), extra(&event)), ("{}", r#"{"source":"/web"}"#));
    assert!(event.client_timed && event.client_named);
}

#[test]
fn the_user_stands_in_the_data_or_is_the_subject() {
    for (rest, user, payload, extra_) in [
        (
            r#""subject":"s","data":{"user":"b","user_id":"a"}"#,
            "a",
            r#"{"user":"b"}"#,
            r#","subject":"s""#,
        ),
        (
            r#""subject":"s","data":{"user":7,"n":1.0}"#,
            "7",
            r#"{"n":1.0}"#,
            r#","subject":"s""#,
        ),
        (
            r#""subject":"s","data":{"user_id":null,"n":1}"#,
            "s",
            r#"{"user_id":null,"n":1}"#,
            "",
        ),
        (r#""subject":"s""#, "s", "{}", ""),
        (r#""subject":"s","data":[1.50]"#, "s", "[1.50]", ""),
        (r#""subject":"s","data":"text""#, "s", r#""text""#, ""),
        (r#""subject":"s","data":null"#, "s", "{}", ""),
    ] {
        let event = event(&cloud_event(&format!(r#","type":"x",{rest}"#)));
        assert_eq!(
            (event.user_id.as_str(), event.payload.as_str()),
            (user, payload),
            "{rest}"
        );
        assert_eq!(extra(&event), format!(r#"{{"source":"/shop"{extra_}}}"#), "{rest}");
        assert!(!event.client_timed);
    }
}

#[test]
fn a_payload_in_the_data_is_the_payload_and_nothing_else_is_lost() {
    let text = cloud_event(concat!(
        r#","type":"watch","time":"2026-05-28T09:00:00+02:00","dataschema":"urn:x","trace":true,"Odd":[1],"received_at":0,"#,
        r#""data":{"user_id":"u","device_id":"tv","payload":{"slug":"s","at":1.50},"n":1e400}"#
    ));
    let watched = event(&text);
    assert_eq!(watched.payload.as_str(), r#"{"slug":"s","at":1.50}"#);
    assert_eq!(watched.device_id.as_ref().unwrap().as_str(), "tv");
    assert_eq!(watched.slug.as_ref().unwrap().as_str(), "s");
    assert_eq!(watched.timestamp.to_string(), "2026-05-28T07:00:00.000000Z");
    assert_eq!(
        extra(&watched),
        r#"{"source":"/shop","dataschema":"urn:x","trace":true,"Odd":[1],"received_at":0,"data":{"n":1e400}}"#
    );
    let no_object = event(&cloud_event(r#","type":"x","data":{"user":"u","payload":[1]}"#));
    assert_eq!(no_object.payload.as_str(), r#"{"payload":[1]}"#);
}

#[test]
fn an_id_is_unique_within_its_source() {
    let id = |id: &str, source: &str| {
        let text = format!(r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"x","subject":"u"}}"#);
        event(&text).event_id
    };
    assert_eq!(Some(id("1", "/a")), EventId::of_cloud_event("/a", "1").unwrap());
    assert_ne!(id("1", "/a"), id("1", "/b"));
    assert_eq!(id("00000000-0000-0000-0000-000000000000", "/a"), STAMPED);
}

#[test]
fn data_may_be_base64_of_an_object() {
    let encoded = |data: &str| event(&cloud_event(&format!(r#","type":"x","data_base64":"{data}""#)));
    // {"user_id":"u","n":"\u0000"}
    let event = encoded("eyJ1c2VyX2lkIjoidSIsIm4iOiJcdTAwMDAifQ==");
    assert_eq!(
        (event.user_id.as_str(), event.payload.as_str()),
        ("u", r#"{"n":"\ufffd"}"#)
    );
    let [array, broken, not_utf8] = ["WzFd", "eyJ1c2VyIjp9", "/w=="];
    for data in ["!", array, broken, not_utf8] {
        let text = cloud_event(&format!(r#","type":"x","subject":"u","data_base64":"{data}""#));
        assert_one_problem(&text, "data_base64", FieldCode::InvalidField);
    }
    let both = cloud_event(r#","type":"x","subject":"u","data":{},"data_base64":"e30=""#);
    assert_one_problem(&both, "data_base64", FieldCode::InvalidField);
}

#[test]
fn attributes_that_are_missing_or_wrong_are_named() {
    use FieldCode::{InvalidField, MissingField};
    for (text, field, code) in [
        (
            r#"{"specversion":"1.0","id":"1","source":"/","subject":"u"}"#,
            "type",
            MissingField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","type":"x","subject":"u"}"#,
            "source",
            MissingField,
        ),
        (
            r#"{"specversion":"1.0","source":"/","type":"x","subject":"u"}"#,
            "id",
            MissingField,
        ),
        (
            r#"{"specversion":"0.3","id":"1","source":"/","type":"x","subject":"u"}"#,
            "specversion",
            InvalidField,
        ),
        (
            r#"{"specversion":1.0,"id":"1","source":"/","type":"x","subject":"u"}"#,
            "specversion",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"","source":"/","type":"x","subject":"u"}"#,
            "id",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"","type":"x","subject":"u"}"#,
            "source",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":5,"type":"x","subject":"u"}"#,
            "source",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":5,"subject":"u"}"#,
            "type",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"x"}"#,
            "data.user_id",
            MissingField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"x","subject":"a\tb"}"#,
            "subject",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"x","data":{"user":[]}}"#,
            "data.user",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"x","subject":"u","time":"soon"}"#,
            "time",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"view","subject":"u"}"#,
            "data.url",
            MissingField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"view","subject":"u","data":{"payload":{"url":5}}}"#,
            "data.payload.url",
            InvalidField,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/","type":"view","subject":"u","data":5}"#,
            "data",
            InvalidField,
        ),
    ] {
        assert_one_problem(text, field, code);
    }
    let missing: Vec<_> = problems(crate::read(r#"{"specversion":"1.0"}"#))
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(missing, ["id", "source", "type", "data.user_id"]);
}

#[test]
fn a_member_that_is_called_like_the_version_by_chance_is_kept() {
    let event = event(r#"{"user_id":"u","event_type":"x","specversion":"7","payload":{}}"#);
    assert_eq!(extra(&event), r#"{"specversion":"7"}"#);
}

#[test]
fn headers_are_attributes() {
    let headers = [
        ("specversion", "1.0"),
        ("type", "order €"),
        ("source", "/shop"),
        ("id", "1"),
        ("note", "first"),
        ("note", "a \"b\"\0"),
        ("data", "{}"),
    ];
    let event = stamp(binary(&headers, r#"{"user":"u","payload":{"a":1.0},"n":2}"#).unwrap()).unwrap();
    assert_eq!(
        (event.event_type.as_str(), event.payload.as_str()),
        ("order €", r#"{"a":1.0}"#)
    );
    assert_eq!(
        extra(&event),
        r#"{"source":"/shop","note":"a \"b\"\ufffd","data":{"n":2}}"#
    );
    assert_eq!(
        problems(binary(&headers[1..], r#"{"user":"u"}"#)),
        [("specversion".to_owned(), FieldCode::MissingField)]
    );
}

#[test]
fn the_analytics_door_takes_its_own_types_alone() {
    use FieldCode::{InvalidField, MissingField};
    for (rest, field, code) in [
        (
            r#","type":"watch","data":{"user_id":"u","slug":"s","at":1}"#,
            "type",
            InvalidField,
        ),
        (r#","type":"purchase","subject":"u""#, "type", InvalidField),
        (r#","type":"click","data":{"user_id":5}"#, "data.user_id", InvalidField),
        (r#","type":"click","subject":" ""#, "subject", InvalidField),
        (r#","type":"click","data":{}"#, "data.user_id", MissingField),
        (r#","type":"view","subject":"u","data":{}"#, "data.url", MissingField),
    ] {
        let text = cloud_event(rest);
        let read = analytics::read_any(&Object::parse(&text).unwrap());
        assert_eq!(problems(read), [(field.to_owned(), code)], "{text}");
    }
    let own = r#"{"user_id":"u","event_type":"click","event_id":"mine","payload":{}}"#;
    assert_eq!(
        analytics::read_any(&Object::parse(own).unwrap()).unwrap().event_id(),
        None
    );
}
