//! The exact requests of real clients, byte by byte.

use serde_json::{Value, json};

use super::stored;
use crate::stack::{Stack, in_both_modes};
use crate::wire::{Answer, Wire};

in_both_modes!(cloud_events_of_the_python_sdk, a_service_worker_of_another_origin);

async fn replay(stack: &Stack, recorded: &[u8]) -> Answer {
    Wire::open(stack).await.send(recorded).await
}

async fn accepted(stack: &Stack, recorded: &[u8]) -> (Answer, Value) {
    let answer = replay(stack, recorded).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let event = stored(stack, answer.json()["event_id"].as_str().unwrap()).await;
    (answer, event)
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
    let preflight = replay(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/chromium-sw-fetch-json-cors/01.txt"),
    )
    .await;
    let head = preflight.head.to_lowercase();
    assert_eq!(preflight.status, 204, "{head}");
    assert!(
        head.contains(origin) && head.contains("access-control-allow-methods:") && head.contains("content-type"),
        "{head}"
    );
    let (answer, event) = accepted(
        &stack,
        include_bytes!("../../../../ingest/tests/samples/clients/chromium-sw-fetch-json-cors/02.txt"),
    )
    .await;
    assert!(answer.head.to_lowercase().contains(origin), "{answer:?}");
    assert_eq!(event["payload"], json!({"x": 1}));
}
