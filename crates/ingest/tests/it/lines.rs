//! The lines of files: rejected ones, entries, and the search over all entries.

use domain::ids::JobId;
use domain::json::Object;
use domain::log_entry::LogEntry;
use records::{Class, Entries};
use serde_json::{Value, json};

use crate::client::request;
use crate::harness::{LINES, TestServer, Worker};

fn insert(server: &TestServer, id: JobId, lines: &[&str]) {
    let mut entries = Entries::default();
    for (line_no, line) in (1..).zip(lines) {
        entries.push(line_no, &LogEntry::from_object(Object::parse(line).unwrap()));
    }
    let stored = server
        .records
        .run(Class::Import, |unit| unit.insert_entries(id, &entries));
    stored.unwrap();
}

async fn pages(server: &TestServer, target: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{target}{cursor}")).await.expect(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return items;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn rejects_come_in_pages_or_as_a_whole() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let target = format!("/api/v1/jobs/{id}/rejects");
    assert_eq!(
        server.get(&target).await.expect(200).json(),
        json!({"items": [], "next_cursor": null})
    );
    server.records.reject(id, 1..=2_500);
    let items = pages(&server, &format!("{target}?limit=1000")).await;
    assert_eq!(
        items
            .iter()
            .map(|item| item["line"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        (1..=2_500).collect::<Vec<_>>()
    );
    assert_eq!(
        items[6],
        json!({"line": 7, "byte_offset": 70, "code": "invalid_json", "message": "not JSON", "raw": "{7"})
    );

    let whole = server
        .send(&request("GET", &target, &[("accept", "application/x-ndjson")], b""))
        .await
        .expect(200);
    assert_eq!(whole.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = whole
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, items);
}

#[tokio::test]
async fn a_job_without_rejects_is_an_empty_whole() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let whole = server
        .send(&request(
            "GET",
            &format!("/api/v1/jobs/{id}/rejects"),
            &[("accept", "application/x-ndjson")],
            b"",
        ))
        .await;
    assert_eq!(whole.expect(200).text(), "");
}

#[tokio::test]
async fn entries_are_shown_as_they_were_written() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    insert(
        &server,
        id,
        &[
            r#"{"time":"2026-05-01T00:00:00Z","level":"WARN","msg":"hot","service":"api","n":1.00000000000000000001,"e":1e400}"#,
            "{}",
        ],
    );
    let text = server.get(&format!("/api/v1/jobs/{id}/entries")).await.expect(200);
    assert!(
        text.text()
            .contains(r#""attributes":{"n":1.00000000000000000001,"e":1e400}"#),
        "{}",
        text.text()
    );
    // Not every parser can read the first one.
    let items = pages(&server, &format!("/api/v1/jobs/{id}/entries?cursor=0000000000000001")).await;
    assert_eq!(items.len(), 1);
    let expected = json!({
        "job_id": id.to_string(), "line": 2, "timestamp": null, "level": null, "level_original": null, "message": null,
        "service": null, "attributes": {},
    });
    assert_eq!(items[0], expected);
}

#[tokio::test]
async fn entries_of_all_files_are_searched() {
    let server = TestServer::start().await;
    let first = server.job_of(LINES).await;
    insert(
        &server,
        first,
        &[
            r#"{"time":"2026-05-01T00:00:00Z","level":"warn","msg":"Disk hot","service":"api"}"#,
            r#"{"time":"2026-05-02T00:00:00Z","level":"info","msg":"fine","service":"api"}"#,
        ],
    );
    let second = server.job_of(LINES).await;
    insert(
        &server,
        second,
        &[r#"{"time":"2026-05-03T00:00:00Z","level":"warn","msg":"HOT again","service":"web"}"#],
    );
    let found = async |query: &str| {
        let items = pages(&server, &format!("/api/v1/logs?limit=1{query}")).await;
        items
            .iter()
            .map(|item| (item["job_id"] == second.to_string(), item["line"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("").await, [(true, 1), (false, 2), (false, 1)]);
    assert_eq!(found("&level=warn").await, [(true, 1), (false, 1)]);
    assert_eq!(found("&q=hot").await, [(true, 1), (false, 1)]);
    assert_eq!(found("&service=api&level=warn").await, [(false, 1)]);
    assert_eq!(found(&format!("&job_id={second}")).await, [(true, 1)]);
    assert_eq!(
        found("&start=2026-05-02T00:00:00Z&end=2026-05-03T00:00:00Z").await,
        [(false, 2)]
    );
    assert_eq!(
        found("&start=2026-05-02T02:00:00+02:00&end=2026-05-02T02:00:01%2B02:00").await,
        [(false, 2)]
    );
    let long = "x".repeat(256);
    for query in [
        "level=WARN",
        "level=",
        "q=",
        "q=%00",
        "service=%00",
        "start=x",
        "end=",
        "job_id=7",
        "start=2026-05-02T00:00:00Z&end=2026-05-01T00:00:00Z",
        &format!("q={long}"),
        "cursor=0",
    ] {
        let answer = server.get(&format!("/api/v1/logs?{query}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid_parameter"),
            "{query}"
        );
    }
}
