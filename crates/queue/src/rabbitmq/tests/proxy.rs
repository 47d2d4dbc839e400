//! Stands between the queue and a real broker, and freezes or cuts what goes through it.

use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Default)]
struct Mode {
    frozen: bool,
    cuts: u32,
}

pub(super) struct Proxy {
    address: AMQPUri,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start(broker: &str) -> Self {
        let mut address: AMQPUri = broker.parse().unwrap();
        let upstream = (address.authority.host.clone(), address.authority.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        address.authority.host = "127.0.0.1".into();
        address.authority.port = listener.local_addr().unwrap().port();
        let (mode, seen) = watch::channel(Mode::default());
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(carry(client, server, seen.clone()));
            }
        });
        Self {
            address,
            mode,
            accepting,
        }
    }

    pub(super) fn url(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn freeze(&self) {
        self.mode.send_modify(|mode| mode.frozen = true);
    }

    pub(super) fn thaw(&self) {
        self.mode.send_modify(|mode| mode.frozen = false);
    }

    pub(super) fn cut(&self) {
        self.mode.send_modify(|mode| mode.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, server: TcpStream, mut mode: watch::Receiver<Mode>) {
    let cuts = mode.borrow().cuts;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = copy(from_client, to_server, mode.clone());
    let back = copy(from_server, to_client, mode.clone());
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = mode.wait_for(|mode| mode.cuts != cuts) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if mode.wait_for(|mode| !mode.frozen).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
