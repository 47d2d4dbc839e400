//! One WebSocket: a snapshot, progress, one terminal frame; and an end for clients that do not listen.

use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, ProtocolError, Session};
use bytestring::ByteString;
use domain::job::Progress;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::stopping::Stopping;
use crate::views::FrameView;

const PING_EVERY: Duration = Duration::from_secs(20);
/// Whoever takes a frame no sooner is not listening. The latest value is all that waits for it meanwhile.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Told since the last sign that what was told has arrived. Beyond it frames would pile up for a client that reads nothing.
const UNREAD_BYTES_MAX: usize = 64 << 10;
/// Nobody needs to tell us anything.
const INCOMING_BYTES_MAX: usize = 1 << 10;
const INCOMING_MESSAGES_MAX: u32 = 100;

/// Why a socket ends.
pub(super) enum End {
    Close(CloseReason),
    /// The other side has closed, or is no longer there: there is nobody to say goodbye to.
    Gone,
}

pub(super) struct Socket {
    session: Session,
    messages_left: u32,
    /// Whether the last ping is still without an answer.
    unanswered: bool,
    /// What was told since a ping was answered.
    unread_bytes: usize,
    send_deadline: Duration,
}

pub(crate) async fn run(
    session: Session,
    messages: MessageStream,
    mut updates: watch::Receiver<Progress>,
    stopping: Stopping,
) {
    let (mut socket, mut messages) = Socket::begin(session, messages);
    let end = match socket.converse(&mut messages, &mut updates, &stopping).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    socket.end(end).await;
}

impl Socket {
    pub(super) fn begin(session: Session, messages: MessageStream) -> (Self, MessageStream) {
        let messages = messages.max_frame_size(INCOMING_BYTES_MAX);
        (Self::new(session, SEND_DEADLINE), messages)
    }

    pub(super) async fn end(self, end: End) {
        if let End::Close(reason) = end {
            // The close must not wait for a client that does not read either.
            let _ = timeout(SEND_DEADLINE, self.session.close(Some(reason))).await;
        }
    }

    fn new(session: Session, send_deadline: Duration) -> Self {
        Self {
            session,
            messages_left: INCOMING_MESSAGES_MAX,
            unanswered: false,
            unread_bytes: 0,
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
                message = messages.recv() => self.hear_any(message).await?,
                _ = pings.tick() => self.ping().await?,
            }
        }
    }

    /// The last frame is a terminal one, whatever it would have been called otherwise.
    async fn tell(&mut self, kind: &'static str, progress: &Progress) -> Result<(), End> {
        let ended = progress.status.is_final();
        let frame = FrameView::of(if ended { "done" } else { kind }, progress);
        let text = serde_json::to_string(&frame).map_err(|_| close(CloseCode::Error))?;
        self.text(text.into()).await?;
        if ended { Err(close(CloseCode::Normal)) } else { Ok(()) }
    }

    pub(super) async fn text(&mut self, text: ByteString) -> Result<(), End> {
        self.unread_bytes += text.len();
        in_time(self.send_deadline, self.session.text(text)).await
    }

    /// Whether it should be told no more until it has answered a ping.
    pub(super) fn is_behind(&self) -> bool {
        self.unread_bytes > UNREAD_BYTES_MAX
    }

    /// Whether a ping is on its way.
    pub(super) fn is_asked(&self) -> bool {
        self.unanswered
    }

    pub(super) async fn hear_any(&mut self, message: Option<Result<Message, ProtocolError>>) -> Result<(), End> {
        match message {
            Some(Ok(message)) => self.hear(message).await,
            Some(Err(_)) => Err(close(CloseCode::Policy)),
            None => Err(End::Gone),
        }
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
                self.unread_bytes = 0;
                Ok(())
            }
            Message::Close(_) => Err(close(CloseCode::Normal)),
            Message::Text(_) | Message::Binary(_) | Message::Continuation(_) | Message::Nop => Ok(()),
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered {
            return Err(End::Gone);
        }
        self.unanswered = true;
        in_time(self.send_deadline, self.session.ping(b"")).await
    }
}

pub(super) fn pings() -> Interval {
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

pub(super) fn close(code: CloseCode) -> End {
    End::Close(CloseReason::from(code))
}

#[cfg(test)]
pub(super) mod tests {
    use actix_web::dev::Payload;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, HttpResponse, web};
    use domain::ids::JobId;
    use domain::job::{JobStatus, LineCounts};
    use uuid::Uuid;

    use super::*;

    /// The other side takes nothing and says nothing; it is gone when the answer is dropped.
    pub(crate) async fn handshake() -> (HttpResponse, Session, MessageStream) {
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
        let mut silence: Payload = Payload::Stream {
            payload: Box::pin(futures_util::stream::pending()),
        };
        let (request, _) = request.into_parts();
        let body = web::Payload::from_request(&request, &mut silence).await;
        actix_ws::handle(&request, body.unwrap()).unwrap()
    }

    async fn socket() -> (HttpResponse, Socket) {
        let (response, session, _) = handshake().await;
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
