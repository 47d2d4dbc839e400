//! `jobs`: what became of uploaded files, and what can be done about it.

mod rejects;

use std::process::ExitCode;

use clap::Subcommand;
use domain::job::JobStatus;
use indicatif::HumanBytes;
use serde::Deserialize;
use uuid::Uuid;

use super::asking::{Asked, Server};
use super::client::{Client, JobError};
use super::follow;
use super::table::{Column, Table, harmless};
use crate::config::SettingFlags;

const ROWS_MAX: i64 = 1_000;

#[derive(Subcommand)]
pub(crate) enum What {
    /// The newest ones first
    List {
        /// Only those in this state
        #[arg(long, value_parser = status)]
        status: Option<JobStatus>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
        limit: u32,
        #[command(flatten)]
        asked: Asked,
    },
    /// Where one stands, and when it got there
    Show {
        job: Uuid,
        #[command(flatten)]
        asked: Asked,
    },
    /// Follow one to its end, as `upload --follow` does
    Watch {
        job: Uuid,
        /// Exit with 4 if any line was rejected
        #[arg(long)]
        strict: bool,
        /// Write one JSON object per step to standard output
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// The lines of its file that were not taken, and why
    Rejects(rejects::Arguments),
    /// End one that waits or is at work; what was taken so far stays
    Cancel {
        job: Uuid,
        #[command(flatten)]
        asked: Asked,
    },
    /// Begin one that failed or was cancelled again, where it stopped
    Retry {
        job: Uuid,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Deserialize)]
struct Jobs {
    items: Vec<Job>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    job_id: String,
    file_name: String,
    file_size_bytes: u64,
    status: String,
    stages: Vec<Stage>,
    created_at: String,
    progress_percent: u8,
    lines_total: u64,
    lines_done: u64,
    lines_ingested: u64,
    lines_rejected: u64,
    lines_duplicate: u64,
    events_applied: u64,
    error: Option<JobError>,
}

#[derive(Deserialize)]
struct Stage {
    stage: String,
    at: String,
}

fn status(text: &str) -> Result<JobStatus, String> {
    text.parse().map_err(|_| {
        let names = JobStatus::ALL.map(JobStatus::as_str);
        format!("possible values: {}", names.join(", "))
    })
}

pub(crate) async fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    match what {
        What::List { status, limit, asked } => {
            let ask = async |client: Client| {
                let limit = limit.to_string();
                let mut query = vec![("limit", limit.as_str())];
                query.extend(status.map(|status| ("status", status.as_str())));
                client.get(&["api", "v1", "jobs"], &query).await
            };
            asked.of(before, ask, list).await
        }
        What::Show { job, asked } => {
            let ask = async |client: Client| client.get(&["api", "v1", "jobs", &job.to_string()], &[]).await;
            asked.of(before, ask, show).await
        }
        What::Watch {
            job,
            strict,
            json,
            server,
        } => watch(&server.client(before)?, job, strict, json).await,
        What::Rejects(arguments) => rejects::run(arguments, before).await,
        What::Cancel { job, asked } => {
            let ask = async |client: Client| move_it(&client, job, "cancel").await;
            asked.of(before, ask, |job: Job| one_line(&job)).await
        }
        What::Retry { job, asked } => {
            let next = format!("Next: event-horizon jobs watch {job}{}", asked.server_flag());
            let ask = async |client: Client| move_it(&client, job, "retry").await;
            asked
                .of(before, ask, |job: Job| format!("{}\n{next}", one_line(&job)))
                .await
        }
    }
}

async fn watch(client: &Client, job: Uuid, strict: bool, json: bool) -> anyhow::Result<ExitCode> {
    let job = job.to_string();
    let watching = async { Ok(follow::from_here_to_the_end(client, &job, strict, json).await) };
    let outcome = follow::unless_interrupted(watching, "the work goes on").await?;
    Ok(outcome.into())
}

async fn move_it(client: &Client, job: Uuid, how: &str) -> anyhow::Result<serde_json::Value> {
    client.post(&["api", "v1", "jobs", &job.to_string(), how]).await
}

fn list(jobs: Jobs) -> String {
    if jobs.items.is_empty() {
        return "There are none.".to_owned();
    }
    let mut table = Table::new(&[
        Column::Text("job"),
        Column::Text("status"),
        Column::Number("done"),
        Column::Number("lines"),
        Column::Number("rejected"),
        Column::Number("size"),
        Column::Text("since"),
        Column::Text("file"),
    ]);
    for job in jobs.items {
        table.row([
            job.job_id,
            job.status,
            format!("{} %", job.progress_percent),
            job.lines_total.to_string(),
            job.lines_rejected.to_string(),
            HumanBytes(job.file_size_bytes).to_string(),
            job.created_at,
            job.file_name,
        ]);
    }
    let more = jobs
        .next_cursor
        .map_or("", |_| "\n\nThere are more: --limit takes up to 1000.");
    format!("{table}{more}")
}

fn one_line(job: &Job) -> String {
    format!(
        "{}: {}, {} of {} lines done ({} %)",
        harmless(&job.file_name),
        job.status,
        job.lines_done,
        job.lines_total,
        job.progress_percent
    )
}

fn show(job: Job) -> String {
    let mut said = one_line(&job);
    if let Some(JobError { code, detail }) = &job.error {
        said = format!("{said}\n{} ({code})", harmless(detail));
    }
    let mut counts = Table::new(&[
        Column::Number("ingested"),
        Column::Number("of them events"),
        Column::Number("rejected"),
        Column::Number("duplicate"),
        Column::Number("size"),
    ]);
    counts.row([
        job.lines_ingested.to_string(),
        job.events_applied.to_string(),
        job.lines_rejected.to_string(),
        job.lines_duplicate.to_string(),
        HumanBytes(job.file_size_bytes).to_string(),
    ]);
    let mut stages = Table::new(&[Column::Text("stage"), Column::Text("at")]);
    for Stage { stage, at } in job.stages {
        stages.row([stage, at]);
    }
    format!("{said}\n\n{counts}\n\n{stages}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(status: &str, lines_rejected: u64, error: &Value) -> Value {
        json!({
            "job_id": "01a1f8fd", "file_name": "app.jsonl", "file_size_bytes": 1_536, "sha256": "f54a", "status": status,
            "stages": [{"stage": "queued", "at": "2026-05-28T10:00:00Z"}, {"stage": status, "at": "2026-05-28T10:00:01Z"}],
            "created_at": "2026-05-28T10:00:00Z", "started_at": null, "completed_at": null,
            "progress_percent": 50, "lines_total": 10, "lines_done": 5, "lines_ingested": 5 - lines_rejected,
            "lines_rejected": lines_rejected, "lines_duplicate": 0, "events_applied": 1, "entry_bytes": 97, "version": 3,
            "error": error,
        })
    }

    #[test]
    fn jobs_are_a_table() {
        let items = [job("processing", 2, &Value::Null), job("queued", 0, &Value::Null)];
        let page =
            |cursor: Option<&str>| serde_json::from_value(json!({"items": items, "next_cursor": cursor})).unwrap();
        insta::assert_snapshot!(list(page(None)), @r"
        job       status      done  lines  rejected      size  since                 file
        01a1f8fd  processing  50 %     10         2  1.50 KiB  2026-05-28T10:00:00Z  app.jsonl
        01a1f8fd  queued      50 %     10         0  1.50 KiB  2026-05-28T10:00:00Z  app.jsonl
        ");
        assert!(list(page(Some("01a1"))).ends_with("\n\nThere are more: --limit takes up to 1000."));
        let none = serde_json::from_value(json!({"items": [], "next_cursor": null}));
        assert_eq!(list(none.unwrap()), "There are none.");
    }

    #[test]
    fn one_of_them_is_shown_with_its_stages() {
        let error = json!({"code": "file_gone", "detail": "the file is gone"});
        let failed = serde_json::from_value(job("failed", 2, &error));
        insta::assert_snapshot!(show(failed.unwrap()), @r"
        app.jsonl: failed, 5 of 10 lines done (50 %)
        the file is gone (file_gone)

        ingested  of them events  rejected  duplicate      size
               3               1         2          0  1.50 KiB

        stage   at
        queued  2026-05-28T10:00:00Z
        failed  2026-05-28T10:00:01Z
        ");
    }

    #[test]
    fn states_are_known_by_name() {
        assert_eq!(status("failed"), Ok(JobStatus::Failed));
        assert_eq!(
            status("lost").unwrap_err(),
            "possible values: queued, processing, completed, failed, cancelled"
        );
    }
}
