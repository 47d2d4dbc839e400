//! The watermark: which accepted events this worker may still hold, said once a second. A message leaves only when all that
//! was accepted before it was due has been applied, by whichever worker.
//!
//! What is said must be true, and may be less than the truth:
//! * Before its first frame a worker says that it may hold anything.
//! * From the moment a batch is handed over until it has been read nobody knows how old it is: what was said last is said
//!   again.
//! * Frames that were handed over and are in no batch yet are younger than those of the batch before them, for frames come
//!   in order and what is delivered again comes first. So a batch counts for a moment after it was applied, until the next
//!   one would have come; and an idle worker says a moment less than now.
//! * Frames that were given back, or lost with the queue, count until the queue must have them again.
//! * What is still on its way to the queue was not accepted yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::time::Timestamp;
use queue::Lane;
use records::{Class, Unit};
use tokio_util::sync::CancellationToken;

use crate::{Worker, now};

const EVERY: Duration = Duration::from_secs(1);

/// Between the queue and the batch that is gathered a frame stays no longer, besides the time that is waited for company.
const HANDOVER: Duration = Duration::from_millis(100);

/// So long a broker may take to see that a connection is gone.
const RETURNED_WITHIN: Duration = Duration::from_secs(20);

const DEADLINE: Duration = Duration::from_secs(5);

/// Before anything was accepted.
const NOTHING_KNOWN: Timestamp = Timestamp::from_micros(0);

/// What the consumers of a worker hold. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Hands {
    states: Arc<Mutex<Vec<State>>>,
    handover: Duration,
}

/// What one consumer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    /// Frames that nobody has read yet.
    Unread,
    /// Nothing that was accepted before this.
    Holds(Timestamp),
    /// It holds nothing any more, and still counts as if it did until then.
    LetGo {
        oldest: Option<Timestamp>,
        until: Instant,
    },
}

/// What all of them hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Since(Timestamp),
    Unknown,
}

impl Hands {
    pub(crate) fn new(linger: Duration) -> Self {
        Self {
            states: Arc::default(),
            handover: HANDOVER + linger,
        }
    }

    /// For one more consumer.
    pub(crate) fn one_more(&self) -> Hand {
        let mut states = lock(&self.states);
        states.push(State::Empty);
        Hand {
            number: states.len() - 1,
            hands: self.clone(),
        }
    }

    fn held(&self, at: Instant) -> Held {
        let states = lock(&self.states);
        states.iter().map(|state| state.held(at)).fold(Held::Nothing, Held::and)
    }
}

impl State {
    fn held(self, at: Instant) -> Held {
        match self {
            Self::Empty => Held::Nothing,
            Self::LetGo { until, .. } if until <= at => Held::Nothing,
            Self::Unread | Self::LetGo { oldest: None, .. } => Held::Unknown,
            Self::Holds(oldest)
            | Self::LetGo {
                oldest: Some(oldest), ..
            } => Held::Since(oldest),
        }
    }

    const fn oldest(self) -> Option<Timestamp> {
        match self {
            Self::Holds(oldest) => Some(oldest),
            Self::LetGo { oldest, .. } => oldest,
            Self::Empty | Self::Unread => None,
        }
    }
}

impl Held {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Nothing, held) | (held, Self::Nothing) => held,
            (Self::Since(one), Self::Since(other)) => Self::Since(one.min(other)),
        }
    }
}

/// What one consumer says about itself.
#[derive(Debug)]
pub(crate) struct Hand {
    hands: Hands,
    number: usize,
}

impl Hand {
    /// From 0.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// In the same breath in which it gets a batch.
    pub(crate) fn takes(&self) {
        self.set(|_| State::Unread);
    }

    /// All that it holds has been read.
    pub(crate) fn reads(&self, oldest: Timestamp) {
        self.set(|_| State::Holds(oldest));
    }

    /// All that it holds has been committed.
    pub(crate) fn applied(&self) {
        let until = Instant::now() + self.hands.handover;
        self.set(|state| State::LetGo {
            oldest: state.oldest(),
            until,
        });
    }

    /// What it holds, if anything, comes again, to whomever.
    pub(crate) fn gives_back(&self) {
        let until = Instant::now() + RETURNED_WITHIN;
        self.set(|state| match state {
            State::Empty | State::LetGo { .. } => state,
            State::Unread | State::Holds(_) => State::LetGo {
                oldest: state.oldest(),
                until,
            },
        });
    }

    fn set(&self, next: impl FnOnce(State) -> State) {
        if let Some(state) = lock(&self.hands.states).get_mut(self.number) {
            *state = next(*state);
        }
    }
}

fn lock(states: &Mutex<Vec<State>>) -> MutexGuard<'_, Vec<State>> {
    // A state is one value: whoever panicked left none half written.
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that this worker may hold anything: before it takes its first frame.
pub(crate) async fn arrive(worker: &Worker) {
    note(worker, NOTHING_KNOWN).await;
}

/// Says it once a second until the consumers have ended, and then that nobody need wait for this worker any more.
pub(crate) async fn run(worker: Arc<Worker>, hands: Hands, consumed: CancellationToken) {
    let mut last = NOTHING_KNOWN;
    while !consumed.is_cancelled() {
        last = accepted_before(&worker, &hands).await.unwrap_or(last);
        note(&worker, last).await;
        tokio::select! {
            () = consumed.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    let name = worker.settings.name.clone();
    let forget = move |unit: &mut dyn Unit| unit.forget_watermark(&name);
    if let Err(error) = worker.records.within(Class::Background, DEADLINE, forget).await {
        tracing::warn!(%error, "watermark.not_forgotten");
    }
}

/// `None`: more than was said last cannot be said.
async fn accepted_before(worker: &Worker, hands: &Hands) -> Option<Timestamp> {
    // Whatever is taken from the queue after it was asked is seen in the hands, which are looked at last.
    let asked_at = now();
    let backlog = tokio::time::timeout(DEADLINE, worker.queue.backlog(Lane::Events)).await;
    let is_empty = matches!(backlog, Ok(Ok(backlog)) if backlog.frames == 0);
    match hands.held(Instant::now()) {
        Held::Since(oldest) => Some(oldest),
        Held::Nothing if is_empty => Some(asked_at.minus(hands.handover)),
        Held::Nothing | Held::Unknown => None,
    }
}

async fn note(worker: &Worker, accepted_before: Timestamp) {
    let name = worker.settings.name.clone();
    let note = move |unit: &mut dyn Unit| unit.note_watermark(&name, accepted_before);
    if let Err(error) = worker.records.within(Class::Background, DEADLINE, note).await {
        tracing::debug!(%error, "watermark.not_noted");
    }
}

#[cfg(test)]
mod tests;
