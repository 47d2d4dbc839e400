//! A server that gives the same answer to everything, for what a healthy one never says.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy)]
pub(super) enum Then {
    HangUp,
    /// Holds the connection until the client has had enough.
    Silence,
}

/// Answers every request without a body by these bytes.
pub(super) async fn always(answer: String, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, answer.clone(), then));
        }
    });
    address
}

async fn serve(mut socket: TcpStream, answer: String, then: Then) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = match then {
        Then::HangUp => socket.shutdown().await,
        Then::Silence => socket.read_buf(&mut request).await.map(drop),
    };
}
