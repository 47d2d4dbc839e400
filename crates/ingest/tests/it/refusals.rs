//! Uploads that are refused: each for its reason, and nothing is left of them.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{self, FORM, Part, field, file, form, request};
use crate::harness::{LINES, TestServer};
use crate::upload::{UPLOAD, gzip, zstd};

#[tokio::test]
async fn what_cannot_be_taken_is_named_and_nothing_is_kept() {
    let server = TestServer::start().await;
    let truncated_gzip = {
        let whole = gzip(LINES).await;
        whole[..whole.len() - 9].to_vec()
    };
    let long = "x".repeat(10_000);
    let cases: Vec<(&str, Vec<Part<'_>>, u16, &str)> = vec![
        ("empty", vec![file("a.jsonl", b"")], 400, "empty_file"),
        ("empty packed", vec![file("a.jsonl.gz", b"")], 400, "empty_file"),
        ("array", vec![file("a.json", b"[1,2]\n")], 400, "not_jsonl"),
        ("blank", vec![file("a.json", b"\n \n")], 400, "not_jsonl"),
        (
            "late object",
            vec![file(
                "a.json",
                &[b"x\n".repeat(1 << 19), b"{}\n".to_vec()].concat().leak()[..],
            )],
            400,
            "not_jsonl",
        ),
        ("no parts", vec![], 400, "missing_file"),
        ("only options", vec![field("kind", "logs")], 400, "missing_file"),
        (
            "other name",
            vec![Part {
                head: "Content-Disposition: form-data; name=\"upload\"; filename=\"a.log\"".into(),
                body: LINES,
            }],
            400,
            "missing_file",
        ),
        ("no file name", vec![field("file", "{}")], 400, "missing_file"),
        ("empty file name", vec![file("", LINES)], 400, "missing_file"),
        (
            "two files",
            vec![file("a.log", LINES), file("b.log", LINES)],
            400,
            "too_many_files",
        ),
        (
            "two bad files",
            vec![file("a.log", b"1"), file("b.log", b"2")],
            400,
            "too_many_files",
        ),
        (
            "stranger after the file",
            vec![file("a.log", LINES), field("colour", "red")],
            400,
            "unknown_field",
        ),
        (
            "bad option after the file",
            vec![file("a.log", LINES), field("kind", "both")],
            400,
            "invalid_field",
        ),
        (
            "long option",
            vec![file("a.log", LINES), field("kind", &long)],
            400,
            "invalid_field",
        ),
        (
            "repeated option",
            vec![field("kind", "logs"), field("kind", "logs"), file("a.log", LINES)],
            400,
            "invalid_field",
        ),
        (
            "no disposition",
            vec![Part {
                head: "X-Other: 1".into(),
                body: LINES,
            }],
            400,
            "malformed_multipart",
        ),
        (
            "long head",
            vec![Part {
                head: format!("X-Other: {}", "x".repeat(1 << 17)),
                body: LINES,
            }],
            400,
            "malformed_multipart",
        ),
        ("no extension", vec![file("logs", LINES)], 415, "unsupported_file_type"),
        (
            "other extension",
            vec![file("logs.txt", LINES)],
            415,
            "unsupported_file_type",
        ),
        ("not gzip", vec![file("a.log.gz", LINES)], 400, "malformed_compression"),
        (
            "half a gzip",
            vec![file("a.log.gz", &truncated_gzip)],
            400,
            "malformed_compression",
        ),
        ("not zstd", vec![file("a.log.zst", LINES)], 400, "malformed_compression"),
    ];
    for (name, parts, status, code) in cases {
        let answer = server.upload(&parts).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, code),
            "{name}: {}",
            answer.text()
        );
    }
    for query in [
        "kind=both",
        "kind=",
        "other=1",
        "notify=1",
        "line_delay_ms_max=1001",
        "line_delay_ms_max=-1",
        "kind=logs&kind=logs",
    ] {
        let answer = server
            .send(&request(
                "POST",
                &format!("{UPLOAD}?{query}"),
                &[FORM],
                &form(&[file("a.log", LINES)]),
            ))
            .await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid_parameter"),
            "{query}"
        );
    }
    let encoded = [FORM, ("content-encoding", "gzip")];
    let answer = server
        .send(&request("POST", UPLOAD, &encoded, &form(&[file("a.log", LINES)])))
        .await;
    assert_eq!(answer.expect(415).problem(), "unsupported_media_type");
    server.end_and_expect_nothing_kept().await;
}

#[tokio::test]
async fn a_form_that_ends_anywhere_too_early_is_refused() {
    let server = TestServer::start().await;
    let whole = form(&[field("kind", "logs"), file("a.log", LINES)]);
    // Without the last line end the form is still whole.
    for end in (0..whole.len() - 2).step_by(3) {
        let answer = server.send(&request("POST", UPLOAD, &[FORM], &whole[..end])).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "malformed_multipart"),
            "cut at {end}"
        );
    }
    server.end_and_expect_nothing_kept().await;
}

#[tokio::test]
async fn too_large_is_too_large_however_it_comes() {
    let server = TestServer::with(|settings| settings.upload_bytes_max = 1_000).await;
    let exactly = b"{\"a\":\"bcd\"}\n"
        .iter()
        .cycle()
        .take(1_000)
        .copied()
        .collect::<Vec<_>>();
    server.upload(&[file("a.log", &exactly)]).await.expect(202);
    let more = [exactly.as_slice(), b"\n"].concat();
    for (name, bytes) in [
        ("a.log", more.clone()),
        ("a.log.gz", gzip(&more).await),
        ("a.log.zst", zstd(&more).await),
    ] {
        assert_eq!(
            server.upload(&[file(name, &bytes)]).await.expect(413).problem(),
            "file_too_large",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_answered_at_once_and_the_answer_is_seen() {
    let server = TestServer::with(|settings| settings.upload_bytes_max = 1_000).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: 8000000\r\n\r\n",
        FORM.1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A client that sends everything before it reads: nothing may break while it does.
    for _ in 0..8 {
        stream.write_all(&vec![b'x'; 1_000_000]).await.unwrap();
    }
    let answer = client::read_answer(&mut stream, false).await.expect(413);
    assert_eq!(answer.problem(), "file_too_large");
    assert_eq!(answer.header("connection"), Some("close"));
    // The server reads on for a while, for the client's sake, unless it leaves.
    drop(stream);
    server.end_and_expect_nothing_kept().await;
}

#[tokio::test]
async fn a_bomb_is_cut_off() {
    let server = TestServer::start().await;
    let mut bomb = b"{}\n".to_vec();
    bomb.resize(24 << 20, b'\n');
    let packed = zstd(&bomb).await;
    assert!(packed.len() < 7_000, "{}", packed.len());
    assert_eq!(
        server.upload(&[file("a.log.zst", &packed)]).await.expect(413).problem(),
        "file_too_large"
    );
    server.end_and_expect_nothing_kept().await;
}
