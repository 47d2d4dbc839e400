//! Event lines at the edges of what an event may be: the tables of both modes take the same ones.

use serde_json::json;

use crate::stack::{Stack, in_both_modes};

in_both_modes!(events_at_the_edges_are_stored_or_named);

fn view(members: &str) -> String {
    format!(r#"{{"type":"view","payload":{{"url":"/"}},{members}}}"#)
}

fn watch(at: &str) -> String {
    format!(r#"{{"user":"ada","slug":"film","at":{at}}}"#)
}

async fn events_at_the_edges_are_stored_or_named(stack: Stack) {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
        format!(r#"{{"type":"view","user_id":"ada","payload":{{"url":"/","deep":{open}{close}}}}}"#)
    };
    let user = |chars: usize| view(&format!(r#""user_id":"{}""#, "\u{1f600}".repeat(chars)));
    let sized = |bytes: usize| {
        let rest = bytes - view(r#""user_id":"ada","x":"""#).len();
        view(&format!(r#""user_id":"ada","x":"{}""#, "x".repeat(rest)))
    };
    let at = |time: &str| view(&format!(r#""user_id":"ada","timestamp":{time}"#));
    let table = [
        (nested(128), ""),
        (nested(129), "too_deep"),
        (user(255), ""),
        (user(256), "invalid_field"),
        (view(r#""user_id":"a\u0000b""#), ""),
        (view(r#""user_id":"a\u0007b""#), "invalid_field"),
        (view(r#""user_id":1e400000"#), ""),
        (sized(64 << 10), ""),
        (sized((64 << 10) + 1), "line_too_long"),
        (at(r#""9999-12-31T23:59:59Z""#), "timestamp_in_future"),
        (at(r#""0001-01-01T00:00:00Z""#), ""),
        (at(r#""-0001-01-01T00:00:00Z""#), "invalid_field"),
        (at("1e400000"), "invalid_field"),
        (at("-1e400000"), "invalid_field"),
        (at("{}"), "invalid_field"),
        (watch("1e7"), ""),
        (watch("10000001"), "invalid_field"),
        (watch("1e400000"), "invalid_field"),
        (watch("-0"), ""),
        (watch("-0.001"), "invalid_field"),
        (view(r#""user_id":"ada","n":1e400000,"s":"\ud800""#), ""),
    ];
    let lines: Vec<_> = table.iter().map(|(line, _)| line.as_str()).collect();

    let id = stack.upload(lines.join("\n"), "").await;

    let job = stack.until_ended(&id).await;
    let rejects = stack.all(&format!("/api/v1/jobs/{id}/rejects")).await;
    let found: Vec<_> = rejects
        .iter()
        .map(|reject| (&reject["line"], &reject["code"]))
        .collect();
    let expected = (1..).zip(&table).filter(|(_, (_, code))| !code.is_empty());
    let expected: Vec<_> = expected
        .map(|(line_no, (_, code))| (json!(line_no), json!(code)))
        .collect();
    assert_eq!(
        found,
        expected
            .iter()
            .map(|(line_no, code)| (line_no, code))
            .collect::<Vec<_>>()
    );
    let stored = table.iter().filter(|(_, code)| code.is_empty()).count();
    assert_eq!(
        (&job["lines_ingested"], &job["events_applied"]),
        (&json!(stored), &json!(stored)),
        "{job}"
    );
}
