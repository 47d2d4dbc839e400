//! Dead letters: looked at, sent again, discarded.

use domain::event::Event;
use domain::ids::DeadLetterId;
use domain::message::EventFrame;
use domain::time::Timestamp;
use queue::Lane;
use records::{Class, DeadLetter};
use serde_json::{Value, json};

use crate::client::request;
use crate::events::{EVENTS, view};
use crate::harness::TestServer;

const DEAD_LETTERS: &str = "/api/v1/dead-letters";

/// What a worker does with a frame that it cannot apply.
fn bury(server: &TestServer, frame: Vec<u8>, event: Option<&Event>, minute: i64) -> DeadLetterId {
    let letter = DeadLetter {
        id: DeadLetterId::of_frame(&frame),
        frame,
        event_id: event.map(|event| event.event_id),
        reason: "the table refused it".to_owned(),
        buried_at: Timestamp::from_micros(minute * 60_000_000),
    };
    server.records.run(Class::Apply, |unit| unit.bury(&letter)).unwrap();
    letter.id
}

/// An event that was accepted, taken from the queue, and buried.
async fn buried(server: &TestServer) -> (Event, DeadLetterId, Vec<u8>) {
    server.post_json(EVENTS, &view()).await.expect(202);
    let mut intake = server.queue.intake(Lane::Events, 1).await.unwrap();
    let taken = intake.batch(1, std::time::Duration::ZERO).await.unwrap().remove(0);
    intake.settle(taken.tag).await.unwrap();
    let frame = taken.frame.body.to_vec();
    let event = EventFrame::decode(&frame).unwrap().events.remove(0);
    let id = bury(server, frame.clone(), Some(&event), 1);
    (event, id, frame)
}

async fn listed(server: &TestServer) -> Vec<Value> {
    let page = server.get(DEAD_LETTERS).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_dead_letter_shows_what_is_in_it() {
    let server = TestServer::start().await;
    let (event, id, frame) = buried(&server).await;
    let shown = server.get(&format!("{DEAD_LETTERS}/{id}")).await.expect(200).json();
    assert_eq!(
        shown,
        json!({
            "id": id, "event_id": event.event_id, "reason": "the table refused it",
            "buried_at": "1970-01-01T00:01:00.000000Z", "event": event, "frame_bytes": frame.len(),
        })
    );
    let unreadable = bury(&server, b"\xff".to_vec(), None, 2);
    let shown = server
        .get(&format!("{DEAD_LETTERS}/{unreadable}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (shown.get("event"), shown.get("event_id"), &shown["frame_bytes"]),
        (None, None, &json!(1))
    );
    let ids: Vec<_> = listed(&server)
        .await
        .iter()
        .map(|letter| letter["id"].clone())
        .collect();
    assert_eq!(ids, [json!(unreadable), json!(id)], "newest first");
    let page = server.get(&format!("{DEAD_LETTERS}?limit=1")).await.expect(200).json();
    let next = page["next_cursor"].as_str().unwrap();
    let page = server
        .get(&format!("{DEAD_LETTERS}?limit=1&cursor={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&page["items"][0]["id"], &page["next_cursor"]),
        (&json!(id), &Value::Null)
    );
}

#[tokio::test]
async fn a_replayed_letter_is_applied_and_forgotten() {
    let server = TestServer::start().await;
    let (event, id, _) = buried(&server).await;
    let answer = server
        .post(&format!("{DEAD_LETTERS}/{id}/replay"))
        .await
        .expect(202)
        .json();
    assert_eq!(answer, json!({"id": id, "status": "replayed"}));
    assert_eq!(listed(&server).await, [] as [Value; 0]);
    assert_eq!(server.apply().await, [[event.clone()]]);
    server.get(&format!("{EVENTS}/{}", event.event_id)).await.expect(200);
    assert_eq!(
        server
            .post(&format!("{DEAD_LETTERS}/{id}/replay"))
            .await
            .expect(404)
            .problem(),
        "unknown_dead_letter"
    );
}

#[tokio::test]
async fn a_letter_that_the_queue_refuses_is_kept() {
    let server = TestServer::start().await;
    let (_, id, _) = buried(&server).await;
    server.queue.close().await;
    let refused = server.post(&format!("{DEAD_LETTERS}/{id}/replay")).await.expect(503);
    assert_eq!(refused.problem(), "queue_unavailable");
    assert_eq!(listed(&server).await.len(), 1);
}

#[tokio::test]
async fn a_discarded_letter_is_gone() {
    let server = TestServer::start().await;
    let (_, id, _) = buried(&server).await;
    let discard = request("DELETE", &format!("{DEAD_LETTERS}/{id}"), &[], b"");
    server.send(&discard).await.expect(204);
    assert_eq!(server.send(&discard).await.expect(404).problem(), "unknown_dead_letter");
    assert_eq!(listed(&server).await.len(), 0);
    assert!(server.apply().await.is_empty());
    for (method, target) in [
        ("GET", format!("{DEAD_LETTERS}/7")),
        ("DELETE", format!("{DEAD_LETTERS}/7")),
        ("POST", format!("{DEAD_LETTERS}/7/replay")),
    ] {
        let answer = server.send(&request(method, &target, &[], b"")).await.expect(400);
        assert_eq!(answer.problem(), "invalid_dead_letter_id", "{method} {target}");
    }
}
