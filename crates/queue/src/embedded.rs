//! The queue of a single process: frames in a SQLite file of its own, written by one thread, delivered from memory.

mod intake;
mod lanes;
mod store;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use self::intake::EmbeddedSource;
use self::lanes::Lanes;
use self::store::Store;
use self::writer::{Command, Writer};
use crate::gather::Gather;
use crate::{Backlog, Frame, Intake, Lane, Live, Lost, OpenError, Opened, Queue, Refused, Settings, Topic};

const FILE_NAME: &str = "queue.db";
/// What SQLite appends commits to, beside the file itself.
const LOG_NAME: &str = "queue.db-wal";
const LOCK_NAME: &str = "queue.lock";
/// Notes a slow listener may be behind before it is told that it lagged.
const NOTES_BEHIND_MAX: usize = 1024;
const CLOSED: &str = "it is closed";

pub(crate) async fn open(settings: &Settings) -> Result<Opened, OpenError> {
    let settings = settings.clone();
    let queue = tokio::task::spawn_blocking(move || EmbeddedQueue::open(&settings))
        .await
        .map_err(|error| OpenError::Storage {
            path: FILE_NAME.into(),
            reason: error.to_string(),
        })??;
    Ok(Opened {
        queue: Arc::new(queue),
        live: Arc::new(LocalLive::new()),
    })
}

#[derive(Debug)]
struct EmbeddedQueue {
    folder: PathBuf,
    lanes: Arc<Lanes>,
    reader: Arc<Mutex<Store>>,
    commands: mpsc::UnboundedSender<Command>,
}

impl EmbeddedQueue {
    fn open(settings: &Settings) -> Result<Self, OpenError> {
        let dir = &settings.data_dir;
        let lock = lock_folder(dir)?;
        let path = dir.join(FILE_NAME);
        let mut store = Store::open(&path)?;
        let reader = Arc::new(Mutex::new(Store::open(&path)?));
        let stored = store.load().map_err(|error| storage_error(&path, &error))?;
        let lanes = Arc::new(Lanes::new(settings.limits, stored));
        let (commands, received) = mpsc::unbounded_channel();
        let writer = Writer::new(store, Arc::clone(&lanes), received);
        std::thread::Builder::new()
            .name("queue-writer".into())
            .spawn(move || {
                let stop_asked = writer.run();
                drop(lock);
                if let Some(reply) = stop_asked {
                    let _ = reply.send(());
                }
            })
            .map_err(|error| storage_error(&path, &error))?;
        Ok(Self {
            folder: dir.clone(),
            lanes,
            reader,
            commands,
        })
    }
}

/// A lock of the operating system: it ends with the process, however that ends.
fn lock_folder(dir: &Path) -> Result<File, OpenError> {
    std::fs::create_dir_all(dir).map_err(|error| storage_error(dir, &error))?;
    let path = dir.join(LOCK_NAME);
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(|error| storage_error(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(storage_error(&path, &error)),
    }
}

/// `None`: there is no such file.
fn bytes_of(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.len())
}

fn storage_error(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError::Storage {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[async_trait]
impl Queue for EmbeddedQueue {
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        let expires_at = Instant::now() + deadline;
        if !self.lanes.reserve(frame.body.len()) {
            return Err(Refused::Full);
        }
        let bytes = frame.body.len();
        let (reply, confirmed) = oneshot::channel();
        if self
            .commands
            .send(Command::Publish {
                lane,
                frame,
                expires_at,
                reply,
            })
            .is_err()
        {
            self.lanes.release(1, bytes);
            return Err(Refused::Unreachable(CLOSED.into()));
        }
        match timeout(deadline, confirmed).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_writer_gone)) => Err(Refused::Unconfirmed),
            Err(_elapsed) => Err(Refused::Unconfirmed),
        }
    }

    async fn intake(&self, lane: Lane, frames_unsettled_max: u16) -> Result<Box<dyn Intake>, Lost> {
        if self.commands.is_closed() {
            return Err(Lost(CLOSED.into()));
        }
        let (lanes, reader) = (Arc::clone(&self.lanes), Arc::clone(&self.reader));
        let source = EmbeddedSource::new(lane, frames_unsettled_max, lanes, reader, self.commands.clone());
        Ok(Box::new(Gather::new(source)))
    }

    async fn backlog(&self, lane: Lane) -> Result<Backlog, Lost> {
        Ok(self.lanes.backlog(lane))
    }

    async fn stored_bytes(&self) -> Option<u64> {
        let folder = self.folder.clone();
        let sizes = move || {
            [FILE_NAME, LOG_NAME]
                .iter()
                .filter_map(|name| bytes_of(&folder.join(name)))
                .sum()
        };
        tokio::task::spawn_blocking(sizes).await.ok()
    }

    async fn check(&self) -> Result<(), Lost> {
        if self.commands.is_closed() {
            return Err(Lost(CLOSED.into()));
        }
        if self.lanes.last_write().is_ok() {
            return Ok(());
        }
        // Who is not ready gets nothing to publish, so nobody else would find out that the disk has room again.
        let (reply, probed) = oneshot::channel();
        let asked = self.commands.send(Command::Probe(reply));
        asked.map_err(|_refused| Lost(CLOSED.into()))?;
        probed.await.unwrap_or_else(|_writer_gone| Err(Lost(CLOSED.into())))
    }

    async fn close(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// One process, one channel: everybody who listens is here.
#[derive(Debug)]
struct LocalLive {
    notes: broadcast::Sender<(Topic, Bytes)>,
}

impl LocalLive {
    fn new() -> Self {
        Self {
            notes: broadcast::Sender::new(NOTES_BEHIND_MAX),
        }
    }
}

impl Live for LocalLive {
    fn announce(&self, topic: Topic, note: Bytes) {
        // An error only says that nobody listens.
        let _ = self.notes.send((topic, note));
    }

    fn listen(&self) -> broadcast::Receiver<(Topic, Bytes)> {
        self.notes.subscribe()
    }
}
