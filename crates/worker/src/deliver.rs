//! Delivery: what is final leaves, and is tried again until somebody has it or nobody can be expected to take it any more.
//!
//! A try is leased. Whoever takes a message and vanishes leaves it to another one when the lease ends, so a message may
//! arrive twice but is never lost; its id tells a receiver that it has it already. Slow receivers cost places here and
//! nothing else: events are applied by other tasks, over other connections.

use std::sync::Arc;
use std::time::Duration;

use domain::notification::{Body, Notification, Retry};
use domain::time::Timestamp;
use records::{Class, ReceivedNotice, Records, Tried, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::address::{AllowedBlocks, InvalidBlock};
use self::sender::{LIMIT, NoSender, Sender, Undelivered};
pub use self::signature::{InvalidSecret, Secret};
use crate::bell::Bell;
use crate::{Destination, Notify, Worker, now};

mod address;
mod sender;
mod signature;

/// So many tries are under way at once.
const TRIES_MAX: usize = 16;

/// Longer than any try, so that nobody else begins one while it lasts.
const LEASE: Duration = Duration::from_secs(60);

/// How often is looked for what nobody here announced.
const POLL: Duration = Duration::from_millis(200);

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

const DEADLINE: Duration = Duration::from_secs(10);

/// Delivers until it is told to stop, and ends when the tries that were begun have ended.
pub(crate) async fn run(worker: Arc<Worker>, bell: Bell, stop: CancellationToken) {
    let deliverer = match Deliverer::new(&worker, LIMIT) {
        Ok(deliverer) => deliverer,
        Err(error) => return tracing::error!(%error, "notifications.cannot_leave"),
    };
    let tries = TaskTracker::new();
    while let Some(places) = deliverer.free_places(&stop).await {
        let pause = match deliverer.begin_tries(places, &tries).await {
            Ok(0) => POLL,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "notifications.waiting");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = bell.heard_within(pause) => {}
        }
    }
    tries.close();
    tries.wait().await;
}

struct Deliverer {
    records: Records,
    way: Way,
    places: Arc<Semaphore>,
}

/// The way out.
#[derive(Clone)]
enum Way {
    Http(Arc<Sender>),
    Receiver,
}

impl Way {
    fn of(notify: &Notify, limit: Duration) -> Result<Self, NoSender> {
        match &notify.to {
            Destination::Url(url) => Sender::new(url, notify, limit).map(|sender| Self::Http(Arc::new(sender))),
            Destination::Receiver => Ok(Self::Receiver),
        }
    }
}

impl Deliverer {
    fn new(worker: &Worker, limit: Duration) -> Result<Self, NoSender> {
        Ok(Self {
            records: worker.records.clone(),
            way: Way::of(&worker.settings.notify, limit)?,
            places: Arc::new(Semaphore::new(TRIES_MAX)),
        })
    }

    /// All that are free, and at least one; `None`: nothing is to be begun any more.
    async fn free_places(&self, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        let mut places = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            place = Arc::clone(&self.places).acquire_owned() => place.ok()?,
        };
        let more = u32::try_from(self.places.available_permits()).unwrap_or_default();
        if let Ok(more) = Arc::clone(&self.places).try_acquire_many_owned(more) {
            places.merge(more);
        }
        Some(places)
    }

    /// Takes what is to be tried now, as far as there are places; how many it took.
    async fn begin_tries(&self, mut places: OwnedSemaphorePermit, tries: &TaskTracker) -> records::Result<usize> {
        let limit = u32::try_from(places.num_permits()).unwrap_or(u32::MAX);
        let take = move |unit: &mut dyn Unit| unit.take_deliveries(now(), LEASE, limit);
        let taken = self.records.within(Class::Background, DEADLINE, take).await?;
        let begun = taken.len();
        for notification in taken {
            let place = places.split(1);
            tries.spawn(Try::of(self, notification).run(place));
        }
        Ok(begun)
    }
}

/// One try to deliver one message.
struct Try {
    records: Records,
    way: Way,
    notification: Notification,
}

impl Try {
    fn of(deliverer: &Deliverer, notification: Notification) -> Self {
        Self {
            records: deliverer.records.clone(),
            way: deliverer.way.clone(),
            notification,
        }
    }

    /// Holds its place until it is known how it ended.
    async fn run(self, place: Option<OwnedSemaphorePermit>) {
        let noted = match self.way.clone() {
            Way::Http(sender) => self.post(&sender).await,
            Way::Receiver => self.put_down().await,
        };
        if let Err(error) = noted {
            // The lease ends, and it is tried again.
            tracing::warn!(notification.id = %self.notification.id, %error, "notification.not_noted");
        }
        drop(place);
    }

    async fn post(&self, sender: &Sender) -> records::Result<()> {
        let sent = sender.send(&self.notification, now()).await;
        let tried = outcome(sent, self.notification.attempts, now());
        let (id, attempt, noted) = (self.notification.id, self.notification.attempts, tried.clone());
        let note = move |unit: &mut dyn Unit| unit.note_tried(id, attempt, now(), &noted);
        let is_latest = self.records.within(Class::Background, DEADLINE, note).await?;
        if is_latest {
            self.say(&tried);
        }
        Ok(())
    }

    /// Into the table of the built-in receiver: it arrives in the transaction that notes it.
    async fn put_down(&self) -> records::Result<()> {
        let (id, attempt) = (self.notification.id, self.notification.attempts);
        let body = serde_json::to_string(&Body::of(&self.notification));
        let body = body.map_err(|error| records::Error::Broken(error.to_string()))?;
        let put = move |unit: &mut dyn Unit| {
            let now = now();
            let is_latest = unit.note_tried(id, attempt, now, &Tried::Delivered)?;
            if is_latest {
                unit.receive(&ReceivedNotice {
                    received_at: now,
                    idempotency_key: Some(id.to_string()),
                    body: body.clone(),
                })?;
            }
            Ok(is_latest)
        };
        if self.records.within(Class::Background, DEADLINE, put).await? {
            self.say(&Tried::Delivered);
        }
        Ok(())
    }

    fn say(&self, tried: &Tried) {
        let Notification { id, rule, attempts, .. } = &self.notification;
        let outcome = match tried {
            Tried::Delivered => {
                tracing::info!(notification.id = %id, rule, attempts, "notification.delivered");
                "delivered"
            }
            Tried::Again { at, error } => {
                tracing::warn!(notification.id = %id, rule, attempts, error, next_try_at = %at, "notification.refused");
                "refused"
            }
            Tried::Failed { error } => {
                tracing::error!(notification.id = %id, rule, attempts, error, "notification.failed");
                "failed"
            }
        };
        metrics::counter!("eh_notifications_total", "outcome" => outcome).increment(1);
    }
}

/// What is to be noted of a try.
fn outcome(sent: Result<(), Undelivered>, attempts: u32, now: Timestamp) -> Tried {
    let Err(undelivered) = sent else {
        return Tried::Delivered;
    };
    let error = undelivered.to_string();
    let retry_after = match undelivered {
        Undelivered::Refused { retry_after, .. } => retry_after,
        _ => None,
    };
    match Retry::after(attempts, rand::random(), retry_after, now) {
        Retry::Again { at } => Tried::Again { at, error },
        Retry::Failed => Tried::Failed { error },
    }
}
