//! Stands between the processes and a server, and takes that server away when it is told to.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Gateway {
    pub(super) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, is_open.clone()));
            }
        });
        Self { address, open }
    }

    /// Cuts what is under way and takes nothing new.
    pub(super) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut is_open: watch::Receiver<bool>) {
    let passing = async {
        if let Ok(mut server) = TcpStream::connect(server).await {
            // Either side may break off.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    };
    tokio::select! {
        biased;
        _ = is_open.wait_for(|open| !open) => {}
        () = passing => {}
    }
}
