//! Sockets, which browsers open without headers: by a ticket.

use domain::ids::JobId;
use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use super::*;
use crate::client::{FORM, file, form};
use crate::harness::{LINES, job_id};

const LIVE: &str = "/ws/live";

/// What the handshake was answered with: the first frame of the socket, or the code of a problem.
async fn open(server: &TestServer, target: &str, key: Option<&str>) -> Result<Value, String> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut handshake = format!("ws://localhost{target}").into_client_request().unwrap();
    if let Some(key) = key {
        handshake.headers_mut().insert("x-api-key", key.parse().unwrap());
    }
    match client_async(handshake, stream).await {
        Ok((mut socket, _)) => match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
            other => panic!("{other:?}"),
        },
        Err(Error::Http(refused)) => {
            let status = refused.status().as_u16();
            let problem: Value =
                serde_json::from_slice(refused.body().as_deref().unwrap_or_default()).unwrap_or_default();
            Err(format!("{status} {}", problem["code"].as_str().unwrap_or_default()))
        }
        Err(other) => panic!("{other}"),
    }
}

async fn ask_ticket(server: &TestServer, key: &str, body: &Value) -> Answer {
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    let body = body.to_string();
    server
        .send(&request("POST", "/api/v1/tickets", &headers, body.as_bytes()))
        .await
}

async fn ticket(server: &TestServer, key: &str, body: &Value) -> String {
    let given = ask_ticket(server, key, body).await.expect(201).json();
    let expires_at = Timestamp::parse(given["expires_at"].as_str().unwrap()).unwrap();
    assert!(
        expires_at > now() && expires_at <= now().plus(Duration::from_secs(60)),
        "{given}"
    );
    given["ticket"].as_str().unwrap().to_owned()
}

async fn job(server: &TestServer, key: &str) -> JobId {
    let headers = [FORM, ("x-api-key", key)];
    let body = form(&[file("a.jsonl", LINES)]);
    let uploaded = server
        .send(&request("POST", "/api/v1/files/upload", &headers, &body))
        .await;
    job_id(&uploaded.expect(202).json())
}

#[tokio::test]
async fn a_ticket_opens_the_socket_of_its_job_once() {
    let server = TestServer::with(required).await;
    let upload = key(&server.records, KeyKind::Upload);
    let (one, other) = (job(&server, &upload).await, job(&server, &upload).await);
    let ticket = ticket(&server, &upload, &json!({"job_id": one})).await;
    let with = |target: &str| format!("{target}?ticket={ticket}");
    for foreign in [format!("/ws/jobs/{other}"), LIVE.to_owned()] {
        assert_eq!(
            open(&server, &with(&foreign), None).await.unwrap_err(),
            "401 invalid_ticket"
        );
    }
    let own = with(&format!("/ws/jobs/{one}"));
    let no_handshake = server.get(&own).await.expect(401);
    assert_eq!(no_handshake.problem(), "key_required");
    assert_eq!(open(&server, &own, None).await.unwrap()["type"], "snapshot");
    assert_eq!(open(&server, &own, None).await.unwrap_err(), "401 invalid_ticket");
}

#[tokio::test]
async fn a_ticket_without_a_job_opens_the_socket_of_everything() {
    let server = TestServer::with(required).await;
    let (read, upload) = (
        key(&server.records, KeyKind::Read),
        key(&server.records, KeyKind::Upload),
    );
    let given = ticket(&server, &read, &json!({})).await;
    assert!(open(&server, &format!("{LIVE}?ticket={given}"), None).await.is_ok());
    let refused = ask_ticket(&server, &upload, &json!({})).await.expect(403);
    assert_eq!(refused.problem(), "key_not_allowed");
    for wrong in [json!({"job_id": 7}), json!({"job_id": "7"}), json!({"job": "x"})] {
        let refused = ask_ticket(&server, &read, &wrong).await.expect(400);
        assert_eq!(refused.problem(), "invalid_body", "{wrong}");
    }
}

#[tokio::test]
async fn without_a_good_ticket_or_key_nothing_is_upgraded() {
    let server = TestServer::with(required).await;
    let upload = key(&server.records, KeyKind::Upload);
    let id = job(&server, &upload).await;
    let late = Secret::new([7; 32]);
    let given = server.records.run(Class::Background, |unit| {
        unit.give_ticket(&late.hash(), Some(id), Duration::ZERO)
    });
    given.unwrap();
    let socket = format!("/ws/jobs/{id}");
    for (query, expected) in [
        (String::new(), "401 key_required"),
        ("?ticket=".to_owned(), "401 invalid_ticket"),
        ("?ticket=secret".to_owned(), "401 invalid_ticket"),
        (format!("?ticket={}", "0".repeat(64)), "401 invalid_ticket"),
        (format!("?ticket={}", late.reveal()), "401 invalid_ticket"),
    ] {
        let target = format!("{socket}{query}");
        assert_eq!(open(&server, &target, None).await.unwrap_err(), expected, "{query}");
    }
    let given = ticket(&server, &upload, &json!({"job_id": id})).await;
    let elsewhere = format!("/api/v1/jobs/{id}?ticket={given}");
    assert_eq!(server.get(&elsewhere).await.expect(401).problem(), "key_required");
}

#[tokio::test]
async fn who_can_show_a_key_needs_no_ticket() {
    let server = TestServer::with(required).await;
    let [write, upload, read] = [KeyKind::Write, KeyKind::Upload, KeyKind::Read].map(|kind| key(&server.records, kind));
    let socket = format!("/ws/jobs/{}", job(&server, &upload).await);
    for key in [&upload, &read] {
        assert!(open(&server, &socket, Some(key)).await.is_ok());
    }
    assert!(open(&server, LIVE, Some(&read)).await.is_ok());
    for (target, key) in [(LIVE, &upload), (LIVE, &write), (&socket, &write)] {
        assert_eq!(
            open(&server, target, Some(key)).await.unwrap_err(),
            "403 key_not_allowed"
        );
    }
}

#[tokio::test]
async fn where_keys_are_not_required_tickets_are_given_and_passed_over() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await;
    let given = ticket(&server, "none", &json!({"job_id": Uuid::now_v7()})).await;
    for ticket in [given.as_str(), given.as_str(), "none"] {
        assert!(
            open(&server, &format!("/ws/jobs/{id}?ticket={ticket}"), None)
                .await
                .is_ok()
        );
    }
}
