//! How fast new events become rows, each proven to be new, beside the bare batched `INSERT … ON CONFLICT` of the same rows into
//! a like table in the same run.
//!
//! `cargo bench -p records --features services --bench events -- [events] [rounds]`, with `EH_TEST_DATABASE_URL` naming a
//! PostgreSQL; without it, only SQLite is measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

use std::time::{Duration, Instant};

use domain::counts;
use domain::event::Event;
use domain::ids::EventId;
use domain::time::Timestamp;
use records::{Class, Records};
use serde_json::value::RawValue;
use uuid::Uuid;

const BATCH_EVENTS: usize = 1_000;

/// Who gave the events their ids.
#[derive(Clone, Copy)]
enum Ids {
    Stamped,
    Named,
}

/// An event as a row, for who does not think about it.
struct Row {
    event_id: Uuid,
    occurred_at: i64,
    event_type: String,
    user_id: String,
    body: String,
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let events = numbers.first().copied().unwrap_or(100_000);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    println!("{events} events in batches of {BATCH_EVENTS}, best of {rounds} rounds");
    println!("{:<56}{:>12}{:>10}", "", "events/s", "ratio");
    for (ids, whose) in [(Ids::Stamped, "stamped here"), (Ids::Named, "given by clients")] {
        let batches = batches(events, ids);
        sqlite::measure(&batches, rounds, whose);
        #[cfg(feature = "services")]
        if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
            postgres::measure(&server, &batches, rounds, whose);
        }
    }
}

fn batches(events: usize, ids: Ids) -> Vec<Vec<Event>> {
    let now = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
    let event = |n: usize| {
        let micros = i64::try_from(n).unwrap();
        let at = now.plus_micros(micros);
        let payload = format!(
            r#"{{"url":"/products/{}","title":"Something to look at","position":{n}}}"#,
            n % 5_000
        );
        Event {
            event_id: match ids {
                Ids::Stamped => EventId::stamped(at, n as u64),
                Ids::Named => EventId::new(Uuid::new_v4()),
            },
            event_type: ["view", "click", "watch", "location"][n % 4].parse().unwrap(),
            user_id: format!("user-{}", n.wrapping_mul(7_919) % 10_000).parse().unwrap(),
            device_id: "ipad-3".parse().ok(),
            timestamp: at,
            received_at: at,
            payload: RawValue::from_string(payload).unwrap().into(),
            extra: None,
            client_timed: false,
            client_named: matches!(ids, Ids::Named),
            slug: None,
        }
    };
    let mut batches: Vec<Vec<Event>> = (0..events)
        .map(event)
        .collect::<Vec<_>>()
        .chunks(BATCH_EVENTS)
        .map(<[Event]>::to_vec)
        .collect();
    for batch in &mut batches {
        batch.sort_by_key(|event| event.event_id);
    }
    batches
}

fn rows(batches: &[Vec<Event>]) -> Vec<Vec<Row>> {
    let row = |event: &Event| Row {
        event_id: event.event_id.as_uuid(),
        occurred_at: event.timestamp.as_micros(),
        event_type: event.event_type.to_string(),
        user_id: event.user_id.to_string(),
        body: serde_json::to_string(event).unwrap(),
    };
    batches.iter().map(|batch| batch.iter().map(row).collect()).collect()
}

/// What an applier does with every batch; `counted` with the roll-ups.
fn stored(records: &Records, batches: &[Vec<Event>], counted: bool) -> Duration {
    let began = Instant::now();
    for batch in batches {
        let new = records.run(Class::Apply, |unit| {
            let new = unit.insert_new(batch, records::Origin::DOOR)?;
            if counted {
                let fresh = batch.iter().zip(&new).filter(|(_, new)| **new).map(|(event, _)| event);
                unit.add_counts(&counts::count(fresh))?;
            }
            Ok(new)
        });
        assert!(new.unwrap().into_iter().all(|new| new));
    }
    began.elapsed()
}

/// What each way took: the bare insert, the new events, the new events with their counts.
#[derive(Default)]
struct Took([Vec<Duration>; 3]);

impl Took {
    fn note(&mut self, took: [Duration; 3]) {
        self.0.iter_mut().zip(took).for_each(|(all, took)| all.push(took));
    }

    fn print(&self, store: &str, whose: &str, batches: &[Vec<Event>]) {
        let events = batches.iter().map(Vec::len).sum::<usize>();
        let best = self.0.each_ref().map(|all| all.iter().min().unwrap().as_secs_f64());
        let names = ["bare insert", "new events", "new events and counts"];
        for (name, seconds) in names.into_iter().zip(best) {
            let name = format!("{store}, ids {whose}: {name}");
            #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
            let rate = events as f64 / seconds;
            println!("{name:<56}{rate:>12.0}{:>10.2}", best[0] / seconds);
        }
    }
}

mod sqlite {
    use rusqlite::{Connection, params};

    use super::{Duration, Event, Instant, Row, Took, rows, stored};

    pub(super) fn measure(batches: &[Vec<Event>], rounds: usize, whose: &str) {
        let (rows, mut took) = (rows(batches), Took::default());
        for _ in 0..rounds {
            let fresh = |counted| {
                let folder = tempfile::tempdir().unwrap();
                let records = records::open(&format!("sqlite:{}", folder.path().join("bench.db").display())).unwrap();
                records.migrate().unwrap();
                stored(&records, batches, counted)
            };
            took.note([bare(&rows), fresh(false), fresh(true)]);
        }
        took.print("SQLite", whose, batches);
    }

    fn bare(batches: &[Vec<Row>]) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench.db");
        records::open(&format!("sqlite:{}", file.display()))
            .unwrap()
            .migrate()
            .unwrap();
        let mut connection = Connection::open(&file).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192")
            .unwrap();
        let began = Instant::now();
        for batch in batches {
            let transaction = connection.transaction().unwrap();
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO events (event_id, occurred_at, event_type, user_id, body) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                )
                .unwrap();
            for row in batch {
                let id = row.event_id.as_bytes();
                insert
                    .execute(params![id, row.occurred_at, row.event_type, row.user_id, row.body])
                    .unwrap();
            }
            drop(insert);
            transaction.commit().unwrap();
        }
        began.elapsed()
    }
}

#[cfg(feature = "services")]
mod postgres {
    use chrono::{DateTime, Utc};
    use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
    use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

    use super::{Duration, Event, Instant, Row, Took, Uuid, rows, stored};

    pub(super) fn measure(server: &str, batches: &[Vec<Event>], rounds: usize, whose: &str) {
        let (rows, mut took) = (rows(batches), Took::default());
        let schema = format!("bench_{}", Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        execute(&url, "CREATE TABLE bare (LIKE events INCLUDING INDEXES)");
        for _ in 0..rounds {
            let fresh = |counted| {
                execute(&url, "TRUNCATE events, event_keys, event_counts, bare");
                execute(&url, "CHECKPOINT");
                stored(&records, batches, counted)
            };
            let ours = [fresh(false), fresh(true)];
            execute(&url, "CHECKPOINT");
            took.note([bare(&url, &rows), ours[0], ours[1]]);
        }
        execute(server, &format!("DROP SCHEMA {schema} CASCADE"));
        took.print("PostgreSQL", whose, batches);
    }

    fn bare(url: &str, batches: &[Vec<Row>]) -> Duration {
        let mut connection = PgConnection::establish(url).unwrap();
        let began = Instant::now();
        for batch in batches {
            let texts = |of: fn(&Row) -> &str| batch.iter().map(of).collect::<Vec<_>>();
            let times = batch
                .iter()
                .map(|row| DateTime::<Utc>::from_timestamp_micros(row.occurred_at).unwrap());
            sql_query(
                "INSERT INTO bare (event_id, occurred_at, event_type, user_id, body)
                 SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind::<Array<SqlUuid>, _>(batch.iter().map(|row| row.event_id).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(times.collect::<Vec<_>>())
            .bind::<Array<Text>, _>(texts(|row| &row.event_type))
            .bind::<Array<Text>, _>(texts(|row| &row.user_id))
            .bind::<Array<Text>, _>(texts(|row| &row.body))
            .execute(&mut connection)
            .unwrap();
        }
        began.elapsed()
    }

    fn execute(url: &str, statement: &str) {
        sql_query(statement)
            .execute(&mut PgConnection::establish(url).unwrap())
            .unwrap();
    }
}
