//! What a post of events may look like: media types, packing, sizes, CloudEvents; and what is told of one that cannot be read.

use serde_json::{Value, json};

use super::{EVENTS, errors, view};
use crate::client::{self, Answer};
use crate::harness::{TestServer, event_id};
use crate::upload::{gzip, zstd};

const MIB: usize = 1 << 20;

async fn post(server: &TestServer, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server.send(&client::request("POST", target, headers, body)).await
}

#[tokio::test]
async fn the_media_type_is_a_hint() {
    let server = TestServer::start().await;
    let body = view().to_string();
    post(&server, EVENTS, &[], body.as_bytes()).await.expect(202);
    for media in [
        "application/json",
        "application/json; charset=utf-8",
        "application/x-ndjson",
        "application/vnd.acme+json",
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ] {
        for target in [EVENTS, "/events"] {
            server.post_bytes(target, media, body.as_bytes()).await.expect(202);
        }
    }
    for media in [
        "text/html",
        "application/xml",
        "multipart/form-data; boundary=XX",
        "image/png",
    ] {
        let answer = server.post_bytes(EVENTS, media, body.as_bytes()).await.expect(415);
        assert_eq!(answer.problem(), "unsupported_media_type", "{media}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_place_and_likely_cause() {
    let server = TestServer::start().await;
    let detail = async |body: &[u8], code: &str| {
        let answer = server.post_bytes(EVENTS, "application/json", body).await.expect(400);
        assert_eq!(answer.problem(), code, "{}", answer.text());
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let trailing = detail(b"{\n  \"user\": \"u\",\n  \"type\": \"x\",\n}", "invalid_json").await;
    for part in ["line 4", "column 1", "trailing comma"] {
        assert!(trailing.contains(part), "{trailing}");
    }
    for (body, code) in [
        (&b""[..], "invalid_json"),
        (b" \r\n\n", "invalid_json"),
        (b"user=u&type=x", "invalid_json"),
        (b"{\"user\":NaN}", "invalid_json"),
        (b"\xff\xfe{\x00}\x00", "invalid_utf8"),
        (b"\"text\"", "not_an_object"),
        (b"null", "not_an_object"),
    ] {
        detail(body, code).await;
    }
    let deep = format!(
        "{{\"user\":\"u\",\"type\":\"x\",\"a\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    detail(deep.as_bytes(), "too_deep").await;

    let lines = b"{\"user\":\"u\",\"type\":\"x\"}\n{\"user\":\"u\",}\n";
    let answer = server.post_bytes(EVENTS, "", lines).await.expect(202).json();
    let error = &answer["results"][1]["errors"][0];
    assert_eq!((&error["code"], &error["field"]), (&"invalid_json".into(), &"".into()));
    assert!(
        error["message"].as_str().unwrap().contains("line 2, column 13"),
        "{error}"
    );
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    let server = TestServer::start().await;
    let body = view().to_string();
    let (gz, zst) = (gzip(body.as_bytes()).await, zstd(body.as_bytes()).await);
    for (coding, packed) in [
        ("gzip", &gz),
        ("x-gzip", &gz),
        ("GZIP", &gz),
        ("zstd", &zst),
        ("identity", &body.clone().into_bytes()),
    ] {
        let answer = post(&server, EVENTS, &[("content-encoding", coding)], packed).await;
        assert_eq!(answer.expect(202).json()["known"], true, "{coding}");
    }
    for coding in ["br", "deflate", "gzip, zstd", "?"] {
        let answer = post(&server, EVENTS, &[("content-encoding", coding)], &gz)
            .await
            .expect(415);
        assert_eq!(answer.problem(), "unsupported_media_type", "{coding}");
    }
    for (coding, packed) in [
        ("gzip", body.as_bytes()),
        ("zstd", body.as_bytes()),
        ("gzip", &gz[..gz.len() - 9]),
        ("zstd", &zst[..zst.len() - 3]),
    ] {
        let answer = post(&server, EVENTS, &[("content-encoding", coding)], packed)
            .await
            .expect(400);
        assert_eq!(answer.problem(), "malformed_compression", "{coding}");
    }
}

#[tokio::test]
async fn sizes_are_bounded_on_what_comes_in_and_on_what_comes_out() {
    let server = TestServer::start().await;
    let padded = |bytes: usize| {
        let mut body = view().to_string().into_bytes();
        body.resize(bytes, b' ');
        body
    };
    server.post_bytes(EVENTS, "", &padded(8 * MIB)).await.expect(202);
    let too_large = padded(8 * MIB + 1);
    assert_eq!(
        server.post_bytes(EVENTS, "", &too_large).await.expect(413).problem(),
        "body_too_large"
    );
    for (coding, packed) in [("gzip", gzip(&too_large).await), ("zstd", zstd(&too_large).await)] {
        assert!(packed.len() < MIB / 16, "{coding}: {}", packed.len());
        let answer = post(&server, EVENTS, &[("content-encoding", coding)], &packed)
            .await
            .expect(413);
        assert_eq!(answer.problem(), "body_too_large", "{coding}");
    }

    let mut chunked = b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in too_large.chunks(MIB) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(server.send(&chunked).await.expect(413).problem(), "body_too_large");
}

#[tokio::test]
async fn an_event_may_take_64_kib_and_a_request_hold_10_000() {
    let server = TestServer::start().await;
    let long = |bytes: usize| {
        let mut event = json!({"user": "u", "type": "x", "text": ""});
        let text = "x".repeat(bytes - event.to_string().len());
        event["text"] = text.into();
        event
    };
    server.post_json(EVENTS, &long(64 << 10)).await.expect(202);
    let longer = long((64 << 10) + 1);
    assert_eq!(
        server.post_json(EVENTS, &longer).await.expect(413).problem(),
        "event_too_large"
    );
    let among = server
        .post_json(EVENTS, &json!([view(), longer]))
        .await
        .expect(202)
        .json();
    assert_eq!(among["results"][1]["errors"][0]["code"], "event_too_large");

    let lines = |count: usize| "{\"user\":\"u\",\"type\":\"x\"}\n".repeat(count);
    let answer = server
        .post_bytes(EVENTS, "", lines(10_000).as_bytes())
        .await
        .expect(202)
        .json();
    assert_eq!(answer["accepted"], 10_000);
    let more = server
        .post_bytes(EVENTS, "", lines(10_001).as_bytes())
        .await
        .expect(413);
    assert_eq!(more.problem(), "too_many_events");
}

fn cloud_event() -> Value {
    json!({
        "specversion": "1.0", "type": "view", "source": "/web", "id": "order-1", "time": "2026-05-28T10:00:00Z",
        "subject": "u-17", "data": {"url": "/pricing"},
    })
}

#[tokio::test]
async fn a_cloud_event_is_the_same_in_each_of_its_modes() {
    let server = TestServer::start().await;
    let structured = "application/cloudevents+json; charset=UTF-8";
    let one = server
        .post_bytes(EVENTS, structured, cloud_event().to_string().as_bytes())
        .await;
    let id = event_id(&one.expect(202).json());
    let batch = json!([cloud_event(), cloud_event()]).to_string();
    let batch = server
        .post_bytes(EVENTS, "application/cloudevents-batch+json", batch.as_bytes())
        .await;
    let batch = batch.expect(202).json();
    assert_eq!((&batch["accepted"], event_id(&batch["results"][1])), (&json!(2), id));
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-type", "view"),
        ("ce-source", "/web"),
        ("ce-id", "order%2D1"),
        ("ce-time", "2026-05-28T10:00:00Z"),
        ("ce-subject", "u-17"),
    ];
    for target in [EVENTS, "/events", "/"] {
        let binary = post(&server, target, &headers, br#"{"url":"/pricing"}"#)
            .await
            .expect(202)
            .json();
        assert_eq!(event_id(&binary), id, "{target}");
    }
    let events = server.apply().await.concat();
    assert!(
        events
            .iter()
            .all(|event| event == &events[0] || event.received_at != events[0].received_at)
    );
    for event in &events {
        assert_eq!(event.payload.as_str(), r#"{"url":"/pricing"}"#);
        assert_eq!(
            (event.timestamp.to_string().as_str(), event.user_id.as_str()),
            ("2026-05-28T10:00:00.000000Z", "u-17")
        );
    }
    let stored = server.get(EVENTS).await.expect(200).json();
    assert_eq!(stored["items"].as_array().unwrap().len(), 1, "{stored}");
}

#[tokio::test]
async fn binary_mode_needs_its_attributes_and_one_object() {
    let server = TestServer::start().await;
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-type", "click"),
        ("ce-source", "/web"),
        ("ce-id", "1"),
        ("ce-subject", "u"),
    ];
    post(&server, EVENTS, &attributes, b"").await.expect(202);
    let answer = post(&server, EVENTS, &attributes[..3], b"{}").await.expect(400);
    assert_eq!(answer.problem(), "invalid_event");
    assert!(
        errors(&answer).contains(&"id missing_field".to_owned()),
        "{}",
        answer.text()
    );
    for several in [&b"[{},{}]"[..], b"{}\n{}"] {
        assert_eq!(
            post(&server, EVENTS, &attributes, several).await.expect(400).problem(),
            "not_an_object"
        );
    }
    let foreign = [&attributes[..], &[("content-type", "application/xml")]].concat();
    assert_eq!(
        post(&server, EVENTS, &foreign, b"<a/>").await.expect(415).problem(),
        "unsupported_media_type"
    );
}
