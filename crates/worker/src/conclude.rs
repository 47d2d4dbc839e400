//! How a job ends: the one place where its last state is decided.

use domain::ids::JobId;
use domain::job::{JobError, JobErrorCode, JobStatus, Progress, Stage};
use records::{Result, Unit};

/// Ends a locked job of which no chunk is open any more.
pub(crate) fn conclude(unit: &mut dyn Unit, id: JobId) -> Result<()> {
    let Some(progress) = unit.progress(id)? else {
        return Ok(());
    };
    match every_line_rejected(&progress) {
        Some(error) => unit.end(id, JobStatus::Failed, Some(&error)),
        None => {
            let tenths: Vec<Stage> = Stage::tenths_up_to(100).collect();
            unit.reach(id, &tenths)?;
            unit.end(id, JobStatus::Completed, None)
        }
    }
}

/// Ends a job that cannot be done as a whole. What is done stays.
pub(crate) fn fail(unit: &mut dyn Unit, id: JobId, error: &JobError) -> Result<Option<Progress>> {
    match unit.lock_job(id)? {
        Some(status) if !status.is_final() => {
            unit.end(id, JobStatus::Failed, Some(error))?;
            unit.progress(id)
        }
        _ => Ok(None),
    }
}

fn every_line_rejected(progress: &Progress) -> Option<JobError> {
    let counts = progress.counts;
    (counts.rejected > 0 && counts.done() == counts.rejected).then(|| JobError {
        code: JobErrorCode::EveryLineRejected,
        detail: format!("all {} lines were rejected; the rejects say why", counts.rejected),
    })
}

/// One log line for the end of a job.
pub(crate) fn log_end(progress: &Progress) {
    tracing::info!(
        job.id = %progress.job_id,
        status = progress.status.as_str(),
        lines = progress.lines_total,
        ingested = progress.counts.ingested,
        rejected = progress.counts.rejected,
        duplicate = progress.counts.duplicate,
        "job.ended"
    );
}
