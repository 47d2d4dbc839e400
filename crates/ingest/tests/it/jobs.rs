//! Jobs: looked at, listed, moved.

use domain::job::{JobError, JobErrorCode, JobStatus};
use domain::message::Hint;
use queue::Lane;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

use crate::harness::{LINES, TestServer, Worker, job_id};

#[tokio::test]
async fn a_job_shows_where_it_stands() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let target = format!("/api/v1/jobs/{id}");
    let queued = server.get(&target).await.expect(200).json();
    for (member, value) in [
        ("status", "queued"),
        ("file_name", "a.jsonl"),
        ("job_id", id.to_string().as_str()),
    ] {
        assert_eq!(queued[member], value);
    }
    assert_eq!(
        (
            &queued["started_at"],
            &queued["completed_at"],
            &queued["progress_percent"]
        ),
        (&Value::Null, &Value::Null, &Value::from(0))
    );
    assert_eq!(queued["stages"][0]["stage"], "queued");
    assert_eq!(queued.get("error"), None);

    server.records.begin(id);
    server.records.advance(id, 1, 0);
    let processing = server.get(&target).await.expect(200).json();
    assert_eq!(
        (
            &processing["status"],
            &processing["progress_percent"],
            &processing["lines_done"]
        ),
        (&"processing".into(), &50.into(), &1.into())
    );

    server.records.advance(id, 0, 1);
    server.records.end_job(id, JobStatus::Completed, None);
    let completed = server.get(&target).await.expect(200).json();
    let members: Vec<_> = completed.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "job_id",
        "file_name",
        "file_size_bytes",
        "sha256",
        "status",
        "stages",
        "created_at",
        "started_at",
        "completed_at",
        "progress_percent",
        "lines_total",
        "lines_done",
        "lines_ingested",
        "lines_rejected",
        "lines_duplicate",
        "events_applied",
        "entry_bytes",
        "version",
        "links",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(
        (&completed["status"], &completed["progress_percent"]),
        (&"completed".into(), &100.into())
    );
    for (member, count) in [
        ("lines_total", 2),
        ("lines_done", 2),
        ("lines_ingested", 1),
        ("lines_rejected", 1),
        ("lines_duplicate", 0),
    ] {
        assert_eq!(completed[member], count, "{member}");
    }
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    server.records.begin(id);
    let error = JobError {
        code: JobErrorCode::FileGone,
        detail: "the file is gone".to_owned(),
    };
    server.records.end_job(id, JobStatus::Failed, Some(error));
    let failed = server.get(&format!("/api/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!(
        failed["error"],
        serde_json::json!({"code": "file_gone", "detail": "the file is gone"})
    );
}

#[tokio::test]
async fn what_is_no_job_is_told_apart() {
    let server = TestServer::start().await;
    let unknown = Uuid::now_v7();
    for (method, path) in [
        ("GET", ""),
        ("GET", "/rejects"),
        ("GET", "/entries"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ] {
        for (id, status, code) in [
            (unknown.to_string(), 404, "unknown_job"),
            ("7".to_owned(), 400, "invalid_job_id"),
            (unknown.simple().to_string(), 400, "invalid_job_id"),
            ("%FF%2F".to_owned(), 400, "invalid_job_id"),
        ] {
            let target = format!("/api/v1/jobs/{id}{path}");
            let answer = if method == "GET" {
                server.get(&target).await
            } else {
                server.post(&target).await
            };
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (status, code),
                "{method} {target}"
            );
        }
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let server = TestServer::start().await;
    assert_eq!(
        server.get("/api/v1/jobs").await.expect(200).json(),
        serde_json::json!({"items": [], "next_cursor": null})
    );
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.job_of(LINES).await);
    }
    ids.reverse();
    server.records.begin(ids[1]);
    let mut listed = Vec::new();
    let mut target = "/api/v1/jobs?limit=2".to_owned();
    loop {
        let page = server.get(&target).await.expect(200).json();
        listed.extend(page["items"].as_array().unwrap().iter().map(job_id));
        assert!(page["items"].as_array().unwrap().len() <= 2);
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        target = format!("/api/v1/jobs?limit=2&cursor={cursor}");
    }
    assert_eq!(listed, ids);
    let processing = server.get("/api/v1/jobs?status=processing").await.expect(200).json();
    assert_eq!(
        processing["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(job_id)
            .collect::<Vec<_>>(),
        [ids[1]]
    );
}

#[tokio::test]
async fn parameters_are_strict() {
    let server = TestServer::start().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=-1",
        "limit=%2B5",
        "limit=",
        "limit",
        "cursor=x",
        "cursor=",
        "status=done",
        "status=",
        "other=1",
        "limit=1&limit=1",
        "limit=%zz",
        "%zz=1",
    ] {
        let answer = server.get(&format!("/api/v1/jobs?{query}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid_parameter"),
            "{query}"
        );
        if !query.starts_with('%') {
            let name = query.split(['=', '&']).next().unwrap();
            assert_eq!(answer.json()["errors"][0]["field"], name, "{query}");
        }
    }
    server.get("/api/v1/jobs?limit=1000&status=queued&").await.expect(200);
}

#[tokio::test]
async fn a_job_is_cancelled_and_retried_where_its_state_allows() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let mut hints = server.queue.intake(Lane::Hints, 10).await.unwrap();
    let first = hints.batch(1, Duration::ZERO).await.unwrap();
    hints.settle(first[0].tag).await.unwrap();
    let mut notes = server.live.listen();

    let refused = server.post(&format!("/api/v1/jobs/{id}/retry")).await.expect(409);
    assert_eq!(refused.problem(), "job_state_conflict");
    assert!(refused.json()["detail"].as_str().unwrap().contains("queued"));

    let cancelled = server
        .post(&format!("/api/v1/jobs/{id}/cancel"))
        .await
        .expect(202)
        .json();
    assert_eq!(cancelled["status"], "cancelled");
    let (topic, note) = notes.recv().await.unwrap();
    let note: Value = serde_json::from_slice(&note).unwrap();
    assert_eq!((topic.0.as_str(), &note["status"]), ("jobs", &"cancelled".into()));
    let again = server.post(&format!("/api/v1/jobs/{id}/cancel")).await.expect(409);
    assert!(again.json()["detail"].as_str().unwrap().contains("cancelled"));

    let retried = server
        .post(&format!("/api/v1/jobs/{id}/retry"))
        .await
        .expect(202)
        .json();
    assert_eq!(retried["status"], "queued");
    let second = hints.batch(1, Duration::ZERO).await.unwrap();
    assert_eq!(Hint::decode(&second[0].frame.body).unwrap().job_id, id);
    let (_, note) = notes.recv().await.unwrap();
    let note: Value = serde_json::from_slice(&note).unwrap();
    assert_eq!((&note["status"], &note["run"]), (&"queued".into(), &1.into()));
}
