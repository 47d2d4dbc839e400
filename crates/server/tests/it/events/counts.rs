//! What the counting endpoints answer, beside events whose number is known.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{accepted, post, until_counted};
use crate::stack::{Stack, in_both_modes};

in_both_modes!(
    days_are_whole_and_zones_are_right,
    types_are_counted_by_name,
    a_file_counts_like_a_post
);

fn view(at: &str) -> String {
    format!(r#"{{"event_type":"view","user_id":"ada","timestamp":"{at}","payload":{{"url":"/"}}}}"#)
}

async fn total(stack: &Stack, query: &str) -> Value {
    stack.get(&format!("/analytics/event-counts{query}")).await["total_events"].clone()
}

async fn days_are_whole_and_zones_are_right(stack: Stack) {
    let events = [
        view("2025-05-28T23:59:59.999999Z"),
        view("2025-05-29T00:00:00Z"),
        view("2025-05-29T18:14:59Z"),
        view("2025-05-29T18:15:00Z"),
        view("2025-05-29T23:59:59.999Z"),
        view("2025-05-30T00:00:00Z"),
    ];
    post(&stack, "/v1/events", events.join("\n")).await;
    until_counted(&stack, 6, "").await;
    for (query, expected) in [
        ("?start_date=2025-05-29&end_date=2025-05-29", 4),
        ("?end_date=2025-05-28", 1),
        ("?start_date=2025-05-30", 1),
        ("?start_date=2025-05-29T00:00:00Z&end_date=2025-05-29T18:15:00Z", 2),
        (
            "?start_date=2025-05-29T23:59:59.999Z&end_date=2025-05-29T23:59:59.999001Z",
            1,
        ),
        // A quarter to the hour: the day in Kathmandu begins at 18:15 in UTC.
        ("?start_date=2025-05-30&end_date=2025-05-30&tz=Asia/Kathmandu", 3),
        (
            "?start_date=2025-05-29T20:00:00%2B02:00&end_date=2025-05-29T20:15:00+02:00",
            1,
        ),
        ("?start_date=1999-01-01&end_date=1999-12-31", 0),
        ("?event_type=click", 0),
    ] {
        assert_eq!(total(&stack, query).await, expected, "{query}");
    }
    let series = stack
        .get("/api/v1/analytics/timeseries?start_date=2025-05-28&end_date=2025-05-30&interval=day")
        .await;
    let counts: Vec<_> = series["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["counts"]["view"].clone())
        .collect();
    assert_eq!(counts, [json!(1), json!(4), json!(1)], "{series}");
}

async fn types_are_counted_by_name(stack: Stack) {
    let by_type = async |query: &str| stack.get(&format!("/analytics/event-counts-by-type{query}")).await;
    assert_eq!(by_type("").await, json!({}));
    assert_eq!(stack.get("/analytics/event-counts").await, json!({"total_events": 0}));
    accepted(&stack, "/", r#"{"user":"ada","slug":"dune","at":1}"#).await;
    accepted(&stack, "/v1/event", r#"{"type":"coffee","user":"ada"}"#).await;
    accepted(&stack, "/v1/event", view("2025-05-29T00:00:00Z")).await;
    until_counted(&stack, 3, "").await;
    assert_eq!(by_type("").await, json!({"watch": 1, "coffee": 1, "view": 1}));
    assert_eq!(by_type("?event_type=coffee").await, json!({"coffee": 1}));
    assert_eq!(by_type("?end_date=2025-05-29").await, json!({"view": 1}));
    let top = stack.get("/api/v1/analytics/top?event_type=view&field=url").await;
    assert_eq!(top["items"], json!([{"value": "/", "count": 1}]));

    for (query, parameter) in [
        ("?event_type=VIEW", "event_type"),
        ("?event_type=", "event_type"),
        ("?start_date=2025-05-30&end_date=2025-05-29", "end_date"),
        ("?start_date=29.05.2025", "start_date"),
        ("?tz=Europe/Atlantis", "tz"),
        ("?from=2025-05-29", "from"),
    ] {
        for path in ["/analytics/event-counts", "/analytics/event-counts-by-type"] {
            let answer = stack
                .client
                .get(stack.at(&format!("{path}{query}")))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["errors"][0]["field"], parameter, "{problem}");
        }
    }
}

async fn a_file_counts_like_a_post(stack: Stack) {
    let lines: String = (0..500)
        .map(|n| format!("{}\n", view(&format!("2025-05-29T{:02}:{:02}:00Z", n / 60, n % 60))))
        .collect();
    let job = stack.upload(lines.clone(), "").await;
    let job = stack.until_ended(&job).await;
    assert_eq!(job["events_applied"], 500, "{job}");
    assert_eq!(total(&stack, "").await, 500, "counts are part of what a slice commits");
    // The lines had no ids, so that each file stands for itself.
    let again = stack.upload(lines, "").await;
    stack.until_ended(&again).await;
    assert_eq!(
        total(&stack, "?start_date=2025-05-29T01:00:00Z&end_date=2025-05-29T02:00:00Z").await,
        120
    );
}
