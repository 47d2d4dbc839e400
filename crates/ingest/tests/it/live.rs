//! Following a job over a WebSocket.

use bytes::Bytes;
use domain::ids::JobId;
use domain::job::JobStatus;
use futures_util::{SinkExt, StreamExt};
use queue::Topic;
use records::Class;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use crate::client::request;
use crate::harness::{LINES, TestServer, Worker};

type Socket = WebSocketStream<TcpStream>;

async fn open(server: &TestServer, id: JobId) -> Socket {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut handshake = format!("ws://localhost/ws/jobs/{id}").into_client_request().unwrap();
    handshake
        .headers_mut()
        .insert("origin", "http://localhost:3000".parse().unwrap());
    let (socket, answer) = client_async(handshake, stream).await.unwrap();
    assert!(answer.headers().contains_key("x-request-id"));
    socket
}

async fn frame(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> u16 {
    match socket.next().await.unwrap().unwrap() {
        Message::Close(reason) => reason.unwrap().code.into(),
        other => panic!("{other:?}"),
    }
}

fn announce(server: &TestServer, id: JobId) {
    let progress = server
        .records
        .run(Class::Reads, |unit| unit.progress(id))
        .unwrap()
        .unwrap();
    server.live.announce(
        Topic("jobs".to_owned()),
        Bytes::from(serde_json::to_vec(&progress).unwrap()),
    );
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let mut socket = open(&server, id).await;
    let snapshot = frame(&mut socket).await;
    assert_eq!(
        (&snapshot["type"], &snapshot["status"], &snapshot["stage"]),
        (&"snapshot".into(), &"queued".into(), &"queued".into())
    );
    let members: Vec<_> = snapshot.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "type",
        "job_id",
        "status",
        "stage",
        "stages",
        "progress_percent",
        "lines_total",
        "lines_done",
        "lines_ingested",
        "lines_rejected",
        "version",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);

    server.records.begin(id);
    server.records.advance(id, 1, 0);
    announce(&server, id);
    let progress = frame(&mut socket).await;
    assert_eq!(
        (&progress["type"], &progress["status"], &progress["progress_percent"]),
        (&"progress".into(), &"processing".into(), &50.into())
    );
    assert!(progress["version"].as_u64() > snapshot["version"].as_u64());

    server.records.advance(id, 0, 1);
    server.records.end_job(id, JobStatus::Completed, None);
    announce(&server, id);
    let done = frame(&mut socket).await;
    assert_eq!(
        (
            &done["type"],
            &done["status"],
            &done["progress_percent"],
            &done["lines_rejected"]
        ),
        (&"done".into(), &"completed".into(), &100.into(), &1.into())
    );
    assert_eq!(close_code(&mut socket).await, 1000);
}

#[tokio::test]
async fn what_nobody_announced_is_seen_in_the_rows() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let mut socket = open(&server, id).await;
    frame(&mut socket).await;
    server.records.begin(id);
    assert_eq!(frame(&mut socket).await["status"], "processing");
    server.records.end_job(id, JobStatus::Failed, None);
    let done = frame(&mut socket).await;
    assert_eq!((&done["type"], &done["status"]), (&"done".into(), &"failed".into()));
    assert_eq!(close_code(&mut socket).await, 1000);
}

#[tokio::test]
async fn a_finished_job_is_one_frame() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    server.post(&format!("/api/v1/jobs/{id}/cancel")).await.expect(202);
    let mut socket = open(&server, id).await;
    let done = frame(&mut socket).await;
    assert_eq!((&done["type"], &done["status"]), (&"done".into(), &"cancelled".into()));
    assert_eq!(close_code(&mut socket).await, 1000);
}

#[tokio::test]
async fn what_clients_say_is_ignored_up_to_a_limit() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let mut socket = open(&server, id).await;
    frame(&mut socket).await;
    for _ in 0..100 {
        socket.send(Message::text("hello?")).await.unwrap();
    }
    server.records.begin(id);
    announce(&server, id);
    assert_eq!(frame(&mut socket).await["status"], "processing");
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1008);
    let mut socket = open(&server, id).await;
    frame(&mut socket).await;
    socket.send(Message::text("x".repeat(2_000))).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1008);
}

#[tokio::test]
async fn refusals_come_before_the_upgrade() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let handshake = |target: &str, extra: &[(&str, &str)]| {
        let text = String::from_utf8(request("GET", target, &[&upgrade[..], extra].concat(), b"")).unwrap();
        text.replace("connection: close\r\n", "").into_bytes()
    };
    for (target, extra, status, code) in [
        ("/ws/jobs/7".to_owned(), &[][..], 400, "invalid_job_id"),
        (format!("/ws/jobs/{}", Uuid::now_v7()), &[], 404, "unknown_job"),
        (format!("/ws/jobs/{id}?colour=1"), &[], 400, "invalid_parameter"),
        (
            format!("/ws/jobs/{id}"),
            &[("origin", "http://evil.example")],
            403,
            "origin_not_allowed",
        ),
    ] {
        assert_eq!(
            server.send(&handshake(&target, extra)).await.expect(status).problem(),
            code,
            "{target}"
        );
    }
    let plain = server.get(&format!("/ws/jobs/{id}")).await.expect(426);
    assert_eq!(plain.problem(), "upgrade_required");
    assert_eq!(plain.header("upgrade"), Some("websocket"));
}

#[tokio::test]
async fn sockets_are_closed_when_the_server_ends() {
    let mut server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let mut socket = open(&server, id).await;
    frame(&mut socket).await;
    server.stop.cancel();
    assert_eq!(close_code(&mut socket).await, 1012);
    drop(socket);
    server.end().await;
}
