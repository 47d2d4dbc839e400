//! How long it takes to count a month of events, when they are ten thousand and when they are ten million.
//!
//! `cargo bench -p records --features services --bench counts -- [events] [rounds]`, with `EH_TEST_DATABASE_URL` naming a
//! PostgreSQL; without it, only SQLite is measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

use std::time::{Duration, Instant};

use domain::counts::Span;
use domain::time::Timestamp;
use records::{Class, Records};

const FEW: u64 = 10_000;
const MONTH_MICROS: u64 = 29 * 24 * 3_600 * 1_000_000;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let many = numbers.first().copied().unwrap_or(10_000_000);
    let rounds = numbers.get(1).copied().unwrap_or(200);
    println!("counting by type over 29 days, median of {rounds} calls");
    println!(
        "{:<44}{:>14}{:>14}{:>8}",
        "",
        format!("{FEW} events"),
        format!("{many} events"),
        "ratio"
    );
    compare("SQLite", [FEW, many].map(sqlite::filled), rounds);
    #[cfg(feature = "services")]
    if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
        compare(
            "PostgreSQL",
            [FEW, many].map(|events| postgres::filled(&server, events)),
            rounds,
        );
    }
}

/// A store with its events; the second half removes it.
type Filled = (Records, Box<dyn FnOnce()>);

fn compare(store: &str, [few, many]: [Filled; 2], rounds: u64) {
    for (what, span) in [
        ("whole days", whole_days()),
        ("from one odd minute to another", odd_minutes()),
    ] {
        let [few, many] = [&few.0, &many.0].map(|records| median(records, span, rounds));
        println!(
            "{:<44}{:>11.2} ms{:>11.2} ms{:>8.2}",
            format!("{store}: {what}"),
            few.as_secs_f64() * 1e3,
            many.as_secs_f64() * 1e3,
            many.as_secs_f64() / few.as_secs_f64()
        );
    }
    few.1();
    many.1();
}

fn median(records: &Records, span: Span, rounds: u64) -> Duration {
    let mut took: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            let counts = records.run(Class::Reads, |unit| unit.counts(span, None)).unwrap();
            assert_eq!(counts.len(), 3);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text)
}

fn whole_days() -> Span {
    Span {
        start: time("2025-05-02T00:00:00Z"),
        end: time("2025-05-29T00:00:00Z"),
    }
}

fn odd_minutes() -> Span {
    Span {
        start: time("2025-05-02T10:07:00Z"),
        end: time("2025-05-28T16:53:00Z"),
    }
}

mod sqlite {
    use rusqlite::Connection;

    use super::{Filled, MONTH_MICROS};

    pub(super) fn filled(events: u64) -> Filled {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench.db");
        let records = records::open(&format!("sqlite:{}", file.display())).unwrap();
        records.migrate().unwrap();
        let step = MONTH_MICROS / events;
        Connection::open(&file)
            .unwrap()
            .execute_batch(&format!(
                "PRAGMA synchronous = OFF;
                 WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {events})
                 INSERT INTO events (event_id, occurred_at, event_type, user_id, body)
                 SELECT CAST(printf('%016d', n) AS BLOB), 1746057600000000 + n * {step}, iif(n % 3 = 0, 'view', iif(n % 3 = 1, 'click', 'watch')),
                        'user-' || (n % 10000), hex(zeroblob(100))
                 FROM numbers;
                 INSERT INTO event_counts
                 SELECT occurred_at - occurred_at % 900000000, event_type, count(*) FROM events GROUP BY 1, 2;
                 INSERT INTO event_types VALUES ('view'), ('click'), ('watch');
                 PRAGMA wal_checkpoint(TRUNCATE)"
            ))
            .unwrap();
        (records, Box::new(move || drop(folder)))
    }
}

#[cfg(feature = "services")]
mod postgres {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection};
    use uuid::Uuid;

    use super::{Filled, MONTH_MICROS};

    pub(super) fn filled(server: &str, events: u64) -> Filled {
        let schema = format!("bench_{}", Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        let step = MONTH_MICROS / events;
        execute(
            &url,
            &format!(
                "INSERT INTO events (event_id, occurred_at, event_type, user_id, body)
                 SELECT lpad(n::text, 32, '0')::uuid, '2025-05-01T00:00:00Z'::timestamptz + n * {step} * interval '1 microsecond',
                        (ARRAY['view', 'click', 'watch'])[(n % 3 + 1)::int], 'user-' || n % 10000, repeat('x', 200)
                 FROM generate_series(0::bigint, {events} - 1) AS n;
                 INSERT INTO event_counts
                 SELECT date_bin('15 minutes', occurred_at, 'epoch'), event_type, count(*) FROM events GROUP BY 1, 2;
                 INSERT INTO event_types VALUES ('view'), ('click'), ('watch')"
            ),
        );
        // Outside of a transaction, as it must be.
        execute(&url, "VACUUM ANALYZE events");
        execute(&url, "VACUUM ANALYZE event_counts");
        let server = server.to_owned();
        (
            records,
            Box::new(move || execute(&server, &format!("DROP SCHEMA {schema} CASCADE"))),
        )
    }

    fn execute(url: &str, statements: &str) {
        PgConnection::establish(url).unwrap().batch_execute(statements).unwrap();
    }
}
