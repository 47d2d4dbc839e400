//! Figures that are looked up when somebody scrapes: pools, jobs by state, dead letters, what waits in the queue.

use std::time::Duration;

use queue::Lane;
use records::Class;
use tokio::time::timeout;

use crate::readiness::Parts;
use crate::storage::Storage;

/// A scrape is worth no more waiting; a figure that did not come keeps its last value.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

pub(crate) async fn refresh(parts: &Parts, storage: &Storage) {
    for (class, used, allowed) in parts.records.pool_use() {
        metrics::gauge!("eh_records_connections_used", "class" => class.as_str()).set(f64::from(used));
        metrics::gauge!("eh_records_connections_max", "class" => class.as_str()).set(f64::from(allowed));
    }
    tokio::join!(
        refresh_jobs(parts),
        refresh_dead_letters(parts),
        refresh_backlogs(parts),
        refresh_storage(parts, storage)
    );
}

async fn refresh_jobs(parts: &Parts) {
    let counted = parts
        .records
        .within(Class::Reads, LOOK_DEADLINE, |unit| unit.count_by_status());
    match counted.await {
        Ok(counts) => {
            for (status, jobs) in counts {
                metrics::gauge!("eh_jobs", "status" => status.as_str()).set(approximate(jobs));
            }
        }
        Err(error) => tracing::debug!(error = %error, "metrics.jobs_unknown"),
    }
}

async fn refresh_dead_letters(parts: &Parts) {
    let counted = parts
        .records
        .within(Class::Reads, LOOK_DEADLINE, |unit| unit.count_dead_letters());
    match counted.await {
        Ok(letters) => metrics::gauge!("eh_dead_letters").set(approximate(letters)),
        Err(error) => tracing::debug!(error = %error, "metrics.dead_letters_unknown"),
    }
}

async fn refresh_backlogs(parts: &Parts) {
    for lane in Lane::ALL {
        if let Ok(Ok(backlog)) = timeout(LOOK_DEADLINE, parts.queue.backlog(lane)).await {
            metrics::gauge!("eh_queue_backlog_frames", "lane" => lane.name()).set(approximate(backlog.frames));
            let oldest = backlog.oldest_age.unwrap_or_default();
            metrics::gauge!("eh_queue_backlog_oldest_seconds", "lane" => lane.name()).set(oldest.as_secs_f64());
        }
    }
}

async fn refresh_storage(parts: &Parts, storage: &Storage) {
    for (of, bytes) in storage.report(parts).await.by_part() {
        if let Some(bytes) = bytes {
            metrics::gauge!("eh_storage_bytes", "of" => of).set(approximate(bytes));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact up to 2^53")]
fn approximate(count: u64) -> f64 {
    count as f64
}
