//! How fast files become rows, beside the fastest that the databases offer for the same rows in the same run:
//! `psql \copy` on PostgreSQL, prepared multi-row inserts on SQLite.
//!
//! `cargo bench -p server --features services --bench files -- [lines] [rounds]`, with `EH_TEST_DATABASE_URL` naming a
//! PostgreSQL; without it, only SQLite is measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for a person, which may end at the first surprise"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use blobs::{Blobs, Key};
use domain::ids::JobId;
use domain::job::{Chunks, JobOptions, JobStatus};
use domain::line::{Line, LineKind, LineOrigin, read_line};
use domain::time::Timestamp;
use domain::watch_time::PositionUnit;
use records::{Class, Entries, NewJob, Received, Records};
use rusqlite::types::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Settings, Worker};

const CHUNK_BYTES: u64 = 4 << 20;
const PIECE_BYTES: usize = 1 << 20;

/// How much a worker takes on at once.
#[derive(Clone, Copy)]
enum Slots {
    /// A single chunk, over a single connection.
    #[cfg(feature = "services")]
    One,
    AsItComes,
}

impl Slots {
    fn settings(self, alone: bool) -> Settings {
        let settings = Settings {
            alone,
            ..Settings::named(Uuid::new_v4().to_string())
        };
        match self {
            #[cfg(feature = "services")]
            Self::One => Settings { slots: 1, ..settings },
            Self::AsItComes => settings,
        }
    }
}

struct Bench {
    lines: u64,
    rounds: usize,
    folder: tempfile::TempDir,
}

/// What one way of filling the table took.
struct Took {
    wall: Duration,
    /// Of this process; the server's is not ours.
    cpu: Option<Duration>,
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let bench = Bench {
        lines: numbers.first().copied().unwrap_or(500_000),
        rounds: numbers.get(1).map_or(3, |rounds| usize::try_from(*rounds).unwrap()),
        folder: tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "{} lines of about 200 bytes, median of {} rounds",
        bench.lines, bench.rounds
    );
    println!("{:<44}{:>12}{:>14}{:>10}", "", "lines/s", "CPU us/line", "ratio");
    let parsed = each_piece(&bench, parse);
    bench.row("serde_json reads the lines, and no more", &parsed, &parsed);
    let mut judging = Judging::new();
    let judged = each_piece(&bench, |text| judging.judge(text));
    bench.row("read, typed and kept for a table", &judged, &parsed);
    runtime.block_on(sqlite(&bench));
    #[cfg(feature = "services")]
    if let Ok(server) = std::env::var("EH_TEST_DATABASE_URL") {
        runtime.block_on(postgres::measure(&bench, &server));
    }
    println!("peak memory of this process: {} MiB", peak_memory_kib() / 1024);
}

/// The fields of a line, borrowed from it.
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Fields<'l> {
    time: &'l str,
    level: &'l str,
    service: &'l str,
    msg: &'l str,
    request_id: &'l str,
    path: &'l str,
    status: u32,
    took_ms: u32,
}

/// What this machine takes for the least that can be done with a line: the CPU of an import is seen beside it.
fn parse(text: &str) {
    for line in text.lines() {
        let fields: Fields<'_> = serde_json::from_str(line).unwrap();
        std::hint::black_box(fields);
    }
}

/// What a worker does with a line before it speaks to a database.
struct Judging {
    origin: LineOrigin,
    entries: Entries,
}

impl Judging {
    fn new() -> Self {
        let at = Timestamp::from_micros(1_795_168_809_000_000);
        Self {
            origin: LineOrigin {
                job_id: JobId::new(Uuid::now_v7()),
                line_no: 0,
                job_created_at: at,
                received_at: at,
                kind: LineKind::Auto,
                position_unit: PositionUnit::Seconds,
            },
            entries: Entries::default(),
        }
    }

    fn judge(&mut self, text: &str) {
        self.entries.clear();
        for line in text.lines() {
            self.origin.line_no += 1;
            let Line::Log(entry) = read_line(line, &self.origin).unwrap() else {
                unreachable!("the file holds log entries only");
            };
            self.entries.push(self.origin.line_no, &entry);
        }
    }
}

/// With nothing else running; the file is made meanwhile, but not timed.
fn each_piece(bench: &Bench, mut work: impl FnMut(&str)) -> Took {
    let mut took = Duration::ZERO;
    for piece in bench.pieces() {
        let text = std::str::from_utf8(&piece).unwrap();
        let began = Instant::now();
        work(text);
        took += began.elapsed();
    }
    Took {
        wall: took,
        cpu: Some(took),
    }
}

async fn sqlite(bench: &Bench) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let file = bench.folder.path().join(format!("{round}.db"));
        let records = records::open(&format!("sqlite:{}", file.display())).unwrap();
        records.migrate().unwrap();
        ours.push(import(bench, &records, &[Slots::AsItComes]).await);
        theirs.push(prepared_inserts(&file));
        std::fs::remove_file(&file).unwrap();
    }
    let floor = median(theirs);
    bench.row("SQLite: prepared inserts of 100 rows", &floor, &floor);
    bench.row("SQLite: import, one worker", &median(ours), &floor);
}

/// The rows that the import made, again, into an equal table beside it.
fn prepared_inserts(file: &std::path::Path) -> Took {
    const ROWS: usize = 100;
    const ROWS_OF_A_TRANSACTION: usize = 5_000;
    let source = rusqlite::Connection::open(file).unwrap();
    let schema: String = source
        .query_row("SELECT sql FROM sqlite_master WHERE name = 'log_entries'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut reading = source
        .prepare("SELECT * FROM log_entries ORDER BY job_id, line_no")
        .unwrap();
    let mut rows = reading
        .query_map([], |row| (0..8).map(|column| row.get(column)).collect::<Result<_, _>>())
        .unwrap();
    let beside = file.with_extension("beside.db");
    let mut target = rusqlite::Connection::open(&beside).unwrap();
    target
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192")
        .unwrap();
    target.execute_batch(&schema).unwrap();
    let mut took = Duration::ZERO;
    loop {
        // Read a few at a time, so that memory tells of the imports, and not timed.
        let batch: Vec<Vec<Value>> = rows.by_ref().take(ROWS_OF_A_TRANSACTION).map(Result::unwrap).collect();
        if batch.is_empty() {
            break;
        }
        let began = Instant::now();
        let transaction = target.transaction().unwrap();
        for some in batch.chunks(ROWS) {
            let places = vec!["(?,?,?,?,?,?,?,?)"; some.len()].join(",");
            let mut insert = transaction
                .prepare_cached(&format!("INSERT INTO log_entries VALUES {places}"))
                .unwrap();
            insert
                .execute(rusqlite::params_from_iter(some.iter().flatten()))
                .unwrap();
        }
        transaction.commit().unwrap();
        took += began.elapsed();
    }
    drop(target);
    std::fs::remove_file(beside).unwrap();
    Took { wall: took, cpu: None }
}

impl Bench {
    fn row(&self, name: &str, took: &Took, floor: &Took) {
        #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
        let lines = self.lines as f64;
        let cpu = took
            .cpu
            .map_or("-".to_owned(), |cpu| format!("{:.2}", cpu.as_secs_f64() * 1e6 / lines));
        let (rate, ratio) = (
            lines / took.wall.as_secs_f64(),
            floor.wall.as_secs_f64() / took.wall.as_secs_f64(),
        );
        println!("{name:<44}{rate:>12.0}{cpu:>14}{ratio:>10.2}");
    }

    /// A file as loggers write them, in pieces, so that it never is in memory.
    fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut line_no = 0;
        std::iter::from_fn(move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES + 256);
            while piece.len() < PIECE_BYTES && line_no < self.lines {
                line_no += 1;
                piece.extend_from_slice(line(line_no).as_bytes());
            }
            (!piece.is_empty()).then_some(piece)
        })
    }
}

fn line(n: u64) -> String {
    let (minute, second, milli) = (n / 60_000 % 60, n / 1_000 % 60, n % 1_000);
    let level = ["info", "info", "info", "warn", "error"][usize::try_from(n % 5).unwrap()];
    format!(
        "{{\"time\":\"2026-11-20T09:{minute:02}:{second:02}.{milli:03}Z\",\"level\":\"{level}\",\"service\":\"checkout\",\
         \"msg\":\"request {n} handled\",\"request_id\":\"{n:032x}\",\"path\":\"/cart/items\",\"status\":200,\
         \"took_ms\":{}}}\n",
        n % 977
    )
}

/// Uploads the file as the door does, then takes the time until it is completed.
async fn import(bench: &Bench, records: &Records, workers: &[Slots]) -> Took {
    let folder = tempfile::tempdir_in(bench.folder.path()).unwrap();
    let opened = queue::open(&queue::Settings::new("embedded:", folder.path()))
        .await
        .unwrap();
    let blobs = blobs::open(&blobs::Settings {
        url: format!("file:{}", folder.path().join("blobs").display()),
        data_dir: folder.path().to_owned(),
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: blobs::Limits::default(),
    })
    .await
    .unwrap();
    let id = upload(bench, records, &blobs).await;
    let began = (Instant::now(), cpu_time());
    let stop = CancellationToken::new();
    let working: Vec<_> = workers
        .iter()
        .map(|slots| {
            let worker = Worker {
                records: records.clone(),
                queue: Arc::clone(&opened.queue),
                live: Arc::clone(&opened.live),
                blobs: Arc::clone(&blobs),
                settings: slots.settings(records.kind() == "SQLite"),
                load: worker::Load::default(),
            };
            tokio::spawn(worker::run(worker, stop.clone()))
        })
        .collect();
    let mut notes = opened.live.listen();
    while records
        .run(Class::Reads, |unit| unit.progress(id))
        .unwrap()
        .unwrap()
        .status
        != JobStatus::Completed
    {
        // The last note of a job comes after its last commit.
        while !String::from_utf8_lossy(&notes.recv().await.unwrap().1).contains("\"completed\"") {}
    }
    let took = since(began);
    stop.cancel();
    for worker in working {
        worker.await.unwrap();
    }
    opened.queue.close().await;
    took
}

async fn upload(bench: &Bench, records: &Records, blobs: &Arc<dyn Blobs>) -> JobId {
    let id = JobId::new(Uuid::now_v7());
    let key = Key::of(id.as_uuid());
    let job = NewJob {
        id,
        file_name: "bench.jsonl".to_owned(),
        blob_key: key.to_string(),
        options: JobOptions::default(),
        request_id: String::new(),
        created_at: Timestamp::from_micros(1_795_168_809_000_000),
    };
    records
        .run(Class::Background, |unit| unit.create_receiving(&job))
        .unwrap();
    let (mut upload, mut chunks) = (blobs.create(&key).await.unwrap(), Chunks::of(CHUNK_BYTES));
    for piece in bench.pieces() {
        chunks.feed(&piece);
        upload.write(piece.into()).await.unwrap();
    }
    let (stored, outline) = (upload.finish().await.unwrap(), chunks.finish());
    let received = Received {
        file_name: job.file_name.clone(),
        options: job.options,
        file_size_bytes: outline.bytes,
        sha256: String::new(),
        blob_version: stored.version,
        lines_total: outline.lines_total,
        chunks: outline.chunks,
    };
    records
        .run(Class::Background, |unit| unit.queue_received(id, &received))
        .unwrap()
        .unwrap();
    id
}

fn median(mut all: Vec<Took>) -> Took {
    all.sort_by_key(|took| took.wall);
    all.swap_remove(all.len() / 2)
}

fn since((wall, cpu): (Instant, Duration)) -> Took {
    Took {
        wall: wall.elapsed(),
        cpu: Some(cpu_time().saturating_sub(cpu)),
    }
}

/// User and system time of this process, as Linux counts it: in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

#[cfg(feature = "services")]
mod postgres {
    use std::process::Command;

    use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

    use super::{Bench, Duration, Instant, Slots, Took, Uuid, import, median};

    pub(super) async fn measure(bench: &Bench, server: &str) {
        let schema = format!("bench_{}", Uuid::new_v4().simple());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        execute(server, &format!("CREATE SCHEMA {schema}"));
        let records = records::open(&url).unwrap();
        records.migrate().unwrap();
        let ways: [(&str, &[Slots]); 3] = [
            ("PostgreSQL: import, one connection", &[Slots::One]),
            ("PostgreSQL: import, one worker", &[Slots::AsItComes]),
            ("PostgreSQL: import, two workers on one file", &[Slots::AsItComes; 2]),
        ];
        let (mut imported, mut copy) = (ways.map(|_| Vec::new()), Vec::new());
        for _ in 0..bench.rounds {
            for ((_, workers), took) in ways.iter().zip(&mut imported) {
                execute(&url, "TRUNCATE log_entries, chunks, jobs, job_stages, line_rejects");
                execute(&url, "CHECKPOINT");
                took.push(import(bench, &records, workers).await);
            }
            copy.push(copied(bench, &url));
        }
        execute(server, &format!("DROP SCHEMA {schema} CASCADE"));
        let floor = median(copy);
        bench.row("PostgreSQL: psql \\copy", &floor, &floor);
        for ((name, _), took) in ways.iter().zip(imported) {
            bench.row(name, &median(took), &floor);
        }
    }

    /// The rows that the import made, again, into the same table with the same indexes.
    fn copied(bench: &Bench, url: &str) -> Took {
        let file = bench.folder.path().join("rows.txt");
        psql(
            url,
            &format!(
                "\\copy (SELECT * FROM log_entries ORDER BY job_id, line_no) TO '{}'",
                file.display()
            ),
        );
        execute(url, "TRUNCATE log_entries");
        execute(url, "CHECKPOINT");
        let began = Instant::now();
        psql(url, &format!("\\copy log_entries FROM '{}'", file.display()));
        let wall: Duration = began.elapsed();
        std::fs::remove_file(file).unwrap();
        Took { wall, cpu: None }
    }

    fn psql(url: &str, command: &str) {
        let status = Command::new("psql").args([url, "-q", "-c", command]).status().unwrap();
        assert!(status.success());
    }

    fn execute(url: &str, statement: &str) {
        let mut connection = PgConnection::establish(url).unwrap();
        sql_query(statement).execute(&mut connection).unwrap();
    }
}
