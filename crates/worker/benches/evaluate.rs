//! What rules cost: events that they name, from a full queue until everybody has been looked at, beside the same events where
//! no rule names them; and looks alone, by one, two and four evaluators. Both with no timer pending, and with a million.
//!
//! `cargo bench -p worker --features services --bench evaluate -- [events] [timers] [rounds]`, with `EH_TEST_DATABASE_URL`
//! naming a PostgreSQL; without it, only SQLite is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use domain::event::Event;
use domain::ids::EventId;
use domain::rules::Rules;
use records::{Class, Origin, Records, WaitsFor, Wake};
use worker::{Effects, Settings};

use shared::{FRAME_EVENTS, Ground, LOOK_EVERY, counted, median, now};

/// So many users do the same side by side: launch, begin, finish.
const USERS_AT_ONCE: usize = 1_000;
const ACTIVITY: [&str; 3] = ["app_launch", "training_program_started", "training_program_finished"];
const STORED_AT_ONCE: usize = 3_000;

/// Of all wakes of one kind, those whose time has come.
const DUE_ON_SQLITE: &str = "SELECT count(*) AS n FROM wakes WHERE job_id IS NULL AND NOT waits_for_watermark
    AND due_at <= CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";

#[derive(Clone, Copy)]
struct Size {
    events: usize,
    timers: usize,
    rounds: usize,
}

/// A database with so many timers of users of whom nothing is heard.
struct Store {
    name: &'static str,
    timers: usize,
    url: String,
    records: Records,
    /// Only one process may write.
    alone: bool,
    due: Box<dyn FnMut() -> i64>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |place: usize, usual: usize| numbers.get(place).copied().unwrap_or(usual);
    let size = Size {
        events: number(0, 60_000),
        timers: number(1, 1_000_000),
        rounds: number(2, 3),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "{} events of {USERS_AT_ONCE} users at a time in frames of {FRAME_EVENTS}, median of {} rounds",
        size.events, size.rounds
    );
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let stores = [0, size.timers].map(|timers| sqlite(folder.path(), timers));
        measure(size, stores, &[1]).await;
        #[cfg(feature = "services")]
        if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
            let schemas = [0, size.timers].map(|timers| postgres::Schema::new(&server, timers));
            let stores = schemas.each_ref().map(postgres::Schema::open);
            measure(size, stores, &[1, 2, 4]).await;
        }
    });
}

fn sqlite(folder: &std::path::Path, timers: usize) -> Store {
    let file = folder.join(format!("{timers}.db")).display().to_string();
    let url = format!("sqlite:{file}");
    let records = records::open(&url).unwrap();
    records.migrate().unwrap();
    let mut connection = SqliteConnection::establish(&file).unwrap();
    connection
        .batch_execute(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {timers})
             INSERT INTO wakes (rule, cause, user_id, cause_at, due_at, waits_for_watermark, job_id)
             SELECT 'no-training-after-launch', randomblob(16), 'waiting-' || n, {now} + n, {now} + 36000000000 + n, false, NULL
             FROM numbers WHERE {timers} > 0",
            now = now().as_micros()
        ))
        .unwrap();
    let due = move || sql_query(DUE_ON_SQLITE).get_result::<Count>(&mut connection).unwrap().n;
    Store {
        name: "SQLite",
        timers,
        url,
        records,
        alone: true,
        due: Box::new(due),
    }
}

#[cfg(feature = "services")]
mod postgres {
    use diesel::PgConnection;
    use uuid::Uuid;

    use super::{Connection, Count, RunQueryDsl, SimpleConnection, Store, sql_query};

    const DUE: &str =
        "SELECT count(*) AS n FROM wakes WHERE job_id IS NULL AND NOT waits_for_watermark AND due_at <= now()";

    /// It is gone when the benchmark ends.
    pub(super) struct Schema<'a> {
        server: &'a str,
        name: String,
        timers: usize,
    }

    impl<'a> Schema<'a> {
        pub(super) fn new(server: &'a str, timers: usize) -> Self {
            let name = format!("bench_{}", Uuid::new_v4().simple());
            let schema = Self { server, name, timers };
            schema
                .connection()
                .batch_execute(&format!("CREATE SCHEMA {}", schema.name))
                .unwrap();
            schema
        }

        fn connection(&self) -> PgConnection {
            let mut connection = PgConnection::establish(self.server).unwrap();
            connection
                .batch_execute(&format!("SET search_path = {}", self.name))
                .unwrap();
            connection
        }

        pub(super) fn open(&self) -> Store {
            let separator = if self.server.contains('?') { '&' } else { '?' };
            let url = format!("{}{separator}options=-csearch_path%3D{}", self.server, self.name);
            let records = records::open(&url).unwrap();
            records.migrate().unwrap();
            let mut connection = self.connection();
            connection
                .batch_execute(&format!(
                    "INSERT INTO wakes (rule, cause, user_id, cause_at, due_at, waits_for_watermark, job_id)
                     SELECT 'no-training-after-launch', gen_random_uuid(), 'waiting-' || n, now(),
                            now() + interval '10 hours' + n * interval '1 microsecond', false, NULL
                     FROM generate_series(1, {}) n;
                     ANALYZE wakes",
                    self.timers
                ))
                .unwrap();
            Store {
                name: "PostgreSQL",
                timers: self.timers,
                url,
                records,
                alone: false,
                due: Box::new(move || sql_query(DUE).get_result::<Count>(&mut connection).unwrap().n),
            }
        }
    }

    impl Drop for Schema<'_> {
        fn drop(&mut self) {
            let drop = format!("DROP SCHEMA {} CASCADE", self.name);
            self.connection().batch_execute(&drop).unwrap();
        }
    }
}

/// Events of now: a third of them launches, each followed by a start and a finish.
fn events(count: usize) -> Vec<Event> {
    let first = now();
    let event = |n: usize| {
        let at = first.plus_micros(i64::try_from(n).unwrap());
        let (id, time) = (EventId::stamped(at, n as u64), serde_json::to_string(&at).unwrap());
        let (block, within) = (
            n / (ACTIVITY.len() * USERS_AT_ONCE),
            n % (ACTIVITY.len() * USERS_AT_ONCE),
        );
        let (user, event_type) = (within % USERS_AT_ONCE, ACTIVITY[within / USERS_AT_ONCE]);
        let canonical = format!(
            r#"{{"event_id":"{id}","event_type":"{event_type}","user_id":"user-{}-{block}-{user}","timestamp":{time},"received_at":{time},"payload":{{"program":{{"id":"2352"}}}}}}"#,
            first.as_micros()
        );
        serde_json::from_str(&canonical).unwrap()
    };
    (0..count).map(event).collect()
}

async fn measure(size: Size, mut stores: [Store; 2], evaluators: &[usize]) {
    let whole = size.events / (ACTIVITY.len() * USERS_AT_ONCE) * (ACTIVITY.len() * USERS_AT_ONCE);
    println!("\n{:<58}{:>12}{:>10}", stores[0].name, "events/s", "ratio");
    let bare = stores[0]
        .rounds(size, async |store| store.apply(whole, no_rules()).await)
        .await;
    say("applied, named by no rule", whole, bare, bare);
    for store in &mut stores {
        let took = store
            .rounds(size, async |store| store.apply(whole, Effects::default()).await)
            .await;
        say(
            &format!("applied and looked at, {} timers pending", store.timers),
            whole,
            took,
            bare,
        );
    }
    let wakes = wakes_of(&events(ACTIVITY.len() * USERS_AT_ONCE)).len() * whole / (ACTIVITY.len() * USERS_AT_ONCE);
    println!("{:<58}{:>12}{:>10}{:>12}", "", "wakes/s", "ratio", "µs a wake");
    let mut alone = None;
    for store in &mut stores {
        for evaluators in evaluators {
            let took = store
                .rounds(size, async |store| store.look(whole, *evaluators).await)
                .await;
            let first = *alone.get_or_insert(took);
            let what = format!("looks alone, {evaluators} at a time, {} timers pending", store.timers);
            let micros = took.as_secs_f64() * 1e6 / f64::from(u32::try_from(wakes).unwrap());
            let per_second = 1e6 / micros;
            let ratio = first.as_secs_f64() / took.as_secs_f64();
            println!("{what:<58}{per_second:>12.0}{ratio:>10.2}{micros:>12.1}");
        }
    }
}

fn say(what: &str, events: usize, took: Duration, bare: Duration) {
    let per_second = f64::from(u32::try_from(events).unwrap()) / took.as_secs_f64();
    let ratio = bare.as_secs_f64() / took.as_secs_f64();
    println!("{what:<58}{per_second:>12.0}{ratio:>10.2}");
}

fn no_rules() -> Effects {
    Effects {
        rules: Arc::new(Rules::parse("").unwrap()),
        ..Effects::default()
    }
}

/// As appliers leave them, sorted.
fn wakes_of(events: &[Event]) -> Vec<Wake> {
    let rules = Rules::default();
    let of_event = |event: &Event| {
        let wake = |rule: &domain::rules::Rule| Wake {
            rule: rule.name().to_owned(),
            cause: event.event_id,
            user_id: event.user_id.clone(),
            cause_at: event.timestamp,
            due_at: event.received_at,
            waits_for: WaitsFor::Nothing,
        };
        rules.naming(&event.event_type).map(wake).collect::<Vec<_>>()
    };
    let mut wakes: Vec<Wake> = events.iter().flat_map(of_event).collect();
    wakes.sort_unstable_by(|a, b| (&a.rule, a.cause).cmp(&(&b.rule, b.cause)));
    wakes
}

impl Store {
    async fn rounds(&mut self, size: Size, mut round: impl AsyncFnMut(&mut Self) -> Duration) -> Duration {
        let mut took = Vec::new();
        for _ in 0..size.rounds {
            took.push(round(self).await);
        }
        median(took)
    }

    /// Two evaluators work in a process, and one where it is alone.
    fn settings(&self, alone: bool, effects: Effects) -> Settings {
        Settings {
            alone: self.alone || alone,
            effects,
            ..Settings::named(format!("bench-{}", now().as_micros()))
        }
    }

    /// From the start of a worker until the last of the events that wait for it is counted, and nobody is to be looked at.
    async fn apply(&mut self, count: usize, effects: Effects) -> Duration {
        let (ground, before) = (Ground::new().await, counted(&self.records));
        ground.publish(&events(count)).await;
        let settings = self.settings(false, effects);
        let (started, working) = (Instant::now(), ground.work(&self.records, settings));
        while counted(&self.records) < before + count as u64 || (self.due)() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = started.elapsed();
        working.stop().await;
        ground.queue.close().await;
        took
    }

    /// Everything is stored before. From the start of the evaluators until nobody is to be looked at.
    async fn look(&mut self, count: usize, evaluators: usize) -> Duration {
        for events in events(count).chunks(STORED_AT_ONCE) {
            let wakes = wakes_of(events);
            let store = |unit: &mut dyn records::Unit| {
                unit.insert_new(
                    events,
                    Origin {
                        job_id: None,
                        live: true,
                    },
                )?;
                unit.insert_wakes(&wakes)
            };
            self.records.run(Class::Apply, store).unwrap();
        }
        let ground = Ground::new().await;
        // Each process has connections of its own.
        let more = (0..evaluators.div_ceil(2) - 1).map(|_| records::open(&self.url).unwrap());
        let all: Vec<Records> = std::iter::once(self.records.clone()).chain(more).collect();
        let settings = || self.settings(evaluators == 1, Effects::default());
        let started = Instant::now();
        let working: Vec<_> = all.iter().map(|records| ground.work(records, settings())).collect();
        while (self.due)() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = started.elapsed();
        for working in working {
            working.stop().await;
        }
        ground.queue.close().await;
        took
    }
}
