//! A server of its own for each test, and the work that a worker would do, done by hand.

mod watching;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use blobs::Blobs;
use domain::event::Event;
use domain::ids::{EventId, JobId};
use domain::job::{JobError, JobStatus, LineCounts, Stage};
use domain::line::RejectCode;
use domain::message::EventFrame;
use ingest::{Door, Settings};
use queue::{Lane, Live, Queue};
use records::{Advance, Class, Records, Reject};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Answer, FORM, Part};

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) records: Records,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) folder: TempDir,
    pub(crate) stop: CancellationToken,
    running: JoinHandle<std::io::Result<()>>,
}

pub(crate) const LINES: &[u8] = b"{\"message\":\"one\"}\n{\"message\":\"two\"}\n";

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(|queue| queue, change).await
    }

    /// Its door uses the embedded queue as `wrap` gives it back.
    pub(crate) async fn over(
        wrap: impl FnOnce(Arc<dyn Queue>) -> Arc<dyn Queue>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_owned();
        let records = records::open(&format!("sqlite:{}", data_dir.join("records.db").display())).unwrap();
        records.migrate().unwrap();
        let opened = queue::open(&queue::Settings::new("embedded:", &data_dir))
            .await
            .unwrap();
        let blobs = blobs::open(&blob_settings(data_dir)).await.unwrap();
        let mut settings = Settings {
            version: "0.0.0-test".to_owned(),
            mode: "test".to_owned(),
            ..Settings::default()
        };
        change(&mut settings);
        let door = Door {
            records: records.clone(),
            queue: wrap(Arc::clone(&opened.queue)),
            live: Arc::clone(&opened.live),
            blobs: Arc::clone(&blobs),
            metrics: Arc::new(|| "eh_test 1\n".to_owned()),
            settings,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(ingest::serve(door, listener, stop.clone()));
        Self {
            address,
            records,
            queue: opened.queue,
            live: opened.live,
            blobs,
            folder,
            stop,
            running,
        }
    }

    pub(crate) async fn send(&self, bytes: &[u8]) -> Answer {
        client::send(self.address, bytes).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(&client::request("GET", target, &[], b"")).await
    }

    pub(crate) async fn post(&self, target: &str) -> Answer {
        self.send(&client::request("POST", target, &[], b"")).await
    }

    pub(crate) async fn upload(&self, parts: &[Part<'_>]) -> Answer {
        self.send(&client::request(
            "POST",
            "/api/v1/files/upload",
            &[FORM],
            &client::form(parts),
        ))
        .await
    }

    pub(crate) async fn post_json(&self, target: &str, body: &Value) -> Answer {
        self.post_bytes(target, "application/json", body.to_string().as_bytes())
            .await
    }

    pub(crate) async fn post_bytes(&self, target: &str, media: &str, body: &[u8]) -> Answer {
        self.send(&client::request("POST", target, &[("content-type", media)], body))
            .await
    }

    /// The events that wait in the queue, frame by frame; they are applied as a worker would.
    pub(crate) async fn apply(&self) -> Vec<Vec<Event>> {
        const FRAMES_MAX: u16 = 10_000;
        let mut intake = self.queue.intake(Lane::Events, FRAMES_MAX).await.unwrap();
        let mut frames = Vec::new();
        while self.queue.backlog(Lane::Events).await.unwrap().frames > 0 {
            let batch = intake.batch(1, Duration::ZERO).await.unwrap();
            for delivery in &batch {
                let events = EventFrame::decode(&delivery.frame.body).unwrap().events;
                assert_eq!(usize::try_from(delivery.frame.items).unwrap(), events.len());
                self.records.apply(&events);
                frames.push(events);
            }
            intake.settle(batch.last().unwrap().tag).await.unwrap();
        }
        frames
    }

    /// A queued job with this file.
    pub(crate) async fn job_of(&self, file: &[u8]) -> JobId {
        let answer = self.upload(&[client::file("a.jsonl", file)]).await.expect(202);
        job_id(&answer.json())
    }

    /// Waits until an upload is being written. Asking the server meanwhile lets it go on.
    pub(crate) async fn until_receiving(&self) {
        let unfinished = self.folder.path().join("blobs/unfinished");
        while std::fs::read_dir(&unfinished).is_ok_and(|mut files| files.next().is_none()) {
            self.get("/livez").await.expect(200);
        }
    }

    /// Waits until everything that was begun has ended, cleaning up included.
    pub(crate) async fn end(&mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap().unwrap();
    }

    /// Nothing is left of any upload: no job, no row, no bytes.
    pub(crate) async fn end_and_expect_nothing_kept(mut self) {
        self.end().await;
        let (jobs, receiving) = self
            .records
            .run(Class::Background, |unit| {
                Ok((unit.jobs(None, None, 10)?, unit.take_abandoned(Duration::ZERO)?))
            })
            .unwrap();
        assert_eq!((jobs.len(), receiving.len()), (0, 0));
        assert_eq!(self.blobs.list(Duration::ZERO, None).await.unwrap(), []);
        assert_eq!(self.blobs.sweep_unfinished(Duration::ZERO).await.unwrap(), 0);
    }
}

fn blob_settings(data_dir: std::path::PathBuf) -> blobs::Settings {
    blobs::Settings {
        url: String::new(),
        data_dir,
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: blobs::Limits::default(),
    }
}

pub(crate) fn job_id(view: &Value) -> JobId {
    view["job_id"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn event_id(view: &Value) -> EventId {
    view["event_id"].as_str().unwrap().parse().unwrap()
}

/// What a worker does, step by step.
pub(crate) trait Worker {
    fn apply(&self, events: &[Event]);
    fn begin(&self, id: JobId);
    fn advance(&self, id: JobId, ingested: u64, rejected: u64);
    fn reject(&self, id: JobId, lines: std::ops::RangeInclusive<u64>);
    fn end_job(&self, id: JobId, status: JobStatus, error: Option<JobError>);
}

const LEASE: Duration = Duration::from_secs(20);

impl Worker for Records {
    fn apply(&self, events: &[Event]) {
        let distinct: BTreeMap<_, _> = events.iter().rev().map(|event| (event.event_id, event)).collect();
        let events: Vec<_> = distinct.into_values().cloned().collect();
        let applied = self.run(Class::Apply, |unit| {
            let new = unit.insert_new(&events, records::Origin::DOOR)?;
            let fresh = events.iter().zip(new).filter(|(_, new)| *new).map(|(event, _)| event);
            watching::fold(unit, fresh.clone())?;
            unit.add_counts(&domain::counts::count(fresh))
        });
        applied.unwrap();
    }

    fn begin(&self, id: JobId) {
        let begun = self.run(Class::Import, |unit| {
            unit.lock_job(id)?;
            unit.begin(id)?;
            unit.reach(id, &[Stage::Started])
        });
        begun.unwrap();
    }

    fn advance(&self, id: JobId, ingested: u64, rejected: u64) {
        let advanced = self.run(Class::Import, |unit| {
            unit.lock_job(id)?;
            let work = records::OpenWork {
                job_id: id,
                chunk_no: 0,
            };
            let claim = unit.claim(work, "test", LEASE)?.expect("a free chunk");
            let counts = LineCounts {
                ingested,
                rejected,
                ..LineCounts::default()
            };
            let step = Advance {
                next_byte: claim.next_byte,
                next_line: claim.next_line,
                counts,
                ..Advance::default()
            };
            unit.hold(&claim.lease)?;
            unit.advance(&claim.lease, &step, LEASE)?;
            unit.release(&claim.lease)
        });
        advanced.unwrap();
    }

    fn reject(&self, id: JobId, lines: std::ops::RangeInclusive<u64>) {
        let rejects: Vec<_> = lines
            .map(|line_no| Reject {
                line_no,
                byte_offset: line_no * 10,
                code: RejectCode::InvalidJson,
                field: None,
                message: "not JSON".to_owned(),
                raw: format!("{{{line_no}"),
            })
            .collect();
        self.run(Class::Import, |unit| unit.insert_rejects(id, &rejects))
            .unwrap();
    }

    fn end_job(&self, id: JobId, status: JobStatus, error: Option<JobError>) {
        let ended = self.run(Class::Import, |unit| {
            unit.lock_job(id)?;
            unit.end(id, status, error.as_ref())?;
            unit.reach(id, &[Stage::Ended(status)])
        });
        ended.unwrap();
    }
}
