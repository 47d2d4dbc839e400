//! Requirement D5: the progress of a job over a WebSocket, fed by the workers.

use futures_util::StreamExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::PATIENCE;
use crate::stack::{Stack, in_both_modes, lines};

in_both_modes!(
    progress_grows_and_the_end_always_arrives,
    a_finished_job_says_so_at_once,
    unknown_jobs_are_refused_before_the_upgrade,
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
