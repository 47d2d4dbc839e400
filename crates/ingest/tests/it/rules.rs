//! The rules in force, and what another one would have said.

use std::sync::Arc;

use domain::rules::{ERRORS_MAX, Rules};
use records::Class;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::events::EVENTS;
use crate::harness::TestServer;

const RULES: &str = "/api/v1/rules";
const DRY_RUN: &str = "/api/v1/rules/dry-run";
const ABSENCE: &str = r#"
name = "no-training"
kind = "absence"
after = "app_launch"
unless = ["training_program_started"]
within = "10m"
message = "Ready when you are."
"#;
const DURATION: &str = r#"
[[rule]]
name = "trained"
kind = "duration"
start = "training_program_started"
finish = "training_program_finished"
cancel = ["training_program_cancelled"]
key = "payload.program.id"
longer_than = "30m"
at_most = "24h"
message = "{minutes} minutes!"
"#;

/// A server that knows two people who train, and one who does not.
async fn with_events() -> TestServer {
    let server = TestServer::start().await;
    let app = |user: &str, kind: &str, time: &str| {
        json!({
            "user_id": user, "device_id": "d", "type": kind, "time_stamp": format!("2021-02-28 {time}"),
            "training_program_id": "2352", "training_program_title": "HIIT",
        })
    };
    let launch = |user: &str, time: &str| json!({"user_id": user, "type": "app_launch", "time_stamp": format!("2021-02-28 {time}")});
    let events = json!([
        launch("foo2", "16:22:52"),
        app("foo1", "training_program_started", "16:23:25"),
        app("foo2", "training_program_started", "16:52:00"),
        app("foo2", "training_program_cancelled", "16:54:21"),
        app("foo1", "training_program_finished", "16:59:43"),
        launch("foo3", "23:55:00"),
    ]);
    assert_eq!(
        server.post_json(EVENTS, &events).await.expect(202).json()["accepted"],
        6
    );
    server.apply().await;
    server
}

impl TestServer {
    async fn dry_run(&self, query: &str, rule: &str) -> Answer {
        self.post_bytes(&format!("{DRY_RUN}?{query}"), "application/toml", rule.as_bytes())
            .await
    }
}

fn users(dry_run: &Value) -> Vec<&str> {
    let items = dry_run["items"].as_array().unwrap().iter();
    items.map(|item| item["user_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_rules_in_force_are_listed() {
    let server = TestServer::start().await;
    let rules = server.get(RULES).await.expect(200).json();
    let kinds: Vec<_> = rules["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["duration", "absence", "concurrency"]);
    for rule in rules["items"].as_array().unwrap() {
        assert_eq!(
            (&rule["rule"]["name"], &rule["rule"]["kind"]),
            (&rule["name"], &rule["kind"])
        );
        assert!(rule["rule"]["message"].is_string(), "{rule}");
    }
    let own = Arc::new(Rules::parse(DURATION).unwrap());
    let server = TestServer::with(move |settings| settings.rules = own).await;
    let rules = server.get(RULES).await.expect(200).json();
    assert_eq!(
        (&rules["items"][0]["name"], rules["items"].as_array().unwrap().len()),
        (&json!("trained"), 1)
    );
}

#[tokio::test]
async fn a_dry_run_says_what_would_have_been_sent() {
    let server = with_events().await;
    let day = "start=2021-02-28&end=2021-02-28";
    let trained = server.dry_run(day, DURATION).await.expect(200).json();
    let item = &trained["items"][0];
    assert_eq!(
        (&trained["count"], &trained["complete"], &trained["range"]["end"]),
        (&json!(1), &json!(true), &json!("2021-03-01T00:00:00.000000Z"))
    );
    assert_eq!(
        (
            &item["user_id"],
            &item["message"],
            &item["cause_at"],
            &item["data"]["minutes"]
        ),
        (
            &json!("foo1"),
            &json!("36 minutes!"),
            &json!("2021-02-28T16:23:25.000000Z"),
            &json!(36)
        )
    );
    let stored = server
        .get(&format!("{EVENTS}/{}", item["cause_event_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(stored.json()["event_type"], "training_program_started");

    let absent = server.dry_run(day, ABSENCE).await.expect(200).json();
    assert_eq!(users(&absent), ["foo2", "foo3"]);
    // Nothing is kept of it.
    let kept = server.get("/api/v1/notifications").await.expect(200).json();
    assert_eq!(kept["items"], json!([]));
    let waiting = server.records.run(Class::Reads, |unit| unit.wakes_waiting()).unwrap();
    assert_eq!(waiting.0, 0);
}

#[tokio::test]
async fn a_rule_may_be_written_as_json() {
    let server = with_events().await;
    let rule = json!({
        "name": "no-training", "kind": "absence", "after": "app_launch", "unless": ["training_program_started"],
        "within": "10m", "message": "Ready when you are.",
    });
    let target = format!("{DRY_RUN}?start=2021-02-28&end=2021-02-28");
    let absent = server.post_json(&target, &rule).await.expect(200).json();
    assert_eq!(users(&absent), ["foo2", "foo3"]);
}

#[tokio::test]
async fn only_causes_inside_the_range_count() {
    let server = with_events().await;
    for (query, expected) in [
        ("start=2021-02-28T16:22:52Z&end=2021-02-28T16:22:53Z", vec!["foo2"]),
        ("start=2021-02-28T16:22:53Z&end=2021-02-28", vec!["foo3"]),
        ("start=2021-02-28&end=2021-02-28T16:22:52Z", vec![]),
        ("start=2021-02-27&end=2021-03-05", vec!["foo2", "foo3"]),
        ("start=2021-03-01&end=2021-03-01&tz=Asia/Tokyo", vec!["foo2", "foo3"]),
        ("end=2021-03-06", vec!["foo2", "foo3"]),
        ("", vec![]),
    ] {
        let found = server.dry_run(query, ABSENCE).await.expect(200).json();
        let mut found_users = users(&found);
        found_users.sort_unstable();
        assert_eq!(
            (found_users, &found["count"]),
            (expected.clone(), &json!(expected.len())),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_may_still_be_answered_is_not_said() {
    let server = TestServer::start().await;
    let launch = json!([{"user": "u", "type": "app_launch"}]);
    server.post_json(EVENTS, &launch).await.expect(202);
    server.apply().await;
    let said = async |within: &str| {
        let found = server.dry_run("", &ABSENCE.replace("10m", within)).await;
        found.expect(200).json()["count"].as_u64().unwrap()
    };
    assert_eq!(said("1h").await, 0);
    // A millisecond may not have passed yet.
    while said("1ms").await == 0 {}
    assert_eq!(said("1ms").await, 1);
}

#[tokio::test]
async fn many_messages_are_counted_and_some_shown() {
    let server = TestServer::start().await;
    let launch =
        |number: usize| json!({"user": format!("u-{number}"), "type": "app_launch", "time": "2021-02-28T12:00:00Z"});
    let launches: Vec<_> = (0..250).map(launch).collect();
    server.post_json(EVENTS, &json!(launches)).await.expect(202);
    server.apply().await;
    let found = server
        .dry_run("start=2021-02-28&end=2021-02-28", ABSENCE)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&found["count"], users(&found).len(), &found["complete"]),
        (&json!(250), 100, &json!(true))
    );
}

#[tokio::test]
async fn what_is_no_rule_is_refused_with_line_and_reason() {
    let server = TestServer::start().await;
    for rule in [
        ABSENCE.replace("within", "witin"),
        ABSENCE.replace("\"10m\"", "\"soon\""),
        ABSENCE.replace("absence", "presence"),
        format!("{DURATION}{}", DURATION.replace("trained", "again")),
        "no rule at all".to_owned(),
        "{\"name\":".to_owned(),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
    ] {
        let refused = server.dry_run("", &rule).await.expect(400);
        assert_eq!(refused.problem(), "invalid_rule", "{rule}");
        let errors = refused.json()["errors"].as_array().unwrap().clone();
        let is_told = |error: &Value| {
            error["field"].as_str().unwrap().starts_with("line ") && error["message"].as_str().unwrap().len() > 5
        };
        assert!(!errors.is_empty() && errors.iter().all(is_told), "{rule}: {errors:?}");
    }
    let refused = server.dry_run("", &"a=1\n".repeat(16_000)).await.expect(400).json();
    assert_eq!(refused["errors"].as_array().unwrap().len(), ERRORS_MAX);
    for (query, field) in [
        ("start=yesterday", "start"),
        ("start=2021-02-28&end=2021-02-27", "end"),
        ("tz=Mars", "tz"),
        ("start_date=2021-02-28", "start_date"),
    ] {
        let refused = server.dry_run(query, ABSENCE).await.expect(400);
        let problem = refused.json();
        assert_eq!(
            (refused.problem().as_str(), &problem["errors"][0]["field"]),
            ("invalid_parameter", &json!(field))
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(field.contains("date") || !detail.contains("_date"), "{detail}");
    }
    let refused = server
        .post_bytes(DRY_RUN, "text/html", ABSENCE.as_bytes())
        .await
        .expect(415);
    assert_eq!(refused.problem(), "unsupported_media_type");
    let long = format!("# {}\n{ABSENCE}", "x".repeat(64 << 10));
    assert_eq!(server.dry_run("", &long).await.expect(413).problem(), "body_too_large");
    let invalid = server.post_bytes(DRY_RUN, "text/plain", b"\xff").await.expect(400);
    assert_eq!(invalid.problem(), "invalid_utf8");
}
