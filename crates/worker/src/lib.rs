//! The work behind the door: accepted events and uploaded files become rows.
//!
//! Any number of workers share the work. Events stay on the queue until they are in the tables. What there is to do with
//! files stands in the tables; a hint on the queue only says that somebody should look now. A worker may vanish at any
//! instant: its events are delivered again; its lease runs out, and another one goes on from the checkpoint.

mod apply;
mod bell;
mod conclude;
mod consume;
mod deliver;
mod evaluate;
mod import;
mod load;
mod recompute;
mod streams;
mod sweep;
mod watermark;

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blobs::Blobs;
use domain::job::Progress;
use domain::message::JOBS_TOPIC;
use domain::rules::Rules;
use domain::stream_limit::LIMIT_DEFAULT;
use domain::time::Timestamp;
use domain::watch_time::PositionUnit;
use queue::{Live, Queue, Topic};
use records::{Class, Records, Unit};
use tokio_util::sync::CancellationToken;

pub use self::deliver::{AllowedBlocks, InvalidBlock, InvalidSecret, Secret};
use self::evaluate::Bells;
pub use self::load::Load;
pub use self::recompute::{Rebuilt, RecomputeStep, Recomputed, recompute};
use self::watermark::Hands;

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
    /// Where is told how busy it is.
    pub load: Load,
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
    /// Batches of events that are in hand at once. It is one where the worker is `alone`: the database has one writer then.
    pub appliers: usize,
    /// So many of them are written at once; the others are read meanwhile.
    pub writes: usize,
    /// A batch is full with so many events; the last frame may bring more, for a frame is never split.
    pub batch_events_max: usize,
    /// So long a batch waits for company. Under load it is full before that.
    pub linger: Duration,
    /// So many frames an applier holds at once, those of its batch included. They lie in its memory, whatever their size.
    pub frames_unsettled_max: u16,
    /// What events bring about.
    pub effects: Effects,
    pub streams: Streams,
    pub notify: Notify,
    /// How long a transaction of events may take before its frames are given back. The database gives up on a statement
    /// before that, and then the frames are applied in smaller parts.
    pub apply_deadline: Duration,
}

/// What events bring about beside their counts.
#[derive(Clone, Debug)]
pub struct Effects {
    /// In what heartbeats count positions.
    pub position_unit: PositionUnit,
    /// What a heartbeat may be ahead of the one before it to count as watched.
    pub step_max: Duration,
    pub rules: Arc<Rules>,
}

impl Default for Effects {
    fn default() -> Self {
        Self {
            position_unit: PositionUnit::Seconds,
            step_max: Duration::from_secs(120),
            rules: Arc::default(),
        }
    }
}

impl Effects {
    fn step_millis_max(&self) -> i64 {
        i64::try_from(self.step_max.as_millis()).unwrap_or(i64::MAX)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Streams {
    pub lease: Duration,
    /// Of users without a limit of their own.
    pub limit: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            limit: LIMIT_DEFAULT,
        }
    }
}

/// How messages leave.
#[derive(Clone, Debug)]
pub struct Notify {
    pub to: Destination,
    /// Signs what leaves, after Standard Webhooks.
    pub secret: Option<String>,
    /// Private addresses that may be called, as CIDR blocks.
    pub allow: Vec<String>,
    /// How long a message is held for events that speak against it.
    pub grace: Duration,
    /// How long a message waits at most for older events that still wait.
    pub patience: Duration,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Url(String),
    /// The table of the built-in receiver.
    Receiver,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            to: Destination::Receiver,
            secret: None,
            allow: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
            grace: Duration::from_secs(5),
            patience: Duration::from_secs(15 * 60),
        }
    }
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
            writes: writes_by_cores(),
            batch_events_max: 1_000,
            effects: Effects::default(),
            streams: Streams::default(),
            notify: Notify::default(),
            linger: Duration::from_millis(5),
            frames_unsettled_max: 100,
            apply_deadline: Duration::from_secs(20),
        }
    }

    fn appliers_at_once(&self) -> usize {
        if self.alone { 1 } else { self.appliers.max(self.writes) }
    }
}

/// A batch that is written keeps a core busy, here or in a database beside us. Were there as many of them as cores, every
/// reader would wait for the scheduler.
fn writes_by_cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, 2)
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
    watermark::arrive(&worker).await;
    let worker = Arc::new(worker);
    let (bells, hands) = (Bells::default(), Hands::new(worker.settings.linger));
    let consumed = CancellationToken::new();
    tokio::join!(
        async {
            consume::run(Arc::clone(&worker), &hands, &bells.wakes, stop.clone()).await;
            consumed.cancel();
        },
        watermark::run(Arc::clone(&worker), hands.clone(), consumed.clone()),
        evaluate::run(Arc::clone(&worker), bells.clone(), stop.clone()),
        deliver::run(Arc::clone(&worker), bells.deliveries.clone(), stop.clone()),
        import::run(Arc::clone(&worker), stop.clone()),
        streams::run(Arc::clone(&worker), stop.clone()),
        sweep::run(Arc::clone(&worker), stop.clone())
    );
    tracing::info!(worker = worker.settings.name, "worker.stopped");
}

/// This process's clock, read where the work begins; everything below gets it as an argument.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

impl Worker {
    /// The process before this one will not come back, if it was killed: nobody need wait for the end of its leases, nor for
    /// what it might still apply.
    async fn take_over(&self) {
        let take_over = |unit: &mut dyn Unit| {
            unit.end_leases()?;
            unit.forget_watermarks()
        };
        let taken_over = self.records.within(Class::Background, TAKE_OVER_DEADLINE, take_over);
        if let Err(error) = taken_over.await {
            tracing::warn!(%error, "predecessor.not_taken_over");
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
