//! Events on their way to the queue: single ones share frames while confirms are out, and one confirm answers all of them.
//!
//! What has boarded leaves, whether or not its client still waits: publishing is nobody's request.

#[cfg(test)]
pub(super) mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use domain::message::{EncodedEvent, EventFrame};
use futures_util::FutureExt;
use futures_util::future::join_all;
use queue::{Frame, Lane, Queue, Refused};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::figures::Figures;
use super::{ACCEPT_DEADLINE, Room};
use crate::tasks::Tasks;

/// A frame that is shared leaves when it holds so much, however many confirms are out.
const SHARED_EVENTS_MAX: usize = 500;
const SHARED_BYTES_MAX: usize = 256 << 10;

type Outcome = Result<(), Refused>;
/// How the publish of a frame ended; nothing if it never did.
pub(super) type Answer = oneshot::Receiver<Outcome>;

#[derive(Debug)]
pub(super) struct Handover {
    queue: Arc<dyn Queue>,
    tasks: Tasks,
    figures: Figures,
    gathering: Mutex<Gathering>,
}

/// A single event that shares a frame.
#[derive(Debug)]
struct Passenger {
    event: EncodedEvent,
    accepted_at: Instant,
    answer: oneshot::Sender<Outcome>,
    _room: Room,
}

#[derive(Debug)]
struct Gathering {
    /// While fewer confirms than these are out, a single event leaves at once; beyond, it joins what waits.
    confirms_unshared_max: usize,
    /// As long as something waits, at least one is out, and whoever hears it takes what waits.
    confirms_out: usize,
    waiting: Vec<Passenger>,
    waiting_bytes: usize,
}

impl Handover {
    pub(super) fn new(queue: Arc<dyn Queue>, tasks: Tasks, figures: Figures, confirms_unshared_max: usize) -> Self {
        let gathering = Gathering {
            confirms_unshared_max,
            confirms_out: 0,
            waiting: Vec::new(),
            waiting_bytes: 0,
        };
        Self {
            queue,
            tasks,
            figures,
            gathering: Mutex::new(gathering),
        }
    }

    /// Sends a single event at once or with others.
    pub(super) fn board(self: &Arc<Self>, event: EncodedEvent, accepted_at: Instant, room: Room) -> Answer {
        let (answer, answered) = oneshot::channel();
        let leaving = self.gathering().board(Passenger {
            event,
            accepted_at,
            answer,
            _room: room,
        });
        if let Some(passengers) = leaving {
            self.tasks.spawn(Arc::clone(self).carry(passengers));
        }
        answered
    }

    /// Sends frames that are nobody else's.
    pub(super) fn send(self: &Arc<Self>, frames: Vec<Frame>, accepted_at: Instant, room: Room) -> Answer {
        let (answer, answered) = oneshot::channel();
        let handover = Arc::clone(self);
        self.tasks.spawn(async move {
            let publishes = frames
                .into_iter()
                .map(|frame| handover.publish(frame, accepted_at, accepted_at));
            let outcome = join_all(publishes).await.into_iter().collect();
            // Whoever asked may have gone.
            let _ = answer.send(outcome);
            drop(room);
        });
        answered
    }

    /// Sends these, and then whatever waits when their confirm comes.
    async fn carry(self: Arc<Self>, first: Vec<Passenger>) {
        let mut leaving = Some(first);
        while let Some(passengers) = leaving {
            self.publish_together(passengers).await;
            leaving = self.gathering().next();
        }
    }

    /// Who was told already that it took too long is left behind.
    async fn publish_together(&self, mut passengers: Vec<Passenger>) {
        let now = Instant::now();
        passengers.retain(|passenger| passenger.accepted_at + ACCEPT_DEADLINE > now);
        let (Some(first), Some(last)) = (passengers.first(), passengers.last()) else {
            return;
        };
        let (first_at, last_at) = (first.accepted_at, last.accepted_at);
        let frame = frame_of(passengers.iter().map(|passenger| &passenger.event));
        let outcome = self.publish(frame, first_at, last_at).await;
        for passenger in passengers {
            let _ = passenger.answer.send(outcome.clone());
        }
    }

    async fn publish(&self, frame: Frame, first_at: Instant, last_at: Instant) -> Outcome {
        let events = frame.items;
        let left = (last_at + ACCEPT_DEADLINE).saturating_duration_since(Instant::now());
        // A defect of an adapter must not keep the others waiting for a confirm that nobody hears.
        let publishing = AssertUnwindSafe(self.queue.publish(Lane::Events, frame, left)).catch_unwind();
        let outcome = publishing.await.unwrap_or(Err(Refused::Unconfirmed));
        match &outcome {
            Ok(()) => self.figures.confirmed(events, first_at.elapsed()),
            Err(refused) => {
                self.figures.refused(events);
                tracing::warn!(events, error = %refused, "events.refused");
            }
        }
        outcome
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        // Nothing that holds this lock can leave it half changed.
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathering {
    /// Those that leave now, if any do.
    fn board(&mut self, passenger: Passenger) -> Option<Vec<Passenger>> {
        self.waiting_bytes += passenger.event.frame_bytes();
        self.waiting.push(passenger);
        let is_full = self.waiting.len() >= SHARED_EVENTS_MAX || self.waiting_bytes >= SHARED_BYTES_MAX;
        if self.confirms_out >= self.confirms_unshared_max && !is_full {
            return None;
        }
        self.confirms_out += 1;
        Some(self.take_waiting())
    }

    /// Those that leave now that a confirm has come; with none, one confirm less is out.
    fn next(&mut self) -> Option<Vec<Passenger>> {
        if self.waiting.is_empty() || self.confirms_out > self.confirms_unshared_max {
            self.confirms_out -= 1;
            return None;
        }
        Some(self.take_waiting())
    }

    fn take_waiting(&mut self) -> Vec<Passenger> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

/// As few frames as these events need.
pub(super) fn frames_of(events: &[EncodedEvent], bytes_max: usize) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(1);
    let (mut first, mut bytes) = (0, EventFrame::BYTES_AROUND_EVENTS);
    for (index, event) in events.iter().enumerate() {
        if bytes + event.frame_bytes() > bytes_max && index > first {
            frames.push(frame_of(events[first..index].iter()));
            (first, bytes) = (index, EventFrame::BYTES_AROUND_EVENTS);
        }
        bytes += event.frame_bytes();
    }
    if first < events.len() {
        frames.push(frame_of(events[first..].iter()));
    }
    frames
}

fn frame_of<'e>(events: impl ExactSizeIterator<Item = &'e EncodedEvent> + Clone) -> Frame {
    Frame {
        items: u32::try_from(events.len()).unwrap_or(u32::MAX),
        body: Bytes::from(EventFrame::join(events)),
    }
}
