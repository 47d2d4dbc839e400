//! Tells workers that there is work. The rows are the truth: a hint that is lost costs a moment, not a job.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::ids::JobId;
use domain::job::{ChunkNo, Progress};
use domain::message::{Hint, JOBS_TOPIC};
use queue::{Frame, Lane, Live, Queue, Topic};

/// More hints than workers have slots help nobody: who ends a chunk looks for the next one by itself.
const HINTS_MAX: ChunkNo = 32;
const PUBLISH_DEADLINE: Duration = Duration::from_secs(2);

/// Publishes a hint for each of the first chunks; what fails is logged, and swept up later.
pub(crate) async fn publish(queue: Arc<dyn Queue>, job_id: JobId, chunks: u64) {
    let hints = ChunkNo::try_from(chunks).unwrap_or(HINTS_MAX).min(HINTS_MAX);
    for chunk_no in 0..hints {
        if let Err(reason) = publish_one(&*queue, Hint { job_id, chunk_no }).await {
            tracing::warn!(job.id = %job_id, chunk_no, reason, "job.hint_failed");
            return;
        }
    }
}

async fn publish_one(queue: &dyn Queue, hint: Hint) -> Result<(), String> {
    let body = Bytes::from(hint.encode().map_err(|error| error.to_string())?);
    let published = queue
        .publish(Lane::Hints, Frame { body, items: 1 }, PUBLISH_DEADLINE)
        .await;
    published.map_err(|refused| refused.to_string())
}

/// Tells whoever watches the job where it stands now.
pub(crate) fn announce(live: &dyn Live, progress: &Progress) {
    match serde_json::to_vec(progress) {
        Ok(note) => live.announce(Topic(JOBS_TOPIC.to_owned()), Bytes::from(note)),
        Err(error) => tracing::error!(job.id = %progress.job_id, error = %error, "job.note_failed"),
    }
}
