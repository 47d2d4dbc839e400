//! How many decisions about slots of streams a door makes in a second, beside what the database does for whoever asks it for
//! the bare statements: hold the row, change it, write the news, commit.
//!
//! `cargo bench -p server --features services --bench streams -- [seconds]`, with `EH_TEST_DATABASE_URL` naming a PostgreSQL;
//! without it, only SQLite is measured. The bare statements run in `pgbench`, prepared.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

mod http;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use records::Records;
use tokio_util::sync::CancellationToken;

const CONNECTIONS: usize = 32;
/// Few enough that some meet, many enough that most do not.
const USERS: usize = 1_000;
const SECONDS: u64 = 5;
/// About what a row of slots and an event are as text.
const LEASES: &str = r#"[["0199c2a4-7d1e-7000-8000-000000000001","dune","tv",1780000000000000,1780000060000000]]"#;
const NEWS: &str = r#"{"event_id":"0199c2a4-7d1e-7000-8000-000000000001","event_type":"stream_started","user_id":"user-1","device_id":"tv","timestamp":"2026-05-28T10:00:00.000000Z","received_at":"2026-05-28T10:00:00.000000Z","payload":{"stream_id":"stream-1","slug":"dune"}}"#;
const BARE: &str = "CREATE TABLE bare_slots (user_id TEXT PRIMARY KEY, leases TEXT NOT NULL); CREATE TABLE bare_news (body TEXT NOT NULL);";

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let seconds = Duration::from_secs(numbers.next().unwrap_or(SECONDS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{CONNECTIONS} connections, {USERS} users, {} s each", seconds.as_secs());
    println!(
        "{:<48}{:>12}{:>10}{:>10}{:>8}",
        "", "a second", "p50 ms", "p99 ms", "ratio"
    );
    runtime.block_on(sqlite(seconds));
    #[cfg(feature = "services")]
    if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
        runtime.block_on(postgres::measure(&server, seconds));
    }
}

async fn sqlite(seconds: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db");
    let records = records::open(&format!("sqlite:{}", file.display())).unwrap();
    records.migrate().unwrap();
    let bare = bare_on_sqlite(&file, seconds);
    row("SQLite: the bare statements, one connection", bare, None, bare);
    decisions("SQLite", records, folder.path(), seconds, bare).await;
}

/// One connection, as there is one writer: more of them only wait for each other.
fn bare_on_sqlite(file: &Path, seconds: Duration) -> f64 {
    let mut connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch("PRAGMA synchronous = FULL").unwrap();
    connection.execute_batch(BARE).unwrap();
    connection.execute_batch(&bare_rows()).unwrap();
    let began = std::time::Instant::now();
    let mut done = 0;
    while began.elapsed() < seconds {
        let user = user(done);
        let change = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .unwrap();
        let held: String = change
            .prepare_cached("SELECT leases FROM bare_slots WHERE user_id = ?")
            .unwrap()
            .query_row([&user], |row| row.get(0))
            .unwrap();
        change
            .prepare_cached("UPDATE bare_slots SET leases = ? WHERE user_id = ?")
            .unwrap()
            .execute([&held, &user])
            .unwrap();
        change
            .prepare_cached("INSERT INTO bare_news (body) VALUES (?)")
            .unwrap()
            .execute([NEWS])
            .unwrap();
        change.commit().unwrap();
        done += 1;
    }
    f64::from(u32::try_from(done).unwrap()) / began.elapsed().as_secs_f64()
}

fn bare_rows() -> String {
    let row = |n| format!("INSERT INTO bare_slots VALUES ('{}', '{LEASES}');", user(n));
    (0..USERS).map(row).collect()
}

fn user(n: usize) -> String {
    format!("user-{}", n % USERS)
}

/// A player starts a stream, and ends it with its next request; a user's other streams are those of other connections.
async fn decisions(store: &str, records: Records, folder: &Path, seconds: Duration, bare: f64) {
    let opened = queue::open(&queue::Settings::new("embedded:", folder)).await.unwrap();
    let stop = CancellationToken::new();
    let settings = ingest::Settings {
        stream_limit: CONNECTIONS,
        ..ingest::Settings::default()
    };
    let (address, serving) = http::serve(folder, records, &opened, settings, &stop).await;
    let asked = |connection: usize, number: usize| -> Arc<[u8]> {
        let path = format!("/v1/users/{}/streams/{connection}", user(connection * 31 + number / 2));
        http::request(if number.is_multiple_of(2) { "PUT" } else { "DELETE" }, &path, "", "")
    };
    for connections in [CONNECTIONS, 1] {
        let decided = http::load(connections, seconds, address, asked).await;
        let name = format!("{store}: decisions over HTTP, {connections} players");
        row(&name, decided.per_second(), Some(&decided), bare);
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
    opened.queue.close().await;
}

fn row(name: &str, per_second: f64, load: Option<&http::Load>, bare: f64) {
    let millis = |percent| load.map_or(String::new(), |load| format!("{:.2}", load.millis(percent)));
    println!(
        "{name:<48}{per_second:>12.0}{:>10}{:>10}{:>8.2}",
        millis(50),
        millis(99),
        per_second / bare
    );
}

#[cfg(feature = "services")]
mod postgres {
    use std::process::Command;

    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection};

    use super::*;

    const THREADS: usize = 2;

    pub(super) async fn measure(server: &str, seconds: Duration) {
        let folder = tempfile::tempdir().unwrap();
        let schema = format!("bench_{}", uuid::Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        execute(&url, &format!("{BARE} {}", bare_rows()));
        let bare = pgbench(&url, folder.path(), seconds);
        row("PostgreSQL: the bare statements, 32 connections", bare, None, bare);
        decisions("PostgreSQL", records, folder.path(), seconds, bare).await;
        execute(server, &format!("DROP SCHEMA {schema} CASCADE"));
    }

    fn execute(url: &str, statements: &str) {
        PgConnection::establish(url).unwrap().batch_execute(statements).unwrap();
    }

    /// Transactions a second.
    fn pgbench(url: &str, folder: &Path, seconds: Duration) -> f64 {
        let script = folder.join("bare.sql");
        let statements = format!(
            "\\set n random(0, {})
             BEGIN;
             SELECT leases FROM bare_slots WHERE user_id = 'user-' || :n FOR UPDATE;
             UPDATE bare_slots SET leases = '{LEASES}' WHERE user_id = 'user-' || :n;
             INSERT INTO bare_news (body) VALUES ('{}');
             COMMIT;",
            USERS - 1,
            // A colon before a word would be a variable.
            NEWS.replace(':', "=")
        );
        std::fs::write(&script, statements.replace("\n             ", "\n")).unwrap();
        let output = Command::new(program())
            .args(["--no-vacuum", "--protocol", "prepared"])
            .args(["--client", &CONNECTIONS.to_string(), "--jobs", &THREADS.to_string()])
            .args(["--time", &seconds.as_secs().to_string(), "--file"])
            .args([script.as_os_str(), url.as_ref()])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        assert!(tps.is_some(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        tps.unwrap().split(' ').next().unwrap().parse().unwrap()
    }

    /// Debian keeps it beside the server, off the path.
    fn program() -> std::path::PathBuf {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let beside_server = versions.map(|version| version.path().join("bin/pgbench"));
        let found = beside_server.filter(|program| program.exists()).max();
        found.unwrap_or_else(|| "pgbench".into())
    }
}
