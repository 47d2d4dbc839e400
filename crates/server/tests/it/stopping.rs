//! How a server ends when it is told to, with work and sockets under way.

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{PATIENCE, Place, http, until};
use crate::stack::lines;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_are_told_and_the_work_goes_on_after_the_next_start() {
    let place = Place::new();
    let server = place.serve();
    let part = reqwest::multipart::Part::bytes(lines(500).into_bytes()).file_name("slow.jsonl");
    let form = reqwest::multipart::Form::new().part("file", part);
    let url = server.at("/api/v1/files/upload?line_delay_ms_max=200");
    let accepted: serde_json::Value = http()
        .post(url)
        .multipart(form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = accepted["job_id"].as_str().unwrap().to_owned();
    let socket = server.at(&format!("/ws/jobs/{id}")).replace("http://", "ws://");
    let (mut socket, _) = tokio_tungstenite::connect_async(socket).await.unwrap();
    let first = tokio::time::timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(first.is_text());

    let ending = tokio::task::spawn_blocking(move || server.terminate());
    let closed = loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => break frame.unwrap().code,
            Some(Ok(_)) => {}
            other => panic!("the socket was not closed in good order: {other:?}"),
        }
    };
    assert_eq!(closed, CloseCode::Restart);
    drop(socket);
    assert!(ending.await.unwrap().success());

    let next = place.serve();
    let started = next
        .log()
        .iter()
        .find(|line| line["message"] == "server.started")
        .cloned()
        .unwrap();
    assert_eq!(started["jobs_resumed"], 1);
    until(async || {
        let answer = http().get(next.at(&format!("/api/v1/jobs/{id}"))).send().await.unwrap();
        let job: serde_json::Value = answer.json().await.unwrap();
        if job["status"] == "processing" {
            Ok(())
        } else {
            Err(job)
        }
    })
    .await;
    assert!(next.terminate().success());
}
