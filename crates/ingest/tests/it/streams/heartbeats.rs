//! A heartbeat with a stream: one call for watch time, resume point and lease.

use serde_json::{Value, json};

use super::{STREAMS, hold_the_store};
use crate::events::EVENTS;
use crate::harness::TestServer;

fn beat(stream: &Value) -> Value {
    json!({"user": "u", "slug": "s", "at": 10, "stream_id": stream})
}

/// What is said of the stream of a heartbeat.
async fn told(server: &TestServer, stream: &str) -> Value {
    let answer = server.post_json(EVENTS, &beat(&json!(stream))).await.expect(202).json();
    assert_eq!(
        (&answer["status"], &answer["known"]),
        (&json!("accepted"), &json!(true))
    );
    answer["stream"].clone()
}

#[tokio::test]
async fn a_heartbeat_renews_the_lease_of_its_stream() {
    let server = TestServer::start().await;
    let started = server.put("a").await.expect(201).json();
    for target in ["/", "/v1/event", EVENTS] {
        let answer = server.post_json(target, &beat(&json!("a"))).await.expect(202).json();
        assert_eq!(answer["stream"], "renewed", "{target}");
    }
    let running = server.streams().await;
    let lease = &running["streams"][0];
    assert!(lease["expires_at"].as_str() > started["expires_at"].as_str(), "{lease}");
    assert_eq!(lease["started_at"], started["started_at"]);
    assert_eq!(server.apply().await.concat().len(), 3);
    let canonical = json!({
        "event_type": "watch", "user_id": "u", "payload": {"slug": "s", "at": 20, "stream_id": "a"},
    });
    let answer = server.post_json(EVENTS, &canonical).await.expect(202).json();
    assert_eq!(answer["stream"], "renewed");
    let escaped = canonical.to_string().replace("stream_id", "stream\\u005fid");
    let answer = server.post_bytes(EVENTS, "application/json", escaped.as_bytes()).await;
    assert_eq!(answer.expect(202).json()["stream"], "renewed");
}

#[tokio::test]
async fn a_player_without_a_slot_hears_why() {
    let server = TestServer::start().await;
    assert_eq!(told(&server, "never").await, "unknown");
    server.put("a").await.expect(201);
    server
        .call("PUT", &format!("{STREAMS}/b"), &json!({"replace": "a"}))
        .await
        .expect(201);
    assert_eq!(told(&server, "a").await, "replaced");
    for (stream, query) in [("b", ""), ("c", "?by=operator")] {
        server.put(stream).await;
        server.delete(&format!("{STREAMS}/{stream}{query}")).await.expect(204);
        assert_eq!(told(&server, stream).await, "ended", "{stream}");
    }
    assert_eq!(server.streams().await["active"], 0, "a heartbeat starts nothing");
}

#[tokio::test]
async fn other_events_say_nothing_of_streams() {
    let server = TestServer::start().await;
    server.put("a").await.expect(201);
    for event in [
        json!({"user": "u", "slug": "s", "at": 10}),
        beat(&Value::Null),
        json!({"user": "u", "type": "view", "payload": {"url": "/", "stream_id": "a"}}),
        json!({"user": "u", "type": "stream_ended", "payload": {"stream_id": "a"}}),
        json!({"user": "u", "type": "levitate", "stream_id": "a"}),
    ] {
        let answer = server.post_json(EVENTS, &event).await.expect(202).json();
        assert_eq!(answer.get("stream"), None, "{event}");
    }
    let several = server
        .post_json(EVENTS, &json!([beat(&json!("a"))]))
        .await
        .expect(202)
        .json();
    assert_eq!(several["results"][0].get("stream"), None);
    let malformed = server.post_json(EVENTS, &beat(&json!([]))).await.expect(400);
    assert_eq!(malformed.problem(), "invalid_event");
    assert_eq!(server.streams().await["active"], 1, "events never touch a lease");
}

#[tokio::test]
async fn a_store_that_does_not_answer_costs_a_heartbeat_nothing() {
    let server = TestServer::start().await;
    server.put("a").await.expect(201);
    let release = hold_the_store(&server).await;
    assert_eq!(told(&server, "a").await, "unknown");
    drop(release);
    assert_eq!(server.apply().await.concat().len(), 1);
}

#[tokio::test]
async fn a_lease_is_renewed_although_the_queue_is_away() {
    let server = TestServer::start().await;
    let started = server.put("a").await.expect(201).json();
    server.queue.close().await;
    let refused = server.post_json(EVENTS, &beat(&json!("a"))).await.expect(503);
    assert_eq!(refused.problem(), "queue_unavailable");
    let running = server.streams().await;
    assert!(running["streams"][0]["expires_at"].as_str() > started["expires_at"].as_str());
}
