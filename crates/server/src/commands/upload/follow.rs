//! Follows a job until it has ended.

use std::time::{Duration, Instant};

use super::Outcome;
use super::client::{Client, Job};
use super::report::Report;

const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// A server that restarts is waited for; one that is gone is not.
const FAILURES_IN_A_ROW_MAX: u32 = 60;

pub(super) async fn to_the_end(client: &Client, job_id: &str, strict: bool, report: &mut Report) -> Outcome {
    let began = Instant::now();
    let mut failures_in_a_row = 0;
    loop {
        match client.job(job_id).await {
            Ok(job) if has_ended(&job) => {
                report.ended(&job, began.elapsed(), &client.job_url(job_id));
                return outcome(&job, strict);
            }
            Ok(job) => {
                failures_in_a_row = 0;
                report.progress(&job);
            }
            Err(problem) if problem.is_passing() && failures_in_a_row < FAILURES_IN_A_ROW_MAX => failures_in_a_row += 1,
            Err(problem) => {
                report.refused(&problem);
                return Outcome::Refused;
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn has_ended(job: &Job) -> bool {
    matches!(job.status.as_str(), "completed" | "failed" | "cancelled")
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
