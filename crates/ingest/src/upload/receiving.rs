//! A file on its way in: its row, its blob and its sign of life, all of which vanish unless it is queued.

use std::sync::Arc;
use std::time::Duration;

use blobs::{Blobs, Key, Stored};
use bytes::Bytes;
use domain::ids::JobId;
use domain::job::{Job, JobOptions, Outline};
use domain::time::Timestamp;
use records::{Class, NewJob, Received, Records};
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::problem::{Code, Problem};
use crate::state::{CHANGE_DEADLINE, State};
use crate::tasks::Tasks;

/// Uploads without a sign of life are swept by the workers after a multiple of this.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);
/// A file of 4 GiB has a thousand chunks: their rows are one transaction.
const QUEUE_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Receiving {
    id: JobId,
    key: Key,
    upload: Option<Box<dyn blobs::Upload>>,
    life: AbortHandle,
    trace: Option<Trace>,
}

/// What has to be taken back if the file does not become a job.
struct Trace {
    records: Records,
    blobs: Arc<dyn Blobs>,
    tasks: Tasks,
    id: JobId,
    key: Key,
}

/// What is known of the bytes when all of them went by.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) outline: Outline,
    pub(crate) sha256: String,
}

impl Receiving {
    /// The row comes first: whatever dies from now on leaves a trace.
    pub(crate) async fn begin(state: &State, file_name: &str, request_id: String) -> Result<Self, Problem> {
        let uuid = Uuid::now_v7();
        let (id, key) = (JobId::new(uuid), Key::of(uuid));
        let door = &state.door;
        let (records, blobs) = (door.records.clone(), Arc::clone(&door.blobs));
        let trace = Trace {
            records,
            blobs,
            tasks: state.tasks.clone(),
            id,
            key,
        };
        let life = state.tasks.spawn(show_life(door.records.clone(), id)).abort_handle();
        // From here on dropping it takes everything back, also if the row is made after we stopped waiting for it.
        let mut receiving = Self {
            id,
            key,
            upload: None,
            life,
            trace: Some(trace),
        };
        let row = NewJob {
            id,
            file_name: file_name.to_owned(),
            blob_key: key.to_string(),
            options: JobOptions::default(),
            request_id,
            created_at: now(),
        };
        state.change(move |unit| unit.create_receiving(&row)).await?;
        receiving.upload = Some(door.blobs.create(&key).await?);
        Ok(receiving)
    }

    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        match &mut self.upload {
            Some(upload) => Ok(upload.write(piece).await?),
            None => Err(Problem::internal("a write without an upload")),
        }
    }

    /// Makes the bytes durable, then the job: only now there is something to be seen.
    pub(crate) async fn queue(
        mut self,
        state: &State,
        file_name: String,
        options: JobOptions,
        content: Content,
    ) -> Result<Job, Problem> {
        let stored = self.finish(content.outline.bytes).await?;
        let received = Received {
            file_name,
            options,
            file_size_bytes: stored.size_bytes,
            sha256: content.sha256,
            blob_version: stored.version,
            lines_total: content.outline.lines_total,
            chunks: content.outline.chunks,
        };
        let id = self.id;
        let queued = state
            .door
            .records
            .within(Class::Background, QUEUE_DEADLINE, move |unit| {
                unit.queue_received(id, &received)
            });
        let job = queued.await?.ok_or_else(|| Problem::of(Code::UploadLost))?;
        self.trace = None;
        Ok(job)
    }

    async fn finish(&mut self, bytes: u64) -> Result<Stored, Problem> {
        let upload = self
            .upload
            .take()
            .ok_or_else(|| Problem::internal("an upload that was finished twice"))?;
        let stored = upload.finish().await?;
        if stored.size_bytes != bytes {
            let words = format!("{} holds {} bytes of {bytes}", self.key, stored.size_bytes);
            return Err(Problem::internal(words));
        }
        Ok(stored)
    }
}

/// Also when the client leaves: then the future that holds it is dropped.
impl Drop for Receiving {
    fn drop(&mut self) {
        self.life.abort();
        if let Some(trace) = self.trace.take() {
            let upload = self.upload.take();
            let tasks = trace.tasks.clone();
            tasks.spawn(trace.remove(upload));
        }
    }
}

impl Trace {
    /// The row goes first, and the bytes only if it is gone: a job that was queued after we stopped waiting keeps them.
    /// Whatever fails here is swept later.
    async fn remove(self, upload: Option<Box<dyn blobs::Upload>>) {
        if let Some(upload) = upload {
            upload.abort().await;
        }
        let id = self.id;
        let dropped = self.records.within(Class::Background, CHANGE_DEADLINE, move |unit| {
            unit.drop_receiving(id)?;
            Ok(unit.job(id)?.is_none())
        });
        match dropped.await {
            Ok(true) => self.remove_bytes().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(job.id = %id, error = %error, "upload.left_behind"),
        }
    }

    async fn remove_bytes(&self) {
        if let Err(error) = self.blobs.delete(&self.key).await {
            tracing::warn!(job.id = %self.id, error = %error, "upload.left_behind");
        }
    }
}

async fn show_life(records: Records, id: JobId) {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE_EVERY).await;
        // A database that is away is no reason to give up: the last step of the upload will tell.
        let kept = records
            .within(Class::Background, CHANGE_DEADLINE, move |unit| unit.keep_receiving(id))
            .await;
        if matches!(kept, Ok(false)) {
            return;
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}
