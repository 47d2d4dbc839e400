//! The large figures of `docs/reliability.md`: one table, printed by `scripts/drill`. Not part of the ordinary tests.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;

use super::content::Content;
use super::ground::Ground;
use super::rig::{Rig, has_ended};

const WORKERS: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(3);
const EMBEDDED_KILLS: u64 = 20;
const BROKER_AWAY: Duration = Duration::from_secs(10);
const DATABASE_AWAY: Duration = Duration::from_secs(5);
const STORE_AWAY: Duration = Duration::from_secs(20);
const FROZEN: Duration = Duration::from_secs(60);
/// A file of millions of lines on a busy computer takes its time.
const JOB_DEADLINE: Duration = Duration::from_secs(1_800);

/// What is done to the processes while they work on the file.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    WorkersKilled,
    BrokerWiped,
    DatabaseKilled,
    StoreAway,
    WorkerFrozen,
    EmbeddedKilled,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::None,
        Self::WorkersKilled,
        Self::BrokerWiped,
        Self::DatabaseKilled,
        Self::StoreAway,
        Self::WorkerFrozen,
        Self::EmbeddedKilled,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none, for comparison",
            Self::WorkersKilled => "workers killed -9, every 3 s",
            Self::BrokerWiped => "broker killed, data wiped, away 10 s",
            Self::DatabaseKilled => "PostgreSQL killed -9, away 5 s",
            Self::StoreAway => "object store away 20 s",
            Self::WorkerFrozen => "one worker frozen 60 s",
            Self::EmbeddedKilled => "one process of all roles, killed -9",
        }
    }

    fn own_servers(self) -> &'static [&'static str] {
        match self {
            Self::BrokerWiped => &["rabbitmq"],
            Self::DatabaseKilled => &["postgres"],
            _ => &[],
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: run it with scripts/drill"]
async fn drill() {
    let lines = setting("EH_TEST_DRILL_LINES").map_or(200_000, |text| text.parse().unwrap());
    let wanted = setting("EH_TEST_DRILL_FAULTS").unwrap_or_default();
    println!(
        "| fault | lines | ingested | rejected | lost | doubled | backwards | faults | longest standstill | whole job |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for fault in Fault::ALL.into_iter().filter(|fault| fault.name().contains(&wanted)) {
        run(fault, Content { lines }).await;
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

async fn run(fault: Fault, content: Content) {
    let mut rig = match fault {
        Fault::EmbeddedKilled => Rig::embedded(&[]),
        _ => Rig::services(Ground::with_own(fault.own_servers()).await.unwrap(), WORKERS, &[]),
    };
    let began = Instant::now();
    let id = rig.upload(content, 0).await;
    let watch = rig.watch(&id);
    let mut pace = Pace::new(began);
    let faults = inflict(fault, &mut rig, &id, content, &mut pace).await;
    while !pace.look(&rig, &id).await {}
    let whole = began.elapsed();
    let seen = watch.seen().await;
    let kept = Kept::of(&rig, &id, content).await;
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {faults} | {:.1} s | {:.1} s |",
        fault.name(),
        content.lines,
        kept.ingested,
        kept.rejected,
        kept.lost,
        kept.doubled,
        seen.backwards.len(),
        pace.standstill_max.as_secs_f64(),
        whole.as_secs_f64(),
    );
    assert_eq!(kept.status, "completed");
    assert_eq!((kept.lost, kept.doubled, seen.backwards.len()), (0, 0, 0));
    assert_eq!(kept.ingested + kept.rejected, content.lines);
}

/// Does the fault in the middle of the work; how often.
async fn inflict(fault: Fault, rig: &mut Rig, id: &str, content: Content, pace: &mut Pace) -> u64 {
    let begun = content.lines / 10;
    match fault {
        Fault::None => 0,
        Fault::WorkersKilled => kill_in_turn(rig, id, pace).await,
        Fault::EmbeddedKilled => kill_along_the_way(rig, id, content, pace).await,
        Fault::BrokerWiped => {
            pace.until_beyond(rig, id, begun).await;
            rig.ground().own().act("wipe", "rabbitmq");
            pace.look_for(BROKER_AWAY, rig, id).await;
            pace.look_while_reviving("rabbitmq", rig, id).await;
            1
        }
        Fault::DatabaseKilled => {
            pace.until_beyond(rig, id, begun).await;
            rig.ground().own().act("kill", "postgres");
            pace.look_for(DATABASE_AWAY, rig, id).await;
            pace.look_while_reviving("postgres", rig, id).await;
            1
        }
        Fault::StoreAway => {
            pace.until_beyond(rig, id, begun).await;
            rig.ground().store.shut();
            pace.look_for(STORE_AWAY, rig, id).await;
            rig.ground().store.open();
            1
        }
        Fault::WorkerFrozen => {
            pace.until_beyond(rig, id, begun).await;
            rig.worker().signal("STOP");
            pace.look_for(FROZEN, rig, id).await;
            rig.worker().signal("CONT");
            1
        }
    }
}

async fn kill_in_turn(rig: &mut Rig, id: &str, pace: &mut Pace) -> u64 {
    let mut kills = 0;
    while !pace.look_for(KILL_EVERY, rig, id).await {
        rig.kill_a_worker();
        kills += 1;
    }
    kills
}

/// Evenly over the file, however fast it is read.
async fn kill_along_the_way(rig: &mut Rig, id: &str, content: Content, pace: &mut Pace) -> u64 {
    for kill in 1..=EMBEDDED_KILLS {
        pace.until_beyond(rig, id, content.lines * kill / (EMBEDDED_KILLS + 2))
            .await;
        rig.kill_a_worker();
    }
    EMBEDDED_KILLS
}

/// How the work goes on, and for how long it did not.
struct Pace {
    began: Instant,
    lines_done: u64,
    moved_at: Instant,
    standstill_max: Duration,
}

impl Pace {
    const LOOK_EVERY: Duration = Duration::from_millis(100);

    fn new(began: Instant) -> Self {
        Self {
            began,
            lines_done: 0,
            moved_at: Instant::now(),
            standstill_max: Duration::ZERO,
        }
    }

    /// Whether the job has ended. Where nothing can be seen, nothing moves.
    async fn look(&mut self, rig: &Rig, id: &str) -> bool {
        assert!(self.began.elapsed() < JOB_DEADLINE, "the job does not end");
        tokio::time::sleep(Self::LOOK_EVERY).await;
        let answer = rig.ask(&format!("/api/v1/jobs/{id}")).await;
        if answer.status() != StatusCode::OK {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            return false;
        }
        let job: Value = answer.json().await.unwrap();
        let lines_done = job["lines_done"].as_u64().unwrap();
        if lines_done > self.lines_done {
            self.standstill_max = self.standstill_max.max(self.moved_at.elapsed());
            self.lines_done = lines_done;
            self.moved_at = Instant::now();
        }
        has_ended(&job)
    }

    async fn look_for(&mut self, time: Duration, rig: &Rig, id: &str) -> bool {
        let end = Instant::now() + time;
        let mut ended = false;
        while Instant::now() < end && !ended {
            ended = self.look(rig, id).await;
        }
        // A fault lasts as long as it should, also after the end.
        if !matches!(time, KILL_EVERY) {
            tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
        }
        ended
    }

    /// A server takes seconds to start, and the work may go on meanwhile.
    async fn look_while_reviving(&mut self, service: &'static str, rig: &Rig, id: &str) {
        let mut reviving = rig.ground().own().begin_reviving(service);
        while reviving.try_wait().unwrap().is_none() {
            self.look(rig, id).await;
        }
        assert!(reviving.wait().unwrap().success());
    }

    async fn until_beyond(&mut self, rig: &Rig, id: &str, lines: u64) {
        while self.lines_done <= lines {
            assert!(!self.look(rig, id).await, "it ended before the fault: take more lines");
        }
    }
}

/// What is stored in the end, beside what must be.
struct Kept {
    status: String,
    ingested: u64,
    rejected: u64,
    lost: i64,
    doubled: i64,
}

impl Kept {
    async fn of(rig: &Rig, id: &str, content: Content) -> Self {
        let job = rig.job(id).await;
        let entries = "SELECT job_id, line_no FROM log_entries";
        // An event of a file without a time of its own gets one from its line.
        let events = "SELECT job_id, occurred_at FROM events";
        let (mut rows, mut distinct) = (0, 0);
        for table in [entries, events] {
            rows += rig.count_rows(&format!("SELECT count(*) AS n FROM ({table}) t"));
            distinct += rig.count_rows(&format!(
                "SELECT count(*) AS n FROM (SELECT DISTINCT * FROM ({table}) t) u"
            ));
        }
        let valid = content.lines - content.rejected().len() as u64;
        Self {
            status: job["status"].as_str().unwrap().to_owned(),
            ingested: job["lines_ingested"].as_u64().unwrap(),
            rejected: job["lines_rejected"].as_u64().unwrap(),
            lost: valid.cast_signed() - distinct,
            doubled: rows - distinct,
        }
    }
}
