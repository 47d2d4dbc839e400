//! The sample data of `--demo`: a month up to now, once, through the door of the server that has just started.
//!
//! They begin and end with a page view of a known id, so that a later start finds them, and goes on where an earlier one was
//! interrupted. Until when they reach is the time of the first of the two: the same time makes the same events.

use std::collections::HashSet;
use std::time::Duration;

use domain::time::Timestamp;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;

use super::deliver;
use super::plan::{Kind, Plan};
use super::record::Record;
use super::rhythm::Day;
use crate::commands::client::{Accepted, Client, Problem, Wishes};

mod broken;
#[cfg(test)]
mod tests;

use self::broken::with_broken_lines;

const DAYS: u64 = 30;
const SEED: u64 = 30;
const PEOPLE: u64 = 40;
const ANALYTICS: u64 = 5_000;
const HEARTBEATS: u64 = 12_000;
const ACTIVITY: u64 = 200;
const LOG_LINES: u64 = 1_500;

const BEGUN: &str = "de300000-0000-8000-8000-000000000001";
const LOADED: &str = "de300000-0000-8000-8000-000000000002";
const ACTIVITY_FILE: &str = "demo-app-activity.jsonl";
const LOG_FILE: &str = "demo-services.jsonl";
/// With workers of their own the tables are a moment behind the door; this is more than a moment.
const LOOKS_MAX: u32 = 300;
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The demo is the first thing that a server does, so its files are not far among the jobs.
const JOBS_LOOKED_AT: &str = "1000";

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    Now(Counts),
    /// Some earlier start has loaded all of it.
    Before(Timestamp),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) log_lines: u64,
    pub(crate) rejected: u64,
}

/// Whether the messages that the sample data imply may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Messages {
    /// To the built-in receiver.
    Delivered,
    /// There is a receiver outside, who must not hear of people that do not exist.
    Suppressed,
}

#[derive(Deserialize)]
struct Stored {
    timestamp: Timestamp,
}

#[derive(Deserialize)]
struct Jobs {
    items: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    file_name: String,
}

type Line = serde_json::Result<String>;
type Made = serde_json::Result<Record>;

pub(crate) async fn load(client: &Client, messages: Messages) -> anyhow::Result<Loaded> {
    if let Some(loaded) = found(client, LOADED).await? {
        return Ok(Loaded::Before(loaded.timestamp));
    }
    let month = Month::until(begun(client).await?);
    let visits_and_films = month
        .of(Kind::Analytics, ANALYTICS)?
        .chain(month.of(Kind::Watch, HEARTBEATS)?);
    let posted = deliver::post(client, visits_and_films, &ProgressBar::hidden()).await?;
    let activity = settled(month.of(Kind::Activity, ACTIVITY)?.collect::<Result<_, _>>()?);
    let activity = activity.into_iter().map(|record| Ok(record.line));
    let trained = uploaded(client, ACTIVITY_FILE, activity, &of_events(messages)).await?;
    let log_lines = month
        .of(Kind::Logs, LOG_LINES)?
        .map(|record| record.map(|record| record.line));
    let logged = uploaded(client, LOG_FILE, with_broken_lines(log_lines), &at_once()).await?;
    view(client, LOADED, "/shows").await?;
    Ok(Loaded::Now(Counts {
        events: posted.values().sum::<u64>() + trained.events,
        log_lines: logged.log_lines,
        rejected: logged.rejected,
    }))
}

/// The days of the demo, and the moment at which they end.
struct Month {
    now: Timestamp,
}

impl Month {
    const fn until(now: Timestamp) -> Self {
        Self { now }
    }

    /// What has happened up to now; the rest of the last day has not.
    fn of(&self, kind: Kind, records: u64) -> anyhow::Result<impl Iterator<Item = Made> + Send + 'static + use<>> {
        let today = Day::of(self.now);
        let plan = Plan::new(records, today.minus(DAYS - 1), today, SEED, vec![kind])?.among(PEOPLE);
        let now_millis = self.now.as_micros() / 1_000;
        let has_happened = move |made: &Made| made.as_ref().map_or(true, |record| record.at <= now_millis);
        Ok(plan.of(&[kind]).take_while(has_happened))
    }
}

/// Without the launches that no training follows any more: they would be told of ten minutes after the start, perhaps by a
/// server that has got another receiver meanwhile.
fn settled(activity: Vec<Record>) -> Vec<Record> {
    #[derive(Deserialize)]
    struct OfWhom {
        user_id: String,
    }
    let mut trains_later = HashSet::new();
    let mut kept: Vec<_> = activity
        .into_iter()
        .rev()
        .filter(|record| {
            let Ok(OfWhom { user_id }) = serde_json::from_str(&record.line) else {
                return false;
            };
            match record.counted_as {
                "app_launch" => trains_later.contains(&user_id),
                _ => {
                    trains_later.insert(user_id);
                    true
                }
            }
        })
        .collect();
    kept.reverse();
    kept
}

/// Files that need no time, whatever the settings say about simulated work.
fn at_once() -> Wishes {
    Wishes {
        line_delay_ms_max: Some(0),
        ..Wishes::default()
    }
}

fn of_events(messages: Messages) -> Wishes {
    Wishes {
        kind: Some("events"),
        notify: messages == Messages::Delivered,
        ..at_once()
    }
}

/// Until when the demo reaches: now, or the now of an earlier start that was interrupted.
async fn begun(client: &Client) -> anyhow::Result<Timestamp> {
    view(client, BEGUN, "/").await?;
    for _ in 0..LOOKS_MAX {
        if let Some(begun) = found(client, BEGUN).await? {
            return Ok(begun.timestamp);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    anyhow::bail!("what was posted does not come into the tables; the next start with --demo goes on with it")
}

/// If an earlier start has posted it, nothing happens.
async fn view(client: &Client, event_id: &str, url: &str) -> Result<(), Problem> {
    let view = json!([{"event_id": event_id, "event_type": "view", "user_id": "u-1", "payload": {"url": url}}]);
    client.post_events(view.to_string()).await.map(|_| ())
}

async fn found(client: &Client, event_id: &str) -> anyhow::Result<Option<Stored>> {
    client.find(&["v1", "events", event_id]).await
}

/// A line of a log has no id by which it would be known again, so a file must not come twice.
async fn uploaded(
    client: &Client,
    file_name: &str,
    lines: impl Iterator<Item = Line> + Send + 'static,
    wishes: &Wishes,
) -> anyhow::Result<Counts> {
    let jobs: Jobs = client.get(&["api", "v1", "jobs"], &[("limit", JOBS_LOOKED_AT)]).await?;
    if jobs.items.iter().any(|job| job.file_name == file_name) {
        return Ok(Counts::default());
    }
    let Accepted { job_id, .. } = deliver::upload(client, file_name.to_owned(), lines, wishes).await?;
    let job = client.follow(&job_id, |_| {}).await?;
    anyhow::ensure!(
        job.status == "completed",
        "the job of {file_name} ended as {}",
        job.status
    );
    Ok(Counts {
        events: job.events_applied,
        log_lines: job.lines_ingested - job.events_applied,
        rejected: job.lines_rejected,
    })
}
