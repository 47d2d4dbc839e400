//! The tables: one process makes them, workers wait for them before they begin, and an ingest says what it misses.

use std::time::Duration;

use anyhow::Context as _;
use domain::job::JobStatus;
use records::{Class, Records};
use tokio_util::sync::CancellationToken;

use super::Role;

/// How long after a vain attempt to look again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A number for the banner is not worth more.
const COUNT_WAIT: Duration = Duration::from_secs(1);

/// What an attempt found.
enum Found {
    Ready,
    NotYet(String),
}

/// Whether the tables are up to date, without waiting for them.
pub(crate) async fn is_ready(role: Role, records: &Records) -> anyhow::Result<bool> {
    Ok(matches!(attempt(role, records.clone()).await?, Found::Ready))
}

/// Waits until the tables are up to date. False: we were told to stop meanwhile.
pub(crate) async fn made_ready(role: Role, records: &Records, stop: &CancellationToken) -> anyhow::Result<bool> {
    tokio::select! {
        () = stop.cancelled() => Ok(false),
        outcome = until_ready(role, records) => outcome.map(|_| true),
    }
}

/// For a role that does without the tables what it can: says once that they are missing, and once that they are there.
pub(crate) async fn say_what_is_missing(role: Role, records: &Records, stop: &CancellationToken) {
    let outcome = tokio::select! {
        () = stop.cancelled() => return,
        outcome = until_ready(role, records) => outcome,
    };
    match outcome {
        Ok(Waited::Yes) => tracing::info!("database.ready"),
        Ok(Waited::No) => {}
        Err(error) => tracing::error!(error = format!("{error:#}"), "database.unusable"),
    }
}

enum Waited {
    Yes,
    No,
}

async fn until_ready(role: Role, records: &Records) -> anyhow::Result<Waited> {
    let mut waited = Waited::No;
    while let Found::NotYet(reason) = attempt(role, records.clone()).await? {
        if matches!(waited, Waited::No) {
            tracing::warn!(reason, "database.awaited");
            waited = Waited::Yes;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(waited)
}

async fn attempt(role: Role, records: Records) -> anyhow::Result<Found> {
    let look = move || match role {
        Role::Everything => records.migrate().map(|applied| {
            if !applied.is_empty() {
                tracing::info!(count = applied.len(), "database.migrated");
            }
            Found::Ready
        }),
        Role::Ingest | Role::Worker => records.pending_migrations().map(|pending| match pending.len() {
            0 => Found::Ready,
            count => Found::NotYet(format!("{count} migrations are missing; run `event-horizon migrate`")),
        }),
    };
    match tokio::task::spawn_blocking(look).await.context("the database")? {
        Err(error) if error.is_passing() || matches!(error, records::Error::TimedOut(_)) => {
            Ok(Found::NotYet(error.to_string()))
        }
        outcome => outcome.context("the tables cannot be brought up to date"),
    }
}

/// What an earlier process has left to do; nothing, if nobody knows.
pub(crate) async fn unfinished_jobs(records: &Records) -> u64 {
    let counted = records
        .within(Class::Reads, COUNT_WAIT, |unit| unit.count_by_status())
        .await;
    let unfinished = |(status, count): (JobStatus, u64)| if status.is_final() { 0 } else { count };
    counted.map_or(0, |counts| counts.into_iter().map(unfinished).sum())
}
