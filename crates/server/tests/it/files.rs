//! Requirement group D: a file goes in, its lines are rows, each broken line is accounted for.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Server};
use crate::stack::{Stack, in_both_modes, lines};

in_both_modes!(
    a_hundred_lines_with_three_bad_ones,
    several_workers_share_one_file,
    every_sample_of_a_logger_is_stored_whole,
    a_slow_job_does_not_hold_up_another,
    a_worker_that_ends_in_the_middle_is_replaced,
    a_job_is_cancelled_and_retried,
    compressed_files_are_decoded,
    logs_are_searched_over_all_files,
    the_service_tells_how_it_is,
    each_step_of_a_job_is_logged_with_the_id_of_its_request,
);

async fn a_hundred_lines_with_three_bad_ones(stack: Stack) {
    let mut file: Vec<String> = lines(100).lines().map(str::to_owned).collect();
    file[6] = "not json".to_owned();
    file[41] = r#"{"type":"location","user_id":"ada","payload":{"latitude":91,"longitude":0}}"#.to_owned();
    file[99] = "[]".to_owned();
    let id = stack.upload(file.join("\n"), "").await;

    let job = stack.until_ended(&id).await;

    assert_eq!(job["status"], "completed", "{job}");
    assert_eq!((&job["lines_total"], &job["lines_done"]), (&json!(100), &json!(100)));
    assert_eq!(
        (&job["lines_ingested"], &job["lines_rejected"]),
        (&json!(97), &json!(3))
    );
    assert_eq!(job["progress_percent"], 100);
    assert_eq!(job["file_name"], "app.jsonl");
    assert_eq!(job["file_size_bytes"], file.join("\n").len());
    let stages: Vec<&str> = job["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["stage"].as_str().unwrap())
        .collect();
    assert_eq!(stages.first(), Some(&"queued"));
    assert_eq!(stages.last(), Some(&"completed"));
    let rejects = stack.all(&format!("/api/v1/jobs/{id}/rejects")).await;
    let named: Vec<_> = rejects
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [(7, "invalid_json"), (42, "invalid_field"), (100, "not_an_object")]
    );
    assert_eq!(rejects[1]["field"], "payload.latitude");
    assert_eq!(rejects[1]["raw"], file[41]);
    assert_eq!(rejects_as_lines(&stack, &id).await, rejects);
}

async fn rejects_as_lines(stack: &Stack, id: &str) -> Vec<Value> {
    let url = stack.at(&format!("/api/v1/jobs/{id}/rejects"));
    let answer = stack
        .client
        .get(url)
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    answer
        .text()
        .await
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn several_workers_share_one_file(stack: Stack) {
    const LINES: usize = 5_000;
    let id = stack.upload(lines(LINES), "").await;
    let job = stack.until_ended(&id).await;
    assert_eq!(
        (&job["status"], &job["lines_ingested"]),
        (&json!("completed"), &json!(LINES))
    );
    let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
    let stored: Vec<_> = entries.iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert_eq!(stored, (1..=LINES as u64).collect::<Vec<_>>());
    assert_eq!(entries[4_998]["message"], "line 4999");
}

/// Line by line, what the logger wrote is found again: its message, and every attribute as it was.
async fn every_sample_of_a_logger_is_stored_whole(stack: Stack) {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/tests/samples/logs");
    let mut files = 0;
    for folder in std::fs::read_dir(samples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let id = stack.upload(text.clone(), "").await;
            let job = stack.until_ended(&id).await;
            let valid = text
                .lines()
                .filter(|line| serde_json::from_str::<Value>(line).is_ok())
                .count();
            assert_eq!(
                (&job["status"], &job["lines_ingested"]),
                (&json!("completed"), &json!(valid)),
                "{path:?}"
            );
            let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
            assert_eq!(entries.len(), valid, "{path:?}");
            if !path.ends_with("winston-json-default.jsonl") {
                assert!(entries.iter().all(|entry| entry["timestamp"].is_string()), "{path:?}");
            }
            files += 1;
        }
    }
    assert!(files >= 20, "{files} files of samples");
}

async fn a_slow_job_does_not_hold_up_another(stack: Stack) {
    let slow = stack.upload(lines(2_000), "?line_delay_ms_max=1000").await;
    stack.until(&slow, |job| job["lines_done"].as_u64().unwrap() > 0).await;
    let quick = stack.upload(lines(300), "").await;
    assert_eq!(stack.until_ended(&quick).await["status"], "completed");
    let slow = stack.job(&slow).await;
    assert_eq!(slow["status"], "processing");
}

async fn a_worker_that_ends_in_the_middle_is_replaced(mut stack: Stack) {
    const LINES: usize = 600;
    let id = stack.upload(lines(LINES), "?line_delay_ms_max=30").await;
    stack.until(&id, |job| job["lines_done"].as_u64().unwrap() > 0).await;
    stack.replace_a_worker();
    let left = stack.job(&id).await;
    assert_eq!(left["status"], "processing", "it was replaced in the middle: {left}");
    let job = stack.until_ended(&id).await;
    assert_eq!(
        (&job["status"], &job["lines_ingested"]),
        (&json!("completed"), &json!(LINES))
    );
    let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
    let stored: Vec<_> = entries.iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert_eq!(stored, (1..=LINES as u64).collect::<Vec<_>>());
}

async fn a_job_is_cancelled_and_retried(stack: Stack) {
    let id = stack.upload(lines(2_000), "?line_delay_ms_max=100").await;
    stack.until(&id, |job| job["lines_done"].as_u64().unwrap() > 0).await;
    let (status, job) = stack.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!((status, &job["status"]), (StatusCode::ACCEPTED, &json!("cancelled")));
    let (status, problem) = stack.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let (status, job) = stack.post(&format!("/api/v1/jobs/{id}/retry")).await;
    assert_eq!((status, &job["status"]), (StatusCode::ACCEPTED, &json!("queued")));
    stack.until(&id, |job| job["status"] == "processing").await;
    stack.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    let before = stack.job(&id).await["lines_done"].as_u64().unwrap();
    assert!(before < 2_000);
}

async fn compressed_files_are_decoded(stack: Stack) {
    use std::io::Write as _;
    let text = lines(500);
    let mut gzip = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let packed = gzip.wait_with_output().unwrap().stdout;
    let part = reqwest::multipart::Part::bytes(packed).file_name("App.JSONL.gz");
    let form = reqwest::multipart::Form::new().part("file", part);
    let answer = stack
        .client
        .post(stack.at("/api/v1/files/upload"))
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let accepted: Value = answer.json().await.unwrap();
    assert_eq!(accepted["file_size_bytes"], text.len(), "as it is stored");
    let job = stack.until_ended(accepted["job_id"].as_str().unwrap()).await;
    assert_eq!(job["lines_ingested"], 500);
}

async fn logs_are_searched_over_all_files(stack: Stack) {
    let first = stack
        .upload(
            r#"{"time":"2026-11-20T09:00:00Z","level":"error","msg":"Payment FAILED at 50%","service":"shop"}"#,
            "",
        )
        .await;
    stack.until_ended(&first).await;
    let second = stack
        .upload(r#"{"time":"2026-11-20T10:00:00Z","level":30,"msg":"payment done"}"#, "")
        .await;
    stack.until_ended(&second).await;
    let messages = async |query: &str| -> Vec<String> {
        let found = stack.all(&format!("/api/v1/logs?{query}")).await;
        found
            .iter()
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(messages("q=PAYMENT").await, ["payment done", "Payment FAILED at 50%"]);
    assert_eq!(messages("level=error").await, ["Payment FAILED at 50%"]);
    assert_eq!(messages("service=shop").await, ["Payment FAILED at 50%"]);
    assert_eq!(messages("start=2026-11-20T10:00:00Z").await, ["payment done"]);
    assert_eq!(messages("end=2026-11-20T10:00:00Z").await, ["Payment FAILED at 50%"]);
    assert_eq!(messages(&format!("job_id={second}")).await, ["payment done"]);
    let answer = stack
        .client
        .get(stack.at("/api/v1/logs?levle=error"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("levle"));
}

async fn the_service_tells_how_it_is(stack: Stack) {
    assert_eq!(
        stack.client.get(stack.at("/livez")).send().await.unwrap().status(),
        StatusCode::OK
    );
    let ready = stack.get("/readyz").await;
    assert_eq!(ready["status"], "ready", "{ready}");
    let id = stack.upload(lines(10), "").await;
    stack.until_ended(&id).await;
    let metrics = stack
        .client
        .get(stack.at("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("eh_http_requests_total"), "{metrics}");
    let answer = stack
        .client
        .get(stack.at("/api/v1/jobs"))
        .header("x-request-id", "my-request-7")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "my-request-7");
    // The log line of a request carries its id. The log may come a moment after the answer.
    while !stack
        .door()
        .await_log("http.request")
        .to_string()
        .contains("my-request-7")
    {}
}

async fn each_step_of_a_job_is_logged_with_the_id_of_its_request(stack: Stack) {
    let part = reqwest::multipart::Part::bytes(lines(200).into_bytes()).file_name("app.jsonl");
    let form = reqwest::multipart::Form::new().part("file", part);
    let upload = stack.client.post(stack.at("/api/v1/files/upload?line_delay_ms_max=20"));
    let answer = upload
        .header("x-request-id", "upload-9")
        .multipart(form)
        .send()
        .await
        .unwrap();
    let accepted: Value = answer.json().await.unwrap();
    let id = accepted["job_id"].as_str().unwrap();
    stack.until_ended(id).await;
    for step in ["job.queued", "chunk.claimed", "job.stage", "job.ended"] {
        let is_logged = || {
            let lines = stack.processes().flat_map(Server::log);
            let of_step = lines.filter(|line| line["message"] == step && line["job.id"] == id);
            of_step.into_iter().any(|line| line.to_string().contains("upload-9"))
        };
        let logged = async {
            while !is_logged() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, logged)
            .await
            .unwrap_or_else(|_| panic!("{step} is not logged with the id"));
    }
}
