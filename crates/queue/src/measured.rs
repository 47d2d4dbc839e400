//! Counts and bounds what goes into every adapter in one place, so that it means the same whatever carries the frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use metrics::{counter, histogram};

use crate::outstanding::Outstanding;
use crate::{Backlog, DEADLINE_MAX, FRAME_BYTES_MAX, Frame, Intake, Lane, Lost, Queue, Refused};

#[derive(Debug)]
pub(crate) struct Measured {
    inner: Arc<dyn Queue>,
    outstanding: Outstanding,
}

impl Measured {
    pub(crate) fn new(inner: Arc<dyn Queue>, outstanding: Outstanding) -> Self {
        Self { inner, outstanding }
    }
}

impl Measured {
    async fn publish_watched(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        let watched = self.outstanding.add(lane, &frame);
        let outcome = self.inner.publish(lane, frame, deadline).await;
        if let (Err(_), Some(likeness)) = (&outcome, watched) {
            self.outstanding.remove(lane, likeness);
        }
        outcome
    }
}

#[async_trait]
impl Queue for Measured {
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        let started = Instant::now();
        let outcome = if frame.body.len() > FRAME_BYTES_MAX {
            Err(Refused::Full)
        } else if deadline.is_zero() {
            Err(Refused::Unconfirmed)
        } else {
            self.publish_watched(lane, frame, deadline.min(DEADLINE_MAX)).await
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
        let intake = self.inner.intake(lane, frames_unsettled_max).await?;
        Ok(self.outstanding.watch(lane, intake))
    }

    async fn backlog(&self, lane: Lane) -> Result<Backlog, Lost> {
        self.inner.backlog(lane).await
    }

    async fn caught_up(&self, lane: Lane, patience: Duration) {
        self.outstanding.caught_up(lane, patience).await;
    }

    async fn stored_bytes(&self) -> Option<u64> {
        self.inner.stored_bytes().await
    }

    async fn check(&self) -> Result<(), Lost> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
