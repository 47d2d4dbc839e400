//! What the benchmarks of a worker have in common: a queue that is full before the clock starts, and a worker beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blobs::Blobs;
use domain::counts::Span;
use domain::event::Event;
use domain::message::EventFrame;
use domain::time::Timestamp;
use queue::{Frame, Lane, Live, Queue};
use records::{Class, Records};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Settings, Worker};

/// As many as one request of a busy client brings.
pub(crate) const FRAME_EVENTS: usize = 100;
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(2);
const PUBLISH_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// An embedded queue and a place for files, which a worker wants.
pub(crate) struct Ground {
    pub(crate) queue: Arc<dyn Queue>,
    live: Arc<dyn Live>,
    blobs: Arc<dyn Blobs>,
    _folder: TempDir,
}

pub(crate) struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = queue::open(&queue::Settings::new("embedded:", folder.path()))
            .await
            .unwrap();
        Self {
            queue: opened.queue,
            live: opened.live,
            blobs: no_files(folder.path()).await,
            _folder: folder,
        }
    }

    pub(crate) async fn publish(&self, events: &[Event]) {
        for events in events.chunks(FRAME_EVENTS) {
            let frame = EventFrame {
                events: events.to_vec(),
            };
            let frame = Frame {
                body: frame.encode().unwrap().into(),
                items: u32::try_from(events.len()).unwrap(),
            };
            self.queue.publish(Lane::Events, frame, PUBLISH_DEADLINE).await.unwrap();
        }
    }

    pub(crate) fn work(&self, records: &Records, settings: Settings) -> Working {
        let worker = Worker {
            records: records.clone(),
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
}

impl Working {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn no_files(folder: &Path) -> Arc<dyn Blobs> {
    let settings = blobs::Settings {
        url: format!("file:{}", folder.join("blobs").display()),
        data_dir: folder.to_owned(),
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: blobs::Limits::default(),
    };
    blobs::open(&settings).await.unwrap()
}

/// How many events have taken effect.
pub(crate) fn counted(records: &Records) -> u64 {
    let counts = records.run(Class::Reads, |unit| unit.counts(Span::default(), None));
    counts.unwrap().values().sum()
}

pub(crate) fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}
