//! Requirement D5: the progress of a job over a WebSocket, fed by the workers; and the tail of events, of files too.

use futures_util::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::PATIENCE;
use crate::stack::{Stack, in_both_modes, lines};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

in_both_modes!(
    progress_grows_and_the_end_always_arrives,
    a_finished_job_says_so_at_once,
    unknown_jobs_are_refused_before_the_upgrade,
    events_of_a_file_are_told_with_their_job,
    of_a_flood_out_of_a_file_some_are_told_and_all_are_counted,
);

/// All frames of a job's socket until it is closed, and the code it was closed with.
async fn watch(stack: &Stack, id: &str) -> (Vec<Value>, CloseCode) {
    let url = stack.at(&format!("/ws/jobs/{id}")).replace("http://", "ws://");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut frames = Vec::new();
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .expect("frames come")
            .unwrap()
            .unwrap();
        match message {
            Message::Text(text) => frames.push(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => return (frames, frame.unwrap().code),
            _ => {}
        }
    }
}

async fn progress_grows_and_the_end_always_arrives(stack: Stack) {
    const LINES: usize = 400;
    let id = stack.upload(lines(LINES), "?line_delay_ms_max=40").await;
    let watchers = futures_util::future::join_all((0..5).map(|_| watch(&stack, &id))).await;
    for (frames, closed) in watchers {
        assert_eq!(closed, CloseCode::Normal);
        let types: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
        assert_eq!(types.first(), Some(&"snapshot"));
        assert_eq!(types.last(), Some(&"done"));
        assert!(types.len() > 3, "{types:?}");
        for field in ["progress_percent", "lines_done", "version"] {
            let values: Vec<_> = frames.iter().map(|frame| frame[field].as_u64().unwrap()).collect();
            assert!(values.is_sorted(), "{field} went back: {values:?}");
        }
        let last = frames.last().unwrap();
        assert_eq!(
            (&last["status"], &last["stage"]),
            (&"completed".into(), &"completed".into())
        );
        assert_eq!(
            (last["progress_percent"].as_u64(), last["lines_ingested"].as_u64()),
            (Some(100), Some(400))
        );
    }
}

async fn a_finished_job_says_so_at_once(stack: Stack) {
    let id = stack.upload(lines(5), "").await;
    stack.until_ended(&id).await;
    let (frames, closed) = watch(&stack, &id).await;
    assert_eq!(closed, CloseCode::Normal);
    assert_eq!(frames.len(), 1);
    assert_eq!(
        (&frames[0]["type"], &frames[0]["status"]),
        (&"done".into(), &"completed".into())
    );
}

async fn unknown_jobs_are_refused_before_the_upgrade(stack: Stack) {
    for (id, status) in [("1", 400), ("0199aaaa-0000-7000-8000-000000000000", 404)] {
        let url = stack.at(&format!("/ws/jobs/{id}")).replace("http://", "ws://");
        let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
        let Error::Http(answer) = refused else {
            panic!("{refused}")
        };
        assert_eq!(answer.status().as_u16(), status);
    }
}

/// What the tail tells of the events of a job: those that it shows, and how many more there were, until they are so many.
async fn told_of(socket: &mut Socket, id: &str, events: u64) -> (Vec<Value>, u64) {
    let (mut shown, mut skipped) = (Vec::new(), 0);
    while shown.len() as u64 + skipped < events {
        let message = tokio::time::timeout(PATIENCE, socket.next())
            .await
            .unwrap_or_else(|_| panic!("{} shown, {skipped} skipped", shown.len()));
        let Message::Text(text) = message.unwrap().unwrap() else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "events" {
            skipped += frame["skipped"].as_u64().unwrap();
            shown.extend(frame["events"].as_array().unwrap().iter().cloned());
        }
    }
    assert!(shown.iter().all(|event| event["job_id"] == id), "{shown:?}");
    (shown, skipped)
}

async fn follow_all(stack: &Stack) -> Socket {
    let url = stack.at("/ws/live").replace("http://", "ws://");
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

fn views(count: usize) -> String {
    (1..=count)
        .map(|n| format!("{{\"user_id\":\"ada\",\"event_type\":\"view\",\"payload\":{{\"url\":\"/{n}\"}}}}\n"))
        .collect()
}

async fn events_of_a_file_are_told_with_their_job(stack: Stack) {
    let mut socket = follow_all(&stack).await;
    let id = stack.upload(views(3) + &lines(5), "").await;
    let (shown, skipped) = told_of(&mut socket, &id, 3).await;
    assert_eq!((shown.len(), skipped), (3, 0));
    let mut urls: Vec<_> = shown
        .iter()
        .map(|event| event["payload"]["url"].as_str().unwrap())
        .collect();
    urls.sort_unstable();
    assert_eq!(urls, ["/1", "/2", "/3"]);
    for event in &shown {
        let stored = stack
            .get(&format!("/v1/events/{}", event["event_id"].as_str().unwrap()))
            .await;
        assert_eq!(stored["payload"], event["payload"]);
    }
}

async fn of_a_flood_out_of_a_file_some_are_told_and_all_are_counted(stack: Stack) {
    const EVENTS: usize = 3_000;
    let mut socket = follow_all(&stack).await;
    let id = stack.upload(views(EVENTS), "").await;
    let (shown, skipped) = told_of(&mut socket, &id, EVENTS as u64).await;
    assert_eq!(shown.len() as u64 + skipped, EVENTS as u64);
    assert!(!shown.is_empty() && skipped > shown.len() as u64, "{}", shown.len());
}
