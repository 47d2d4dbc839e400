//! How fast accepted events take effect, from a full queue to the tables, their counts and what was watched, beside bare
//! batched `INSERT … ON CONFLICT` of the same rows into a like table in the same run. Views, which only count, and heartbeats,
//! which move a pair and its totals, are measured apart.
//!
//! `cargo bench -p worker --features services --bench apply -- [events] [rounds]`, with `EH_TEST_DATABASE_URL` naming a
//! PostgreSQL; without it, only SQLite is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

mod shared;

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use domain::event::Event;
use domain::ids::EventId;
use records::Records;
use worker::Settings;

use shared::{FRAME_EVENTS, Ground, LOOK_EVERY, counted, median, now};

/// As many rows as a batch of events.
const STATEMENT_ROWS: usize = 1_000;
const USERS: usize = 1_000;
const MOVIES: usize = 50;
/// An hour and a half.
const BEATS_PER_MOVIE: usize = 540;

struct Bench {
    events: Vec<Event>,
    of: &'static str,
    rounds: usize,
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let count = numbers.first().copied().unwrap_or(200_000);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{count} events in frames of {FRAME_EVENTS}, median of {rounds} rounds");
    println!("{:<54}{:>12}{:>10}", "", "events/s", "ratio");
    for (of, content) in [("views", view as Content), ("heartbeats", heartbeat)] {
        let events = events(count, content);
        let bench = Bench { events, of, rounds };
        runtime.block_on(sqlite(&bench));
        #[cfg(feature = "services")]
        if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
            runtime.block_on(postgres::measure(&bench, &server));
        }
    }
}

/// The type and the payload of the n-th event of a user.
type Content = fn(usize) -> (&'static str, String);

fn view(_n: usize) -> (&'static str, String) {
    ("view", r#"{"url":"/pricing","title":"Pricing"}"#.to_owned())
}

/// Ten seconds after the one before, in one movie after the other.
fn heartbeat(n: usize) -> (&'static str, String) {
    let (movie, at) = (n / BEATS_PER_MOVIE % MOVIES, n % BEATS_PER_MOVIE * 10);
    ("watch", format!(r#"{{"slug":"movie-{movie}","at":{at}}}"#))
}

/// As the door stamps them: one a microsecond, of a thousand users in turn.
fn events(count: usize, content: Content) -> Vec<Event> {
    let first = now();
    let event = |n: usize| {
        let at = first.plus_micros(i64::try_from(n).unwrap());
        let (id, time) = (EventId::stamped(at, n as u64), serde_json::to_string(&at).unwrap());
        let (user, (event_type, payload)) = (n * 7919 % USERS, content(n / USERS));
        let canonical = format!(
            r#"{{"event_id":"{id}","event_type":"{event_type}","user_id":"user-{user}","timestamp":{time},"received_at":{time},"payload":{payload}}}"#
        );
        serde_json::from_str(&canonical).unwrap()
    };
    (0..count).map(event).collect()
}

async fn sqlite(bench: &Bench) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench.db").display().to_string();
        let records = records::open(&format!("sqlite:{file}")).unwrap();
        records.migrate().unwrap();
        ours.push(bench.apply(&records, true).await);
        let mut connection = SqliteConnection::establish(&file).unwrap();
        connection
            .batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
            .unwrap();
        theirs.push(bench.insert(&mut connection, "BLOB", |uuid| format!("x'{}'", uuid.simple())));
    }
    bench.say("SQLite", theirs, ours);
}

#[cfg(feature = "services")]
mod postgres {
    use diesel::PgConnection;
    use uuid::Uuid;

    use super::*;

    pub(super) async fn measure(bench: &Bench, server: &str) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let name = format!("bench_{}", Uuid::new_v4().simple());
            let mut connection = PgConnection::establish(server).unwrap();
            connection
                .batch_execute(&format!("CREATE SCHEMA {name}; SET search_path = {name}"))
                .unwrap();
            let separator = if server.contains('?') { '&' } else { '?' };
            let records = records::open(&format!("{server}{separator}options=-csearch_path%3D{name}")).unwrap();
            records.migrate().unwrap();
            ours.push(bench.apply(&records, false).await);
            theirs.push(bench.insert(&mut connection, "uuid", |uuid| format!("'{uuid}'")));
            drop(records);
            connection
                .batch_execute(&format!("DROP SCHEMA {name} CASCADE"))
                .unwrap();
        }
        bench.say("PostgreSQL", theirs, ours);
    }
}

impl Bench {
    /// From the start of a worker until the last of the events that wait for it is counted.
    async fn apply(&self, records: &Records, alone: bool) -> Duration {
        let ground = Ground::new().await;
        ground.publish(&self.events).await;
        let settings = Settings {
            alone,
            ..Settings::named("bench".to_owned())
        };
        let (started, working) = (Instant::now(), ground.work(records, settings));
        while counted(records) < self.events.len() as u64 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = started.elapsed();
        working.stop().await;
        ground.queue.close().await;
        took
    }

    /// The texts of the statements are made before the clock starts.
    fn insert(&self, connection: &mut impl SimpleConnection, key: &str, literal: fn(uuid::Uuid) -> String) -> Duration {
        connection
            .batch_execute(&format!(
                "CREATE TABLE bare (event_id {key} PRIMARY KEY, occurred_at bigint NOT NULL, event_type text NOT NULL,
                                    user_id text NOT NULL, body text NOT NULL);
                 CREATE INDEX bare_user ON bare (user_id, occurred_at, event_id)"
            ))
            .unwrap();
        let row = |event: &Event| {
            format!(
                "({},{},'{}','{}','{}')",
                literal(event.event_id.as_uuid()),
                event.timestamp.as_micros(),
                event.event_type,
                event.user_id,
                serde_json::to_string(event).unwrap()
            )
        };
        let statement = |events: &[Event]| {
            let rows: Vec<String> = events.iter().map(row).collect();
            format!("INSERT INTO bare VALUES {} ON CONFLICT DO NOTHING", rows.join(","))
        };
        let statements: Vec<String> = self.events.chunks(STATEMENT_ROWS).map(statement).collect();
        let started = Instant::now();
        for statement in &statements {
            connection.batch_execute(statement).unwrap();
        }
        started.elapsed()
    }

    fn say(&self, store: &str, theirs: Vec<Duration>, ours: Vec<Duration>) {
        let (theirs, ours) = (self.per_second(theirs), self.per_second(ours));
        let of = self.of;
        println!(
            "{:<54}{theirs:>12.0}{:>10.2}",
            format!("{store}, {of}: bare inserts"),
            1.0
        );
        println!(
            "{:<54}{ours:>12.0}{:>10.2}",
            format!("{store}, {of}: from the queue to all effects"),
            ours / theirs
        );
    }

    fn per_second(&self, took: Vec<Duration>) -> f64 {
        let events = u32::try_from(self.events.len()).unwrap();
        f64::from(events) / median(took).as_secs_f64()
    }
}
