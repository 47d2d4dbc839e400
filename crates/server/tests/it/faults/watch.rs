//! Follows a job over its WebSocket through every restart of the door, and notes whether anything ever goes back.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::PATIENCE;

/// Where the door is now; it changes when the door is started again.
pub(super) type Address = Arc<Mutex<String>>;

pub(super) struct Watch {
    running: JoinHandle<Seen>,
}

/// What came over the sockets.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) frames: u64,
    /// Frames in which something was less than before.
    pub(super) backwards: Vec<Value>,
    pub(super) last: Value,
}

/// None of them may ever be less than it was.
const GROWING: [&str; 3] = ["version", "lines_done", "progress_percent"];

impl Watch {
    pub(super) fn begin(address: Address, id: &str) -> Self {
        let id = id.to_owned();
        Self {
            running: tokio::spawn(async move {
                let mut seen = Seen::default();
                while seen.last["type"] != "done" {
                    let url = address.lock().unwrap().replace("http://", "ws://");
                    listen(&format!("{url}/ws/jobs/{id}"), &mut seen).await;
                }
                seen
            }),
        }
    }

    /// Waits for the last frame.
    pub(super) async fn seen(self) -> Seen {
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .expect("the last frame comes")
            .unwrap()
    }
}

impl Seen {
    pub(super) fn assert_never_back(&self) {
        assert!(self.backwards.is_empty(), "{:#?}", self.backwards);
        assert!(self.frames > 0);
    }
}

/// Until the socket ends, for whatever reason.
async fn listen(url: &str, seen: &mut Seen) {
    let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await else {
        // The door is away: there is nothing else to wait for.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            seen.take(serde_json::from_str(&text).unwrap());
        }
    }
}

impl Seen {
    fn take(&mut self, frame: Value) {
        self.frames += 1;
        let went_back = |field: &str| frame[field].as_u64() < self.last[field].as_u64();
        if GROWING.into_iter().any(went_back) {
            self.backwards.push(serde_json::json!([self.last, frame]));
        }
        self.last = frame;
    }
}
