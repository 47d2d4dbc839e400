//! The product's own door in this process, and a client that costs as little as one can: client and server share the machine.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingest::Door;
use records::Records;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Until connections, threads and caches are warm; not measured.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// What was done in the time, and how long each single one took, shortest first.
pub(crate) struct Load {
    pub(crate) took: Duration,
    pub(crate) each: Vec<Duration>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.each.len()).unwrap()) / self.took.as_secs_f64()
    }

    pub(crate) fn millis(&self, percent: usize) -> f64 {
        let at = self.each.len() * percent / 100;
        self.each.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}

pub(crate) type Serving = JoinHandle<std::io::Result<()>>;

/// No worker takes its share of the machine.
pub(crate) async fn serve(
    data: &std::path::Path,
    records: Records,
    opened: &queue::Opened,
    settings: ingest::Settings,
    stop: &CancellationToken,
) -> (SocketAddr, Serving) {
    let blobs = blobs::open(&blobs::Settings {
        url: format!("file:{}", data.join("blobs").display()),
        data_dir: data.to_owned(),
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: blobs::Limits::default(),
    })
    .await
    .unwrap();
    let door = Door {
        settings,
        records,
        queue: Arc::clone(&opened.queue),
        live: Arc::clone(&opened.live),
        blobs,
        metrics: Arc::new(String::new),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(ingest::serve(door, listener, stop.clone())))
}

pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Arc<[u8]> {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: {length}\r\n\r\n");
    (head + body).into_bytes().into()
}

/// Each connection sends its next request when it has the answer to the last one: the n-th of connection c is `request(c, n)`.
pub(crate) async fn load<R>(connections: usize, seconds: Duration, address: SocketAddr, request: R) -> Load
where
    R: Fn(usize, usize) -> Arc<[u8]> + Clone + Send + Sync + 'static,
{
    let started = Instant::now() + WARM_UP;
    let until = started + seconds;
    let mut all = JoinSet::new();
    for number in 0..connections {
        let request = request.clone();
        all.spawn(async move {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.set_nodelay(true).unwrap();
            let (mut each, mut answer) = (Vec::new(), Vec::with_capacity(64 * 1024));
            let mut sent = 0;
            while Instant::now() < until {
                let request = request(number, sent);
                let began = Instant::now();
                connection.write_all(&request).await.unwrap();
                read_answer(&mut connection, &mut answer).await;
                if began >= started {
                    each.push(began.elapsed());
                }
                sent += 1;
            }
            each
        });
    }
    ended(all, started).await
}

pub(crate) async fn ended(all: JoinSet<Vec<Duration>>, started: Instant) -> Load {
    let mut each: Vec<Duration> = all.join_all().await.into_iter().flatten().collect();
    let took = started.elapsed();
    each.sort_unstable();
    Load { took, each }
}

/// The whole answer, which must be a success, and say how long it is if it has a body.
async fn read_answer(connection: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    loop {
        assert!(connection.read_buf(answer).await.unwrap() > 0, "the server hung up");
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        assert!(
            answer.starts_with(b"HTTP/1.1 20"),
            "{}",
            String::from_utf8_lossy(answer)
        );
        let whole = head + 4 + content_length(&answer[..head]);
        while answer.len() < whole {
            assert!(connection.read_buf(answer).await.unwrap() > 0, "the server hung up");
        }
        return;
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let lines = head.split(|byte| *byte == b'\n');
    let value = lines
        .filter_map(|line| line.split_at_checked(NAME.len()))
        .find_map(|(name, value)| name.eq_ignore_ascii_case(NAME).then_some(value));
    value.map_or(0, |value| std::str::from_utf8(value).unwrap().trim().parse().unwrap())
}
