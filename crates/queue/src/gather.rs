//! How single deliveries become a batch: written once, because a batch must mean the same with every adapter.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use crate::{Delivery, Intake, Lost, Tag};

/// What an adapter's intake has to know.
pub(crate) trait Source: Send {
    /// The next frame in order. Dropping the future must lose nothing.
    fn next(&mut self) -> impl Future<Output = Result<Delivery, Lost>> + Send;

    /// False when the limit of unsettled frames is reached: waiting for another would be in vain.
    fn may_deliver_more(&self) -> bool;

    fn settle(&mut self, last: Tag) -> impl Future<Output = Result<(), Lost>> + Send;
}

pub(crate) struct Gather<S> {
    source: S,
    // What a dropped `batch` had taken already stays here for the next one, with the instant its first frame came.
    held: Vec<Delivery>,
    items: usize,
    first_at: Instant,
}

impl<S: Source> Gather<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source,
            held: Vec::new(),
            items: 0,
            first_at: Instant::now(),
        }
    }

    fn hold(&mut self, delivery: Delivery) {
        if self.held.is_empty() {
            self.first_at = Instant::now();
        }
        self.items += delivery.frame.items as usize;
        self.held.push(delivery);
    }

    fn hand_over(&mut self) -> Vec<Delivery> {
        self.items = 0;
        std::mem::take(&mut self.held)
    }
}

#[async_trait]
impl<S: Source> Intake for Gather<S> {
    async fn batch(&mut self, items_max: usize, linger: Duration) -> Result<Vec<Delivery>, Lost> {
        if self.held.is_empty() {
            let first = self.source.next().await?;
            self.hold(first);
        }
        while self.items < items_max && self.source.may_deliver_more() {
            let left = linger.saturating_sub(self.first_at.elapsed());
            match timeout(left, self.source.next()).await {
                Ok(delivery) => self.hold(delivery?),
                Err(_elapsed) => break,
            }
        }
        Ok(self.hand_over())
    }

    async fn settle(&mut self, last: Tag) -> Result<(), Lost> {
        self.source.settle(last).await
    }
}
