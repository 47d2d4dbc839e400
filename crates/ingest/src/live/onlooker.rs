//! One socket of the console: it is told what the feed tells, until it leaves or is too slow.

use std::convert::Infallible;

use actix_ws::{CloseCode, MessageStream, Session};
use bytestring::ByteString;
use tokio::sync::broadcast;

use super::session::{End, Socket, close, pings};
use crate::stopping::Stopping;

pub(crate) async fn run(
    session: Session,
    messages: MessageStream,
    frames: broadcast::Receiver<ByteString>,
    stopping: Stopping,
) {
    let (mut socket, messages) = Socket::begin(session, messages);
    let end = match converse(&mut socket, messages, frames, &stopping).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    socket.end(end).await;
}

async fn converse(
    socket: &mut Socket,
    mut messages: MessageStream,
    mut frames: broadcast::Receiver<ByteString>,
    stopping: &Stopping,
) -> Result<Infallible, End> {
    let mut pings = pings();
    loop {
        tokio::select! {
            () = stopping.begins() => return Err(close(CloseCode::Restart)),
            frame = frames.recv(), if !socket.is_behind() => {
                // Too far behind, or there is nobody left to tell anything.
                let text = frame.map_err(|_| close(CloseCode::Restart))?;
                socket.text(text).await?;
                if socket.is_behind() && !socket.is_asked() {
                    socket.ping().await?;
                    // Whoever was asked just now has the whole time to answer.
                    pings.reset();
                }
            }
            message = messages.recv() => socket.hear_any(message).await?,
            _ = pings.tick() => socket.ping().await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use actix_ws::Message;
    use bytes::Bytes;
    use futures_util::poll;
    use tokio_util::sync::CancellationToken;

    use super::super::session::tests::handshake;
    use super::*;

    const FRAMES: usize = 10;

    fn feed_of_long_frames() -> (broadcast::Sender<ByteString>, broadcast::Receiver<ByteString>) {
        let (feed, frames) = broadcast::channel(FRAMES);
        for _ in 0..FRAMES {
            feed.send("x".repeat(60 << 10).into()).unwrap();
        }
        (feed, frames)
    }

    #[actix_web::test]
    async fn whoever_has_not_read_is_told_no_more() {
        let (_answer, session, messages) = handshake().await;
        let (mut socket, messages) = Socket::begin(session, messages);
        let (feed, frames) = feed_of_long_frames();
        let stopping = Stopping::new(CancellationToken::new());
        let mut conversation = pin!(converse(&mut socket, messages, frames, &stopping));
        assert!(poll!(&mut conversation).is_pending());
        assert_eq!(feed.len(), FRAMES - 2);
    }

    #[actix_web::test]
    async fn whoever_answers_is_told_all() {
        let (_answer, session, messages) = handshake().await;
        let (mut socket, _silence) = Socket::begin(session, messages);
        let (_feed, mut frames) = feed_of_long_frames();
        while let Ok(text) = frames.try_recv() {
            assert!(!socket.is_behind());
            assert!(socket.text(text).await.is_ok());
            assert!(socket.hear_any(Some(Ok(Message::Pong(Bytes::new())))).await.is_ok());
        }
    }
}
