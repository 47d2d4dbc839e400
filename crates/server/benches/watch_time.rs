//! How long it takes to say where a user goes on and how long she watched, while heartbeats are applied as fast as they can
//! be, and half as fast, beside the same reads and a bare read of the row by its key when nothing else happens.
//!
//! `cargo bench -p server --features services --bench watch_time -- [seconds]`, with `EH_TEST_DATABASE_URL` naming a PostgreSQL;
//! without it, only SQLite is measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use domain::counts::Span;
use domain::event::Event;
use domain::ids::EventId;
use domain::message::EventFrame;
use domain::time::Timestamp;
use domain::watch_time::Pair;
use queue::{Frame, Lane, Queue};
use records::{Class, Records};
use tokio_util::sync::CancellationToken;
use worker::{Settings, Worker};

const USERS: u64 = 1_000;
const MOVIES: u64 = 50;
const FRAME_EVENTS: u64 = 100;
/// So many frames wait at most, so that the appliers are never idle and the queue never long.
const FRAMES_WAITING_MAX: u64 = 100;
const SECONDS: u64 = 5;
const DEADLINE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let seconds = Duration::from_secs(numbers.next().unwrap_or(SECONDS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "{USERS} users, {MOVIES} movies, one reader, {} s each",
        seconds.as_secs()
    );
    println!(
        "{:<58}{:>10}{:>10}{:>10}{:>8}",
        "", "reads/s", "p50 ms", "p99 ms", "p99"
    );
    runtime.block_on(sqlite(seconds));
    #[cfg(feature = "services")]
    if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
        runtime.block_on(postgres::measure(&server, seconds));
    }
}

async fn sqlite(seconds: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db").display().to_string();
    let records = records::open(&format!("sqlite:{file}")).unwrap();
    records.migrate().unwrap();
    let mut connection = SqliteConnection::establish(&file).unwrap();
    let bare = move |pair: &Pair| {
        let statement = "SELECT state FROM watch_pairs WHERE user_id = ? AND slug = ?";
        let found = sql_query(statement)
            .bind::<Text, _>(pair.user_id.as_str())
            .bind::<Text, _>(pair.slug.as_str())
            .get_result::<State>(&mut connection);
        assert!(!found.unwrap().state.is_empty());
    };
    measure("SQLite", &records, folder.path(), bare, seconds).await;
}

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = Text)]
    state: String,
}

/// The row by its key, the reads when nothing else happens, and the reads beside the writers.
async fn measure(
    store: &str,
    records: &Records,
    folder: &Path,
    mut bare: impl FnMut(&Pair) + Send + 'static,
    seconds: Duration,
) {
    let opened = queue::open(&queue::Settings::new("embedded:", folder)).await.unwrap();
    let stop = CancellationToken::new();
    let working = tokio::spawn(worker::run(worker(records, &opened, folder).await, stop.clone()));
    let beats = Beats::default();
    beats.publish_until_all_are_known(&*opened.queue, records).await;

    let bare = reading(seconds, move |pair, _| bare(pair)).await;
    let of = |rows: &Records| {
        let records = rows.clone();
        move |pair: &Pair, number| read(&records, pair, number)
    };
    let idle = reading(seconds, of(records)).await;
    bare.print(&format!("{store}: the row by its key, idle"), &bare);
    idle.print(&format!("{store}: a resume point or a watch time, idle"), &bare);
    let mut every = Duration::ZERO;
    for load in ["as many heartbeats as can be", "half as many"] {
        let before = beats.published.load(Ordering::Relaxed);
        let (busy, ()) = tokio::join!(
            reading(seconds, of(records)),
            beats.publish_for(&*opened.queue, seconds, every)
        );
        let published = beats.published.load(Ordering::Relaxed) - before;
        let per_second = published / seconds.as_secs();
        busy.print(&format!("{store}: beside {load}, {per_second}/s"), &bare);
        every = seconds * 2 / u32::try_from(published / FRAME_EVENTS).unwrap();
    }
    stop.cancel();
    working.await.unwrap();
    opened.queue.close().await;
}

/// What a player asks for when it begins, and what its user may see: one after the other, each a read of its own.
fn read(records: &Records, pair: &Pair, number: usize) {
    let found = records.run(Class::Reads, |unit| {
        Ok(match number % 2 {
            0 => unit.watch_state(pair)?.is_some(),
            _ => unit.user_totals(&pair.user_id)?.is_some(),
        })
    });
    assert!(found.unwrap());
}

async fn worker(records: &Records, opened: &queue::Opened, folder: &Path) -> Worker {
    let settings = blobs::Settings {
        url: format!("file:{}", folder.join("blobs").display()),
        data_dir: folder.to_owned(),
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: blobs::Limits::default(),
    };
    Worker {
        records: records.clone(),
        queue: Arc::clone(&opened.queue),
        live: Arc::clone(&opened.live),
        blobs: blobs::open(&settings).await.unwrap(),
        settings: Settings::named("bench".to_owned()),
        load: worker::Load::default(),
    }
}

/// Heartbeats without an end: every user watches one movie after the other.
#[derive(Default)]
struct Beats {
    published: AtomicU64,
}

impl Beats {
    async fn publish_until_all_are_known(&self, queue: &dyn Queue, records: &Records) {
        let all = USERS * MOVIES;
        while self.published.load(Ordering::Relaxed) < all {
            self.publish(queue).await;
        }
        let applied = || {
            records
                .run(Class::Reads, |unit| unit.counts(Span::default(), None))
                .unwrap()
        };
        while applied().values().sum::<u64>() < all {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A frame each time, or as soon as there is room for one.
    async fn publish_for(&self, queue: &dyn Queue, seconds: Duration, every: Duration) {
        let until = Instant::now() + seconds;
        let mut next = Instant::now();
        while Instant::now() < until {
            tokio::time::sleep_until(next.into()).await;
            next += every;
            if queue.backlog(Lane::Events).await.unwrap().frames < FRAMES_WAITING_MAX {
                self.publish(queue).await;
            } else {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn publish(&self, queue: &dyn Queue) {
        let first = self.published.fetch_add(FRAME_EVENTS, Ordering::Relaxed);
        let events = (first..first + FRAME_EVENTS).map(heartbeat).collect();
        let frame = Frame {
            body: EventFrame { events }.encode().unwrap().into(),
            items: u32::try_from(FRAME_EVENTS).unwrap(),
        };
        queue.publish(Lane::Events, frame, DEADLINE).await.unwrap();
    }
}

fn pair(n: u64) -> (u64, u64) {
    (n % USERS, n / USERS % MOVIES)
}

fn heartbeat(n: u64) -> Event {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap());
    let (id, time) = (EventId::stamped(at, n), serde_json::to_string(&at).unwrap());
    let ((user, movie), position) = (pair(n), n / (USERS * MOVIES) * 10);
    let canonical = format!(
        r#"{{"event_id":"{id}","event_type":"watch","user_id":"user-{user}","timestamp":{time},"received_at":{time},"payload":{{"slug":"movie-{movie}","at":{position}}}}}"#
    );
    serde_json::from_str(&canonical).unwrap()
}

/// How long each read took, shortest first.
struct Took(Vec<Duration>);

/// One read after the other, on a thread of its own.
async fn reading(seconds: Duration, mut read: impl FnMut(&Pair, usize) + Send + 'static) -> Took {
    let all = move || {
        let (began, mut each) = (Instant::now(), Vec::new());
        while began.elapsed() < seconds {
            let (user, movie) = pair(each.len() as u64 * 7_919);
            let pair = Pair {
                user_id: format!("user-{user}").parse().unwrap(),
                slug: format!("movie-{movie}").parse().unwrap(),
            };
            let started = Instant::now();
            read(&pair, each.len());
            each.push(started.elapsed());
        }
        each.sort_unstable();
        Took(each)
    };
    tokio::task::spawn_blocking(all).await.unwrap()
}

impl Took {
    fn millis(&self, percent: usize) -> f64 {
        let at = self.0.len() * percent / 100;
        self.0.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    fn print(&self, name: &str, bare: &Self) {
        let all: Duration = self.0.iter().sum();
        println!(
            "{name:<58}{:>10.0}{:>10.3}{:>10.3}{:>8.1}",
            f64::from(u32::try_from(self.0.len()).unwrap()) / all.as_secs_f64(),
            self.millis(50),
            self.millis(99),
            self.millis(99) / bare.millis(99)
        );
    }
}

#[cfg(feature = "services")]
mod postgres {
    use diesel::PgConnection;

    use super::*;

    pub(super) async fn measure(server: &str, seconds: Duration) {
        let folder = tempfile::tempdir().unwrap();
        let schema = format!("bench_{}", uuid::Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        let mut connection = PgConnection::establish(&url).unwrap();
        let bare = move |pair: &Pair| {
            let statement = "SELECT state FROM watch_pairs WHERE user_id = $1 AND slug = $2";
            let found = sql_query(statement)
                .bind::<Text, _>(pair.user_id.as_str())
                .bind::<Text, _>(pair.slug.as_str())
                .get_result::<State>(&mut connection);
            assert!(!found.unwrap().state.is_empty());
        };
        super::measure("PostgreSQL", &records, folder.path(), bare, seconds).await;
        execute(server, &format!("DROP SCHEMA {schema} CASCADE"));
    }

    fn execute(url: &str, statement: &str) {
        sql_query(statement)
            .execute(&mut PgConnection::establish(url).unwrap())
            .unwrap();
    }
}
