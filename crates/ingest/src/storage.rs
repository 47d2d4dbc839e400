//! What is kept takes room: how much, and how much is left. Looked at for whoever asks, and at most every few seconds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::time::Timestamp;
use records::{Class, KeptFiles, Space, Unit};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::readiness::Parts;

/// A figure that does not come in time is left out.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);
const KEPT_FOR: Duration = Duration::from_secs(10);

/// What is kept, in bytes. What nobody knows just now, or where that would take long to tell, is null.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Storage)]
pub(crate) struct StorageView {
    /// When it was looked at.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// All tables with their indexes.
    #[schema(required)]
    database_bytes: Option<u64>,
    /// Of these the events. Null also where the database is SQLite and larger than 256 MiB.
    #[schema(required)]
    events_bytes: Option<u64>,
    /// The log entries; null where the events are.
    #[schema(required)]
    log_entries_bytes: Option<u64>,
    /// The rest: other tables, and what is free inside the files of the database.
    #[schema(required)]
    other_bytes: Option<u64>,
    /// What the queue in this process takes; null if it is another's.
    #[schema(required)]
    queue_bytes: Option<u64>,
    /// Uploaded files that jobs keep.
    #[schema(required)]
    files: Option<u64>,
    #[schema(required)]
    files_bytes: Option<u64>,
    /// What is free on the disk of the data folder; null where nothing is kept in it.
    #[schema(required)]
    disk_free_bytes: Option<u64>,
    /// How large that disk is.
    #[schema(required)]
    disk_bytes: Option<u64>,
}

impl StorageView {
    /// As operators watch them.
    pub(crate) const fn by_part(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("database", self.database_bytes),
            ("queue", self.queue_bytes),
            ("files", self.files_bytes),
            ("disk_free", self.disk_free_bytes),
            ("disk", self.disk_bytes),
        ]
    }
}

/// How large a disk is, and what of it may still be written.
#[derive(Clone, Copy, Debug)]
struct Disk {
    free_bytes: u64,
    bytes: u64,
}

pub(crate) struct Storage {
    data_dir: Option<PathBuf>,
    latest: Mutex<Option<(Instant, StorageView)>>,
}

impl Storage {
    pub(crate) fn new(data_dir: Option<PathBuf>) -> Self {
        Self {
            data_dir,
            latest: Mutex::default(),
        }
    }

    /// Whoever comes while it is being looked at waits for that answer.
    pub(crate) async fn report(&self, parts: &Parts) -> StorageView {
        let mut latest = self.latest.lock().await;
        match *latest {
            Some((at, view)) if at.elapsed() < KEPT_FOR => view,
            _ => {
                let view = self.look(parts).await;
                *latest = Some((Instant::now(), view));
                view
            }
        }
    }

    async fn look(&self, parts: &Parts) -> StorageView {
        let (space, kept, queue_bytes, disk) = tokio::join!(
            read(parts, |unit| unit.space()),
            read(parts, |unit| unit.kept_files()),
            timeout(LOOK_DEADLINE, parts.queue.stored_bytes()),
            self.disk(),
        );
        view_of(space, kept, queue_bytes.ok().flatten(), disk)
    }

    async fn disk(&self) -> Option<Disk> {
        let folder = self.data_dir.clone()?;
        let looking = tokio::task::spawn_blocking(move || disk_of(&folder));
        timeout(LOOK_DEADLINE, looking).await.ok()?.ok()?
    }
}

fn view_of(space: Option<Space>, kept: Option<KeptFiles>, queue_bytes: Option<u64>, disk: Option<Disk>) -> StorageView {
    let parts = space.and_then(|space| space.parts);
    let apart = parts.map(|parts| parts.events_bytes + parts.log_entries_bytes);
    StorageView {
        at: Timestamp::from_micros(chrono::Utc::now().timestamp_micros()),
        database_bytes: space.map(|space| space.bytes),
        events_bytes: parts.map(|parts| parts.events_bytes),
        log_entries_bytes: parts.map(|parts| parts.log_entries_bytes),
        other_bytes: space.zip(apart).map(|(space, apart)| space.bytes.saturating_sub(apart)),
        queue_bytes,
        files: kept.map(|kept| kept.files),
        files_bytes: kept.map(|kept| kept.bytes),
        disk_free_bytes: disk.map(|disk| disk.free_bytes),
        disk_bytes: disk.map(|disk| disk.bytes),
    }
}

async fn read<T: Send + 'static>(
    parts: &Parts,
    look: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
) -> Option<T> {
    let found = parts.records.within(Class::Reads, LOOK_DEADLINE, look).await;
    found
        .inspect_err(|error| tracing::debug!(error = %error, "storage.figure_unknown"))
        .ok()
}

#[cfg(unix)]
fn disk_of(folder: &std::path::Path) -> Option<Disk> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Some(Disk {
        free_bytes: bytes(disk.f_bavail),
        bytes: bytes(disk.f_blocks),
    })
}

#[cfg(not(unix))]
fn disk_of(_: &std::path::Path) -> Option<Disk> {
    None
}
