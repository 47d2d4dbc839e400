//! The durable hand-over between those who accept and those who apply: frames, confirms and live notes, whatever carries them.
//!
//! Frames may arrive twice and in any order: a frame whose publish was refused may have been stored all the same, and one
//! that was delivered comes again if its intake ends before it was settled. Nothing here looks into a frame.

mod embedded;
mod gather;
mod measured;
mod outstanding;
#[cfg(feature = "services")]
mod rabbitmq;
mod settings;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod test_bed;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::outstanding::Outstanding;

pub use settings::{Limits, Settings};

/// RabbitMQ 4 takes no message over 16 MiB and closes the channel of who sends one; there must be room for its headers.
pub const FRAME_BYTES_MAX: usize = (16 << 20) - 4096;
/// No publish waits longer, whatever deadline it is given.
pub const DEADLINE_MAX: Duration = Duration::from_secs(3600);

/// What a frame is about. Each lane keeps its own order and its own backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Frames of accepted events.
    Events,
    /// "There is work": hints about file chunks. The database is the truth behind them.
    Hints,
}

impl Lane {
    pub const ALL: [Self; 2] = [Self::Events, Self::Hints];

    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Hints => "hints",
        }
    }
}

/// The unit that is stored, confirmed and settled; never split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub body: Bytes,
    /// How many things are inside, as far as `Intake::batch` counts.
    pub items: u32,
}

/// Names a delivery within the intake that made it; another intake answers `Lost` to it instead of settling a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    generation: u64,
    number: u64,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    pub tag: Tag,
    pub frame: Frame,
    /// The frame may have been delivered before.
    pub redelivered: bool,
}

/// Why a frame was not confirmed. None of them proves that it was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Also for a frame over `FRAME_BYTES_MAX`: no queue has room for it.
    #[error("the queue is full")]
    Full,
    #[error("the queue cannot be reached: {0}")]
    Unreachable(String),
    #[error("the queue did not confirm in time")]
    Unconfirmed,
}

impl Refused {
    fn reason(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unreachable(_) => "unreachable",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// The intake, or the way to the queue, is gone. What was not settled comes again from a new intake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue was lost: {0}")]
pub struct Lost(pub String);

/// Frames that wait for an intake. Delivered frames that are not settled yet do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub frames: u64,
    /// How long the first of them has waited; `None` if none waits or, as with RabbitMQ, nobody knows.
    pub oldest_age: Option<Duration>,
}

#[async_trait]
pub trait Queue: Send + Sync + Debug {
    /// `Ok` means that the frame is on disk and will be delivered. Answers within the deadline; with none left nothing is
    /// sent, since a confirm that nobody can wait for only makes the sender try again.
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused>;

    /// Dropping the intake gives back what it did not settle.
    async fn intake(&self, lane: Lane, frames_unsettled_max: u16) -> Result<Box<dyn Intake>, Lost>;

    async fn backlog(&self, lane: Lane) -> Result<Backlog, Lost>;

    /// Waits until what this process published before is settled by this process, and no longer than `patience`. Where
    /// others settle it, nobody here knows, and the call comes back at once.
    async fn caught_up(&self, lane: Lane, patience: Duration) {
        let _ = (lane, patience);
    }

    /// What the queue takes on a disk of this computer; `None` if it lies elsewhere.
    async fn stored_bytes(&self) -> Option<u64> {
        None
    }

    /// Cheap: whether a publish would have a chance just now.
    async fn check(&self) -> Result<(), Lost>;

    /// Finishes what was begun and lets go of files and connections. Afterwards everything is refused.
    async fn close(&self);
}

#[async_trait]
pub trait Intake: Send {
    /// Waits for a first frame, then for more until `items_max` items are there, `linger` has passed, or no more frames may
    /// be unsettled. Dropping the future loses nothing: the next call begins with what was gathered. With as many frames
    /// unsettled as the intake allows, it waits for ever: settle first.
    async fn batch(&mut self, items_max: usize, linger: Duration) -> Result<Vec<Delivery>, Lost>;

    /// Settles everything that this intake delivered up to and including `last`. Only after the work on it is committed.
    async fn settle(&mut self, last: Tag) -> Result<(), Lost>;
}

/// What a live note is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic(pub String);

/// Notes to whoever listens now, in every process. They may be lost: listeners look for themselves from time to time.
pub trait Live: Send + Sync + Debug {
    /// Never blocks.
    fn announce(&self, topic: Topic, note: Bytes);

    fn listen(&self) -> broadcast::Receiver<(Topic, Bytes)>;
}

#[derive(Debug)]
pub struct Opened {
    pub queue: Arc<dyn Queue>,
    pub live: Arc<dyn Live>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("unknown queue `{0}`: allowed are `embedded:`, `amqp://user:password@host:port/vhost` and `amqps://…`")]
    Unsupported(String),
    #[error("this build holds no RabbitMQ; build with `--features services` (images have it)")]
    WithoutServices,
    #[error("`{url}` is no address of a RabbitMQ: {reason}")]
    Address { url: String, reason: String },
    #[error("`{0}` cannot begin the names of broker objects: use 1 to 100 of a-z, A-Z, 0-9, '-', '_' and '.'")]
    Prefix(String),
    #[error("another process holds the embedded queue in {0}; the embedded queue serves one process only")]
    InUse(PathBuf),
    #[error("{path} has version {found} of the embedded queue, this build knows {known}")]
    Version { path: PathBuf, found: i32, known: i32 },
    #[error("cannot open the embedded queue in {path}: {reason}")]
    Storage { path: PathBuf, reason: String },
}

/// Opens the queue that the URL names. A broker that is away is no error: `Queue::check` tells, and it is looked for until it is there.
pub async fn open(settings: &Settings) -> Result<Opened, OpenError> {
    let (Opened { queue, live }, outstanding) = match settings.scheme() {
        "embedded" => (embedded::open(settings).await?, Outstanding::of_own_queue()),
        "amqp" | "amqps" => (open_rabbitmq(settings).await?, Outstanding::default()),
        _ => return Err(OpenError::Unsupported(settings.url_masked())),
    };
    Ok(Opened {
        queue: Arc::new(measured::Measured::new(queue, outstanding)),
        live,
    })
}

#[cfg(feature = "services")]
async fn open_rabbitmq(settings: &Settings) -> Result<Opened, OpenError> {
    rabbitmq::open(settings).await
}

#[cfg(not(feature = "services"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
async fn open_rabbitmq(_settings: &Settings) -> Result<Opened, OpenError> {
    Err(OpenError::WithoutServices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_queue_is_named_without_its_password() {
        let refused = open(&Settings::new("redis://me:secret@host", "")).await.unwrap_err();
        assert!(refused.to_string().contains("`redis://me:***@host`"), "{refused}");
        assert!(refused.to_string().contains("embedded:"), "{refused}");
    }

    #[cfg(not(feature = "services"))]
    #[tokio::test]
    async fn a_build_without_rabbitmq_says_how_to_get_it() {
        let refused = open(&Settings::new("amqp://host", "")).await.unwrap_err();
        assert!(refused.to_string().contains("--features services"), "{refused}");
    }
}
