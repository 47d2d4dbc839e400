//! Streams: how many of a user's players may run, and what the others hear.

mod heartbeats;

use std::sync::Arc;
use std::time::Duration;

use records::{Class, Unit};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::client::{Answer, request};
use crate::harness::TestServer;

const STREAMS: &str = "/v1/users/u/streams";

impl TestServer {
    async fn call(&self, method: &str, target: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(&request(method, target, &headers, body.to_string().as_bytes()))
            .await
    }

    async fn put(&self, stream: &str) -> Answer {
        self.send(&request("PUT", &format!("{STREAMS}/{stream}"), &[], b""))
            .await
    }

    async fn delete(&self, target: &str) -> Answer {
        self.send(&request("DELETE", target, &[], b"")).await
    }

    async fn streams(&self) -> Value {
        self.get(STREAMS).await.expect(200).json()
    }
}

/// Holds what all writers of the embedded store need, until the sender is dropped.
async fn hold_the_store(server: &TestServer) -> oneshot::Sender<()> {
    let (held, holding) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let (records, mut held, mut released) = (server.records.clone(), Some(held), Some(released));
    tokio::task::spawn_blocking(move || {
        records.run(Class::Slots, |_: &mut dyn Unit| {
            held.take().map(|held| held.send(()));
            released.take().map(oneshot::Receiver::blocking_recv);
            Ok(())
        })
    });
    holding.await.unwrap();
    release
}

fn ids(streams: &Value) -> Vec<&str> {
    let streams = streams["streams"].as_array().unwrap().iter();
    streams.map(|stream| stream["stream_id"].as_str().unwrap()).collect()
}

/// They wait for the store together, and are decided about together.
#[tokio::test]
async fn players_that_wait_together_get_what_each_would_get_alone() {
    const PLAYERS: usize = 20;
    let server = TestServer::start().await;
    let paths = ["/v1/users/u/streams", "/v1/users/v/streams"];
    let release = hold_the_store(&server).await;
    let start = async |path: &str, player: usize| {
        let wish = json!({"stream_id": format!("s-{player}")});
        server.call("POST", path, &wish).await.status
    };
    let end = async |player: usize| server.delete(&format!("/v1/users/w/streams/s-{player}")).await;
    let starts = (0..PLAYERS).flat_map(|player| paths.map(|path| start(path, player)));
    let ends = (0..PLAYERS).map(end);
    let (statuses, ended, ()) = tokio::join!(
        futures_util::future::join_all(starts),
        futures_util::future::join_all(ends),
        async { drop(release) },
    );
    for of_one in [0, 1] {
        let statuses = statuses.iter().skip(of_one).step_by(paths.len());
        assert_eq!(statuses.clone().filter(|status| **status == 201).count(), 3);
        assert_eq!(statuses.filter(|status| **status == 409).count(), PLAYERS - 3);
    }
    for answer in ended {
        answer.expect(204);
    }
    for path in paths {
        assert_eq!(server.get(path).await.expect(200).json()["active"], 3);
    }
}

#[tokio::test]
async fn a_stream_starts_is_renewed_and_ends() {
    let server = TestServer::start().await;
    let wish = json!({"slug": "big-buck-bunny", "device": "ipad-3"});
    let started = server.call("POST", STREAMS, &wish).await.expect(201).json();
    let id = started["stream_id"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    assert_eq!(
        started,
        json!({
            "stream_id": id, "user": "u", "slug": "big-buck-bunny", "device": "ipad-3",
            "started_at": started["started_at"], "expires_at": started["expires_at"],
            "renew_every_seconds": 20, "active": 1, "limit": 3,
        })
    );
    assert_eq!(
        server.streams().await,
        json!({"user": "u", "active": 1, "limit": 3, "streams": [{
            "stream_id": id, "slug": "big-buck-bunny", "device": "ipad-3",
            "started_at": started["started_at"], "expires_at": started["expires_at"],
        }]})
    );
    let mut again = wish.clone();
    again["stream_id"] = json!(id);
    let again = server.call("POST", STREAMS, &again).await.expect(200).json();
    let renewed = server.put(&id).await.expect(200).json();
    for later in [&again, &renewed] {
        assert_eq!(
            (&later["started_at"], &later["active"]),
            (&started["started_at"], &json!(1))
        );
        assert!(later["expires_at"].as_str() > started["expires_at"].as_str(), "{later}");
    }
    for _ in 0..2 {
        server.delete(&format!("{STREAMS}/{id}")).await.expect(204);
    }
    assert_eq!(
        server.streams().await,
        json!({"user": "u", "active": 0, "limit": 3, "streams": []})
    );
    server.put(&id).await.expect(201);
    server.delete("/v1/users/never%2Fseen/streams/x").await.expect(204);
}

#[tokio::test]
async fn a_body_may_be_absent_and_names_may_hold_anything() {
    let server = TestServer::start().await;
    let bare = server.post(STREAMS).await.expect(201).json();
    assert_eq!((&bare["slug"], &bare["device"]), (&Value::Null, &Value::Null));
    let named = server
        .send(&request("PUT", "/v1/users/a%2Fb/streams/tv%2F1%25%E6%97%A5", &[], b""))
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&named["user"], &named["stream_id"]),
        (&json!("a/b"), &json!("tv/1%日"))
    );
    let numbered = server
        .call("POST", STREAMS, &json!({"stream_id": 7, "slug": 1.50}))
        .await;
    assert_eq!(numbered.expect(201).json()["stream_id"], "7");
    server.put("7").await.expect(200);
}

#[tokio::test]
async fn twenty_starts_at_once_leave_exactly_three_running() {
    let server = Arc::new(TestServer::start().await);
    for round in 0..5 {
        let target = format!("/v1/users/round-{round}/streams");
        let starts: Vec<_> = (0..20)
            .map(|_| {
                let (server, target) = (Arc::clone(&server), target.clone());
                tokio::spawn(async move { server.post(&target).await })
            })
            .collect();
        let mut statuses = Vec::new();
        for start in starts {
            let answer = start.await.unwrap();
            if answer.status == 409 {
                let problem = answer.json();
                assert_eq!((&problem["active"], &problem["limit"]), (&json!(3), &json!(3)));
            }
            statuses.push(answer.status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[201].repeat(3), [409].repeat(17)].concat(), "round {round}");
        assert_eq!(server.get(&target).await.expect(200).json()["active"], 3);
    }
}

#[tokio::test]
async fn who_is_denied_hears_what_runs_and_may_take_a_place() {
    let server = TestServer::start().await;
    for stream in ["a", "b", "c"] {
        server.put(stream).await.expect(201);
    }
    for denied in [server.post(STREAMS).await, server.put("d").await] {
        let denied = denied.expect(409);
        assert_eq!(denied.problem(), "stream_limit_reached");
        let problem = denied.json();
        assert_eq!((&problem["limit"], &problem["active"]), (&json!(3), &json!(3)));
        assert_eq!(ids(&problem), ["a", "b", "c"]);
        assert_eq!(problem["streams"], server.streams().await["streams"]);
    }
    let replacing = json!({"stream_id": "d", "replace": "b"});
    let started = server.call("POST", STREAMS, &replacing).await.expect(201).json();
    assert_eq!((&started["stream_id"], &started["active"]), (&json!("d"), &json!(3)));
    assert_eq!(ids(&server.streams().await), ["a", "c", "d"]);

    let gone = server.put("b").await.expect(410);
    assert_eq!(
        (gone.problem().as_str(), &gone.json()["replaced_by"]),
        ("stream_replaced", &json!("d"))
    );
    // To replace what does not run is a plain start.
    let late = server
        .call("PUT", &format!("{STREAMS}/e"), &json!({"replace": "b"}))
        .await;
    assert_eq!(late.expect(409).problem(), "stream_limit_reached");
    server.delete(&format!("{STREAMS}/d")).await.expect(204);
    assert_eq!(server.put("b").await.expect(410).problem(), "stream_replaced");
    let anew = server.call("POST", STREAMS, &json!({"stream_id": "b"})).await;
    anew.expect(201);
}

#[tokio::test]
async fn what_an_operator_ended_stays_ended() {
    let server = TestServer::start().await;
    server.put("a").await.expect(201);
    server.delete(&format!("{STREAMS}/a?by=operator")).await.expect(204);
    let gone = server.put("a").await.expect(410);
    assert_eq!(
        (gone.problem().as_str(), gone.json().get("replaced_by")),
        ("stream_ended", None)
    );
    for query in ["by=me", "by=", "by=operator&by=operator", "who=operator"] {
        let refused = server.delete(&format!("{STREAMS}/a?{query}")).await.expect(400);
        assert_eq!(refused.problem(), "invalid_parameter", "{query}");
    }
}

#[tokio::test]
async fn a_slot_is_free_again_when_its_lease_has_run_out() {
    let server = TestServer::with(|settings| {
        settings.stream_lease = Duration::from_millis(300);
        settings.stream_limit = 1;
    })
    .await;
    let started = server.put("a").await.expect(201).json();
    assert_eq!(
        (&started["renew_every_seconds"], &started["limit"]),
        (&json!(0.1), &json!(1))
    );
    let mut answer = server.put("b").await;
    while answer.status == 409 {
        answer = server.put("b").await;
    }
    let b = answer.expect(201).json();
    assert!(
        b["started_at"].as_str() >= started["expires_at"].as_str(),
        "{b} after {started}"
    );
}

#[tokio::test]
async fn a_user_may_have_a_limit_of_her_own() {
    const LIMIT: &str = "/v1/users/u/stream-limit";
    let server = TestServer::start().await;
    for stream in ["a", "b"] {
        server.put(stream).await.expect(201);
    }
    let set = server.call("PUT", LIMIT, &json!({"limit": 1})).await.expect(200).json();
    assert_eq!(set, json!({"user": "u", "limit": 1}));
    let running = server.streams().await;
    assert_eq!(
        (&running["active"], &running["limit"]),
        (&json!(2), &json!(1)),
        "nothing is ended"
    );
    server.put("a").await.expect(200);
    assert_eq!(server.put("c").await.expect(409).json()["limit"], 1);
    for limit in [0, 1_000] {
        server.call("PUT", LIMIT, &json!({"limit": limit})).await.expect(200);
        assert_eq!(server.streams().await["limit"], limit);
    }
    for _ in 0..2 {
        server.delete(LIMIT).await.expect(204);
        assert_eq!(server.streams().await["limit"], 3);
    }
    for body in [
        r#"{"limit":1001}"#,
        r#"{"limit":-1}"#,
        r#"{"limit":"3"}"#,
        r#"{"limit":null}"#,
        "{}",
        "",
    ] {
        let refused = server
            .send(&request("PUT", LIMIT, &[], body.as_bytes()))
            .await
            .expect(400);
        assert_eq!(
            (refused.problem().as_str(), &refused.json()["errors"][0]["field"]),
            ("invalid_body", &json!("limit")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn hostile_bodies_start_nothing() {
    let server = TestServer::start().await;
    let long = "x".repeat(256);
    for (body, code, field) in [
        (r#"{"replce":"a"}"#.to_owned(), "invalid_body", "replce"),
        (r#"{"slug":""}"#.to_owned(), "invalid_body", "slug"),
        (r#"{"device":["a"]}"#.to_owned(), "invalid_body", "device"),
        (r#"{"stream_id":true}"#.to_owned(), "invalid_body", "stream_id"),
        (r#"{"stream_id":"a\nb"}"#.to_owned(), "invalid_body", "stream_id"),
        (format!(r#"{{"replace":"{long}"}}"#), "invalid_body", "replace"),
        ("[]".to_owned(), "not_an_object", ""),
        ("7".to_owned(), "not_an_object", ""),
        ("{".to_owned(), "invalid_json", ""),
        (r#"{"slug":"a",}"#.to_owned(), "invalid_json", ""),
        ("\"\u{feff}\"".to_owned(), "not_an_object", ""),
        (
            format!("{{\"slug\":{}{}}}", "[".repeat(200), "]".repeat(200)),
            "too_deep",
            "",
        ),
    ] {
        let refused = server.post_bytes(STREAMS, "application/json", body.as_bytes()).await;
        let refused = refused.expect(400);
        let problem = refused.json();
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert_eq!((refused.problem().as_str(), named), (code, field), "{body}");
    }
    let two = server
        .call("POST", STREAMS, &json!({"slug": 1.5, "x": 1, "device": {}}))
        .await;
    assert_eq!(two.expect(400).json()["errors"].as_array().unwrap().len(), 2);
    let refused = server
        .post_bytes(STREAMS, "application/json", b"\xff")
        .await
        .expect(400);
    assert_eq!(refused.problem(), "invalid_utf8");
    let refused = server.post_bytes(STREAMS, "text/html", b"{}").await.expect(415);
    assert_eq!(refused.problem(), "unsupported_media_type");
    let packed = [("content-encoding", "gzip")];
    let refused = server.send(&request("POST", STREAMS, &packed, b"{}")).await.expect(415);
    assert_eq!(refused.problem(), "unsupported_media_type");
    let large = format!(r#"{{"slug":"{}"}}"#, " ".repeat(64 << 10));
    let refused = server.post_bytes(STREAMS, "application/json", large.as_bytes()).await;
    assert_eq!(refused.expect(413).problem(), "body_too_large");
    // The name is in the path already.
    let twice = server
        .call("PUT", &format!("{STREAMS}/a"), &json!({"stream_id": "b"}))
        .await;
    assert_eq!(twice.expect(400).json()["errors"][0]["field"], "stream_id");
    assert_eq!(server.streams().await["active"], 0);
    server
        .post_bytes(STREAMS, "text/plain", b" \xef\xbb\xbf")
        .await
        .expect(400);
    server
        .post_bytes(STREAMS, "text/plain", b"\xef\xbb\xbf {\"slug\": null} \n")
        .await
        .expect(201);
}

#[tokio::test]
async fn what_happens_to_a_stream_is_told_in_the_same_unit() {
    let server = TestServer::start().await;
    server
        .call("PUT", &format!("{STREAMS}/a"), &json!({"slug": "s", "device": "d"}))
        .await
        .expect(201);
    server.put("a").await.expect(200);
    server
        .call("PUT", &format!("{STREAMS}/b"), &json!({"replace": "a"}))
        .await
        .expect(201);
    server.delete(&format!("{STREAMS}/b")).await.expect(204);
    server.delete(&format!("{STREAMS}/b")).await.expect(204);
    let news = server.records.run(Class::Slots, |unit| unit.take_news(100)).unwrap();
    let told: Vec<_> = news
        .iter()
        .map(|event| format!("{} {}", event.event_type, event.stream_id().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "stream_started a",
            "stream_ended a",
            "stream_started b",
            "stream_ended b"
        ]
    );
    assert!(news.iter().all(|event| event.user_id.as_str() == "u"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_yes() {
    let server = TestServer::start().await;
    let release = hold_the_store(&server).await;
    let refused = server.put("a").await.expect(503);
    assert_eq!(refused.problem(), "database_unavailable");
    drop(release);
}
