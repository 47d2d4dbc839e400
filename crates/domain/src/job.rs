//! An uploaded file and the work on it: its states, its stages, its counts, and how far it has come.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::line::LineKind;
use crate::time::Timestamp;

mod chunks;

pub use chunks::{Chunk, ChunkNo, Chunks, Outline};

/// The longest simulated delay of one line.
pub const LINE_DELAY_MS_MAX: u32 = 1_000;

/// Where a job stands. It moves from left to right only, but for a retry, which begins a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Queued,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    pub const fn can_cancel(self) -> bool {
        !self.is_final()
    }

    pub const fn can_retry(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled)
    }

    const fn rank(self) -> u64 {
        match self {
            Self::Queued => 0,
            Self::Processing => 1,
            Self::Completed | Self::Failed | Self::Cancelled => 2,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for JobStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a status is one of queued, processing, completed, failed, cancelled")]
pub struct UnknownStatus;

/// A key stage on the way of a job, in the order in which they are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Queued,
    Started,
    /// A tenth of the lines, 1 to 9.
    Tenth(u8),
    Ended(JobStatus),
}

impl Stage {
    /// The number under which a stage is stored; it grows along the way.
    pub const fn code(self) -> i16 {
        match self {
            Self::Queued => 0,
            Self::Started => 1,
            Self::Tenth(tenth) => tenth as i16 * 10,
            Self::Ended(_) => 100,
        }
    }

    /// The stage stored under `code`; a job ends in the state it has.
    pub const fn from_code(code: i16, status: JobStatus) -> Self {
        match code {
            0 => Self::Queued,
            1 => Self::Started,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounded by the pattern"
            )]
            10..=99 => Self::Tenth((code / 10) as u8),
            _ => Self::Ended(status),
        }
    }

    /// The tenths that lie behind a job of which `percent` is done.
    pub fn tenths_up_to(percent: u8) -> impl Iterator<Item = Self> {
        (1..=9).filter(move |tenth| tenth * 10 <= percent).map(Self::Tenth)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => formatter.write_str("queued"),
            Self::Started => formatter.write_str("started processing"),
            Self::Tenth(tenth) => write!(formatter, "{tenth}0% complete"),
            Self::Ended(status) => formatter.write_str(status.as_str()),
        }
    }
}

/// A stage and when it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReached {
    pub stage: String,
    pub at: Timestamp,
}

/// What became of the lines so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCounts {
    pub ingested: u64,
    pub rejected: u64,
    pub duplicate: u64,
    /// The events among the ingested lines.
    pub events_applied: u64,
}

impl LineCounts {
    pub const fn done(&self) -> u64 {
        self.ingested + self.rejected + self.duplicate
    }
}

/// Why a job as a whole could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    pub code: JobErrorCode,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobErrorCode {
    FileGone,
    FileChanged,
    EveryLineRejected,
}

impl JobErrorCode {
    pub const ALL: [Self; 3] = [Self::FileGone, Self::FileChanged, Self::EveryLineRejected];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileGone => "file_gone",
            Self::FileChanged => "file_changed",
            Self::EveryLineRejected => "every_line_rejected",
        }
    }
}

impl FromStr for JobErrorCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|code| code.as_str() == text).ok_or(())
    }
}

/// What the client asked for with the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    pub kind: LineKind,
    /// Whether what only this file causes is sent to people.
    pub notify: bool,
    pub line_delay_ms_max: u32,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub file_name: String,
    pub file_size_bytes: u64,
    /// Of the bytes as they are stored, in hexadecimal.
    pub sha256: String,
    pub blob_key: String,
    pub blob_version: String,
    pub options: JobOptions,
    /// Of the upload, so that a job's log lines can be found from it.
    pub request_id: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub error: Option<JobError>,
    /// Of the texts of its log entries, while they are kept.
    pub entry_bytes: u64,
    pub progress: Progress,
}

/// How far a job has come. Later is told from earlier by `version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub job_id: JobId,
    pub status: JobStatus,
    /// Counts the retries.
    pub run: u32,
    pub stages: Vec<StageReached>,
    pub lines_total: u64,
    pub counts: LineCounts,
}

impl Progress {
    /// From 0 to 100; 100 only when the job is completed.
    pub fn percent(&self) -> u8 {
        match self.status {
            JobStatus::Completed => 100,
            _ => percent_of_lines(self.counts.done(), self.lines_total),
        }
    }

    /// Grows with every change of a job: first by run, then by state, then by lines done.
    pub fn version(&self) -> u64 {
        let span = self.lines_total + 1;
        (u64::from(self.run) * 3 + self.status.rank()) * span + self.counts.done().min(self.lines_total)
    }

    /// The latest stage reached.
    pub fn stage(&self) -> &str {
        self.stages
            .last()
            .map_or(self.status.as_str(), |reached| reached.stage.as_str())
    }
}

/// How much of a file is behind us while the work goes on, at most 99.
pub fn percent_of_lines(lines_done: u64, lines_total: u64) -> u8 {
    let percent = lines_done.saturating_mul(100).checked_div(lines_total).unwrap_or(0);
    u8::try_from(percent.min(99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn progress(run: u32, status: JobStatus, lines_done: u64) -> Progress {
        let counts = LineCounts {
            ingested: lines_done,
            ..LineCounts::default()
        };
        Progress {
            job_id: JobId::new(Uuid::nil()),
            status,
            run,
            stages: Vec::new(),
            lines_total: 10,
            counts,
        }
    }

    #[test]
    fn version_grows_along_the_way_of_a_job() {
        let way = [
            progress(0, JobStatus::Queued, 0),
            progress(0, JobStatus::Processing, 0),
            progress(0, JobStatus::Processing, 7),
            progress(0, JobStatus::Cancelled, 7),
            progress(1, JobStatus::Queued, 7),
            progress(1, JobStatus::Processing, 7),
            progress(1, JobStatus::Processing, 10),
            progress(1, JobStatus::Completed, 10),
        ];
        assert!(way.windows(2).all(|pair| pair[0].version() < pair[1].version()));
    }

    #[test]
    fn hundred_percent_means_completed() {
        assert_eq!(progress(0, JobStatus::Processing, 10).percent(), 99);
        assert_eq!(progress(0, JobStatus::Processing, 5).percent(), 50);
        assert_eq!(progress(0, JobStatus::Completed, 10).percent(), 100);
        assert_eq!(percent_of_lines(0, 0), 0);
    }

    #[test]
    fn stages_are_named_and_stored_in_order() {
        let stages: Vec<_> = [Stage::Queued, Stage::Started]
            .into_iter()
            .chain(Stage::tenths_up_to(99))
            .chain([Stage::Ended(JobStatus::Completed)])
            .collect();
        assert!(stages.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for stage in &stages {
            assert_eq!(Stage::from_code(stage.code(), JobStatus::Completed), *stage);
        }
        let names: Vec<_> = stages.iter().map(ToString::to_string).collect();
        assert_eq!(names[..3], ["queued", "started processing", "10% complete"]);
        assert_eq!(names[10..], ["90% complete", "completed"]);
    }
}
