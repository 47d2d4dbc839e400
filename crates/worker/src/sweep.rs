//! What others left behind: uploads that died, blobs that nobody knows, jobs that nobody ended, tickets that nobody used.

use std::sync::Arc;
use std::time::Duration;

use blobs::Key;
use domain::time::Timestamp;
use records::{Class, Unit};
use tokio_util::sync::CancellationToken;

use crate::{Worker, conclude, now};

mod heartbeats;

const EVERY: Duration = Duration::from_secs(10);

/// An upload without a sign of life for so long is dead. A living one gives one every few seconds.
const UPLOAD_SILENT_MAX: Duration = Duration::from_secs(60);

/// A blob without a job row is only taken when it is older than any upload that may still be under way, and old enough for
/// somebody to notice that the tables are not the ones that belong to the store.
const ORPHAN_AGE_MIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What is rare, or not free to look for: orphans, new months, old months.
const SELDOM_EVERY_ROUNDS: u32 = 60;

const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Records(#[from] records::Error),
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
}

pub(crate) async fn run(worker: Arc<Worker>, stop: CancellationToken) {
    let mut round = 0_u32;
    while !stop.is_cancelled() {
        if let Err(error) = once(&worker, &stop, round.is_multiple_of(SELDOM_EVERY_ROUNDS)).await {
            tracing::warn!(%error, "sweep.failed");
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn once(worker: &Worker, stop: &CancellationToken, with_the_seldom: bool) -> Result<(), SweepError> {
    take_abandoned_uploads(worker).await?;
    end_finished_jobs(worker).await?;
    forget_tickets(worker).await?;
    if with_the_seldom {
        turn_months(worker, stop).await?;
        delete_orphans(worker).await?;
    }
    Ok(())
}

/// Room for what is to come, and an end for what was kept long enough.
async fn turn_months(worker: &Worker, stop: &CancellationToken) -> Result<(), SweepError> {
    let now = now();
    worker
        .records
        .within(Class::Background, DEADLINE, move |unit| unit.prepare_months(now))
        .await?;
    let settings = &worker.settings;
    forget(worker, stop, before(now, settings.log_retention), |unit, cut| {
        unit.forget_entries_before(cut)
    })
    .await?;
    let cut = before(now, settings.event_retention);
    if let Some(cut) = cut {
        heartbeats::settle(worker, stop, cut).await?;
    }
    forget(worker, stop, cut, |unit, cut| unit.forget_events_before(cut)).await
}

fn before(now: Timestamp, keep: Option<Duration>) -> Option<Timestamp> {
    keep.map(|keep| now.minus(keep))
}

/// Step by step, each a transaction of its own, until nothing is left that lies before the cut.
async fn forget(
    worker: &Worker,
    stop: &CancellationToken,
    cut: Option<Timestamp>,
    step: fn(&mut dyn Unit, Timestamp) -> records::Result<bool>,
) -> Result<(), SweepError> {
    let Some(cut) = cut else { return Ok(()) };
    let mut more = true;
    while more && !stop.is_cancelled() {
        more = worker
            .records
            .within(Class::Background, DEADLINE, move |unit| step(unit, cut))
            .await?;
    }
    Ok(())
}

async fn take_abandoned_uploads(worker: &Worker) -> Result<(), SweepError> {
    let taken = worker
        .records
        .within(Class::Background, DEADLINE, |unit| {
            unit.take_abandoned(UPLOAD_SILENT_MAX)
        })
        .await?;
    for (id, blob_key) in taken {
        if let Ok(key) = Key::parse(&blob_key) {
            worker.blobs.delete(&key).await?;
        }
        tracing::info!(job.id = %id, "upload.abandoned");
    }
    Ok(())
}

/// A job whose last chunk is done is ended in the same transaction. This is for the case that it was not.
async fn end_finished_jobs(worker: &Worker) -> Result<(), SweepError> {
    let unended = worker
        .records
        .within(Class::Background, DEADLINE, |unit| unit.without_open_chunks())
        .await?;
    for id in unended {
        let ended = worker
            .records
            .within(Class::Background, DEADLINE, move |unit| {
                if !matches!(unit.lock_job(id)?, Some(status) if !status.is_final()) || unit.chunks_left(id)? > 0 {
                    return Ok(None);
                }
                conclude::conclude(unit, id)?;
                unit.progress(id)
            })
            .await?;
        if let Some(progress) = ended {
            tracing::warn!(job.id = %id, "job.ended_by_watchdog");
            worker.announce(&progress);
        }
    }
    Ok(())
}

async fn forget_tickets(worker: &Worker) -> Result<(), SweepError> {
    let forgotten = worker
        .records
        .within(Class::Background, DEADLINE, |unit| unit.forget_expired_tickets());
    Ok(forgotten.await?)
}

async fn delete_orphans(worker: &Worker) -> Result<(), SweepError> {
    worker.blobs.sweep_unfinished(ORPHAN_AGE_MIN).await?;
    let mut last = None;
    loop {
        let old = worker.blobs.list(ORPHAN_AGE_MIN, last.as_ref()).await?;
        let Some(end) = old.last() else { return Ok(()) };
        last = Some(*end);
        delete_unknown(worker, &old).await?;
    }
}

async fn delete_unknown(worker: &Worker, keys: &[Key]) -> Result<(), SweepError> {
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let known = worker
        .records
        .within(Class::Background, DEADLINE, move |unit| unit.known_blobs(&names))
        .await?;
    for key in keys.iter().filter(|key| !known.contains(&key.to_string())) {
        worker.blobs.delete(key).await?;
        tracing::info!(blob.key = %key, "blob.orphan_deleted");
    }
    Ok(())
}
