//! Rows as both databases hand them out, and what they mean. Ids come as their 16 bytes, times as microseconds.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};
use domain::ids::JobId;
use domain::job::{Job, JobError, JobOptions, JobStatus, LineCounts, Progress, Stage, StageReached};
use domain::log_entry::Level;
use domain::time::Timestamp;
use uuid::Uuid;

use crate::{Claim, Error, Lease, OpenWork, Reject, Result, StoredEntry};

mod dead_letters;
mod events;
mod keys;
mod replicas;
pub(crate) mod rules;
mod space;
mod streams;
mod watch_time;

pub(crate) use dead_letters::{DeadLetterRow, TriesRow};
pub(crate) use events::{DifferenceRow, EventCountRow, EventRow, TypeRow, ValueRow, body, watched};
pub(crate) use keys::{IsThereRow, KeyRow, origins_as_text};
pub(crate) use replicas::ReplicaRow;
pub(crate) use space::{FilesRow, PartsRow};
pub(crate) use streams::{ended_as_text, ended_of, leases_as_text, leases_of, look_at};
pub(crate) use watch_time::{
    KeptState, MomentRow, MovieRow, MovieTotalsRow, NamedStateRow, PairRow, StateRow, UserRow, UserTotalsRow,
    ViewersRow, WatchDifferenceRow, encoded,
};

#[derive(QueryableByName)]
pub(crate) struct JobRow {
    #[diesel(sql_type = Binary)]
    job_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Integer)]
    run: i32,
    #[diesel(sql_type = Text)]
    file_name: String,
    #[diesel(sql_type = BigInt)]
    file_size_bytes: i64,
    #[diesel(sql_type = Text)]
    sha256: String,
    #[diesel(sql_type = Text)]
    blob_key: String,
    #[diesel(sql_type = Text)]
    blob_version: String,
    #[diesel(sql_type = Text)]
    line_kind: String,
    #[diesel(sql_type = Bool)]
    notify: bool,
    #[diesel(sql_type = Integer)]
    line_delay_ms_max: i32,
    #[diesel(sql_type = Text)]
    request_id: String,
    #[diesel(sql_type = BigInt)]
    lines_total: i64,
    #[diesel(sql_type = Nullable<Text>)]
    error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    error_detail: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    started_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    completed_at: Option<i64>,
    /// `stage:reached_at` pairs, in order, with commas between.
    #[diesel(sql_type = Nullable<Text>)]
    stages: Option<String>,
    #[diesel(sql_type = BigInt)]
    lines_ingested: i64,
    #[diesel(sql_type = BigInt)]
    lines_rejected: i64,
    #[diesel(sql_type = BigInt)]
    lines_duplicate: i64,
    #[diesel(sql_type = BigInt)]
    events_applied: i64,
    #[diesel(sql_type = BigInt)]
    entry_bytes: i64,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self> {
        let status = known::<JobStatus>("status", &row.status)?;
        let id = job_id(&row.job_id)?;
        let counts = LineCounts {
            ingested: row.lines_ingested.cast_unsigned(),
            rejected: row.lines_rejected.cast_unsigned(),
            duplicate: row.lines_duplicate.cast_unsigned(),
            events_applied: row.events_applied.cast_unsigned(),
        };
        let error = match row.error_code {
            Some(code) => Some(JobError {
                code: known("error code", &code)?,
                detail: row.error_detail.unwrap_or_default(),
            }),
            None => None,
        };
        Ok(Self {
            id,
            file_name: row.file_name,
            file_size_bytes: row.file_size_bytes.cast_unsigned(),
            sha256: row.sha256,
            blob_key: row.blob_key,
            blob_version: row.blob_version,
            options: JobOptions {
                kind: known("kind of line", &row.line_kind)?,
                notify: row.notify,
                line_delay_ms_max: row.line_delay_ms_max.cast_unsigned(),
            },
            request_id: row.request_id,
            created_at: Timestamp::from_micros(row.created_at),
            started_at: row.started_at.map(Timestamp::from_micros),
            completed_at: row.completed_at.map(Timestamp::from_micros),
            error,
            entry_bytes: row.entry_bytes.cast_unsigned(),
            progress: Progress {
                job_id: id,
                status,
                run: row.run.cast_unsigned(),
                stages: stages(row.stages.as_deref().unwrap_or_default(), status)?,
                lines_total: row.lines_total.cast_unsigned(),
                counts,
            },
        })
    }
}

fn stages(pairs: &str, status: JobStatus) -> Result<Vec<StageReached>> {
    let one = |pair: &str| {
        let (code, at) = pair.split_once(':')?;
        let stage = Stage::from_code(code.parse().ok()?, status);
        Some(StageReached {
            stage: stage.to_string(),
            at: Timestamp::from_micros(at.parse().ok()?),
        })
    };
    pairs
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| one(pair).ok_or_else(|| Error::Broken(format!("stages are kept as `{pairs}`"))))
        .collect()
}

#[derive(QueryableByName)]
pub(crate) struct StatusRow {
    #[diesel(sql_type = Text)]
    pub(crate) status: String,
}

#[derive(QueryableByName)]
pub(crate) struct StatusCountRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    jobs: i64,
}

impl TryFrom<StatusCountRow> for (JobStatus, u64) {
    type Error = Error;

    fn try_from(row: StatusCountRow) -> Result<Self> {
        Ok((known("status", &row.status)?, row.jobs.cast_unsigned()))
    }
}

#[derive(QueryableByName)]
pub(crate) struct BlobRow {
    #[diesel(sql_type = Binary)]
    pub(crate) job_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub(crate) blob_key: String,
}

#[derive(QueryableByName)]
pub(crate) struct CountRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) n: i64,
}

#[derive(QueryableByName)]
pub(crate) struct OpenWorkRow {
    #[diesel(sql_type = Binary)]
    job_id: Vec<u8>,
    #[diesel(sql_type = Integer)]
    chunk_no: i32,
}

impl TryFrom<OpenWorkRow> for OpenWork {
    type Error = Error;

    fn try_from(row: OpenWorkRow) -> Result<Self> {
        Ok(Self {
            job_id: job_id(&row.job_id)?,
            chunk_no: row.chunk_no.cast_unsigned(),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct ClaimRow {
    #[diesel(sql_type = Integer)]
    epoch: i32,
    #[diesel(sql_type = BigInt)]
    next_byte: i64,
    #[diesel(sql_type = BigInt)]
    byte_to: i64,
    #[diesel(sql_type = BigInt)]
    next_line: i64,
    #[diesel(sql_type = Integer)]
    idle_claims: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    trying_line: Option<i64>,
}

impl ClaimRow {
    pub(crate) fn of(self, work: OpenWork) -> Claim {
        Claim {
            lease: Lease {
                job_id: work.job_id,
                chunk_no: work.chunk_no,
                epoch: self.epoch.cast_unsigned(),
            },
            next_byte: self.next_byte.cast_unsigned(),
            byte_to: self.byte_to.cast_unsigned(),
            next_line: self.next_line.cast_unsigned(),
            idle_claims: self.idle_claims.cast_unsigned(),
            trying_line: self.trying_line.map(i64::cast_unsigned),
        }
    }
}

#[derive(QueryableByName)]
pub(crate) struct EntryRow {
    #[diesel(sql_type = Binary)]
    job_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    line_no: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    occurred_at: Option<i64>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    level: Option<i16>,
    #[diesel(sql_type = Nullable<Text>)]
    level_original: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    message: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    service: Option<String>,
    #[diesel(sql_type = Text)]
    attributes: String,
}

impl TryFrom<EntryRow> for StoredEntry {
    type Error = Error;

    fn try_from(row: EntryRow) -> Result<Self> {
        Ok(Self {
            job_id: job_id(&row.job_id)?,
            line_no: row.line_no.cast_unsigned(),
            timestamp: row.occurred_at.map(Timestamp::from_micros),
            level: row.level.and_then(|code| Level::try_from(code).ok()),
            level_original: row.level_original,
            message: row.message,
            service: row.service,
            attributes: row.attributes,
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct RejectRow {
    #[diesel(sql_type = BigInt)]
    line_no: i64,
    #[diesel(sql_type = BigInt)]
    byte_offset: i64,
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Nullable<Text>)]
    field: Option<String>,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Text)]
    raw: String,
}

impl TryFrom<RejectRow> for Reject {
    type Error = Error;

    fn try_from(row: RejectRow) -> Result<Self> {
        Ok(Self {
            line_no: row.line_no.cast_unsigned(),
            byte_offset: row.byte_offset.cast_unsigned(),
            code: known("reject code", &row.code)?,
            field: row.field,
            message: row.message,
            raw: row.raw,
        })
    }
}

/// Turns rows into what they mean.
pub(crate) fn all<R, T>(rows: Vec<R>) -> Result<Vec<T>>
where
    T: TryFrom<R, Error = Error>,
{
    rows.into_iter().map(T::try_from).collect()
}

pub(crate) fn job_id(bytes: &[u8]) -> Result<JobId> {
    uuid("a job", bytes).map(JobId::new)
}

fn uuid(whose: &str, bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| Error::Broken(format!("an id of {whose}: {error}")))
}

pub(crate) fn known<T: std::str::FromStr>(what: &str, word: &str) -> Result<T> {
    word.parse()
        .map_err(|_| Error::Broken(format!("`{word}` stands where a {what} is expected")))
}

/// A number as the databases keep it. What the product counts stays far below the difference.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
