//! A data folder of its own, the door's part of an upload, and workers that stop with the test.

use std::sync::Arc;
use std::time::Duration;

use blobs::{Blobs, Key};
use domain::ids::JobId;
use domain::job::{Chunks, Job, JobOptions, JobStatus, Progress};
use domain::message::Hint;
use domain::time::Timestamp;
use queue::{Frame, Lane, Live, Queue};
use records::{Class, NewJob, Received, Records, Reject, StoredEntry};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Settings, Worker};

/// So long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Bed {
    pub(crate) records: Records,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) folder: tempfile::TempDir,
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
        let data_dir = folder.path().to_owned();
        let records = records::open(&format!("sqlite:{}", data_dir.join("test.db").display())).unwrap();
        records.migrate().unwrap();
        let opened = queue::open(&queue::Settings::new("embedded:", data_dir.clone()))
            .await
            .unwrap();
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
        }
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

pub(crate) fn lines(count: u64) -> String {
    (1..=count)
        .map(|n| format!("{{\"level\":\"info\",\"msg\":\"line {n}\"}}\n"))
        .collect()
}

fn chrono_now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
