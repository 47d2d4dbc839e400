//! A data folder of its own, the door's part of an upload, and workers that stop with the test.

use std::sync::Arc;
use std::time::Duration;

use blobs::{Blobs, Key};
use domain::counts::Span;
use domain::event::Event;
use domain::ids::JobId;
use domain::job::{Chunks, Job, JobOptions, JobStatus, Progress};
use domain::message::{EventFrame, Hint};
use domain::time::Timestamp;
use queue::{Frame, Lane, Live, Queue};
use records::{Class, Counts, DeadLetter, EventFilter, NewJob, Received, Records, Reject, StoredEntry};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Settings, Worker};

use crate::store::Store;

/// How often is looked for what nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// So long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Bed {
    pub(crate) records: Records,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
}

pub(crate) struct Working {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Working {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue::Settings::new("embedded:", folder.path());
        Self::over(Store::sqlite(folder.path()), queue, folder).await
    }

    /// On PostgreSQL and RabbitMQ. `None`, and a loud line, only where the caller of the tests allows one to be missing.
    #[cfg(feature = "services")]
    pub(crate) async fn services() -> Option<Self> {
        let (store, queue) = (Store::postgres()?, crate::services::queue()?);
        Some(Self::over(store, queue, tempfile::tempdir().unwrap()).await)
    }

    async fn over(store: Store, queue: queue::Settings, folder: tempfile::TempDir) -> Self {
        let data_dir = folder.path().to_owned();
        let records = records::open(&store.url()).unwrap();
        records.migrate().unwrap();
        let opened = queue::open(&queue).await.unwrap();
        let blobs = blobs::open(&blobs::Settings {
            url: format!("file:{}", data_dir.join("blobs").display()),
            data_dir,
            s3_endpoint: None,
            s3_region: None,
            access_key_id: None,
            secret_access_key: None,
            limits: blobs::Limits::default(),
        })
        .await
        .unwrap();
        Self {
            records,
            blobs,
            queue: opened.queue,
            live: opened.live,
            folder,
            store,
        }
    }

    /// Does what the door does with events that came in one request.
    pub(crate) async fn publish(&self, events: &[Event]) {
        let frame = EventFrame {
            events: events.to_vec(),
        };
        self.publish_frame(&frame.encode().unwrap(), events.len()).await;
    }

    pub(crate) async fn publish_frame(&self, body: &[u8], items: usize) {
        let frame = Frame {
            body: body.to_vec().into(),
            items: u32::try_from(items).unwrap(),
        };
        self.queue.publish(Lane::Events, frame, PATIENCE).await.unwrap();
    }

    /// Waits until the tables hold so many events.
    pub(crate) async fn until_stored(&self, events: usize) -> Vec<Event> {
        eventually(&format!("{events} events"), async || self.events().len() >= events).await;
        self.events()
    }

    pub(crate) async fn until_buried(&self, letters: usize) -> Vec<DeadLetter> {
        let buried = async || self.dead_letters().len() >= letters;
        eventually(&format!("{letters} dead letters"), buried).await;
        self.dead_letters()
    }

    pub(crate) async fn frames_waiting(&self) -> u64 {
        self.queue.backlog(Lane::Events).await.unwrap().frames
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let filter = EventFilter {
            limit: 100_000,
            ..EventFilter::default()
        };
        self.records.run(Class::Reads, |unit| unit.events(&filter)).unwrap()
    }

    /// What the counts say, which is what the rows say.
    pub(crate) fn counts(&self) -> Counts {
        let (counts, differences) = self
            .records
            .run(Class::Reads, |unit| {
                Ok((unit.counts(Span::default(), None)?, unit.count_differences(10)?))
            })
            .unwrap();
        assert_eq!(differences, []);
        counts
    }

    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.records
            .run(Class::Reads, |unit| unit.dead_letters(None, 1_000))
            .unwrap()
    }

    /// Does what the door does with a file, with chunks of `chunk_bytes`.
    pub(crate) async fn upload(&self, file: &[u8], chunk_bytes: u64, options: JobOptions) -> JobId {
        let id = JobId::new(Uuid::now_v7());
        let key = Key::of(id.as_uuid());
        let job = NewJob {
            id,
            file_name: "app.jsonl".to_owned(),
            blob_key: key.to_string(),
            options,
            request_id: "request-1".to_owned(),
            created_at: Timestamp::from_micros(chrono_now()),
        };
        self.records
            .run(Class::Background, |unit| unit.create_receiving(&job))
            .unwrap();
        let mut upload = self.blobs.create(&key).await.unwrap();
        upload.write(file.to_vec().into()).await.unwrap();
        let stored = upload.finish().await.unwrap();
        let mut chunks = Chunks::of(chunk_bytes);
        chunks.feed(file);
        let outline = chunks.finish();
        let received = Received {
            file_name: job.file_name.clone(),
            options,
            file_size_bytes: outline.bytes,
            sha256: String::new(),
            blob_version: stored.version,
            lines_total: outline.lines_total,
            chunks: outline.chunks,
        };
        self.records
            .run(Class::Background, |unit| unit.queue_received(id, &received))
            .unwrap()
            .unwrap();
        id
    }

    pub(crate) async fn hint(&self, job_id: JobId) {
        let body = Hint { job_id, chunk_no: 0 }.encode().unwrap();
        self.queue
            .publish(
                Lane::Hints,
                Frame {
                    body: body.into(),
                    items: 1,
                },
                PATIENCE,
            )
            .await
            .unwrap();
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            poll: Duration::from_millis(50),
            ..Settings::named(format!("worker-{}", Uuid::new_v4()))
        }
    }

    pub(crate) fn work(&self) -> Working {
        self.work_with(self.settings())
    }

    pub(crate) fn work_with(&self, settings: Settings) -> Working {
        let worker = Worker {
            records: self.records.clone(),
            queue: Arc::clone(&self.queue),
            live: Arc::clone(&self.live),
            blobs: Arc::clone(&self.blobs),
            settings,
            load: worker::Load::default(),
        };
        let stop = CancellationToken::new();
        Working {
            stop: stop.clone(),
            task: tokio::spawn(worker::run(worker, stop)),
        }
    }

    pub(crate) fn job(&self, id: JobId) -> Job {
        self.records.run(Class::Reads, |unit| unit.job(id)).unwrap().unwrap()
    }

    /// Waits, note by note, until the job is as expected.
    pub(crate) async fn until(&self, id: JobId, expected: impl Fn(&Progress) -> bool) -> Progress {
        let mut notes = self.live.listen();
        let waiting = async {
            loop {
                let progress = self.job(id).progress;
                if expected(&progress) {
                    return progress;
                }
                let _ = tokio::time::timeout(Duration::from_millis(100), notes.recv()).await;
            }
        };
        let given_up = format!("job {id} did not come as far as expected");
        tokio::time::timeout(PATIENCE, waiting).await.expect(&given_up)
    }

    pub(crate) async fn until_final(&self, id: JobId) -> Progress {
        self.until(id, |progress| progress.status.is_final()).await
    }

    pub(crate) async fn until_completed(&self, id: JobId) -> Progress {
        let progress = self.until_final(id).await;
        assert_eq!(progress.status, JobStatus::Completed, "{:?}", self.job(id).error);
        progress
    }

    pub(crate) fn entries(&self, id: JobId) -> Vec<StoredEntry> {
        self.records
            .run(Class::Reads, |unit| unit.entries_of(id, 0, 1_000_000))
            .unwrap()
    }

    pub(crate) fn lines_stored(&self, id: JobId) -> Vec<u64> {
        self.entries(id).iter().map(|entry| entry.line_no).collect()
    }

    pub(crate) fn rejects(&self, id: JobId) -> Vec<Reject> {
        self.records
            .run(Class::Reads, |unit| unit.rejects_of(id, 0, 1_000_000))
            .unwrap()
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let given_up = format!("waited in vain: {what}");
    tokio::time::timeout(PATIENCE, looking).await.expect(&given_up);
}

pub(crate) fn lines(count: u64) -> String {
    (1..=count)
        .map(|n| format!("{{\"level\":\"info\",\"msg\":\"line {n}\"}}\n"))
        .collect()
}

pub(crate) fn chrono_now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
