//! Uploads that are taken, and those that end for no fault of the file.

use std::time::Duration;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use domain::line::LineKind;
use domain::message::Hint;
use queue::Lane;
use records::Class;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{self, FORM, field, file, form, request};
use crate::harness::{LINES, TestServer, job_id};

pub(crate) const UPLOAD: &str = "/api/v1/files/upload";

pub(crate) async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

pub(crate) async fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZstdEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn stored(server: &TestServer, answer: &client::Answer) -> Vec<u8> {
    let id = job_id(&answer.json());
    let job = server.records.run(Class::Reads, |unit| unit.job(id)).unwrap().unwrap();
    let mut bytes = Vec::new();
    let key = blobs::Key::parse(&job.blob_key).unwrap();
    server
        .blobs
        .read(&key, &job.blob_version, 0..u64::MAX)
        .await
        .unwrap()
        .read_to_end(&mut bytes)
        .await
        .unwrap();
    assert_eq!(job.file_size_bytes, bytes.len() as u64);
    let sha256: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(job.sha256, sha256);
    bytes
}

#[tokio::test]
async fn a_file_becomes_a_queued_job() {
    let server = TestServer::start().await;
    let answer = server.upload(&[file("logs.jsonl", LINES)]).await.expect(202);
    let view = answer.json();
    let id = view["job_id"].as_str().unwrap();
    assert_eq!(
        view,
        serde_json::json!({
            "job_id": id, "status": "queued", "file_name": "logs.jsonl", "file_size_bytes": LINES.len(),
            "links": {"self": format!("/api/v1/jobs/{id}"), "websocket": format!("/ws/jobs/{id}"),
                      "rejects": format!("/api/v1/jobs/{id}/rejects")},
        })
    );
    assert_eq!(answer.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
    assert_eq!(stored(&server, &answer).await, LINES);
    let mut hints = server.queue.intake(Lane::Hints, 10).await.unwrap();
    let frames = hints.batch(1, Duration::ZERO).await.unwrap();
    let hint = Hint::decode(&frames[0].frame.body).unwrap();
    assert_eq!((hint.job_id.to_string().as_str(), hint.chunk_no), (id, 0));
}

#[tokio::test]
async fn each_chunk_is_hinted_but_not_too_many() {
    let server = TestServer::with(|settings| settings.chunk_bytes = 1).await;
    let mut hints = server.queue.intake(Lane::Hints, 100).await.unwrap();
    for (lines, hinted) in [(3, 3), (100, 32)] {
        server.job_of(&b"{}\n".repeat(lines)).await;
        let frames = hints.batch(hinted, Duration::from_secs(20)).await.unwrap();
        assert_eq!(frames.len(), hinted);
        hints.settle(frames.last().unwrap().tag).await.unwrap();
    }
    assert_eq!(server.queue.backlog(Lane::Hints).await.unwrap().frames, 0);
}

#[tokio::test]
async fn packed_files_are_stored_plain() {
    let server = TestServer::start().await;
    let many = LINES.repeat(50_000);
    let packed = [
        ("a.jsonl.gz", gzip(&many).await),
        ("A.LOG.GZ", gzip(&many).await),
        ("a.ndjson.zst", zstd(&many).await),
    ];
    for (name, bytes) in packed {
        let answer = server.upload(&[file(name, &bytes)]).await.expect(202);
        assert!(stored(&server, &answer).await == many, "{name}");
    }
    let two_members = [gzip(LINES).await, gzip(LINES).await].concat();
    let answer = server.upload(&[file("a.json.gz", &two_members)]).await.expect(202);
    assert_eq!(stored(&server, &answer).await, LINES.repeat(2));
}

#[tokio::test]
async fn options_may_stand_anywhere() {
    let server = TestServer::with(|settings| settings.line_delay_ms_max = 7).await;
    let options_of = async |answer: client::Answer| {
        let id = job_id(&answer.expect(202).json());
        server
            .records
            .run(Class::Reads, |unit| unit.job(id))
            .unwrap()
            .unwrap()
            .options
    };
    let plain = options_of(server.upload(&[file("a.log", LINES)]).await).await;
    assert_eq!(
        (plain.kind, plain.notify, plain.line_delay_ms_max),
        (LineKind::Auto, false, 7)
    );
    let around = server
        .upload(&[
            field("kind", "logs"),
            file("a.log", LINES),
            field("notify", "true"),
            field("line_delay_ms_max", "0"),
        ])
        .await;
    let around = options_of(around).await;
    assert_eq!(
        (around.kind, around.notify, around.line_delay_ms_max),
        (LineKind::Logs, true, 0)
    );
    let query = format!("{UPLOAD}?kind=events&notify=true&line_delay_ms_max=1000");
    let queried = options_of(
        server
            .send(&request("POST", &query, &[FORM], &form(&[file("a.log", LINES)])))
            .await,
    )
    .await;
    assert_eq!(
        (queried.kind, queried.notify, queried.line_delay_ms_max),
        (LineKind::Events, true, 1000)
    );
}

async fn begin_upload(server: &TestServer, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        FORM.1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(format!("{:x}\r\n", sent.len()).as_bytes())
        .await
        .unwrap();
    stream.write_all(sent).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    stream
}

fn half_a_form() -> Vec<u8> {
    let whole = form(&[file("a.log", &LINES.repeat(1_000))]);
    whole[..whole.len() / 2].to_vec()
}

#[tokio::test]
async fn a_client_that_falls_silent_is_told() {
    let server = TestServer::with(|settings| settings.upload_silence_max = Duration::from_millis(50)).await;
    for sent in [half_a_form(), b"--XX\r\n".to_vec()] {
        let mut stream = begin_upload(&server, &sent).await;
        assert_eq!(
            client::read_answer(&mut stream, false).await.expect(408).problem(),
            "upload_stalled"
        );
    }
    server.end_and_expect_nothing_kept().await;
}

/// It is never silent for long, and would keep its place for ever.
#[tokio::test]
async fn a_client_that_sends_next_to_nothing_is_told() {
    let server = TestServer::with(|settings| settings.upload_silence_max = Duration::from_millis(200)).await;
    let head = form(&[file("a.log", b"")]);
    let mut stream = begin_upload(&server, &head[..head.len() - "\r\n--XX--\r\n".len()]).await;
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    while !is_readable(&stream) {
        drip.tick().await;
        // The server may have closed its side by now.
        let _ = stream.write_all(b"1\r\n{\r\n").await;
    }
    assert_eq!(
        client::read_answer(&mut stream, false).await.expect(408).problem(),
        "upload_stalled"
    );
    server.end_and_expect_nothing_kept().await;
}

fn is_readable(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let mut buffer = tokio::io::ReadBuf::new(&mut byte);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    stream.poll_peek(&mut context, &mut buffer).is_ready()
}

#[tokio::test]
async fn nothing_is_left_of_a_client_that_leaves() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        let stream = begin_upload(&server, &half_a_form()).await;
        server.until_receiving().await;
        drop(stream);
    }
    server.end_and_expect_nothing_kept().await;
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() {
    let server = TestServer::start().await;
    std::fs::remove_dir_all(server.folder.path().join("blobs")).unwrap();
    let answer = server.upload(&[file("a.log", LINES)]).await.expect(503);
    assert_eq!(answer.problem(), "store_unavailable");
    assert!(!answer.text().contains("blobs/"), "{}", answer.text());
}

#[tokio::test]
async fn more_uploads_than_places_are_sent_away() {
    let server = TestServer::with(|settings| settings.uploads_at_once_max = 1).await;
    let _first = begin_upload(&server, &half_a_form()).await;
    server.until_receiving().await;
    assert_eq!(
        server.upload(&[file("a.log", LINES)]).await.expect(503).problem(),
        "too_busy"
    );
}

#[tokio::test]
async fn the_request_id_follows_the_job() {
    let server = TestServer::start().await;
    let body = form(&[file("a.log", LINES)]);
    let answer = server
        .send(&request("POST", UPLOAD, &[FORM, ("x-request-id", "mine-7")], &body))
        .await
        .expect(202);
    assert_eq!(answer.header("x-request-id"), Some("mine-7"));
    let id = job_id(&answer.json());
    assert_eq!(
        server
            .records
            .run(Class::Reads, |unit| unit.job(id))
            .unwrap()
            .unwrap()
            .request_id,
        "mine-7"
    );
}

#[tokio::test]
async fn an_upload_that_was_swept_leaves_no_bytes() {
    let server = TestServer::start().await;
    let whole = form(&[file("a.log", LINES)]);
    let (first, second) = whole.split_at(whole.len() - 10);
    let mut stream = begin_upload(&server, first).await;
    server.until_receiving().await;
    let swept = server
        .records
        .run(Class::Background, |unit| unit.take_abandoned(Duration::ZERO));
    assert_eq!(swept.unwrap().len(), 1);
    let last = [format!("{:x}\r\n", second.len()).as_bytes(), second, b"\r\n0\r\n\r\n"].concat();
    stream.write_all(&last).await.unwrap();
    let answer = client::read_answer(&mut stream, false).await.expect(503);
    assert_eq!(answer.problem(), "upload_lost");
    server.end_and_expect_nothing_kept().await;
}
