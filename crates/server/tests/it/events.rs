//! Events from the request to the answer that counts them, in both modes.

mod clients;
mod counts;
mod shapes;

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::until;
use crate::stack::Stack;

/// Posts a body as `curl -d` does: with a media type that it is not of.
async fn post(stack: &Stack, path: &str, body: impl Into<String>) -> (StatusCode, Value) {
    let request = stack.client.post(stack.at(path)).body(body.into());
    let answer = request
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Posts an event that must be taken; its id.
async fn accepted(stack: &Stack, path: &str, body: impl Into<String>) -> String {
    let (status, answer) = post(stack, path, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!(answer["status"], "accepted", "{answer}");
    answer["event_id"].as_str().unwrap().to_owned()
}

/// The event, once it is stored.
async fn stored(stack: &Stack, id: &str) -> Value {
    let path = format!("/v1/events/{id}");
    until(async || {
        let answer = stack.client.get(stack.at(&path)).send().await.unwrap();
        let found = answer.status() == StatusCode::OK;
        let body: Value = answer.json().await.unwrap();
        if found { Ok(body) } else { Err(body) }
    })
    .await
}

/// Waits until so many events are counted, with these parameters.
async fn until_counted(stack: &Stack, events: u64, query: &str) {
    let path = format!("/analytics/event-counts{query}");
    until(async || {
        let counted = stack.get(&path).await;
        (counted["total_events"] == events).then_some(()).ok_or(counted)
    })
    .await;
}
