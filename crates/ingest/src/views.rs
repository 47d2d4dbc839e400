//! The shapes that clients see of jobs and lines: made from what is stored, never stored themselves.

mod events;
mod notifications;
mod streams;
mod watch_time;

use domain::job::{Job, Progress, StageReached};
use domain::log_entry::Level;
use domain::time::Timestamp;
use records::{Reject, StoredEntry};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) use self::events::{AcceptedView, DeadLetterView, EventView, PostedView};
pub(crate) use self::notifications::{
    NoticeView, NotificationSchema, NotificationStateWord, NotificationView, Received,
};
pub(crate) use self::streams::{LimitView, StartedView, StreamView, StreamsView};
pub(crate) use self::watch_time::{MovieView, RetentionView, UserView, WatchView};

/// Where a job stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = JobStatus)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the words of `domain::job::JobStatus`, for the API document")]
pub(crate) enum JobStatusWord {
    Queued,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Level)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the words of `domain::log_entry::Level`, for the API document")]
pub(crate) enum LevelWord {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = LineKind)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the words of `domain::line::LineKind`, for the API document")]
pub(crate) enum LineKindWord {
    Auto,
    Logs,
    Events,
}

/// Why a line was not taken.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = RejectCode)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the words of `domain::line::RejectCode`, for the API document")]
pub(crate) enum RejectCodeWord {
    InvalidUtf8,
    InvalidJson,
    NotAnObject,
    TooDeep,
    LineTooLong,
    MissingField,
    InvalidField,
    TimestampInFuture,
    Unprocessable,
}

/// Where to go on from a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    this: String,

    websocket: String,

    rejects: String,
}

impl Links {
    fn of(id: Uuid) -> Self {
        Self {
            this: format!("/api/v1/jobs/{id}"),
            websocket: format!("/ws/jobs/{id}"),
            rejects: format!("/api/v1/jobs/{id}/rejects"),
        }
    }

    pub(crate) fn this(&self) -> &str {
        &self.this
    }
}

/// A file that was taken in: the work on it begins at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Uploaded)]
pub(crate) struct UploadedView {
    pub(crate) job_id: Uuid,
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    file_name: String,
    /// As it is stored: a compressed file is unpacked.
    #[schema(minimum = 1)]
    file_size_bytes: u64,
    pub(crate) links: Links,
}

impl UploadedView {
    pub(crate) fn of(job: &Job) -> Self {
        let job_id = job.id.as_uuid();
        Self {
            job_id,
            status: job.progress.status.as_str(),
            file_name: job.file_name.clone(),
            file_size_bytes: job.file_size_bytes,
            links: Links::of(job_id),
        }
    }
}

/// When a key stage was reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StageReached)]
pub(crate) struct StageView {
    /// `queued`, `started processing`, `10% complete` to `90% complete`, `completed`, `failed` or `cancelled`.
    #[schema(example = "10% complete")]
    pub(crate) stage: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

impl From<StageReached> for StageView {
    fn from(reached: StageReached) -> Self {
        Self {
            stage: reached.stage,
            at: reached.at,
        }
    }
}

/// Why a job as a whole could not be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobError)]
pub(crate) struct JobErrorView {
    /// `file_gone`, `file_changed` or `every_line_rejected`.
    #[schema(value_type = String)]
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

/// What became of an uploaded file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    pub(crate) job_id: Uuid,
    pub(crate) file_name: String,
    /// As it is stored: a compressed file is unpacked.
    pub(crate) file_size_bytes: u64,
    /// Of the bytes as they are stored.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(crate) sha256: String,
    #[schema(value_type = JobStatusWord)]
    pub(crate) status: &'static str,
    pub(crate) stages: Vec<StageView>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) started_at: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) completed_at: Option<Timestamp>,
    #[schema(maximum = 100)]
    pub(crate) progress_percent: u8,
    /// Blank lines are not counted.
    pub(crate) lines_total: u64,
    pub(crate) lines_done: u64,
    /// Log entries and new events.
    pub(crate) lines_ingested: u64,
    pub(crate) lines_rejected: u64,
    pub(crate) lines_duplicate: u64,
    /// The events among the ingested lines.
    pub(crate) events_applied: u64,
    /// What its log entries take up, in bytes of text; 0 when they are no longer kept.
    pub(crate) entry_bytes: u64,
    /// Grows with all that happens to the job, also when it is retried; the frames of its socket count the same way.
    pub(crate) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) error: Option<JobErrorView>,
    pub(crate) links: Links,
}

impl JobView {
    pub(crate) fn of(job: Job) -> Self {
        let job_id = job.id.as_uuid();
        let (counts, version) = (job.progress.counts, job.progress.version());
        Self {
            job_id,
            file_name: job.file_name,
            file_size_bytes: job.file_size_bytes,
            sha256: job.sha256,
            status: job.progress.status.as_str(),
            progress_percent: job.progress.percent(),
            lines_total: job.progress.lines_total,
            stages: job.progress.stages.into_iter().map(StageView::from).collect(),
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            lines_done: counts.done(),
            lines_ingested: counts.ingested,
            lines_rejected: counts.rejected,
            lines_duplicate: counts.duplicate,
            events_applied: counts.events_applied,
            entry_bytes: job.entry_bytes,
            version,
            error: job.error.map(|error| JobErrorView {
                code: error.code.as_str(),
                detail: error.detail,
            }),
            links: Links::of(job_id),
        }
    }
}

/// A frame of the WebSocket of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProgressFrame)]
pub(crate) struct FrameView {
    /// `snapshot` once, then `progress`, then `done` once.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    job_id: Uuid,
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    /// The latest of `stages`.
    stage: String,
    stages: Vec<StageView>,
    #[schema(maximum = 100)]
    progress_percent: u8,
    lines_total: u64,
    lines_done: u64,
    lines_ingested: u64,
    lines_rejected: u64,
    /// Grows from frame to frame.
    version: u64,
}

impl FrameView {
    pub(crate) fn of(kind: &'static str, progress: &Progress) -> Self {
        Self {
            kind,
            job_id: progress.job_id.as_uuid(),
            status: progress.status.as_str(),
            stage: progress.stage().to_owned(),
            stages: progress.stages.iter().cloned().map(StageView::from).collect(),
            progress_percent: progress.percent(),
            lines_total: progress.lines_total,
            lines_done: progress.counts.done(),
            lines_ingested: progress.counts.ingested,
            lines_rejected: progress.counts.rejected,
            version: progress.version(),
        }
    }
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reject)]
pub(crate) struct RejectView {
    /// From 1, blank lines counted.
    #[schema(minimum = 1)]
    line: u64,
    byte_offset: u64,
    #[schema(value_type = RejectCodeWord)]
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
    message: String,
    /// As it stood in the file, cut at 4 KiB.
    raw: String,
}

impl RejectView {
    pub(crate) fn of(reject: Reject) -> Self {
        Self {
            line: reject.line_no,
            byte_offset: reject.byte_offset,
            code: reject.code.as_str(),
            field: reject.field,
            message: reject.message,
            raw: reject.raw,
        }
    }
}

/// A line that was read as a log entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct EntryView {
    job_id: Uuid,
    /// From 1, blank lines counted.
    #[schema(minimum = 1)]
    line: u64,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
    #[schema(required, value_type = Option<LevelWord>)]
    level: Option<&'static str>,
    /// As the logger wrote it.
    #[schema(required)]
    level_original: Option<String>,
    #[schema(required)]
    message: Option<String>,
    #[schema(required)]
    service: Option<String>,
    /// Everything else in the line, as it was written.
    #[schema(value_type = Object)]
    attributes: Box<RawValue>,
}

impl EntryView {
    pub(crate) fn of(entry: StoredEntry) -> Self {
        Self {
            job_id: entry.job_id.as_uuid(),
            line: entry.line_no,
            timestamp: entry.timestamp,
            level: entry.level.map(Level::as_str),
            level_original: entry.level_original,
            message: entry.message,
            service: entry.service,
            // What is stored was JSON when it was stored; a page is not lost for a row that is not.
            attributes: RawValue::from_string(entry.attributes).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        }
    }
}
