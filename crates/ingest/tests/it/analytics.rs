//! Counts, their course over time, the most frequent values.

use serde_json::{Value, json};

use crate::events::EVENTS;
use crate::harness::TestServer;

const COUNTS: &str = "/analytics/event-counts";
const BY_TYPE: &str = "/analytics/event-counts-by-type";
const SERIES: &str = "/api/v1/analytics/timeseries";
const TOP: &str = "/api/v1/analytics/top";

fn view(time: &str, url: &Value) -> Value {
    json!({"user_id": "u", "event_type": "view", "timestamp": time, "payload": {"url": url}})
}

/// A server that knows some events around the end of the 29th of May 2025.
async fn with_events() -> TestServer {
    let server = TestServer::start().await;
    let events = json!([
        view("2025-05-28T22:30:00Z", &json!("/a")),
        view("2025-05-29T00:00:00Z", &json!("/b")),
        view("2025-05-29T23:59:59.999Z", &json!("/b")),
        view("2025-05-30T00:00:00Z", &json!("/c")),
        {"user_id": "u", "event_type": "click", "timestamp": "2025-05-29T12:00:00Z", "payload": {}},
        {"user": "u", "slug": "s", "at": 1, "timestamp": "2025-05-29T12:07:00Z"},
        {"user": "u", "type": "levitate", "timestamp": "2025-05-29T12:07:00Z", "height": 2.50},
        {"user": "u", "type": "levitate", "timestamp": "2025-05-29T12:08:00Z", "height": true},
        {"user": "u", "type": "levitate", "timestamp": "2025-05-29T12:09:00Z"},
    ]);
    let body = events.to_string().replace("2.5}", "2.50}").replace("2.5,", "2.50,");
    let answer = server.post_bytes(EVENTS, "application/json", body.as_bytes()).await;
    assert_eq!(answer.expect(202).json()["accepted"], 9);
    server.apply().await;
    server
}

async fn json_of(server: &TestServer, target: &str) -> Value {
    server.get(target).await.expect(200).json()
}

#[tokio::test]
async fn counts_are_exactly_what_is_stored() {
    let server = with_events().await;
    for (query, total) in [
        ("", 9),
        ("?event_type=view", 4),
        ("?event_type=levitate", 3),
        ("?event_type=app_launch", 0),
        ("?start_date=2025-05-29&end_date=2025-05-29", 7),
        ("?start_date=2025-05-29&end_date=2025-05-29&event_type=view", 2),
        (
            "?start_date=2025-05-29&end_date=2025-05-29&event_type=view&tz=Europe/Berlin",
            2,
        ),
        ("?end_date=2025-05-28", 1),
        ("?start_date=2025-05-30", 1),
        ("?start_date=2025-05-29T12:00:00Z&end_date=2025-05-29T12:08:00Z", 3),
        (
            "?start_date=2025-05-29T14:00:00+02:00&end_date=2025-05-29T12:00:00.000001Z",
            1,
        ),
        (
            "?start_date=2025-05-29T14:00&end_date=2025-05-29T14:07&tz=Europe/Berlin",
            1,
        ),
        ("?start_date=2025-05-29T12:00:00Z&end_date=2025-05-29T12:00:00Z", 0),
    ] {
        let answer = server.get(&format!("{COUNTS}{query}")).await.expect(200);
        assert_eq!(answer.text(), format!("{{\"total_events\":{total}}}"), "{query}");
    }
    assert_eq!(
        server.get(BY_TYPE).await.expect(200).text(),
        r#"{"click":1,"levitate":3,"view":4,"watch":1}"#
    );
    let day = json_of(&server, &format!("{BY_TYPE}?end_date=2025-05-28&tz=UTC")).await;
    assert_eq!(day, json!({"view": 1}));
    let none = json_of(&server, &format!("{BY_TYPE}?start_date=2026-01-01&event_type=view")).await;
    assert_eq!(none, json!({}));
}

#[tokio::test]
async fn a_series_has_a_point_for_each_hour_or_day() {
    let server = with_events().await;
    let days = json_of(
        &server,
        &format!("{SERIES}?start_date=2025-05-28&end_date=2025-05-31&event_type=view"),
    )
    .await;
    assert_eq!(
        days,
        json!({
            "range": {"start": "2025-05-28T00:00:00.000000Z", "end": "2025-06-01T00:00:00.000000Z"},
            "points": [
                {"start": "2025-05-28T00:00:00.000000Z", "counts": {"view": 1}},
                {"start": "2025-05-29T00:00:00.000000Z", "counts": {"view": 2}},
                {"start": "2025-05-30T00:00:00.000000Z", "counts": {"view": 1}},
                {"start": "2025-05-31T00:00:00.000000Z", "counts": {}},
            ],
        })
    );
    let hours = format!("{SERIES}?interval=hour&start_date=2025-05-29T17:00&end_date=2025-05-29T19:00&tz=Asia/Kolkata");
    let hours = json_of(&server, &hours).await;
    assert_eq!(
        hours["points"],
        json!([
            {"start": "2025-05-29T11:30:00.000000Z", "counts": {"click": 1, "watch": 1, "levitate": 3}},
            {"start": "2025-05-29T12:30:00.000000Z", "counts": {}},
        ])
    );
    let points = async |query: &str| {
        let series = json_of(&server, &format!("{SERIES}?{query}")).await;
        series["points"].as_array().unwrap().len()
    };
    assert_eq!(points("interval=hour&end_date=2025-05-29T12:00:00Z").await, 7 * 24);
    assert_eq!(points("end_date=2025-05-29").await, 90);
    assert_eq!(
        points("interval=day&start_date=2025-05-29T12:00:00Z&end_date=2025-05-29T12:00:00Z").await,
        0
    );
    assert!((90..=91).contains(&points("").await));
}

#[tokio::test]
async fn the_most_frequent_values_come_first() {
    let server = with_events().await;
    let urls = json_of(&server, &format!("{TOP}?event_type=view&field=url")).await;
    assert_eq!(
        urls,
        json!({
            "range": {"start": null, "end": null},
            "items": [
                {"value": "/b", "count": 2},
                {"value": "/a", "count": 1},
                {"value": "/c", "count": 1},
            ],
        })
    );
    let day = json_of(
        &server,
        &format!("{TOP}?event_type=view&field=url&limit=1&start_date=2025-05-30"),
    )
    .await;
    assert_eq!(
        (&day["items"], &day["range"]["start"]),
        (
            &json!([{"value": "/c", "count": 1}]),
            &json!("2025-05-30T00:00:00.000000Z")
        )
    );
    let heights = json_of(&server, &format!("{TOP}?event_type=levitate&field=height")).await;
    assert_eq!(
        heights["items"],
        json!([{"value": "2.50", "count": 1}, {"value": "true", "count": 1}])
    );
    assert_eq!(
        json_of(&server, &format!("{TOP}?event_type=view&field=no")).await["items"],
        json!([])
    );
}

/// The counts show it, so it may be asked for.
#[tokio::test]
async fn types_beyond_those_that_are_named_have_a_name_together() {
    let server = with_events().await;
    let none = server.get(&format!("{COUNTS}?event_type=(other)")).await.expect(200);
    assert_eq!(none.json(), json!({"total_events": 0}));
}

#[tokio::test]
async fn wrong_parameters_are_named_with_what_is_allowed() {
    let server = with_events().await;
    for (target, field, code) in [
        (format!("{COUNTS}?event_type=VIEW"), "event_type", "malformed"),
        (format!("{COUNTS}?event_type="), "event_type", "empty"),
        (format!("{COUNTS}?start_date=x"), "start_date", "malformed"),
        (format!("{COUNTS}?end_date=2025-02-29"), "end_date", "malformed"),
        (
            format!("{COUNTS}?start_date=2025-05-30&end_date=2025-05-29"),
            "end_date",
            "malformed",
        ),
        (format!("{COUNTS}?tz=Mars/Olympus"), "tz", "malformed"),
        (
            format!("{COUNTS}?start_date=2025-05-29&start_date=2025-05-30"),
            "start_date",
            "repeated",
        ),
        (format!("{BY_TYPE}?type=view"), "type", "unknown"),
        (format!("{BY_TYPE}?interval=day"), "interval", "unknown"),
        (format!("{SERIES}?interval=week"), "interval", "malformed"),
        (
            format!("{SERIES}?interval=hour&start_date=2020-01-01&end_date=2025-01-01"),
            "interval",
            "malformed",
        ),
        (format!("{TOP}?field=url"), "event_type", "missing"),
        (format!("{TOP}?event_type=view"), "field", "missing"),
        (format!("{TOP}?event_type=view&field="), "field", "empty"),
        (
            format!("{TOP}?event_type=view&field=url&limit=101"),
            "limit",
            "malformed",
        ),
        (format!("{TOP}?event_type=view&field=url&limit=0"), "limit", "malformed"),
        (format!("{TOP}?event_type=nothing&field=url"), "event_type", "malformed"),
    ] {
        let answer = server.get(&target).await.expect(400);
        assert_eq!(answer.problem(), "invalid_parameter", "{target}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(
            (&errors[0]["field"], &errors[0]["code"]),
            (&field.into(), &code.into()),
            "{target}: {errors}"
        );
    }
    let unknown = server
        .get(&format!("{COUNTS}?event_type=VIEW"))
        .await
        .expect(400)
        .json();
    let detail = unknown["detail"].as_str().unwrap();
    for known in ["view", "training_program_started", "levitate"] {
        assert!(detail.contains(known), "{detail}");
    }
}
