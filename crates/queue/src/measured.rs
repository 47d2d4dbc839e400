//! Counts and bounds what goes into every adapter in one place, so that it means the same whatever carries the frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use metrics::{counter, histogram};

use crate::{Backlog, DEADLINE_MAX, FRAME_BYTES_MAX, Frame, Intake, Lane, Lost, Queue, Refused};

#[derive(Debug)]
pub(crate) struct Measured {
    inner: Arc<dyn Queue>,
}

impl Measured {
    pub(crate) fn new(inner: Arc<dyn Queue>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl Queue for Measured {
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        let started = Instant::now();
        let outcome = if frame.body.len() > FRAME_BYTES_MAX {
            Err(Refused::Full)
        } else {
            self.inner.publish(lane, frame, deadline.min(DEADLINE_MAX)).await
        };
        match &outcome {
            Ok(()) => histogram!("eh_queue_publish_seconds", "lane" => lane.name()).record(started.elapsed()),
            Err(refused) => {
                counter!("eh_queue_refused_total", "lane" => lane.name(), "reason" => refused.reason()).increment(1);
            }
        }
        outcome
    }

    async fn intake(&self, lane: Lane, frames_unsettled_max: u16) -> Result<Box<dyn Intake>, Lost> {
        self.inner.intake(lane, frames_unsettled_max).await
    }

    async fn backlog(&self, lane: Lane) -> Result<Backlog, Lost> {
        self.inner.backlog(lane).await
    }

    async fn check(&self) -> Result<(), Lost> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
