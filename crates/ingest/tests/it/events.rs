//! Events on their way in, and read back.

mod bodies;
mod confirms;
mod reading;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{TestServer, event_id};

pub(crate) const EVENTS: &str = "/v1/events";
/// They are one door.
const ONE_DOOR: [&str; 3] = ["/", "/v1/event", EVENTS];
/// An event as short as it may be.
pub(crate) fn view() -> Value {
    json!({"event_type": "view", "user_id": "u-17", "payload": {"url": "/pricing"}})
}

/// What is wrong with which field.
#[track_caller]
fn errors(answer: &Answer) -> Vec<String> {
    named(&answer.json()["errors"])
}

fn named(errors: &Value) -> Vec<String> {
    let errors = errors.as_array().unwrap().iter();
    errors
        .map(|error| {
            format!(
                "{} {}",
                error["field"].as_str().unwrap(),
                error["code"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn one_object_is_answered_as_one_by_every_resource_of_the_door() {
    let server = TestServer::start().await;
    for target in ONE_DOOR {
        let answer = server.post_json(target, &view()).await.expect(202).json();
        let id = event_id(&answer);
        assert_eq!(answer, json!({"event_id": id, "status": "accepted", "known": true}));
        let frames = server.apply().await;
        let event = &frames[0][0];
        assert_eq!((frames.len(), frames[0].len(), event.event_id), (1, 1, id));
        assert_eq!(id.stamped_at(), Some(event.received_at));
        assert_eq!(
            (event.timestamp, event.client_timed, event.client_named),
            (event.received_at, false, false)
        );
    }
    let unknown = json!({"event_type": "levitate", "user_id": 7});
    let answer = server.post_json(EVENTS, &unknown).await.expect(202).json();
    assert_eq!(answer["known"], false);
}

#[tokio::test]
async fn several_are_answered_one_by_one_and_travel_together() {
    let server = TestServer::start().await;
    let items = json!([
        view(),
        {"event_type": "view", "user_id": "u-17", "payload": {}},
        {"user": "u-17", "slug": "big-buck-bunny", "at": 7},
        7,
        {"event_type": "levitate", "user_id": "u-17", "event_id": "0199f3a0-7c4e-7000-8000-0123456789ab"},
    ]);
    let lines: Vec<_> = items.as_array().unwrap().iter().map(Value::to_string).collect();
    let lines = format!("\n{}\r\n\n", lines.join("\n\n"));
    for (media, body) in [
        ("application/json", items.to_string()),
        ("application/x-ndjson", lines.clone()),
        ("application/x-www-form-urlencoded", lines),
    ] {
        let answer = server
            .post_bytes(EVENTS, media, body.as_bytes())
            .await
            .expect(202)
            .json();
        assert_eq!(
            (&answer["accepted"], &answer["rejected"]),
            (&json!(3), &json!(2)),
            "{answer}"
        );
        let results = answer["results"].as_array().unwrap();
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["index"], index);
            let accepted = [0, 2, 4].contains(&index);
            assert_eq!(result["status"], if accepted { "accepted" } else { "rejected" });
            assert_eq!(
                (result.get("event_id").is_some(), result.get("known").is_some()),
                (accepted, accepted)
            );
            assert_eq!(result.get("errors").is_some(), !accepted);
        }
        assert_eq!(
            (&results[2]["known"], &results[4]["known"]),
            (&true.into(), &false.into())
        );
        assert_eq!(results[4]["event_id"], "0199f3a0-7c4e-7000-8000-0123456789ab");
        assert_eq!(named(&results[1]["errors"]), ["payload.url missing_field"]);
        assert_eq!(named(&results[3]["errors"]), [" not_an_object"]);

        let frames = server.apply().await;
        assert_eq!(frames.len(), 1, "a request is a frame of its own");
        let ids: Vec<_> = frames[0].iter().map(|event| event.event_id).collect();
        assert_eq!(ids, [0, 2, 4].map(|index| event_id(&results[index])));
        let (first, last) = (frames[0][0].received_at, frames[0][2].received_at);
        assert_eq!(
            last.as_micros() - first.as_micros(),
            4,
            "the item at index i has receipt + i µs"
        );
    }
}

#[tokio::test]
async fn if_nothing_is_valid_the_items_say_why() {
    let server = TestServer::start().await;
    let body = json!([{"event_type": "view"}, [], {"user": "u", "type": "x", "time": "2999-01-01T00:00:00Z"}]);
    let answer = server.post_json(EVENTS, &body).await.expect(400);
    assert_eq!(answer.problem(), "no_valid_event");
    let problem = answer.json();
    let told: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {} {}", error["index"], error["field"], error["code"]))
        .collect();
    assert_eq!(
        told,
        [
            r#"0 "user_id" "missing_field""#,
            r#"0 "payload.url" "missing_field""#,
            r#"1 "" "not_an_object""#,
            r#"2 "time" "timestamp_in_future""#,
        ]
    );
    assert_eq!(
        server.post_json(EVENTS, &json!([])).await.expect(400).problem(),
        "no_valid_event"
    );
    assert!(server.apply().await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named_as_the_client_wrote_it() {
    let server = TestServer::start().await;
    for (body, code, expected) in [
        (
            json!({}),
            "invalid_event",
            vec!["user_id missing_field", "event_type missing_field"],
        ),
        (
            json!({"user": "", "type": "view", "url": 7}),
            "invalid_event",
            vec!["user invalid_field", "url invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "location", "payload": {"latitude": 91, "longitude": "0"}}),
            "invalid_event",
            vec!["payload.latitude invalid_field", "payload.longitude invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "x", "time_stamp": "yesterday"}),
            "invalid_event",
            vec!["time_stamp invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "x", "time_stamp": "2999-01-01T00:00:00Z"}),
            "timestamp_in_future",
            vec!["time_stamp timestamp_in_future"],
        ),
    ] {
        for target in ONE_DOOR {
            let answer = server.post_json(target, &body).await.expect(400);
            assert_eq!(
                (answer.problem().as_str(), errors(&answer)),
                (code, expected.iter().map(|e| (*e).to_owned()).collect())
            );
        }
    }
}

#[tokio::test]
async fn a_key_beside_an_event_is_its_id() {
    let server = TestServer::start().await;
    let keyed = async |target: &str, body: &Value, key: &str| {
        let headers = [("idempotency-key", key)];
        server
            .send(&crate::client::request(
                "POST",
                target,
                &headers,
                body.to_string().as_bytes(),
            ))
            .await
    };
    let plain = event_id(&keyed(EVENTS, &view(), "order-1").await.expect(202).json());
    let quoted = event_id(&keyed(EVENTS, &view(), "\"order-1\"").await.expect(202).json());
    let strict = event_id(&keyed("/events", &view(), "order-1").await.expect(202).json());
    assert_eq!((plain, plain), (quoted, strict));
    let mut named = view();
    named["event_id"] = json!("0199f3a0-7c4e-7000-8000-0123456789ab");
    let own = keyed(EVENTS, &named, "order-1").await.expect(202).json();
    assert_eq!(own["event_id"], named["event_id"]);
    let several = keyed(EVENTS, &json!([view(), view()]), "order-1")
        .await
        .expect(202)
        .json();
    assert_ne!(several["results"][0]["event_id"], several["results"][1]["event_id"]);
    let empty = keyed(EVENTS, &view(), "\"\"").await.expect(400);
    assert_eq!(
        (empty.problem().as_str(), errors(&empty)),
        ("invalid_event", vec!["Idempotency-Key invalid_field".to_owned()])
    );
}

#[tokio::test]
async fn the_analytics_door_is_strict() {
    let server = TestServer::start().await;
    let mut named = view();
    named["event_id"] = json!("0199f3a0-7c4e-7000-8000-0123456789ab");
    named["timestamp"] = json!("2020-01-01T00:00:00Z");
    let answer = server.post_json("/events", &named).await.expect(202).json();
    assert_ne!(answer["event_id"], named["event_id"]);
    let event = server.apply().await.remove(0).remove(0);
    assert_eq!((event.timestamp, event.client_timed), (event.received_at, false));

    for (body, expected) in [
        (
            json!({"user_id": " ", "event_type": "view", "payload": {"url": "/"}}),
            vec!["user_id invalid_field"],
        ),
        (
            json!({"user_id": 7, "event_type": "view", "payload": {"url": "/"}}),
            vec!["user_id invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "watch", "payload": {}}),
            vec!["event_type invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "VIEW", "payload": {}}),
            vec!["event_type invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "click"}),
            vec!["payload missing_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "click", "payload": []}),
            vec!["payload invalid_field"],
        ),
        (
            json!({"user_id": "u", "event_type": "view", "payload": {}}),
            vec!["payload.url missing_field"],
        ),
    ] {
        let answer = server.post_json("/events", &body).await.expect(400);
        assert_eq!(
            (answer.problem().as_str(), errors(&answer)),
            ("invalid_event", expected.iter().map(|e| (*e).to_owned()).collect()),
            "{body}"
        );
    }
    for body in [json!([view()]), json!(7)] {
        assert_eq!(
            server.post_json("/events", &body).await.expect(400).problem(),
            "not_an_object"
        );
    }
}
