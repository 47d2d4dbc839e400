//! The pages for people, and what feeds them.

use bytes::Bytes;
use domain::ids::JobId;
use futures_util::StreamExt;
use queue::Topic;
use records::Class;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};
use uuid::Uuid;

use crate::client::{Answer, request};
use crate::harness::{LINES, TestServer, Worker};

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

type Socket = WebSocketStream<TcpStream>;

async fn page(server: &TestServer, target: &str) -> Answer {
    server.send(&request("GET", target, &[BROWSER], b"")).await.expect(200)
}

async fn open(server: &TestServer, origin: &str) -> Result<(Socket, Response), tungstenite::Error> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut handshake = "ws://localhost/ws/live".into_client_request().unwrap();
    handshake.headers_mut().insert("origin", origin.parse().unwrap());
    client_async(handshake, stream).await
}

/// The next frame of this type.
async fn frame(socket: &mut Socket, kind: &str) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == kind {
                    return frame;
                }
            }
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn assert_strict(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn browsers_get_the_console_and_programs_the_links() {
    let server = TestServer::start().await;
    let console = page(&server, "/?from=somewhere").await;
    assert!(console.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(console.header("cache-control"), Some("no-cache"));
    assert_strict(&console);
    let links = server.get("/").await.expect(200);
    assert_eq!(links.json()["links"]["system"], "/api/v1/system");
    for answer in [console, links] {
        assert!(answer.header("vary").unwrap().contains("Accept"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_the_console_names_is_there_and_may_be_kept_for_ever() {
    let server = TestServer::start().await;
    let console = page(&server, "/").await;
    let named: Vec<_> = console
        .text()
        .split('"')
        .filter(|text| text.starts_with("/console/"))
        .collect();
    assert!(named.iter().any(|path| path.ends_with("/app.js")), "{named:?}");
    for path in &named {
        let file = server.get(path).await.expect(200);
        assert!(file.header("cache-control").unwrap().contains("immutable"), "{path}");
        assert_strict(&file);
    }
    assert_eq!(
        server.get("/console/000000000000/app.js").await.problem(),
        "unknown_path"
    );
    assert_eq!(
        server
            .get(&named[0].replace("icon.svg", "..%2Findex.html"))
            .await
            .problem(),
        "unknown_path"
    );
    assert_eq!(server.post(named[0]).await.problem(), "method_not_allowed");
}

#[tokio::test]
async fn the_demo_has_names_that_stay() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/demo").await.expect(308).header("location"), Some("/demo/"));
    let demo = page(&server, "/demo/").await;
    for id in ["click-me", "get-location"] {
        assert!(demo.text().contains(&format!("id=\"{id}\"")), "{id}");
    }
    for (file, media) in [
        ("index.html", "text/html"),
        ("service-worker.js", "text/javascript"),
        ("page.js", "text/javascript"),
    ] {
        let answer = server.get(&format!("/demo/{file}")).await.expect(200);
        assert!(answer.header("content-type").unwrap().starts_with(media), "{file}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{file}");
        assert_strict(&answer);
    }
    assert_eq!(server.get("/demo/nothing.js").await.problem(), "unknown_path");
}

#[tokio::test]
async fn what_is_accepted_is_told_at_once() {
    let server = TestServer::start().await;
    let (mut socket, _) = open(&server, "http://localhost:3000").await.unwrap();
    let one = json!({"user_id": "ada", "event_type": "view", "payload": {"url": "/"}});
    let accepted = server.post_json("/v1/events", &one).await.expect(202).json();
    let told = frame(&mut socket, "events").await;
    assert_eq!(told["events"][0]["event_id"], accepted["event_id"]);
    assert_eq!(
        (&told["events"][0]["payload"], &told["skipped"]),
        (&json!({"url": "/"}), &json!(0))
    );

    // Of many only the newest are shown, in one frame or more; the others are counted, and none twice.
    let many = Value::Array(vec![one; 120]);
    server.post_json("/v1/events", &many).await.expect(202);
    let told = frame(&mut socket, "events").await;
    let shown = told["events"].as_array().unwrap();
    assert_eq!((shown.len(), &told["skipped"]), (50, &json!(70)));
    let times: Vec<_> = shown
        .iter()
        .map(|event| event["received_at"].as_str().unwrap())
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first: {times:?}"
    );

    server
        .post_json("/v1/events", &json!({"user_id": "ada"}))
        .await
        .expect(400);
    let counters = loop {
        let counters = frame(&mut socket, "counters").await;
        if counters["events_rejected"] == 1 {
            break counters;
        }
    };
    assert_eq!(counters["events_accepted"], 121);
}

#[tokio::test]
async fn what_is_long_is_cut_and_a_frame_never_is_long() {
    let server = TestServer::start().await;
    let (mut socket, _) = open(&server, "http://localhost:3000").await.unwrap();
    let text = "\u{e9}".repeat(10_000);
    let long = json!({"user_id": "ada", "event_type": "long", "payload": {"text": text}, "beside": text});
    server.post_json("/v1/events", &long).await.expect(202);
    let told = frame(&mut socket, "events").await;
    let event = &told["events"][0];
    assert_eq!((&event["truncated"], event.get("extra")), (&json!(true), None));
    let beginning = event["payload"].as_str().unwrap();
    assert!(beginning.starts_with("{\"text\":\"\u{e9}\u{e9}"), "{beginning}");
    assert!(beginning.len() <= 1 << 10, "{}", beginning.len());

    let (payload, beside) = (json!({"text": "x".repeat(1_000)}), json!({"text": "y".repeat(1_000)}));
    let whole = json!({"user_id": "ada", "event_type": "whole", "payload": payload, "beside": beside});
    server
        .post_json("/v1/events", &Value::Array(vec![whole; 50]))
        .await
        .expect(202);
    let told = frame(&mut socket, "events").await;
    let shown = told["events"].as_array().unwrap();
    assert_eq!(
        (&shown[0]["payload"], &shown[0]["truncated"]),
        (&payload, &json!(false))
    );
    assert_eq!(shown.len() as u64 + told["skipped"].as_u64().unwrap(), 50);
    let bytes = told.to_string().len();
    assert!((50 << 10..66 << 10).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn there_is_room_for_so_many_onlookers_and_no_more() {
    const SOCKETS_MAX: usize = 64;
    let server = TestServer::start().await;
    let origin = "http://localhost:3000";
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS_MAX {
        sockets.push(open(&server, origin).await.unwrap());
    }
    match open(&server, origin).await {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{other:?}"),
    }
    // Whoever leaves makes room.
    drop(sockets);
    while open(&server, origin).await.is_err() {}
}

#[tokio::test]
async fn jobs_are_told_as_they_move() {
    let server = TestServer::start().await;
    let (mut socket, _) = open(&server, "http://localhost:3000").await.unwrap();
    let id = server.job_of(LINES).await;
    server.records.begin(id);
    server.records.advance(id, 1, 0);
    announce(&server, id);
    let told = loop {
        let frame = frame(&mut socket, "jobs").await;
        if frame["jobs"][0]["status"] == "processing" {
            break frame;
        }
    };
    assert_eq!(told["jobs"][0]["job_id"], id.to_string());
    assert_eq!(
        (&told["jobs"][0]["lines_done"], &told["jobs"][0]["progress_percent"]),
        (&json!(1), &json!(50))
    );
}

fn announce(server: &TestServer, id: JobId) {
    let progress = server
        .records
        .run(Class::Reads, |unit| unit.progress(id))
        .unwrap()
        .unwrap();
    let note = Bytes::from(serde_json::to_vec(&progress).unwrap());
    server.live.announce(Topic("jobs".to_owned()), note);
}

#[tokio::test]
async fn events_out_of_files_are_told_with_their_job_and_counted_where_none_is_shown() {
    let server = TestServer::start().await;
    let (mut socket, _) = open(&server, "http://localhost:3000").await.unwrap();
    let job_id = Uuid::now_v7();
    let note = |events: Value, skipped: u64| {
        let note = json!({"job_id": job_id, "events": events, "skipped": skipped});
        let topic = Topic("file-events".to_owned());
        server.live.announce(topic, Bytes::from(note.to_string()));
    };
    note(json!("unreadable"), 7);
    let event = json!({"event_id": Uuid::now_v7(), "event_type": "view", "user_id": "ada", "payload": {"url": "/"},
        "timestamp": "2026-05-28T10:00:00.000000Z", "received_at": "2026-05-28T10:00:01.000000Z", "truncated": false});
    note(json!([event]), 2);
    let told = frame(&mut socket, "events").await;
    let mut expected = event;
    expected["job_id"] = json!(job_id);
    assert_eq!((&told["events"], &told["skipped"]), (&json!([expected]), &json!(2)));
    note(json!([]), 5);
    let told = frame(&mut socket, "events").await;
    assert_eq!((&told["events"], &told["skipped"]), (&json!([]), &json!(5)));
}

/// Any site can make such a page, and here it would see what all users do.
#[tokio::test]
async fn a_page_without_an_origin_may_not_follow_everything() {
    let server = TestServer::start().await;
    for origin in ["null", "http://evil.example"] {
        match open(&server, origin).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
    assert_eq!(server.get("/ws/live").await.problem(), "upgrade_required");
}

#[tokio::test]
async fn the_system_tells_how_it_is_also_on_bad_days() {
    let server = TestServer::start().await;
    server.job_of(LINES).await;
    let system = server.get("/api/v1/system").await.expect(200).json();
    assert_eq!(
        (&system["version"], &system["mode"], &system["status"]),
        (&json!("0.0.0-test"), &json!("test"), &json!("ready"))
    );
    for part in ["database", "queue", "store"] {
        assert_eq!(system["parts"][part]["status"], "up", "{system}");
        assert!(system["parts"][part]["latency_ms"].is_u64(), "{system}");
    }
    assert_eq!(
        (&system["dead_letters"], &system["jobs"]["queued"]),
        (&json!(0), &json!(1))
    );
    let lanes: Vec<_> = system["queue"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lane| &lane["lane"])
        .collect();
    assert_eq!(lanes, ["events", "hints"]);
    // Nobody has said that it lives: this door is no process of its own.
    assert_eq!(system["replicas"], json!([]));
    assert_eq!(
        (&system["storage"]["files"], &system["storage"]["files_bytes"]),
        (&json!(1), &json!(LINES.len()))
    );
    assert!(system["storage"]["database_bytes"].is_u64(), "{system}");
    let settings = system["settings"].as_array().unwrap();
    assert!(
        settings.contains(&json!({"name": "EH_STREAM_LIMIT", "value": "3"})),
        "{system}"
    );

    let server = TestServer::start().await;
    server.queue.close().await;
    let system = server.get("/api/v1/system").await.expect(200).json();
    assert_eq!(
        (&system["status"], &system["parts"]["queue"]["status"]),
        (&json!("degraded"), &json!("down"))
    );
}
