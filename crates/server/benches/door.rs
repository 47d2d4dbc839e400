//! How many events the door takes, durable, beside what the same server answers without doing anything, beside the same door
//! when no two requests share a message, and beside one confirmed publish for each event without HTTP.
//!
//! `cargo bench -p server --features services --bench door -- [seconds]`, with `EH_TEST_QUEUE_URL` naming a RabbitMQ; without
//! it, only the embedded queue is measured. Client and server share the machine, so the client speaks bare HTTP/1.1.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use queue::{Frame, Lane, Queue, Refused, Settings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::http::{Load, Serving, WARM_UP, ended, request};

const CONNECTIONS: usize = 256;
const BATCH_CONNECTIONS: usize = 64;
const BATCH_EVENTS: u32 = 100;
const SECONDS: u64 = 5;
const DEADLINE: Duration = Duration::from_secs(10);
const DRAIN_ITEMS_MAX: usize = 10_000;
const DRAIN_FRAMES_MAX: u16 = 1_000;

const EVENT: &str = r#"{"event_type":"view","user_id":"u-17","timestamp":"2026-05-28T10:00:00.123Z","payload":{"url":"/pricing","title":"Pricing"}}"#;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let seconds = Duration::from_secs(numbers.next().unwrap_or(SECONDS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{CONNECTIONS} connections, {} s each", seconds.as_secs());
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(measure("embedded", Settings::new("embedded:", folder.path()), seconds));
    #[cfg(feature = "services")]
    if let Ok(url) = std::env::var("EH_TEST_QUEUE_URL") {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(url, folder.path());
        settings.prefix = format!("bench-{}", uuid::Uuid::new_v4().simple());
        runtime.block_on(measure("RabbitMQ", settings, seconds));
    }
}

async fn measure(name: &str, settings: Settings, seconds: Duration) {
    println!(
        "\n{name:<38}{:>12}{:>12}{:>10}{:>10}{:>10}",
        "requests/s", "events/s", "p50 ms", "p99 ms", "to no-op"
    );
    let opened = queue::open(&settings).await.unwrap();
    let stop = CancellationToken::new();
    let (address, serving) = serve(&settings, &opened, ingest::Settings::default(), &stop).await;
    let (unshared_address, serving_unshared) = serve(
        &settings,
        &opened,
        ingest::Settings {
            confirms_unshared_max: usize::MAX,
            ..ingest::Settings::default()
        },
        &stop,
    )
    .await;
    let queue = &*opened.queue;

    let nothing = load(CONNECTIONS, seconds, address, request("GET", "/livez", "", "")).await;
    row("no-op", &nothing, 0, &nothing);
    let json = "content-type: application/json\r\n";
    let event = request("POST", "/v1/events", json, EVENT);
    let single = load(CONNECTIONS, seconds, address, Arc::clone(&event)).await;
    row("single event, durable", &single, 1, &nothing);
    drain(queue).await;
    let unshared = load(CONNECTIONS, seconds, unshared_address, event).await;
    row("single event, one message per request", &unshared, 1, &nothing);
    drain(queue).await;
    let lines = format!("{EVENT}\n").repeat(usize::try_from(BATCH_EVENTS).unwrap());
    let batch = load(
        BATCH_CONNECTIONS,
        seconds,
        address,
        request("POST", "/v1/events", json, &lines),
    )
    .await;
    row("batches of 100, durable", &batch, BATCH_EVENTS, &nothing);
    drain(queue).await;
    let published = publish(&opened.queue, seconds).await;
    row("publish alone, one message per event", &published, 1, &nothing);
    drain(queue).await;
    println!(
        "  shared messages over one per request: {:.2}; over publish alone: {:.2}",
        single.per_second() / unshared.per_second(),
        single.per_second() / published.per_second()
    );

    stop.cancel();
    serving.await.unwrap().unwrap();
    serving_unshared.await.unwrap().unwrap();
    opened.queue.close().await;
}

/// Over fresh tables that nobody fills.
async fn serve(
    settings: &Settings,
    opened: &queue::Opened,
    door: ingest::Settings,
    stop: &CancellationToken,
) -> (SocketAddr, Serving) {
    let data = &settings.data_dir;
    let records = records::open(&format!("sqlite:{}", data.join("bench.db").display())).unwrap();
    records.migrate().unwrap();
    http::serve(data, records, opened, door, stop).await
}

async fn load(connections: usize, seconds: Duration, address: SocketAddr, request: Arc<[u8]>) -> Load {
    http::load(connections, seconds, address, move |_, _| Arc::clone(&request)).await
}

/// What the queue does for whoever publishes each event alone, without HTTP.
async fn publish(queue: &Arc<dyn Queue>, seconds: Duration) -> Load {
    let started = Instant::now() + WARM_UP;
    let until = started + seconds;
    let mut all = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let queue = Arc::clone(queue);
        all.spawn(async move {
            let mut each = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                let frame = Frame {
                    body: EVENT.as_bytes().into(),
                    items: 1,
                };
                match queue.publish(Lane::Events, frame, DEADLINE).await {
                    // Nobody empties it; what counts is the rate until it was full.
                    Err(Refused::Full) => break,
                    outcome => outcome.unwrap(),
                }
                if began >= started {
                    each.push(began.elapsed());
                }
            }
            each
        });
    }
    ended(all, started).await
}

/// So that no measurement stands on what another one left in the queue.
async fn drain(queue: &dyn Queue) {
    let mut intake = queue.intake(Lane::Events, DRAIN_FRAMES_MAX).await.unwrap();
    while queue.backlog(Lane::Events).await.unwrap().frames > 0 {
        let batch = tokio::time::timeout(DEADLINE, intake.batch(DRAIN_ITEMS_MAX, Duration::ZERO)).await;
        // What was counted may already be on its way to us.
        let Ok(batch) = batch else { continue };
        if let Some(last) = batch.unwrap().last() {
            intake.settle(last.tag).await.unwrap();
        }
    }
}

fn row(name: &str, load: &Load, events_each: u32, nothing: &Load) {
    let requests = load.per_second();
    println!(
        "{name:<38}{requests:>12.0}{:>12.0}{:>10.2}{:>10.2}{:>10.2}",
        requests * f64::from(events_each),
        load.millis(50),
        load.millis(99),
        requests / nothing.per_second()
    );
}
