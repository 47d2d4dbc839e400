//! The work behind the door: accepted events and uploaded files become rows.
//!
//! Any number of workers share the work. Events stay on the queue until they are in the tables. What there is to do with
//! files stands in the tables; a hint on the queue only says that somebody should look now. A worker may vanish at any
//! instant: its events are delivered again; its lease runs out, and another one goes on from the checkpoint.

mod apply;
mod conclude;
mod consume;
mod import;
mod sweep;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blobs::Blobs;
use domain::job::Progress;
use domain::message::JOBS_TOPIC;
use domain::time::Timestamp;
use queue::{Live, Queue, Topic};
use records::{Class, Records};
use tokio_util::sync::CancellationToken;

/// Without it the leases end by themselves, only later.
const TAKE_OVER_DEADLINE: Duration = Duration::from_secs(10);

/// One worker of a process.
#[derive(Clone, Debug)]
pub struct Worker {
    pub records: Records,
    pub queue: Arc<dyn Queue>,
    pub live: Arc<dyn Live>,
    pub blobs: Arc<dyn Blobs>,
    pub settings: Settings,
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// How this worker is called in the tables and in the log.
    pub name: String,
    /// Chunks worked on at once. They are tasks, not threads: slow ones cost nothing.
    pub slots: usize,
    /// How long a chunk stays ours without a sign of life.
    pub lease: Duration,
    /// Whether no other process can be working on these tables.
    pub alone: bool,
    /// How often the tables are asked for work when no hint comes.
    pub poll: Duration,
    pub line_bytes_max: usize,
    /// Of a job's rejected lines so many are kept whole.
    pub rejects_kept_max: u64,
    /// How long the log entries of a file are kept; for ever if there is none.
    pub log_retention: Option<Duration>,
    /// How long events are kept, by the time when they happened; for ever if there is none.
    pub event_retention: Option<Duration>,
    /// Batches of events that are applied at once. It is one where the worker is `alone`: the database has one writer then.
    pub appliers: usize,
    /// A batch is full with so many events; the last frame may bring more, for a frame is never split.
    pub batch_events_max: usize,
    /// So long a batch waits for company. Under load it is full before that.
    pub linger: Duration,
    /// So many frames an applier holds at once, those of its batch included. They lie in its memory, whatever their size.
    pub frames_unsettled_max: u16,
    /// How long a transaction of events may take before its frames are given back. The database gives up on a statement
    /// before that, and then the frames are applied in smaller parts.
    pub apply_deadline: Duration,
}

impl Settings {
    pub fn named(name: String) -> Self {
        Self {
            name,
            slots: 8,
            lease: Duration::from_secs(20),
            alone: false,
            poll: Duration::from_secs(1),
            line_bytes_max: 1024 * 1024,
            rejects_kept_max: 10_000,
            log_retention: None,
            event_retention: None,
            appliers: 2,
            batch_events_max: 1_000,
            linger: Duration::from_millis(5),
            frames_unsettled_max: 100,
            apply_deadline: Duration::from_secs(20),
        }
    }

    fn appliers_at_once(&self) -> usize {
        if self.alone { 1 } else { self.appliers }
    }
}

/// Works until it is told to stop, and gives back what it holds.
pub async fn run(worker: Worker, stop: CancellationToken) {
    tracing::info!(
        worker = worker.settings.name,
        slots = worker.settings.slots,
        "worker.started"
    );
    if worker.settings.alone {
        worker.take_over().await;
    }
    let worker = Arc::new(worker);
    tokio::join!(
        consume::run(Arc::clone(&worker), stop.clone()),
        import::run(Arc::clone(&worker), stop.clone()),
        sweep::run(Arc::clone(&worker), stop)
    );
    tracing::info!(worker = worker.settings.name, "worker.stopped");
}

/// This process's clock, read where the work begins; everything below gets it as an argument.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

impl Worker {
    /// What the process before this one held when it was killed need not wait for the end of its lease.
    async fn take_over(&self) {
        let ended = self
            .records
            .within(Class::Background, TAKE_OVER_DEADLINE, |unit| unit.end_leases());
        if let Err(error) = ended.await {
            tracing::warn!(%error, "leases.not_ended");
        }
    }

    /// Tells everybody who watches the job. A note may be lost: the rows say the same.
    fn announce(&self, progress: &Progress) {
        match serde_json::to_vec(progress) {
            Ok(note) => self.live.announce(Topic(JOBS_TOPIC.to_owned()), note.into()),
            Err(error) => tracing::error!(%error, "progress.unwritable"),
        }
    }
}
