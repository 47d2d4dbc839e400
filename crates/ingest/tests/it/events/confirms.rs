//! When a client is answered: once its events are durable, or once that takes too long.

use std::collections::HashSet;
use std::sync::Arc;

use queue::Queue;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{EVENTS, view};
use crate::client::{self, request};
use crate::harness::{TestServer, event_id};
use crate::held_queue::HeldQueue;

async fn holding() -> (Arc<TestServer>, Arc<HeldQueue>) {
    let mut held = None;
    let wrap = |inner| -> Arc<dyn Queue> {
        let queue = HeldQueue::over(inner);
        held = Some(Arc::clone(&queue));
        queue
    };
    let server = TestServer::over(wrap, |_| {}).await;
    (Arc::new(server), held.unwrap())
}

#[tokio::test]
async fn without_a_confirm_the_answer_names_the_id_that_makes_a_repeat_harmless() {
    let (server, held) = holding().await;
    let refused = server.post_json(EVENTS, &view()).await.expect(503);
    assert_eq!(refused.problem(), "queue_unavailable");
    let id = event_id(&refused.json());
    // What was refused may be stored all the same: these must not be counted below.
    let others = json!([{"user": "another", "type": "x"}, {"user": "another", "type": "x"}]);
    let several = server.post_json(EVENTS, &others).await.expect(503);
    assert_eq!(
        (several.problem().as_str(), several.json().get("event_id")),
        ("queue_unavailable", None)
    );

    held.release();
    let mut again = view();
    again["event_id"] = json!(id);
    let headers = [("idempotency-key", &*id.to_string())];
    let repeats = [
        request("POST", EVENTS, &[], again.to_string().as_bytes()),
        request("POST", EVENTS, &headers, view().to_string().as_bytes()),
        request("POST", "/events", &headers, view().to_string().as_bytes()),
    ];
    for repeat in repeats {
        assert_eq!(event_id(&server.send(&repeat).await.expect(202).json()), id);
    }
    server.apply().await;
    let stored = server.get(&format!("{EVENTS}?user_id=u-17")).await.expect(200).json();
    assert_eq!(stored["items"].as_array().unwrap().len(), 1, "{stored}");
    assert_eq!(event_id(&stored["items"][0]), id);
}

#[tokio::test]
async fn a_queue_that_is_gone_is_answered_at_once() {
    let server = TestServer::start().await;
    server.queue.close().await;
    let refused = server.post_json("/events", &view()).await.expect(503);
    assert_eq!(refused.problem(), "queue_unavailable");
    assert!(refused.json()["event_id"].is_string());
    assert_eq!(
        server.post_json("/events", &json!({})).await.expect(400).problem(),
        "invalid_event"
    );
}

#[tokio::test]
async fn events_are_taken_while_the_database_cannot_be_used() {
    let server = TestServer::start().await;
    for file in ["records.db", "records.db-wal"] {
        std::fs::write(server.folder.path().join(file), "no database".repeat(10_000)).unwrap();
    }
    assert!(server.get(EVENTS).await.status >= 500);
    server.post_json(EVENTS, &view()).await.expect(202);
}

#[tokio::test]
async fn a_client_that_leaves_takes_nothing_with_it() {
    let (server, held) = holding().await;
    let mut leaving = TcpStream::connect(server.address).await.unwrap();
    leaving
        .write_all(&request("POST", EVENTS, &[], br#"{"user":"leaving","type":"x"}"#))
        .await
        .unwrap();
    held.until_begun(1).await;
    let staying = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.post_json(EVENTS, &json!({"user": "staying", "type": "x"})).await }
    });
    held.until_begun(2).await;
    drop(leaving);
    server.get("/livez").await.expect(200);
    held.release();
    staying.await.unwrap().expect(202);
    let users: HashSet<_> = server
        .apply()
        .await
        .concat()
        .iter()
        .map(|event| event.user_id.to_string())
        .collect();
    assert_eq!(users, ["leaving", "staying"].map(str::to_owned).into());
}

#[tokio::test]
async fn what_was_taken_is_confirmed_before_the_server_ends() {
    let (server, held) = holding().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(&request("POST", EVENTS, &[], view().to_string().as_bytes()))
        .await
        .unwrap();
    held.until_begun(1).await;
    server.stop.cancel();
    held.release();
    client::read_answer(&mut stream, false).await.expect(202);
    let mut server = Arc::into_inner(server).unwrap();
    server.end().await;
    assert_eq!(server.apply().await.concat().len(), 1);
}

#[tokio::test]
async fn many_at_once_are_each_answered_and_stored_once() {
    const CLIENTS: usize = 200;
    let server = Arc::new(TestServer::start().await);
    let clients = (0..CLIENTS).map(|number| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let event = json!({"user": format!("u-{number}"), "type": "x", "number": number});
            event_id(&server.post_json(EVENTS, &event).await.expect(202).json())
        })
    });
    let mut ids = HashSet::new();
    for client in clients.collect::<Vec<_>>() {
        ids.insert(client.await.unwrap());
    }
    assert_eq!(ids.len(), CLIENTS);
    let events = server.apply().await.concat();
    assert_eq!(events.len(), CLIENTS);
    assert_eq!(events.iter().map(|event| event.event_id).collect::<HashSet<_>>(), ids);
    let times: HashSet<_> = events.iter().map(|event| event.received_at).collect();
    assert_eq!(times.len(), CLIENTS, "no two events have the same time of receipt");
}
