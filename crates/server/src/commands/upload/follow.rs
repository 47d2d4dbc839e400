//! Follows a job until it has ended.

use std::time::Instant;

use super::Outcome;
use super::report::Report;
use crate::commands::client::{Client, Job};

pub(super) async fn to_the_end(client: &Client, job_id: &str, strict: bool, report: &mut Report) -> Outcome {
    let began = Instant::now();
    match client.follow(job_id, |job| report.progress(job)).await {
        Ok(job) => {
            report.ended(&job, began.elapsed(), &client.job_url(job_id));
            outcome(&job, strict)
        }
        Err(problem) => {
            report.refused(&problem);
            Outcome::Refused
        }
    }
}

fn outcome(job: &Job, strict: bool) -> Outcome {
    match job.status.as_str() {
        "completed" if strict && job.lines_rejected > 0 => Outcome::DoneWithRejects,
        "completed" => Outcome::Done,
        _ => Outcome::JobFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(status: &str, lines_rejected: u64) -> Job {
        Job {
            status: status.to_owned(),
            progress_percent: 100,
            lines_total: 10,
            lines_done: 10,
            lines_ingested: 10 - lines_rejected,
            lines_rejected,
            lines_duplicate: 0,
            error: None,
        }
    }

    #[test]
    fn rejects_count_only_for_the_strict() {
        assert_eq!(outcome(&job("completed", 3), false), Outcome::Done);
        assert_eq!(outcome(&job("completed", 3), true), Outcome::DoneWithRejects);
        assert_eq!(outcome(&job("completed", 0), true), Outcome::Done);
        assert_eq!(outcome(&job("failed", 10), false), Outcome::JobFailed);
        assert_eq!(outcome(&job("cancelled", 0), false), Outcome::JobFailed);
    }
}
