//! Takes accepted events from the queue until every one of them is in the tables, or is a dead letter.
//!
//! Nobody else settles a frame of events, and here it is settled only when all of it is committed. Whatever ends before
//! that, the frame comes again, and what is stored already is not stored twice.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use queue::{Delivery, Intake, Lane, Lost};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use self::applier::without_panic;
use self::applier::{Applier, Arrived};
use crate::Worker;
use crate::bell::Bell;
use crate::watermark::Hands;

mod applier;
mod frames;
pub(crate) mod letters;

/// The pause after a first failure; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why a consumer holds no frame any more.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("told to stop")]
    Stopped,
    #[error(transparent)]
    QueueLost(#[from] Lost),
    /// The tables are away, or take nothing, not even a dead letter.
    #[error(transparent)]
    StoreAway(#[from] records::Error),
}

/// Consumes side by side until it is told to stop.
pub(crate) async fn run(worker: Arc<Worker>, hands: &Hands, wakes: &Bell, stop: CancellationToken) {
    let mut consumers = JoinSet::new();
    let turns = Arc::new(Semaphore::new(worker.settings.writes));
    for _ in 0..worker.settings.appliers_at_once() {
        let applier = Applier::new(
            worker.records.clone(),
            &worker.settings,
            hands.one_more(),
            Arc::clone(&turns),
            wakes.clone(),
            stop.clone(),
        );
        let consumer = Consumer::new(Arc::clone(&worker), applier, stop.clone());
        consumers.spawn(consumer.run());
    }
    // A panic goes on from here and ends the process: better than one that is there and takes no more events.
    consumers.join_all().await;
}

struct Consumer {
    worker: Arc<Worker>,
    applier: Applier,
    stop: CancellationToken,
    pause: Duration,
    is_waiting: bool,
}

impl Consumer {
    fn new(worker: Arc<Worker>, applier: Applier, stop: CancellationToken) -> Self {
        Self {
            worker,
            applier,
            stop,
            pause: PAUSE_FIRST,
            is_waiting: false,
        }
    }

    async fn run(mut self) {
        loop {
            let Err(ended) = self.consume().await;
            self.applier.gives_back();
            match ended {
                Ended::Stopped => return,
                Ended::QueueLost(_) => self.wait_out(&ended, false).await,
                Ended::StoreAway(_) => self.wait_out(&ended, true).await,
            }
        }
    }

    /// Takes batch after batch. Returning gives back what was not settled.
    async fn consume(&mut self) -> Result<Infallible, Ended> {
        let mut intake = self.open_intake().await?;
        self.note_working();
        loop {
            let batch = self.next_batch(intake.as_mut()).await?;
            let Some(last) = batch.last().map(|delivery| delivery.tag) else {
                continue;
            };
            let frames = batch.into_iter().map(Arrived::from).collect();
            self.applier.apply(frames).await?;
            intake.settle(last).await?;
            self.pause = PAUSE_FIRST;
        }
    }

    async fn open_intake(&self) -> Result<Box<dyn Intake>, Ended> {
        let frames_unsettled_max = self.worker.settings.frames_unsettled_max;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            intake = self.worker.queue.intake(Lane::Events, frames_unsettled_max) => Ok(intake?),
        }
    }

    async fn next_batch(&self, intake: &mut dyn Intake) -> Result<Vec<Delivery>, Ended> {
        let settings = &self.worker.settings;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            batch = intake.batch(settings.batch_events_max, settings.linger) => Ok(batch?),
        }
    }

    /// Holds nothing until there is a chance again, or there is nothing to wait for.
    async fn wait_out(&mut self, reason: &Ended, for_the_store: bool) {
        self.note_waiting(reason);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(self.pause) => {}
            }
            self.pause = (self.pause * 2).min(PAUSE_MAX);
            if !for_the_store || self.applier.can_write().await {
                return;
            }
        }
    }

    fn note_waiting(&mut self, reason: &Ended) {
        if !std::mem::replace(&mut self.is_waiting, true) {
            tracing::warn!(consumer = self.applier.number(), %reason, "events.waiting");
        }
    }

    fn note_working(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            tracing::info!(consumer = self.applier.number(), "events.resumed");
        }
    }
}
