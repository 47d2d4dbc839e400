//! WebSockets whose other side does not play along.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{assert_memory_stayed_bounded, assert_still_works};
use crate::harness::PATIENCE;
use crate::stack::{Stack, in_both_modes, lines};

in_both_modes!(
    two_hundred_sockets_that_never_read_cost_little,
    whoever_talks_too_much_is_shut_out,
    garbage_frames_end_the_socket_only,
);

const SOCKETS: usize = 200;

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn watch(stack: &Stack, id: &str) -> Socket {
    let url = stack.at(&format!("/ws/jobs/{id}")).replace("http://", "ws://");
    connect_async(url).await.unwrap().0
}

async fn two_hundred_sockets_that_never_read_cost_little(stack: Stack) {
    let id = stack.upload(lines(2_000), "?line_delay_ms_max=2").await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(watch(&stack, &id).await);
    }
    assert_eq!(stack.until_ended(&id).await["status"], "completed");
    assert_memory_stayed_bounded(&stack);
    // The latest was kept for them: whoever reads after all sees the end.
    for mut socket in sockets {
        let mut last = None;
        while let Ok(Some(Ok(message))) = tokio::time::timeout(PATIENCE, socket.next()).await {
            if let Message::Text(text) = message {
                last = Some(text);
            }
        }
        assert!(last.is_some_and(|text| text.contains(r#""type":"done""#)));
    }
}

async fn whoever_talks_too_much_is_shut_out(stack: Stack) {
    let id = stack.upload(lines(2_000), "?line_delay_ms_max=1000").await;
    let mut socket = watch(&stack, &id).await;
    // The server may close before all of it is sent.
    let _ = socket.send(Message::binary(vec![0; 10 << 20])).await;
    assert_shut_out(socket).await;

    let mut socket = watch(&stack, &id).await;
    for _ in 0..1_000 {
        if socket.send(Message::text("hello")).await.is_err() {
            break;
        }
    }
    assert_shut_out(socket).await;
    let (status, _) = stack.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(status, 202);
    assert_memory_stayed_bounded(&stack);
}

/// Closed for its behaviour, or cut off while it still talked.
async fn assert_shut_out(mut socket: Socket) {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next())
            .await
            .expect("an end in time")
        {
            Some(Ok(Message::Close(Some(frame)))) => return assert_eq!(frame.code, CloseCode::Policy),
            None | Some(Ok(Message::Close(None)) | Err(_)) => return,
            Some(Ok(_)) => {}
        }
    }
}

async fn garbage_frames_end_the_socket_only(stack: Stack) {
    let id = stack.upload(lines(2_000), "?line_delay_ms_max=1000").await;
    let garbage: [&[u8]; 5] = [
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        // Not masked, as only a server may send.
        b"\x81\x05hello",
        // A continuation of nothing, a text that is not UTF-8, a ping that is too long.
        b"\x80\x80\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xfe",
        &[b"\x89\xfe\x04\0\0\0\0\0", &[0; 1024][..]].concat(),
    ];
    for bytes in garbage {
        let mut socket = watch(&stack, &id).await;
        let raw = socket.get_mut();
        raw.write_all(bytes).await.unwrap();
        // A half-closed connection has nothing more to say, so the server must come to an end.
        raw.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, raw.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the server ends the socket after {bytes:?}");
    }
    let (status, _) = stack.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(status, 202);
    assert_still_works(&stack).await;
}
