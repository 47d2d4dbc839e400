//! One WebSocket: a snapshot, progress, one terminal frame; and an end for clients that do not listen.

use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, Session};
use domain::job::Progress;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::stopping::Stopping;
use crate::views::FrameView;

const PING_EVERY: Duration = Duration::from_secs(20);
/// Whoever takes a frame no sooner is not listening. The latest value is all that waits for it meanwhile.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Nobody needs to tell us anything.
const INCOMING_BYTES_MAX: usize = 1 << 10;
const INCOMING_MESSAGES_MAX: u32 = 100;

/// Why a socket ends.
enum End {
    Close(CloseReason),
    /// The other side has closed, or is no longer there: there is nobody to say goodbye to.
    Gone,
}

struct Socket {
    session: Session,
    messages_left: u32,
    /// Whether the last ping is still without an answer.
    unanswered: bool,
    send_deadline: Duration,
}

pub(crate) async fn run(
    session: Session,
    messages: MessageStream,
    mut updates: watch::Receiver<Progress>,
    stopping: Stopping,
) {
    let mut messages = messages.max_frame_size(INCOMING_BYTES_MAX);
    let mut socket = Socket::new(session, SEND_DEADLINE);
    let end = match socket.converse(&mut messages, &mut updates, &stopping).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    if let End::Close(reason) = end {
        // The close must not wait for a client that does not read either.
        let _ = timeout(SEND_DEADLINE, socket.session.close(Some(reason))).await;
    }
}

impl Socket {
    fn new(session: Session, send_deadline: Duration) -> Self {
        Self {
            session,
            messages_left: INCOMING_MESSAGES_MAX,
            unanswered: false,
            send_deadline,
        }
    }

    async fn converse(
        &mut self,
        messages: &mut MessageStream,
        updates: &mut watch::Receiver<Progress>,
        stopping: &Stopping,
    ) -> Result<std::convert::Infallible, End> {
        let known = updates.borrow_and_update().clone();
        self.tell("snapshot", &known).await?;
        let mut pings = pings();
        loop {
            tokio::select! {
                () = stopping.begins() => return Err(close(CloseCode::Restart)),
                changed = updates.changed() => {
                    changed.map_err(|_| close(CloseCode::Restart))?;
                    let latest = updates.borrow_and_update().clone();
                    self.tell("progress", &latest).await?;
                }
                message = messages.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(_)) => return Err(close(CloseCode::Policy)),
                    None => return Err(End::Gone),
                },
                _ = pings.tick() => self.ping().await?,
            }
        }
    }

    /// The last frame is a terminal one, whatever it would have been called otherwise.
    async fn tell(&mut self, kind: &'static str, progress: &Progress) -> Result<(), End> {
        let ended = progress.status.is_final();
        let frame = FrameView::of(if ended { "done" } else { kind }, progress);
        let text = serde_json::to_string(&frame).map_err(|_| close(CloseCode::Error))?;
        in_time(self.send_deadline, self.session.text(text)).await?;
        if ended { Err(close(CloseCode::Normal)) } else { Ok(()) }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        // Any sign of life is an answer.
        self.unanswered = false;
        self.messages_left = self
            .messages_left
            .checked_sub(1)
            .ok_or_else(|| close(CloseCode::Policy))?;
        match message {
            Message::Ping(bytes) => in_time(self.send_deadline, self.session.pong(&bytes)).await,
            Message::Pong(_) => {
                // Answers to our own pings are not held against the client.
                self.messages_left += 1;
                Ok(())
            }
            Message::Close(_) => Err(close(CloseCode::Normal)),
            Message::Text(_) | Message::Binary(_) | Message::Continuation(_) | Message::Nop => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered {
            return Err(End::Gone);
        }
        self.unanswered = true;
        in_time(self.send_deadline, self.session.ping(b"")).await
    }
}

fn pings() -> Interval {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick of an interval is at once.
    pings.reset();
    pings
}

async fn in_time(deadline: Duration, sending: impl Future<Output = Result<(), Closed>>) -> Result<(), End> {
    match timeout(deadline, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

fn close(code: CloseCode) -> End {
    End::Close(CloseReason::from(code))
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;
    use actix_web::test::TestRequest;
    use domain::ids::JobId;
    use domain::job::{JobStatus, LineCounts};
    use uuid::Uuid;

    use super::*;

    /// A socket whose other side takes nothing; it is gone when the answer is dropped.
    async fn socket() -> (HttpResponse, Socket) {
        let handshake = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ];
        let request = handshake
            .into_iter()
            .fold(TestRequest::get(), TestRequest::insert_header)
            .to_srv_request();
        let (request, payload) = request.into_parts();
        let body = <actix_web::web::Payload as actix_web::FromRequest>::from_request(&request, &mut { payload });
        let (response, session, _) = actix_ws::handle(&request, body.await.unwrap()).unwrap();
        (response, Socket::new(session, Duration::from_millis(20)))
    }

    fn progress() -> Progress {
        let (job_id, counts) = (JobId::new(Uuid::nil()), LineCounts::default());
        Progress {
            job_id,
            status: JobStatus::Processing,
            run: 0,
            stages: Vec::new(),
            lines_total: 1,
            counts,
        }
    }

    #[actix_web::test]
    async fn whoever_takes_no_frame_is_given_up() {
        let (_answer, mut socket) = socket().await;
        let mut taken = 0;
        while socket.tell("progress", &progress()).await.is_ok() {
            taken += 1;
            assert!(taken < 1_000, "frames pile up without an end");
        }
        assert!(taken > 0);
    }

    #[actix_web::test]
    async fn whoever_answers_no_ping_is_given_up() {
        let (_answer, mut socket) = socket().await;
        assert!(socket.ping().await.is_ok());
        assert!(socket.hear(Message::Pong(bytes::Bytes::new())).await.is_ok());
        assert!(socket.ping().await.is_ok());
        assert!(matches!(socket.ping().await, Err(End::Gone)));
    }
}
