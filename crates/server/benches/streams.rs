//! How many decisions about slots of streams are made in a second, beside the bare statements that each takes: hold the row,
//! change it, write the news, commit.
//!
//! `cargo bench -p server --features services --bench streams -- [seconds]`, with `EH_TEST_DATABASE_URL` naming a PostgreSQL;
//! without it, only SQLite is measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ending, LIMIT_DEFAULT, News, Slots, Start, Started};
use records::{Class, Records, Unit, UserSlots};

const THREADS: usize = 32;
/// Few enough that some meet, many enough that most do not.
const USERS: usize = 1_000;
const LEASE: Duration = Duration::from_secs(60);
const SECONDS: u64 = 5;
/// About what a row of slots and an event are as text.
const LEASES: &str = r#"[["0199c2a4-7d1e-7000-8000-000000000001","dune","tv",1780000000000000,1780000060000000]]"#;
const NEWS: &str = r#"{"event_id":"0199c2a4-7d1e-7000-8000-000000000001","event_type":"stream_started","user_id":"user-1","device_id":"tv","timestamp":"2026-05-28T10:00:00.000000Z","received_at":"2026-05-28T10:00:00.000000Z","payload":{"stream_id":"stream-1","slug":"dune"}}"#;
const BARE: &str = "CREATE TABLE bare_slots (user_id TEXT PRIMARY KEY, leases TEXT NOT NULL); CREATE TABLE bare_news (body TEXT NOT NULL)";

#[derive(QueryableByName)]
struct Leases {
    #[diesel(sql_type = Text)]
    leases: String,
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let seconds = Duration::from_secs(numbers.next().unwrap_or(SECONDS));
    println!("{THREADS} threads, {USERS} users, {} s each", seconds.as_secs());
    println!(
        "{:<44}{:>14}{:>10}{:>10}{:>8}",
        "", "decisions/s", "p50 ms", "p99 ms", "ratio"
    );
    sqlite(seconds);
    #[cfg(feature = "services")]
    if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
        postgres::measure(&server, seconds);
    }
}

fn sqlite(seconds: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db").display().to_string();
    let records = records::open(&format!("sqlite:{file}")).unwrap();
    records.migrate().unwrap();
    let mut connection = SqliteConnection::establish(&file).unwrap();
    connection
        .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL")
        .unwrap();
    connection.batch_execute(BARE).unwrap();
    connection.batch_execute(&bare_rows()).unwrap();
    // One writer, as the store has it.
    let connection = Mutex::new(connection);
    let bare = during(seconds, |turn| {
        let connection = &mut *connection.lock().unwrap();
        let change = |connection: &mut _| {
            let user = user(turn);
            let held: Leases = sql_query("SELECT leases FROM bare_slots WHERE user_id = ?")
                .bind::<Text, _>(&user)
                .get_result(connection)?;
            sql_query("UPDATE bare_slots SET leases = ? WHERE user_id = ?")
                .bind::<Text, _>(held.leases)
                .bind::<Text, _>(&user)
                .execute(connection)?;
            sql_query("INSERT INTO bare_news (body) VALUES (?)")
                .bind::<Text, _>(NEWS)
                .execute(connection)
        };
        connection.immediate_transaction(change).unwrap();
    });
    bare.print("SQLite: the bare statements", &bare);
    let decided = during(seconds, |turn| decide(&records, turn));
    decided.print("SQLite: decisions", &bare);
}

fn bare_rows() -> String {
    let row = |n| {
        format!(
            "INSERT INTO bare_slots VALUES ('{}', '{LEASES}');",
            user(Turn { thread: 0, number: n })
        )
    };
    (0..USERS).map(row).collect()
}

/// The so-many-th thing that one of the threads does.
#[derive(Clone, Copy)]
struct Turn {
    thread: usize,
    number: usize,
}

fn user(turn: Turn) -> String {
    format!("user-{}", (turn.thread * 31 + turn.number) % USERS)
}

/// A thread starts a stream, and ends it with its next turn; the same user's other streams are those of other threads.
fn decide(records: &Records, turn: Turn) {
    let ends = turn.number % 2 == 1;
    let user: UserId = user(Turn {
        number: turn.number / 2,
        ..turn
    })
    .parse()
    .unwrap();
    let stream: StreamId = format!("{}-{}", turn.thread, turn.number / 2).parse().unwrap();
    let decision = |unit: &mut dyn Unit| {
        let UserSlots { limit, leases, ended } = unit.lock_slots(&user)?;
        let now = unit.store_time()?;
        let mut slots = Slots::of(leases, ended, LEASE);
        if ends {
            slots.end(&stream, Ending::ByItself, now);
        } else {
            let start = Start {
                stream_id: &stream,
                slug: None,
                device: None,
                replace: None,
                may_be_renewal: false,
            };
            if slots.start(start, LIMIT_DEFAULT, now) == Started::Denied {
                return Ok(());
            }
        }
        let news: Vec<_> = slots.take_news().iter().map(|news: &News| news.event(&user)).collect();
        let changed = UserSlots {
            limit,
            leases: slots.leases().to_vec(),
            ended: slots.ended().to_vec(),
        };
        unit.save_slots(&user, &changed, &news)
    };
    records.run(Class::Slots, decision).unwrap();
}

/// How long each turn took, shortest first, and all of them together.
struct Took {
    each: Vec<Duration>,
    all: Duration,
}

fn during(seconds: Duration, turn: impl Fn(Turn) + Sync) -> Took {
    let began = Instant::now();
    let turns = |thread| {
        let mut each = Vec::new();
        while began.elapsed() < seconds {
            let started = Instant::now();
            turn(Turn {
                thread,
                number: each.len(),
            });
            each.push(started.elapsed());
        }
        each
    };
    let mut each: Vec<Duration> = thread::scope(|scope| {
        let turns = &turns;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || turns(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let all = began.elapsed();
    each.sort_unstable();
    Took { each, all }
}

impl Took {
    fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.each.len()).unwrap()) / self.all.as_secs_f64()
    }

    fn millis(&self, percent: usize) -> f64 {
        let at = self.each.len() * percent / 100;
        self.each.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    fn print(&self, name: &str, bare: &Self) {
        println!(
            "{name:<44}{:>14.0}{:>10.2}{:>10.2}{:>8.2}",
            self.per_second(),
            self.millis(50),
            self.millis(99),
            self.per_second() / bare.per_second()
        );
    }
}

#[cfg(feature = "services")]
mod postgres {
    use diesel::PgConnection;

    use super::*;

    pub(super) fn measure(server: &str, seconds: Duration) {
        let schema = format!("bench_{}", uuid::Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        execute(&url, BARE);
        execute(&url, &bare_rows());
        let connections: Vec<_> = (0..THREADS)
            .map(|_| Mutex::new(PgConnection::establish(&url).unwrap()))
            .collect();
        let bare = during(seconds, |turn| {
            let connection = &mut *connections[turn.thread].lock().unwrap();
            connection.transaction(|connection| change(connection, turn)).unwrap();
        });
        bare.print("PostgreSQL: the bare statements", &bare);
        let decided = during(seconds, |turn| decide(&records, turn));
        decided.print("PostgreSQL: decisions", &bare);
        execute(server, &format!("DROP SCHEMA {schema} CASCADE"));
    }

    fn change(connection: &mut PgConnection, turn: Turn) -> diesel::QueryResult<usize> {
        let user = user(turn);
        let held: Leases = sql_query("SELECT leases FROM bare_slots WHERE user_id = $1 FOR UPDATE")
            .bind::<Text, _>(&user)
            .get_result(connection)?;
        sql_query("UPDATE bare_slots SET leases = $1 WHERE user_id = $2")
            .bind::<Text, _>(held.leases)
            .bind::<Text, _>(&user)
            .execute(connection)?;
        sql_query("INSERT INTO bare_news (body) VALUES ($1)")
            .bind::<Text, _>(NEWS)
            .execute(connection)
    }

    fn execute(url: &str, statements: &str) {
        PgConnection::establish(url).unwrap().batch_execute(statements).unwrap();
    }
}
