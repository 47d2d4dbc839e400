//! The exact requests of real clients, byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use super::stored;
use crate::stack::{Stack, in_both_modes};

in_both_modes!(cloud_events_of_the_python_sdk, a_service_worker_of_another_origin);

/// A request as it was recorded; its head and its body, as they come back.
fn replay(stack: &Stack, recorded: &[u8]) -> (String, String) {
    let mut socket = TcpStream::connect(stack.door().url().trim_start_matches("http://")).unwrap();
    socket.write_all(recorded).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

async fn accepted(stack: &Stack, recorded: &[u8]) -> (String, Value) {
    let (head, body) = replay(stack, recorded);
    assert!(head.starts_with("http/1.1 202"), "{head}\n{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let event = stored(stack, answer["event_id"].as_str().unwrap()).await;
    (head, event)
}

async fn cloud_events_of_the_python_sdk(stack: Stack) {
    let (_, binary) = accepted(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/cloudevents-python-binary/01.txt"),
    )
    .await;
    assert_eq!(
        (&binary["event_type"], &binary["user_id"]),
        (&json!("click"), &json!("u1"))
    );
    assert_eq!(binary["timestamp"], "2026-11-20T10:02:46.955850Z");
    assert_eq!(binary["extra"]["source"], "/web", "{binary}");
    let (_, structured) = accepted(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/cloudevents-python-structured/01.txt"),
    )
    .await;
    assert_eq!(
        (&structured["event_type"], &structured["user_id"]),
        (&json!("click"), &json!("u1"))
    );
    assert_eq!(structured["extra"]["source"], "/web", "{structured}");
}

async fn a_service_worker_of_another_origin(stack: Stack) {
    let origin = "access-control-allow-origin: http://localhost:18090";
    let (head, _) = replay(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/chromium-sw-fetch-json-cors/01.txt"),
    );
    assert!(head.starts_with("http/1.1 204"), "{head}");
    assert!(
        head.contains(origin) && head.contains("access-control-allow-methods:") && head.contains("content-type"),
        "{head}"
    );
    let (head, event) = accepted(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/chromium-sw-fetch-json-cors/02.txt"),
    )
    .await;
    assert!(head.contains(origin), "{head}");
    assert_eq!(event["payload"], json!({"x": 1}));
}
