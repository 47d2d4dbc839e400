//! The embedded queue, whose confirms come when the test lets them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use queue::{Backlog, Frame, Intake, Lane, Lost, Queue, Refused};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

#[derive(Debug)]
pub(crate) struct HeldQueue {
    inner: Arc<dyn Queue>,
    confirms: Semaphore,
    begun: watch::Sender<usize>,
}

impl HeldQueue {
    pub(crate) fn over(inner: Arc<dyn Queue>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            confirms: Semaphore::new(0),
            begun: watch::Sender::new(0),
        })
    }

    /// Waits until so many publishes have begun.
    pub(crate) async fn until_begun(&self, publishes: usize) {
        self.begun
            .subscribe()
            .wait_for(|begun| *begun >= publishes)
            .await
            .unwrap();
    }

    /// From now on confirms come.
    pub(crate) fn release(&self) {
        self.confirms.close();
    }
}

#[async_trait]
impl Queue for HeldQueue {
    async fn publish(&self, lane: Lane, frame: Frame, deadline: Duration) -> Result<(), Refused> {
        self.begun.send_modify(|begun| *begun += 1);
        // A closed semaphore lets everybody pass; an open one nobody.
        match timeout(deadline, self.confirms.acquire()).await {
            Ok(_) => self.inner.publish(lane, frame, deadline).await,
            Err(_) => Err(Refused::Unconfirmed),
        }
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
