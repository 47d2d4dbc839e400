//! Whatever shape an event has and whichever way it comes, it is stored once, with nothing lost.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{accepted, post, stored, until_counted};
use crate::stack::{Stack, in_both_modes};

in_both_modes!(
    every_shape_becomes_the_same_kind_of_event,
    what_the_app_always_sent_is_understood,
    one_event_counts_once_on_every_path,
    a_retry_with_the_id_it_was_given_is_the_same_event,
    each_of_several_has_its_own_verdict,
    what_is_wrong_is_named,
    pages_are_newest_first_and_complete,
);

const FIVE_EVENTS: &str = include_str!("../../../../domain/tests/samples/activity/five-events.json");

async fn every_shape_becomes_the_same_kind_of_event(stack: Stack) {
    let heartbeat = accepted(&stack, "/", r#"{"user":"ada","slug":"dune","at":4500.250}"#).await;
    let event = stored(&stack, &heartbeat).await;
    assert_eq!(
        (&event["event_type"], &event["user_id"]),
        (&json!("watch"), &json!("ada"))
    );
    assert_eq!(event["payload"], json!({"slug": "dune", "at": 4500.25}));

    let unknown = accepted(
        &stack,
        "/v1/event",
        r#"{"type":"coffee_brewed","user":7,"cups":12345678901234567890,"note":"ünï"}"#,
    )
    .await;
    let event = stored(&stack, &unknown).await;
    assert_eq!(
        (&event["event_type"], &event["user_id"]),
        (&json!("coffee_brewed"), &json!("7"))
    );
    assert_eq!(event["payload"]["note"], "ünï");
    assert_eq!(event["payload"]["cups"].to_string(), "12345678901234567890");

    let view = accepted(
        &stack,
        "/events",
        r#"{"event_id":"mine","timestamp":"1999-01-01","user_id":"ada","event_type":"view","payload":{"url":"/"}}"#,
    )
    .await;
    let event = stored(&stack, &view).await;
    assert_eq!(
        event["timestamp"], event["received_at"],
        "the server's own time: {event}"
    );
}

async fn what_the_app_always_sent_is_understood(stack: Stack) {
    let five: Vec<Value> = serde_json::from_str(FIVE_EVENTS).unwrap();
    let mut ids = Vec::new();
    for event in &five {
        ids.push(accepted(&stack, "/v1/event", event.to_string()).await);
    }
    let started = stored(&stack, &ids[1]).await;
    let expected = json!({
        "event_id": ids[1], "event_type": "training_program_started", "user_id": "foo1", "device_id": "bar1",
        "timestamp": "2021-02-28T16:23:25.000000Z", "received_at": started["received_at"],
        "payload": {"program": {"id": "2352", "title": "7 Minutes of HIIT Training"}},
    });
    assert_eq!(started, expected);
    until_counted(&stack, 5, "?start_date=2021-02-28&end_date=2021-02-28").await;
}

async fn one_event_counts_once_on_every_path(stack: Stack) {
    let event = r#"{"event_id":"order 17","event_type":"click","user_id":"ada","timestamp":"2026-05-28T10:00:00Z","payload":{}}"#;
    let first = accepted(&stack, "/v1/event", event).await;
    assert_eq!(accepted(&stack, "/", event).await, first);
    let moved = event.replace("10:00:00Z", "11:00:00Z");
    let (_, batch) = post(&stack, "/v1/events", format!("[{event},{moved},{event}]")).await;
    assert_eq!(batch["accepted"], 3, "a repeat counts as accepted: {batch}");
    assert!(
        batch["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|result| result["event_id"] == first)
    );
    until_counted(&stack, 1, "").await;

    let job = stack.upload(format!("{event}\n{event}\n"), "").await;
    let job = stack.until_ended(&job).await;
    assert_eq!(
        (&job["events_applied"], &job["lines_duplicate"]),
        (&json!(0), &json!(2)),
        "{job}"
    );
    assert_eq!(
        stored(&stack, &first).await["timestamp"],
        "2026-05-28T10:00:00.000000Z",
        "the first one stands"
    );
    until_counted(&stack, 1, "").await;
}

async fn a_retry_with_the_id_it_was_given_is_the_same_event(stack: Stack) {
    let given = accepted(&stack, "/", r#"{"user":"ada","slug":"dune","at":1}"#).await;
    let first = stored(&stack, &given).await;
    let again = format!(r#"{{"event_id":"{given}","user":"ada","slug":"dune","at":1}}"#);
    let later =
        format!(r#"{{"event_id":"{given}","user":"ada","slug":"dune","at":1,"timestamp":"2026-01-01T00:00:00Z"}}"#);
    for retry in [again, later] {
        assert_eq!(accepted(&stack, "/", retry).await, given);
    }
    let last = accepted(&stack, "/", r#"{"user":"ada","slug":"dune","at":2}"#).await;
    stored(&stack, &last).await;
    until_counted(&stack, 2, "").await;
    assert_eq!(stored(&stack, &given).await, first);
}

async fn each_of_several_has_its_own_verdict(stack: Stack) {
    let lines = "{\"user\":\"ada\",\"slug\":\"dune\",\"at\":1}\n\nnot json\n{\"type\":\"view\",\"user_id\":\"ada\",\"payload\":{}}\n";
    let (status, answer) = post(&stack, "/v1/events", lines).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(1), &json!(2)));
    let results = answer["results"].as_array().unwrap();
    let verdicts: Vec<_> = results
        .iter()
        .map(|result| (result["index"].as_u64(), result["status"].as_str()))
        .collect();
    assert_eq!(
        verdicts,
        [
            (Some(0), Some("accepted")),
            (Some(1), Some("rejected")),
            (Some(2), Some("rejected"))
        ]
    );
    assert_eq!(results[1]["errors"][0]["code"], "invalid_json", "{answer}");
    assert_eq!(results[2]["errors"][0]["field"], "payload.url", "{answer}");
    until_counted(&stack, 1, "").await;
}

async fn what_is_wrong_is_named(stack: Stack) {
    for (path, body, code, field) in [
        ("/", r#"{"user":"ada","slug":"dune"}"#, "invalid_event", "event_type"),
        ("/", r#"{"user":"ada","slug":"dune","at":-1}"#, "invalid_event", "at"),
        (
            "/v1/event",
            r#"{"type":"location","user_id":"u","payload":{"latitude":91,"longitude":0}}"#,
            "invalid_event",
            "payload.latitude",
        ),
        (
            "/v1/event",
            r#"{"type":"view","user_id":"u","time":"2999-01-01T00:00:00Z","payload":{"url":"/"}}"#,
            "timestamp_in_future",
            "time",
        ),
        (
            "/events",
            r#"{"user_id":"  ","event_type":"view","payload":{"url":"/"}}"#,
            "invalid_event",
            "user_id",
        ),
        (
            "/events",
            r#"{"user_id":"u","event_type":"watch","payload":{}}"#,
            "invalid_event",
            "event_type",
        ),
    ] {
        let (status, problem) = post(&stack, path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert_eq!(
            (&problem["code"], &problem["errors"][0]["field"]),
            (&json!(code), &json!(field)),
            "{problem}"
        );
    }
    let (status, problem) = post(&stack, "/v1/event", "{\"type\":\"view\",\n \"user_id\":\"u\",}").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_json"))
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("line 2") && detail.contains("comma"), "{detail}");
}

async fn pages_are_newest_first_and_complete(stack: Stack) {
    let events: Vec<String> = (0..30)
        .map(|n| {
            format!(
                r#"{{"event_type":"click","user_id":"u{}","timestamp":"2026-05-28T10:00:{:02}Z"}}"#,
                n % 2,
                n / 3
            )
        })
        .collect();
    post(&stack, "/v1/events", format!("[{}]", events.join(","))).await;
    until_counted(&stack, 30, "").await;
    let pages = stack.all_by(4, "/v1/events?user_id=u1&event_type=click").await;
    assert_eq!(pages.len(), 15);
    let times: Vec<_> = pages.iter().map(|event| event["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|earlier, later| earlier >= later), "{times:?}");
    assert!(pages.iter().all(|event| event["user_id"] == "u1"));
    let within = stack
        .get("/v1/events?start=2026-05-28T10:00:09Z&end=2026-05-28T10:00:10Z")
        .await;
    assert_eq!(within["items"].as_array().unwrap().len(), 3);
}
