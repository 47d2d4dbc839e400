//! What can be loaded and saved inside one unit of work.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::counts::{NewCount, Span};
use domain::event::{Event, EventType};
use domain::ids::{DeadLetterId, EventId, JobId, UserId};
use domain::job::{Chunk, ChunkNo, Job, JobError, JobOptions, JobStatus, LineCounts, Progress, Stage};
use domain::line::RejectCode;
use domain::log_entry::Level;
use domain::time::Timestamp;

pub use self::keys::{KeyRows, TicketRows};
pub use self::replicas::{Replica, ReplicaRows, SlotUse};
pub(crate) use self::rules::{CROWDS_MAX, LOOKED_AT_MAX};
pub use self::rules::{
    Due, EvidenceRows, NoticeRows, NotificationFilter, NotificationRows, ReceivedNotice, RuleRows, Tried,
    WAKES_OF_USER_MAX, WaitsFor, Wake, WakeRows, WatermarkRows,
};
pub(crate) use self::rules::{WORKERS_KNOWN_FOR, last_to_forget};
pub use self::space::{KeptFiles, Space, SpaceParts, SpaceRows};
pub use self::streams::{ChangedSlots, SlotRows, UserSlots};
pub use self::watch_time::WatchRows;
pub use self::watch_totals::{MovieTotals, TotalsMove, UserTotals, WatchDifference, WatchTotalRows};
use crate::{Entries, Result};

mod keys;
mod replicas;
mod rules;
mod space;
mod streams;
mod watch_time;
mod watch_totals;

/// One transaction over all tables.
pub trait Unit:
    JobRows
    + ChunkRows
    + LogRows
    + EventRows
    + CountRows
    + DeadRows
    + WatchRows
    + WatchTotalRows
    + SlotRows
    + RuleRows
    + ReplicaRows
    + KeyRows
    + TicketRows
    + SpaceRows
{
    /// Whether the store answers, and has the tables.
    fn ping(&mut self) -> Result<()>;
}

/// An upload that has begun.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    pub file_name: String,
    pub blob_key: String,
    pub options: JobOptions,
    pub request_id: String,
    pub created_at: Timestamp,
}

/// What is known of a file when all of it has arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub file_name: String,
    pub options: JobOptions,
    pub file_size_bytes: u64,
    pub sha256: String,
    pub blob_version: String,
    pub lines_total: u64,
    pub chunks: Vec<Chunk>,
}

pub trait JobRows {
    /// The row comes before the file: whatever dies now leaves a trace to be swept.
    fn create_receiving(&mut self, job: &NewJob) -> Result<()>;
    /// A sign of life of an upload. False: the row is gone, and the upload with it.
    fn keep_receiving(&mut self, id: JobId) -> Result<bool>;
    /// The file is complete: the job is queued with its chunks. `None`: the row was swept meanwhile.
    fn queue_received(&mut self, id: JobId, received: &Received) -> Result<Option<Job>>;
    fn drop_receiving(&mut self, id: JobId) -> Result<()>;
    /// Takes the rows of uploads without a sign of life for so long; says where their bytes are.
    fn take_abandoned(&mut self, silent_for: Duration) -> Result<Vec<(JobId, String)>>;

    fn job(&mut self, id: JobId) -> Result<Option<Job>>;
    /// Newest first, those before `before`.
    fn jobs(&mut self, status: Option<JobStatus>, before: Option<JobId>, limit: u32) -> Result<Vec<Job>>;
    fn progress(&mut self, id: JobId) -> Result<Option<Progress>>;
    fn count_by_status(&mut self) -> Result<Vec<(JobStatus, u64)>>;
    /// Which of these blobs belong to a job.
    fn known_blobs(&mut self, keys: &[String]) -> Result<Vec<String>>;

    /// Jobs that have not ended although every chunk is done.
    fn without_open_chunks(&mut self) -> Result<Vec<JobId>>;

    /// A locked job that has ended is queued again, from its checkpoint, as a new run.
    fn requeue(&mut self, id: JobId) -> Result<()>;
    /// A locked job begins again at its first byte.
    fn forget_lines(&mut self, id: JobId) -> Result<()>;

    /// Holds the row until the end of the unit; its state, if it exists.
    fn lock_job(&mut self, id: JobId) -> Result<Option<JobStatus>>;
    /// A locked job is being processed from now on; it goes behind the others that wait for a worker.
    fn begin(&mut self, id: JobId) -> Result<()>;
    /// Ends a locked job that is being processed.
    fn end(&mut self, id: JobId, status: JobStatus, error: Option<&JobError>) -> Result<()>;
    /// Notes when these were reached; those reached before keep their time.
    fn reach(&mut self, id: JobId, stages: &[Stage]) -> Result<()>;
}

/// The right to work on a chunk. It is worth nothing once somebody else has claimed the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    pub chunk_no: ChunkNo,
    pub epoch: u32,
}

/// A chunk to work on, and where the work begins.
#[derive(Clone, Debug)]
pub struct Claim {
    pub lease: Lease,
    pub next_byte: u64,
    pub byte_to: u64,
    pub next_line: u64,
    /// How often the chunk was claimed since its checkpoint last moved, this time included.
    pub idle_claims: u32,
    /// The line that was being tried alone when the last owner vanished.
    pub trying_line: Option<u64>,
}

/// A step of a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Advance {
    pub next_byte: u64,
    pub next_line: u64,
    pub done: bool,
    pub counts: LineCounts,
    pub rejects_kept: u64,
    pub entry_bytes: u64,
}

/// A chunk that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWork {
    pub job_id: JobId,
    pub chunk_no: ChunkNo,
}

pub trait ChunkRows {
    /// An open chunk to claim, of the job that fewest work on, and of these the one that waited longest, but of none of
    /// `but_not`.
    fn open_work(&mut self, but_not: &[JobId]) -> Result<Option<OpenWork>>;
    /// Ends what owners whose lease has run out may still be doing: a frozen process keeps its row locks.
    fn evict_expired(&mut self) -> Result<()>;
    /// Ends every lease, for a process that knows that it is the only one: its predecessor will not come back. Who is
    /// wrong about that takes work away from others, but their lines stay right.
    fn end_leases(&mut self) -> Result<()>;
    /// Claims the chunk of a locked job if nobody holds it.
    fn claim(&mut self, work: OpenWork, worker: &str, lease: Duration) -> Result<Option<Claim>>;
    /// Holds the chunk until the end of the unit, if the lease is still the owner's.
    fn hold(&mut self, lease: &Lease) -> Result<bool>;
    /// Moves the checkpoint of a held chunk and renews the lease.
    fn advance(&mut self, lease: &Lease, step: &Advance, lease_for: Duration) -> Result<()>;
    /// Notes the one line that is tried next.
    fn try_line(&mut self, lease: &Lease, line_no: u64) -> Result<bool>;
    /// Gives a chunk back in good order, so that it is no failed claim.
    fn release(&mut self, lease: &Lease) -> Result<()>;
    /// Gives a chunk back after a failure of its own: the claim counts as one that brought nothing.
    fn abandon(&mut self, lease: &Lease) -> Result<()>;
    fn chunks_left(&mut self, id: JobId) -> Result<u64>;
    fn rejects_kept(&mut self, id: JobId) -> Result<u64>;
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub line_no: u64,
    pub byte_offset: u64,
    pub code: RejectCode,
    pub field: Option<String>,
    pub message: String,
    /// As it stood in the file, cut, what is no text replaced.
    pub raw: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    pub job_id: JobId,
    pub line_no: u64,
    pub timestamp: Option<Timestamp>,
    pub level: Option<Level>,
    pub level_original: Option<String>,
    pub message: Option<String>,
    pub service: Option<String>,
    pub attributes: String,
}

/// Which entries, newest file first, last line first.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    pub job_id: Option<JobId>,
    pub level: Option<Level>,
    pub service: Option<String>,
    /// A part of the message, in any case.
    pub text: Option<String>,
    /// From here on.
    pub start: Option<Timestamp>,
    /// Before this.
    pub end: Option<Timestamp>,
    pub before: Option<(JobId, u64)>,
    pub limit: u32,
}

pub trait LogRows {
    /// Makes room for the events and for the entries of files that come now and in the next months.
    fn prepare_months(&mut self, now: Timestamp) -> Result<()>;
    /// Forgets some of the entries of files that came before the month of `cut`. False: there are no more.
    fn forget_entries_before(&mut self, cut: Timestamp) -> Result<bool>;
    /// Where it fails, some may stand: the unit must fail with it.
    fn insert_entries(&mut self, id: JobId, entries: &Entries) -> Result<()>;
    fn insert_rejects(&mut self, id: JobId, rejects: &[Reject]) -> Result<()>;
    /// In the order of the file, those after `after_line`.
    fn entries_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<StoredEntry>>;
    fn entries(&mut self, filter: &EntryFilter) -> Result<Vec<StoredEntry>>;
    fn rejects_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<Reject>>;
}

/// How events came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file that they came with.
    pub job_id: Option<JobId>,
    /// Whether somebody may be told because of them.
    pub live: bool,
}

impl Origin {
    /// Over HTTP.
    pub const DOOR: Self = Self {
        job_id: None,
        live: true,
    };
}

/// Which events, newest first.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub user_id: Option<UserId>,
    pub event_type: Option<EventType>,
    pub span: Span,
    /// Those that lie before this one.
    pub before: Option<(Timestamp, EventId)>,
    pub limit: u32,
}

pub trait EventRows {
    /// Stores what is new; the events are distinct and sorted by id. True: it is new.
    fn insert_new(&mut self, events: &[Event], origin: Origin) -> Result<Vec<bool>>;
    fn event(&mut self, id: EventId) -> Result<Option<Event>>;
    fn events(&mut self, filter: &EventFilter) -> Result<Vec<Event>>;
    /// Forgets some of the events that happened before the month of `cut`, with their counts. False: there are no more.
    fn forget_events_before(&mut self, cut: Timestamp) -> Result<bool>;
}

/// What the roll-ups say and what the rows say, where they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountDifference {
    pub quarter: Timestamp,
    pub event_type: String,
    pub counted: u64,
    pub stored: u64,
}

/// How often each type happened; types that never did are absent.
pub type Counts = BTreeMap<String, u64>;

pub trait CountRows {
    /// Adds to the roll-ups; sorted by quarter and type.
    fn add_counts(&mut self, counts: &[NewCount]) -> Result<()>;
    /// The types that have been seen and are counted by name.
    fn seen_types(&mut self) -> Result<Vec<EventType>>;
    /// From the roll-ups, and from the rows at the edges.
    fn counts(&mut self, span: Span, event_type: Option<&EventType>) -> Result<Counts>;
    /// The same for each stretch between two of these times, which are sorted.
    fn count_series(&mut self, borders: &[Timestamp], event_type: Option<&EventType>) -> Result<Vec<Counts>>;
    /// The most frequent texts (or numbers and truth values, as they were written) of a payload's member, most frequent
    /// first, then by value.
    fn top_values(
        &mut self,
        event_type: &EventType,
        member: &str,
        span: Span,
        limit: u32,
    ) -> Result<Vec<(String, u64)>>;
    /// Every roll-up that is not equal to its rows; at most `limit`.
    fn count_differences(&mut self, limit: u32) -> Result<Vec<CountDifference>>;
}

/// A frame that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    /// As it can be published again.
    pub frame: Vec<u8>,
    /// The event in it, if there is one and no more.
    pub event_id: Option<EventId>,
    pub reason: String,
    pub buried_at: Timestamp,
}

pub trait DeadRows {
    /// Keeps a dead letter; the same one again changes nothing.
    fn bury(&mut self, letter: &DeadLetter) -> Result<()>;
    fn dead_letter(&mut self, id: DeadLetterId) -> Result<Option<DeadLetter>>;
    /// Newest first, those before `before`.
    fn dead_letters(&mut self, before: Option<(Timestamp, DeadLetterId)>, limit: u32) -> Result<Vec<DeadLetter>>;
    fn count_dead_letters(&mut self) -> Result<u64>;
    /// False: it was not there.
    fn forget_dead_letter(&mut self, id: DeadLetterId) -> Result<bool>;
    /// Notes that a frame is about to be applied which may have killed who tried before; how often that was noted, this
    /// time included.
    fn note_try(&mut self, frame: DeadLetterId) -> Result<u32>;
    fn forget_tries(&mut self, frames: &[DeadLetterId]) -> Result<()>;
}
