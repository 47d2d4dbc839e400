//! The unit of work over tables, on SQLite and on PostgreSQL.
//!
//! A caller hands over a closure and gets a [`Unit`] that is one transaction: all of it is committed, or none. The
//! adapters only load and save; what is loaded, decided and saved, and in which order, is written once by the callers.
//!
//! Locks are taken in one order everywhere: slots, jobs, chunks, stages, entries, keys of events, events, the edge of watch
//! time, pairs, movies and their buckets, users, types of events, counts, dead letters; several rows of one kind sorted by
//! key. That order is why two units never wait for each other. News of streams is taken without waiting, at any place. Rows of
//! keys, tickets and replicas are taken by themselves.

mod adapter;
mod counts;
mod entries;
mod error;
mod migrations;
mod months;
#[cfg(feature = "services")]
mod postgres;
mod rows;
mod sqlite;
mod statement;
mod transition;
mod unit;

#[cfg(test)]
mod contract;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use tokio::sync::Semaphore;

use crate::adapter::Adapter;
pub use crate::entries::{Entries, Entry};
pub use crate::error::{Error, OpenError, Result};
pub use crate::months::forgotten_before;
pub use crate::transition::Transition;
pub use crate::unit::{
    Advance, ChangedSlots, ChunkRows, Claim, CountDifference, CountRows, Counts, DeadLetter, DeadRows, Due,
    EntryFilter, EventFilter, EventRows, EvidenceRows, JobRows, KeptFiles, KeyRows, Lease, LogRows, MovieTotals,
    NewJob, NoticeRows, NotificationFilter, NotificationRows, OpenWork, Origin, Received, ReceivedNotice, Reject,
    Replica, ReplicaRows, RuleRows, SlotRows, SlotUse, Space, SpaceParts, SpaceRows, StoredEntry, TicketRows,
    TotalsMove, Tried, Unit, UserSlots, UserTotals, WAKES_OF_USER_MAX, WaitsFor, Wake, WakeRows, WatchDifference,
    WatchRows, WatchTotalRows, WatermarkRows,
};

/// Who asks. Each class has its own bounded pool, so that one cannot starve another; on SQLite, where one writer
/// serves all, they go first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Of the door, before it lets anybody in.
    Keys,
    Slots,
    Reads,
    Apply,
    Background,
    Import,
}

impl Class {
    pub const ALL: [Self; 6] = [
        Self::Keys,
        Self::Slots,
        Self::Reads,
        Self::Apply,
        Self::Background,
        Self::Import,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Slots => "slots",
            Self::Reads => "reads",
            Self::Apply => "apply",
            Self::Background => "background",
            Self::Import => "import",
        }
    }

    const fn reads_only(self) -> bool {
        matches!(self, Self::Keys | Self::Reads)
    }

    /// How many of a class work at once; more wait.
    const fn connections_max(self) -> u32 {
        match self {
            Self::Slots => 8,
            Self::Reads | Self::Apply => 4,
            Self::Keys | Self::Background => 2,
            Self::Import => 3,
        }
    }
}

/// So many threads work or wait for a connection of a class at once; further callers wait without one.
const THREADS_MAX: usize = 16;

/// The tables. Cheap to clone; every clone is the same store.
#[derive(Clone, Debug)]
pub struct Records {
    adapter: Arc<dyn Adapter>,
    threads: [Arc<Semaphore>; Class::ALL.len()],
}

/// Opens the store that the URL names, `sqlite:<file>` or `postgres://…`. Does not connect yet where the store is a server:
/// it may come later.
pub fn open(url: &str) -> Result<Records, OpenError> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return Ok(Records::over(sqlite::Sqlite::open(Path::new(path))?));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        #[cfg(feature = "services")]
        return postgres::Postgres::open(url).map(Records::over);
        #[cfg(not(feature = "services"))]
        return Err(OpenError::NotBuiltIn);
    }
    Err(OpenError::UnknownScheme(error::without_password(url)))
}

impl Records {
    fn over(adapter: impl Adapter + 'static) -> Self {
        Self {
            adapter: Arc::new(adapter),
            threads: Class::ALL.map(|_| Arc::new(Semaphore::new(THREADS_MAX))),
        }
    }

    /// Brings the tables up to date. Safe to call from several processes at once.
    pub fn migrate(&self) -> Result<Vec<String>> {
        let applied = self.adapter.migrate()?;
        let now = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
        self.run(Class::Background, |unit| unit.prepare_months(now))?;
        Ok(applied)
    }

    /// Migrations that this binary knows and the tables have not seen.
    pub fn pending_migrations(&self) -> Result<Vec<String>> {
        self.adapter.pending_migrations()
    }

    /// Runs one unit of work, again if it met another one.
    pub fn run<T>(&self, class: Class, mut work: impl FnMut(&mut dyn Unit) -> Result<T>) -> Result<T> {
        let mut outcome = None;
        self.adapter.run(class, &mut |unit| {
            outcome = Some(work(unit)?);
            Ok(())
        })?;
        outcome.ok_or_else(|| Error::Broken("a unit of work ended without an outcome".to_owned()))
    }

    /// The same for asynchronous callers, off their threads; gives up waiting at the deadline.
    pub async fn within<T: Send + 'static>(
        &self,
        class: Class,
        deadline: Duration,
        work: impl FnMut(&mut dyn Unit) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (records, threads) = (self.clone(), Arc::clone(&self.threads[class as usize]));
        let running = async move {
            // Held until the work ends, also when nobody waits for it any more.
            let place = threads
                .acquire_owned()
                .await
                .map_err(|error| Error::Broken(error.to_string()))?;
            let work = move || {
                let _place = place;
                records.run(class, work)
            };
            tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|panic| Err(Error::Broken(panic.to_string())))
        };
        match tokio::time::timeout(deadline, running).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Unavailable(format!(
                "no answer within {} ms",
                deadline.as_millis()
            ))),
        }
    }

    /// Whether the store answers.
    pub async fn check(&self, deadline: Duration) -> Result<()> {
        self.within(Class::Background, deadline, |unit| unit.ping()).await
    }

    /// What the store is, for people: "SQLite" or "PostgreSQL".
    pub fn kind(&self) -> &'static str {
        self.adapter.kind()
    }

    /// Connections in use and allowed, by class.
    pub fn pool_use(&self) -> Vec<(Class, u32, u32)> {
        self.adapter.pool_use()
    }

    #[cfg(test)]
    pub(crate) fn revert_migrations(&self) -> Result<()> {
        self.adapter.revert_migrations()
    }
}
