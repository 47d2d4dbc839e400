//! Requests that real clients sent, and hostile ones, byte for byte.

use std::path::{Path, PathBuf};

use crate::client::Answer;
use crate::harness::TestServer;

fn read(sample: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(sample);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The heads of the recorded clients are kept with plain line ends; their bodies are as they were, a long one cut.
fn recorded(sample: &str) -> Vec<u8> {
    let bytes = read(sample);
    let head_end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..head_end]).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[head_end + 2..].to_vec();
    body.resize(length, 0);
    let mut request = head.replace('\n', "\r\n").into_bytes();
    request.extend_from_slice(b"\r\n\r\n");
    request.extend_from_slice(&body);
    request
}

#[track_caller]
fn taken_as(answer: Answer, file_name: &str) {
    assert_eq!(answer.expect(202).json()["file_name"], file_name);
}

#[tokio::test]
async fn real_clients_are_understood() {
    let server = TestServer::start().await;
    for (sample, file_name) in [
        ("curl-multipart/01.txt", "logs.jsonl"),
        ("curl-multipart/02.txt", "y.jsonl"),
        ("httpx-multipart/01.txt", "logs.jsonl"),
        ("httpx-multipart/02.txt", "日本語 \"x\".jsonl"),
        ("requests-multipart/01.txt", "logs.jsonl"),
        ("requests-multipart/02.txt", "日本語 \"x\".jsonl"),
    ] {
        taken_as(server.send(&recorded(&format!("clients/{sample}"))).await, file_name);
    }
    for (sample, status, code) in [
        ("curl-multipart/03.txt", 405, "method_not_allowed"),
        ("curl-multipart/06.txt", 400, "not_jsonl"),
        ("requests-multipart/03.txt", 400, "too_many_files"),
        ("requests-multipart/04.txt", 400, "empty_file"),
    ] {
        let answer = server
            .send(&recorded(&format!("clients/{sample}")))
            .await
            .expect(status);
        assert_eq!(answer.problem(), code, "{sample}");
    }
}

#[tokio::test]
async fn real_clients_post_events() {
    let server = TestServer::start().await;
    let preflight = server
        .send(&recorded("clients/chromium-sw-fetch-json-cors/01.txt"))
        .await
        .expect(204);
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("http://localhost:18090")
    );
    for (sample, id, time) in [
        ("chromium-sw-fetch-json-cors/02.txt", None, None),
        (
            "cloudevents-python-binary/01.txt",
            Some("5c6ba304-99d5-47b2-8680-b76c19f507ba"),
            Some("2026-11-20T10:02:46.955850Z"),
        ),
        (
            "cloudevents-python-structured/01.txt",
            Some("a3a50daf-47db-40e1-adf5-ec25c4379e15"),
            Some("2026-11-20T10:02:47.159157Z"),
        ),
    ] {
        let answer = server
            .send(&recorded(&format!("clients/{sample}")))
            .await
            .expect(202)
            .json();
        let event = server.apply().await.remove(0).remove(0);
        assert_eq!(answer["event_id"], event.event_id.to_string(), "{sample}");
        assert_eq!(
            (event.event_type.as_str(), event.user_id.as_str()),
            ("click", "u1"),
            "{sample}"
        );
        assert!(id.is_none_or(|id| event.event_id.to_string() == id), "{sample}");
        assert!(time.is_none_or(|time| event.timestamp.to_string() == time), "{sample}");
    }
}

#[tokio::test]
async fn hostile_forms_are_answered() {
    let server = TestServer::start().await;
    for sample in ["ok", "ok-charset-param", "ok-quoted-boundary", "ok-uppercase"] {
        taken_as(server.send(&read(&format!("multipart/{sample}.http"))).await, "a.jsonl");
    }
    for (sample, status, code) in [
        ("ct-json", 415, "unsupported_media_type"),
        ("ct-none", 415, "unsupported_media_type"),
        ("ct-urlencoded", 415, "unsupported_media_type"),
        ("empty-file", 400, "empty_file"),
        ("missing-boundary", 400, "malformed_multipart"),
        ("wrong-field-name", 400, "missing_file"),
    ] {
        let answer = server
            .send(&read(&format!("multipart/{sample}.http")))
            .await
            .expect(status);
        assert_eq!(answer.problem(), code, "{sample}");
    }
}
