//! What a person or a program sees of a file on its way: bars on a terminal's standard error, results or JSON steps on standard output.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::commands::client::{Accepted, Client, Job, Problem};
use crate::commands::{say, say_wrong};

const BYTES_BAR: &str = "{prefix}  {wide_bar}  {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}";
const BYTES_COUNT: &str = "{prefix}  {spinner}  {bytes}  {bytes_per_sec}";
const LINES_BAR: &str = "{prefix}  {wide_bar}  {percent:>3} %  {pos} of {len} lines  {msg}";

/// The story of one file.
pub(crate) struct Report {
    file_name: String,
    json: bool,
    /// Hidden by itself where standard error is no terminal.
    bar: ProgressBar,
    /// When the first lines were seen, and how many were done then: a job may have been at work for long.
    seen_first: Option<(Instant, u64)>,
    lines_done: Option<u64>,
}

impl Report {
    pub(crate) fn new(file_name: &str, json: bool) -> Self {
        Self {
            file_name: file_name.to_owned(),
            json,
            bar: ProgressBar::hidden(),
            seen_first: None,
            lines_done: None,
        }
    }

    /// A bar for the bytes on their way.
    pub(crate) fn bytes(&mut self, total: Option<u64>) -> ProgressBar {
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), BYTES_BAR),
            None => (ProgressBar::new_spinner(), BYTES_COUNT),
        };
        self.show(bar, template);
        self.bar.clone()
    }

    pub(crate) fn uploaded(&mut self, accepted: &Accepted, client: &Client, follows: bool) {
        self.bar.finish_and_clear();
        let Accepted {
            job_id,
            file_size_bytes,
        } = accepted;
        if self.json {
            say(
                &json!({"step": "uploaded", "file": self.file_name, "job_id": job_id, "file_size_bytes": file_size_bytes}),
            );
        } else if !follows {
            say(&format_args!(
                "{}: {} uploaded, queued as job {job_id}",
                self.file_name,
                HumanBytes(*file_size_bytes)
            ));
            say(&format_args!("Next: curl -s {}", client.job_url(job_id)));
        }
    }

    pub(crate) fn progress(&mut self, job: &Job) {
        if self.lines_done.is_none() {
            self.show(ProgressBar::new(job.lines_total), LINES_BAR);
        }
        let (since, lines_before) = *self.seen_first.get_or_insert((Instant::now(), job.lines_done));
        let rate = per_second(job.lines_done.saturating_sub(lines_before), since.elapsed());
        self.bar.set_position(job.lines_done);
        self.bar.set_message(format!("{rate}/s  {}", rejects(job)));
        if self.json && self.lines_done != Some(job.lines_done) {
            say(&step("progress", &self.file_name, job));
        }
        self.lines_done = Some(job.lines_done);
    }

    pub(crate) fn ended(&mut self, job: &Job, took: Option<Duration>, job_url: &str) {
        self.bar.finish_and_clear();
        if self.json {
            say(&step("ended", &self.file_name, job));
            return;
        }
        say(&format_args!("{}: {}", self.file_name, result(job, took)));
        say(&format_args!("Next: {}", next(job, job_url)));
    }

    pub(crate) fn refused(&mut self, problem: &Problem) {
        self.bar.finish_and_clear();
        let Problem {
            status, code, detail, ..
        } = problem;
        if self.json {
            say(&json!({"step": "refused", "file": self.file_name, "status": status, "code": code, "detail": detail}));
        } else {
            say_wrong(&format_args!("{}: {detail} ({code})", self.file_name));
        }
    }

    fn show(&mut self, bar: ProgressBar, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(self.file_name.clone());
        self.bar = bar;
    }
}

/// Whoever goes in the middle leaves a clean line. The connection may hold on to the bar for a moment longer.
impl Drop for Report {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn per_second(lines: u64, elapsed: Duration) -> u128 {
    u128::from(lines) * 1_000 / elapsed.as_millis().max(1)
}

fn step(name: &str, file: &str, job: &Job) -> serde_json::Value {
    json!({
        "step": name,
        "file": file,
        "status": job.status,
        "progress_percent": job.progress_percent,
        "lines_total": job.lines_total,
        "lines_done": job.lines_done,
        "lines_ingested": job.lines_ingested,
        "lines_rejected": job.lines_rejected,
        "lines_duplicate": job.lines_duplicate,
        "error": job.error.as_ref().map(|error| json!({"code": error.code, "detail": error.detail})),
    })
}

/// How long it took is known to those who saw it begin.
fn result(job: &Job, took: Option<Duration>) -> String {
    if let Some(error) = &job.error {
        return format!("{}: {} ({})", job.status, error.detail, error.code);
    }
    let duplicates = if job.lines_duplicate > 0 {
        format!(", {} duplicate", job.lines_duplicate)
    } else {
        String::new()
    };
    let rejects = rejects(job);
    let took = took
        .map(|took| format!(" in {:.1} s", took.as_secs_f64()))
        .unwrap_or_default();
    format!(
        "{}, {} of {} lines{took}, {rejects}{duplicates}",
        job.status, job.lines_done, job.lines_total
    )
}

fn rejects(job: &Job) -> String {
    format!("{} rejected", job.lines_rejected)
}

/// The command that a person would type now.
fn next(job: &Job, job_url: &str) -> String {
    match job.status.as_str() {
        "cancelled" => format!("curl -X POST {job_url}/retry"),
        _ if job.lines_rejected > 0 => format!("curl -s {job_url}/rejects"),
        "completed" => format!("curl -s '{job_url}/entries?limit=10'"),
        _ => format!("curl -s {job_url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client::JobError;

    fn job(status: &str, lines_rejected: u64, error: Option<JobError>) -> Job {
        Job {
            error,
            ..crate::commands::follow::tests::job(status, lines_rejected)
        }
    }

    #[test]
    fn the_rate_is_that_of_the_time_that_was_seen() {
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), 2_000);
        assert_eq!(per_second(0, Duration::ZERO), 0);
    }

    #[test]
    fn the_result_is_one_line_and_what_to_do_next() {
        let took = Some(Duration::from_millis(1_240));
        let clean = job("completed", 0, None);
        assert_eq!(result(&clean, took), "completed, 10 of 10 lines in 1.2 s, 0 rejected");
        assert_eq!(next(&clean, "http://h/j"), "curl -s 'http://h/j/entries?limit=10'");
        assert_eq!(result(&clean, None), "completed, 10 of 10 lines, 0 rejected");
        let some = job("completed", 3, None);
        assert_eq!(result(&some, took), "completed, 10 of 10 lines in 1.2 s, 3 rejected");
        assert_eq!(next(&some, "http://h/j"), "curl -s http://h/j/rejects");
        let error = JobError {
            code: "file_gone".to_owned(),
            detail: "the file is gone".to_owned(),
        };
        let failed = job("failed", 0, Some(error));
        assert_eq!(result(&failed, took), "failed: the file is gone (file_gone)");
        assert_eq!(next(&failed, "http://h/j"), "curl -s http://h/j");
    }
}
