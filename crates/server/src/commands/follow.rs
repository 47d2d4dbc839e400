//! Follows a job until it has ended, as `upload` and `jobs watch` do.

mod report;

use std::future::Future;
use std::process::ExitCode;
use std::time::Instant;

pub(super) use self::report::Report;
use super::client::{Client, Job};
use super::say_wrong;

/// How it went with a file; a later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Done,
    DoneWithRejects,
    JobFailed,
    Refused,
    Interrupted,
}

impl Outcome {
    const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 2,
            Self::JobFailed => 3,
            Self::DoneWithRejects => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.exit_code())
    }
}

/// The outcome of this work, unless somebody has had enough of it before. Dropping an upload ends its connection, and the
/// server forgets what came of it.
pub(super) async fn unless_interrupted(
    work: impl Future<Output = anyhow::Result<Outcome>>,
    goes_on: &str,
) -> anyhow::Result<Outcome> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => {
            say_wrong(&format_args!("interrupted; {goes_on}"));
            Ok(Outcome::Interrupted)
        }
    }
}

pub(super) async fn to_the_end(client: &Client, job_id: &str, strict: bool, report: &mut Report) -> Outcome {
    let began = Instant::now();
    match client.follow(job_id, |job| report.progress(job)).await {
        Ok(job) => {
            report.ended(&job, Some(began.elapsed()), &client.job_url(job_id));
            outcome(&job, strict)
        }
        Err(problem) => {
            report.refused(&problem);
            Outcome::Refused
        }
    }
}

/// The same for a job that may have ended long ago.
pub(super) async fn from_here_to_the_end(client: &Client, job_id: &str, strict: bool, json: bool) -> Outcome {
    let job = match client.job(job_id).await {
        Ok(job) => job,
        Err(problem) => {
            Report::new(job_id, json).refused(&problem);
            return Outcome::Refused;
        }
    };
    let mut report = Report::new(&job.file_name, json);
    if job.has_ended() {
        report.ended(&job, None, &client.job_url(job_id));
        return outcome(&job, strict);
    }
    to_the_end(client, job_id, strict, &mut report).await
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

    pub(super) fn job(status: &str, lines_rejected: u64) -> Job {
        Job {
            file_name: "app.jsonl".to_owned(),
            status: status.to_owned(),
            progress_percent: 100,
            lines_total: 10,
            lines_done: 10,
            lines_ingested: 10 - lines_rejected,
            lines_rejected,
            lines_duplicate: 0,
            events_applied: 0,
            error: None,
        }
    }

    #[test]
    fn the_exit_code_tells_the_worst() {
        let codes = |outcomes: &[Outcome]| outcomes.iter().max().unwrap().exit_code();
        assert_eq!(codes(&[Outcome::Done]), 0);
        assert_eq!(codes(&[Outcome::Done, Outcome::DoneWithRejects]), 4);
        assert_eq!(codes(&[Outcome::JobFailed, Outcome::DoneWithRejects]), 3);
        assert_eq!(codes(&[Outcome::Refused, Outcome::JobFailed]), 2);
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
