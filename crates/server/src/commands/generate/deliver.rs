//! Sample data through the door of a server: events in batches, several on their way at once, and log lines as a file.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use reqwest::Body;

use super::plan::{Kind, Plan, Tally, count};
use super::record::{LOG_LINE, Record};
use crate::commands::client::{Accepted, Client, Problem, Sending, Wishes};

const BATCH_EVENTS: usize = 1_000;
const BATCHES_IN_FLIGHT: usize = 4;
/// How often a batch is posted while the server has no room for it.
const TRIES_MAX: u32 = 60;
/// Between two tries, if the server does not say how long.
const WAIT: Duration = Duration::from_secs(1);
/// Not longer, whatever the server says.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Of a file on its way so much is made at once.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) async fn all(client: &Client, plan: &Plan, bar: &ProgressBar) -> anyhow::Result<Tally> {
    bar.set_message("posting events");
    let mut tally = post(client, plan.of(&Kind::EVENTS), bar).await?;
    let lines = plan.records_of(Kind::Logs);
    if lines > 0 {
        upload_logs(client, plan, bar).await?;
        tally.insert(LOG_LINE, lines);
    }
    Ok(tally)
}

/// Events that travel together.
#[derive(Default)]
struct Batch {
    /// A JSON array, but for its last bracket.
    body: String,
    tally: Tally,
    events: u64,
}

impl Batch {
    /// The next events, if there are any left.
    fn next(records: &mut impl Iterator<Item = serde_json::Result<Record>>) -> Option<serde_json::Result<Self>> {
        let mut batch = Self::default();
        for record in records.by_ref().take(BATCH_EVENTS) {
            let record = match record {
                Ok(record) => record,
                Err(error) => return Some(Err(error)),
            };
            batch.body.push(if batch.events == 0 { '[' } else { ',' });
            batch.body.push_str(&record.line);
            batch.events += 1;
            count(&mut batch.tally, &record);
        }
        batch.body.push(']');
        (batch.events > 0).then_some(Ok(batch))
    }
}

/// Posts events; when it returns all of them are taken.
pub(super) async fn post(
    client: &Client,
    mut records: impl Iterator<Item = serde_json::Result<Record>>,
    bar: &ProgressBar,
) -> anyhow::Result<Tally> {
    let batches = stream::iter(std::iter::from_fn(move || Batch::next(&mut records)));
    let posting = batches.map(|batch| async {
        let batch = batch?;
        post_until_taken(client, &batch).await?;
        anyhow::Ok(batch)
    });
    let mut posting = posting.buffer_unordered(BATCHES_IN_FLIGHT);
    let mut tally = Tally::new();
    while let Some(batch) = posting.try_next().await? {
        bar.inc(batch.events);
        for (event_type, events) in batch.tally {
            *tally.entry(event_type).or_default() += events;
        }
    }
    Ok(tally)
}

/// The events have ids of their own: posted again they are the same events.
async fn post_until_taken(client: &Client, batch: &Batch) -> Result<(), Problem> {
    let mut tries_left = TRIES_MAX;
    loop {
        tries_left -= 1;
        match client.post_events(batch.body.clone()).await {
            Ok(taken) if taken.rejected == 0 => return Ok(()),
            Ok(taken) => {
                let detail = format!(
                    "{} of {} events were rejected, the first because: {}",
                    taken.rejected,
                    batch.events,
                    taken.first_error()
                );
                return Err(Problem::found("events_rejected", detail));
            }
            Err(problem) if problem.asks_to_wait() && tries_left > 0 => {
                tokio::time::sleep(problem.retry_after.unwrap_or(WAIT).min(WAIT_MAX)).await;
            }
            Err(problem) => return Err(problem),
        }
    }
}

/// As one file, whose job is followed to its end.
async fn upload_logs(client: &Client, plan: &Plan, bar: &ProgressBar) -> Result<(), Problem> {
    let moving = bar.clone();
    let lines = plan
        .of(&[Kind::Logs])
        .inspect(move |_| moving.inc(1))
        .map(|record| record.map(|record| record.line));
    bar.set_message("uploading log lines");
    let accepted = upload(client, format!("generated-{}.jsonl", plan.seed), lines, &Wishes::logs()).await?;
    bar.set_message("importing log lines");
    let job = client.follow(&accepted.job_id, |_| {}).await?;
    if job.status == "completed" && job.lines_rejected == 0 {
        return Ok(());
    }
    let detail = format!(
        "the file ended as {} with {} lines rejected; look at {}",
        job.status,
        job.lines_rejected,
        client.job_url(&accepted.job_id)
    );
    Err(Problem::found("file_not_imported", detail))
}

/// Uploads lines as a file while they are made.
pub(super) async fn upload(
    client: &Client,
    file_name: String,
    mut lines: impl Iterator<Item = serde_json::Result<String>> + Send + 'static,
    wishes: &Wishes,
) -> Result<Accepted, Problem> {
    let sending = Sending {
        file_name,
        size_bytes: None,
    };
    let pieces = std::iter::from_fn(move || piece(&mut lines));
    client
        .upload(sending, Body::wrap_stream(stream::iter(pieces)), wishes)
        .await
}

fn piece(lines: &mut impl Iterator<Item = serde_json::Result<String>>) -> Option<serde_json::Result<String>> {
    let mut piece = String::new();
    while piece.len() < PIECE_BYTES {
        match lines.next() {
            Some(Ok(line)) => {
                piece.push_str(&line);
                piece.push('\n');
            }
            Some(Err(error)) => return Some(Err(error)),
            None => break,
        }
    }
    (!piece.is_empty()).then_some(Ok(piece))
}

#[cfg(test)]
mod tests;
