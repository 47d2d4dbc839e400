//! How batches are posted: to a door that has no room at first, and to one that says no.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::commands::generate::rhythm::Day;

const TAKEN: &str = r#"{"accepted":1,"rejected":0,"results":[]}"#;
const REJECTED: &str = r#"{"accepted":0,"rejected":1,"results":[{"errors":[{"message":"lies ahead"}]}]}"#;
const NO_DOOR: &str = r#"{"code":"not_here","detail":"there is no such door"}"#;

/// Answers one request per connection with what it is told, the last answer for ever, and keeps what it was sent.
struct Door {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Door {
    async fn answering(answers: &'static [(&'static str, &'static str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            for turn in 0.. {
                let (mut connection, _) = listener.accept().await.unwrap();
                let body = received(&mut connection).await;
                kept.lock().unwrap().push(body);
                let (head, body) = answers[turn.min(answers.len() - 1)];
                let length = body.len();
                let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, bodies }
    }

    async fn given(&self, events: u64) -> anyhow::Result<Tally> {
        let day = |text: &str| Day::parse(text).unwrap();
        let plan = Plan::new(events, day("2025-05-01"), day("2025-05-02"), 1, vec![Kind::Analytics]).unwrap();
        all(&Client::new(&self.url, None).unwrap(), &plan, &ProgressBar::hidden()).await
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn received(connection: &mut TcpStream) -> String {
    let mut received = Vec::new();
    loop {
        connection.read_buf(&mut received).await.unwrap();
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return body.to_owned();
        }
    }
}

#[tokio::test]
async fn events_travel_in_batches() {
    let door = Door::answering(&[("202 Accepted", TAKEN)]).await;
    let tally = door.given(2_500).await.unwrap();
    assert_eq!(tally.values().sum::<u64>(), 2_500);
    let sent: Vec<Vec<serde_json::Value>> = door
        .bodies()
        .iter()
        .map(|body| serde_json::from_str(body).unwrap())
        .collect();
    let mut sizes: Vec<_> = sent.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [500, 1_000, 1_000]);
}

#[tokio::test]
async fn a_door_without_room_is_asked_again_with_the_same_events() {
    let door = Door::answering(&[
        ("503 Service Unavailable\r\nretry-after: 0", r#"{"code":"too_busy"}"#),
        ("429 Too Many Requests\r\nretry-after: 0", r#"{"code":"too_many"}"#),
        ("202 Accepted", TAKEN),
    ])
    .await;
    door.given(10).await.unwrap();
    let bodies = door.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn a_door_that_never_has_room_is_given_up() {
    let door = Door::answering(&[("503 Service Unavailable\r\nretry-after: 0", r#"{"code":"too_busy"}"#)]).await;
    let problem = door.given(1).await.unwrap_err().downcast::<Problem>().unwrap();
    assert_eq!(problem.code, "too_busy");
    assert_eq!(door.bodies().len(), usize::try_from(TRIES_MAX).unwrap());
}

#[tokio::test]
async fn a_no_is_told_with_its_reason() {
    let door = Door::answering(&[("404 Not Found", NO_DOOR)]).await;
    assert_eq!(
        door.given(1).await.unwrap_err().to_string(),
        "there is no such door (not_here)"
    );
    let door = Door::answering(&[("202 Accepted", REJECTED)]).await;
    assert_eq!(
        door.given(1).await.unwrap_err().to_string(),
        "1 of 1 events were rejected, the first because: lies ahead (events_rejected)"
    );
}
