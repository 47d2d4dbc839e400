//! Jobs and counts as GraphQL shows them: made from what the other resources show.

use async_graphql::{ID, SimpleObject};
use records::Counts;

use super::scalars::{DateTime, Long};
use crate::page::Page;
use crate::views::{JobErrorView, JobView, StageView};

/// When a key stage was reached.
#[derive(Debug, SimpleObject)]
pub(crate) struct JobStage {
    /// `queued`, `started processing`, `10% complete` to `90% complete`, `completed`, `failed` or `cancelled`.
    stage: String,
    at: DateTime,
}

impl From<StageView> for JobStage {
    fn from(view: StageView) -> Self {
        Self {
            stage: view.stage,
            at: view.at.into(),
        }
    }
}

/// Why a job as a whole could not be done.
#[derive(Debug, SimpleObject)]
pub(crate) struct JobError {
    /// `file_gone`, `file_changed` or `every_line_rejected`.
    code: &'static str,
    detail: String,
}

impl From<JobErrorView> for JobError {
    fn from(view: JobErrorView) -> Self {
        Self {
            code: view.code,
            detail: view.detail,
        }
    }
}

/// What became of an uploaded file.
#[derive(Debug, SimpleObject)]
pub(crate) struct Job {
    job_id: ID,
    file_name: String,
    /// As it is stored: a compressed file is unpacked.
    file_size_bytes: Long,
    /// Of the bytes as they are stored.
    sha256: String,
    /// `queued`, `processing`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    stages: Vec<JobStage>,
    created_at: DateTime,
    started_at: Option<DateTime>,
    completed_at: Option<DateTime>,
    progress_percent: u8,
    /// Blank lines are not counted.
    lines_total: Long,
    lines_done: Long,
    /// Log entries and new events.
    lines_ingested: Long,
    lines_rejected: Long,
    lines_duplicate: Long,
    /// The events among the ingested lines.
    events_applied: Long,
    /// Grows with all that happens to the job, also when it is retried.
    version: Long,
    error: Option<JobError>,
}

impl From<JobView> for Job {
    fn from(view: JobView) -> Self {
        Self {
            job_id: ID(view.job_id.to_string()),
            file_name: view.file_name,
            file_size_bytes: view.file_size_bytes.into(),
            sha256: view.sha256,
            status: view.status,
            stages: view.stages.into_iter().map(JobStage::from).collect(),
            created_at: view.created_at.into(),
            started_at: view.started_at.map(DateTime::from),
            completed_at: view.completed_at.map(DateTime::from),
            progress_percent: view.progress_percent,
            lines_total: view.lines_total.into(),
            lines_done: view.lines_done.into(),
            lines_ingested: view.lines_ingested.into(),
            lines_rejected: view.lines_rejected.into(),
            lines_duplicate: view.lines_duplicate.into(),
            events_applied: view.events_applied.into(),
            version: view.version.into(),
            error: view.error.map(JobError::from),
        }
    }
}

/// A part of the list of jobs.
#[derive(Debug, SimpleObject)]
pub(crate) struct JobPage {
    items: Vec<Job>,
    /// The `after` of the next page; null on the last one.
    next_cursor: Option<String>,
}

impl From<Page<JobView>> for JobPage {
    fn from(page: Page<JobView>) -> Self {
        Self {
            items: page.items.into_iter().map(Job::from).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

/// How many events there are.
#[derive(Debug, SimpleObject)]
pub(crate) struct EventCounts {
    total_events: Long,
}

impl From<Counts> for EventCounts {
    fn from(counts: Counts) -> Self {
        Self {
            total_events: counts.values().sum::<u64>().into(),
        }
    }
}

/// How many events of one type there are.
#[derive(Debug, SimpleObject)]
pub(crate) struct EventTypeCount {
    event_type: String,
    count: Long,
}

impl EventTypeCount {
    /// Types without events are absent.
    pub(crate) fn all(counts: Counts) -> Vec<Self> {
        let one = |(event_type, count): (String, u64)| Self {
            event_type,
            count: count.into(),
        };
        counts.into_iter().map(one).collect()
    }
}
