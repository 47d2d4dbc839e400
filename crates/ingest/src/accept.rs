//! THE door: valid drafts are stamped and handed to the queue, and answered for once they are durable. No table is asked.

mod figures;
mod handover;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::event::Event;
use domain::events::FieldError;
use domain::ids::EventId;
use domain::intake::body::ItemError;
use domain::intake::{Draft, Stamp};
use domain::message::EncodedEvent;
use domain::stamper::Stamper;
use domain::time::Timestamp;
use domain::watch_time::PositionUnit;
use queue::{Frame, Queue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use self::figures::Figures;
use self::handover::{Answer, Handover, frames_of};
use crate::live::feed::{Feed, Tail};
use crate::problem::{Code, Problem, invalid_event};
use crate::settings::Settings;
use crate::tasks::Tasks;

/// How long an event may wait for its confirm. Whoever sent it hears 503 then, with the id that makes a repeat harmless.
pub(crate) const ACCEPT_DEADLINE: Duration = Duration::from_secs(2);
/// The bodies of all requests whose events are not confirmed yet, and the frames that are made of them.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// What of it large bodies may take while they arrive: who sends one slowly holds up other large ones, but no small one.
const ARRIVING_BYTES_MAX: usize = 32 << 20;

/// Room for a body, until what it held is confirmed or refused.
pub(crate) type Room = OwnedSemaphorePermit;

#[derive(Debug)]
pub(crate) struct Accept {
    stamper: Mutex<Stamper>,
    /// Makes the random part of ids out of their times: its keys differ in every process, and no process stamps a time twice.
    entropy: RandomState,
    position_unit: PositionUnit,
    room: Arc<Semaphore>,
    arriving: Arc<Semaphore>,
    handover: Arc<Handover>,
    figures: Figures,
    feed: Feed,
}

/// An event that is durable, as its client hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) event_id: EventId,
    /// Whether its type is built in.
    pub(crate) known: bool,
}

/// The events of one request, ready to leave, and what is said of each item once they have arrived.
#[derive(Debug)]
pub(crate) struct Batch {
    frames: Vec<Frame>,
    tail: Tail,
    pub(crate) results: Vec<Result<Accepted, ItemError>>,
}

impl Accept {
    pub(crate) fn new(queue: Arc<dyn Queue>, tasks: Tasks, settings: &Settings) -> Self {
        let figures = Figures::new();
        Self {
            stamper: Mutex::default(),
            entropy: RandomState::new(),
            position_unit: settings.position_unit,
            room: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)),
            arriving: Arc::new(Semaphore::new(ARRIVING_BYTES_MAX)),
            handover: Arc::new(Handover::new(
                queue,
                tasks,
                figures.clone(),
                settings.confirms_unshared_max,
            )),
            figures,
            feed: Feed::new(),
        }
    }

    /// What the console hears of the events.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Refuses at once: who waits for room holds what he has.
    pub(crate) fn room_for(&self, bytes: usize) -> Result<Room, Problem> {
        room_in(&self.room, bytes)
    }

    /// What a large body takes besides, as long as it is not all here.
    pub(crate) fn room_to_arrive(&self, bytes: usize) -> Result<Room, Problem> {
        room_in(&self.arriving, bytes)
    }

    /// Stamps the only event of a request.
    pub(crate) fn stamp_one(&self, draft: Draft) -> Result<Event, Problem> {
        self.stamped(draft, self.receipt_of(1))
            .map_err(|error| self.rejected_alone(error))
    }

    /// Comes back when the event is durable; it may share its frame with others.
    pub(crate) async fn one(&self, event: &Event, mut room: Room) -> Result<Accepted, Problem> {
        let accepted_at = Instant::now();
        let encoded = EncodedEvent::of(event).map_err(Problem::internal)?;
        let accepted = Accepted::of(event);
        let with_id = |problem: Problem| problem.with_event_id(accepted.event_id);
        room.merge(self.room_for(encoded.frame_bytes()).map_err(with_id)?);
        let confirmed = self.handover.board(encoded, accepted_at, room);
        until_confirmed(accepted_at, confirmed).await.map_err(with_id)?;
        let mut tail = self.feed.tail();
        tail.push(event);
        self.feed.tell(tail);
        Ok(accepted)
    }

    fn rejected_alone(&self, error: FieldError) -> Problem {
        self.note_rejected(1);
        invalid_event(vec![error])
    }

    pub(crate) fn note_rejected(&self, events: usize) {
        self.figures.rejected.increment(events as u64);
        self.feed.count_rejected(events as u64);
    }

    /// Stamps all items at once, so that their times follow each other.
    pub(crate) fn batch(&self, items: Vec<Result<Draft, ItemError>>) -> Result<Batch, Problem> {
        let first = self.receipt_of(items.len());
        let mut encoded = Vec::with_capacity(items.len());
        let mut results = Vec::with_capacity(items.len());
        let mut tail = self.feed.tail();
        for (at, item) in (first.as_micros()..).map(Timestamp::from_micros).zip(items) {
            let stamped =
                item.and_then(|draft| self.stamped(draft, at).map_err(|error| ItemError::Fields(vec![error])));
            if let Ok(event) = &stamped {
                encoded.push(EncodedEvent::of(event).map_err(Problem::internal)?);
                tail.push(event);
            }
            results.push(stamped.map(|event| Accepted::of(&event)));
        }
        self.note_rejected(results.len() - encoded.len());
        Ok(Batch {
            frames: frames_of(&encoded, queue::FRAME_BYTES_MAX),
            tail,
            results,
        })
    }

    /// Comes back when every event of the batch is durable.
    pub(crate) async fn several(
        &self,
        batch: Batch,
        mut room: Room,
    ) -> Result<Vec<Result<Accepted, ItemError>>, Problem> {
        let accepted_at = Instant::now();
        room.merge(self.room_for(batch.frames.iter().map(|frame| frame.body.len()).sum())?);
        let confirmed = self.handover.send(batch.frames, accepted_at, room);
        until_confirmed(accepted_at, confirmed).await?;
        self.feed.tell(batch.tail);
        Ok(batch.results)
    }

    /// The time of the first of so many items that arrive just now.
    fn receipt_of(&self, items: usize) -> Timestamp {
        let now = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
        // Nothing that holds this lock can leave it half changed.
        let mut stamper = self.stamper.lock().unwrap_or_else(PoisonError::into_inner);
        stamper.next(now, items)
    }

    fn stamped(&self, draft: Draft, at: Timestamp) -> Result<Event, FieldError> {
        draft.stamp(Stamp {
            position_unit: self.position_unit,
            event_id: EventId::stamped(at, self.entropy.hash_one(at)),
            timestamp: at,
            received_at: at,
        })
    }
}

fn room_in(all: &Arc<Semaphore>, bytes: usize) -> Result<Room, Problem> {
    let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
    let room = Arc::clone(all).try_acquire_many_owned(permits);
    room.map_err(|_| Problem::of(Code::TooBusy))
}

impl Accepted {
    fn of(event: &Event) -> Self {
        Self {
            event_id: event.event_id,
            known: event.event_type.is_builtin(),
        }
    }
}

/// The publish may succeed after the deadline: the answer never proves that the event was not stored.
async fn until_confirmed(accepted_at: Instant, confirmed: Answer) -> Result<(), Problem> {
    match timeout_at(accepted_at + ACCEPT_DEADLINE, confirmed).await {
        Ok(Ok(Ok(()))) => Ok(()),
        _ => Err(Problem::of(Code::QueueUnavailable)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::handover::tests::ScriptedQueue;
    use super::*;

    pub(crate) fn accept() -> Accept {
        Accept::new(ScriptedQueue::confirming(), Tasks::here(), &Settings::default())
    }

    #[tokio::test]
    async fn there_is_room_for_so_much_and_no_more() {
        let accept = accept();
        let most = accept.room_for(IN_FLIGHT_BYTES_MAX - 1).unwrap();
        let last = accept.room_for(1).unwrap();
        assert_eq!(accept.room_for(1).unwrap_err().code(), Code::TooBusy);
        drop(last);
        assert!(accept.room_for(1).is_ok());
        drop(most);
        assert_eq!(accept.room_for(usize::MAX).unwrap_err().code(), Code::TooBusy);
    }
}
