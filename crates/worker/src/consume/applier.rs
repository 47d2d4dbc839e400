//! Brings frames into the tables: together where that works, ever fewer at once where it does not, until what cannot be
//! applied stands alone and becomes a dead letter. No stranger is lost with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::event::Event;
use domain::ids::{DeadLetterId, EventId};
use domain::time::Timestamp;
use queue::Delivery;
use records::{Class, DeadLetter, Origin, Records, Unit};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::frames::{self, Content, caught};
use super::{Ended, letters};
use crate::apply::{Applied, apply};
use crate::bell::Bell;
use crate::watermark::Hand;
use crate::{Effects, Settings, now};

#[cfg(test)]
mod tests;

/// How often a frame is tried as a whole. What failed for a reason of the moment gets through.
const FRAME_TRIES_MAX: u32 = 3;

/// A frame whose tries were noted so often may be what ended the workers that tried it: now its events are tried alone. An
/// event whose tries alone were noted so often is not tried again.
const NOTED_TRIES_MAX: u32 = 3;

const UNSEEN: &str = "three workers ended while they applied it";

/// A frame as it came from the queue.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) body: Bytes,
    pub(super) redelivered: bool,
}

impl From<Delivery> for Arrived {
    fn from(delivery: Delivery) -> Self {
        Self {
            body: delivery.frame.body,
            redelivered: delivery.redelivered,
        }
    }
}

/// Frames that are not suspected of anything, and under which ids the tries of some of them are noted.
#[derive(Debug, Default)]
struct Trusted {
    frames: Vec<Bytes>,
    tries: Vec<DeadLetterId>,
}

pub(super) struct Applier {
    records: Records,
    effects: Effects,
    deadline: Duration,
    hand: Hand,
    /// Shared by all appliers of a worker.
    turns: Arc<Semaphore>,
    /// Rung when somebody is to be looked at.
    wakes: Bell,
    stop: CancellationToken,
    /// Not the id of any frame.
    own_id: DeadLetterId,
    /// Tries that this process has survived although they came to no end.
    survived: Vec<DeadLetterId>,
}

impl Applier {
    pub(super) fn new(
        records: Records,
        settings: &Settings,
        hand: Hand,
        turns: Arc<Semaphore>,
        wakes: Bell,
        stop: CancellationToken,
    ) -> Self {
        let own_name = format!("{} {}", settings.name, hand.number());
        Self {
            records,
            effects: settings.effects.clone(),
            deadline: settings.apply_deadline,
            hand,
            turns,
            wakes,
            stop,
            own_id: DeadLetterId::of_frame(own_name.as_bytes()),
            survived: Vec::new(),
        }
    }

    pub(super) fn number(&self) -> usize {
        self.hand.number()
    }

    /// Comes back without an error when every event of these frames is stored or buried.
    pub(super) async fn apply(&mut self, frames: Vec<Arrived>) -> Result<(), Ended> {
        self.hand.takes();
        let (trusted, suspects) = self.note_tries(frames).await?;
        self.apply_together(trusted, suspects.is_empty()).await?;
        for (frame, id) in suspects {
            self.apply_with_care(frame, id).await?;
        }
        self.survived.clear();
        self.hand.applied();
        Ok(())
    }

    /// What it was given and did not bring to an end comes again.
    pub(super) fn gives_back(&self) {
        self.hand.gives_back();
    }

    /// Whether the tables take a row: on a full disk they would still answer. Forgets the tries that were cut short by what
    /// kept the tables away, for nothing is known against these frames.
    pub(super) async fn can_write(&mut self) -> bool {
        let (own_id, survived) = (self.own_id, self.survived.clone());
        let written = self
            .within(move |unit| {
                unit.note_try(own_id)?;
                unit.forget_tries(&[own_id])?;
                unit.forget_tries(&survived)
            })
            .await;
        if written.is_ok() {
            self.survived.clear();
        }
        written.is_ok()
    }

    /// Notes, in a transaction of its own, which frames are tried again.
    async fn note_tries(&mut self, frames: Vec<Arrived>) -> Result<(Trusted, Vec<(Bytes, DeadLetterId)>), Ended> {
        let ids = frames
            .iter()
            .map(|frame| frame.redelivered.then(|| DeadLetterId::of_frame(&frame.body)))
            .collect::<Vec<_>>();
        let tries = self.note(ids.iter().flatten().copied().collect()).await?;
        let (mut trusted, mut suspects) = (Trusted::default(), Vec::new());
        for (frame, id) in frames.into_iter().zip(ids) {
            match id {
                Some(id) if tries.get(&id).is_some_and(|tries| *tries >= NOTED_TRIES_MAX) => {
                    suspects.push((frame.body, id));
                }
                id => {
                    trusted.frames.push(frame.body);
                    trusted.tries.extend(id);
                }
            }
        }
        trusted.tries.sort_unstable();
        Ok((trusted, suspects))
    }

    async fn note(&mut self, mut ids: Vec<DeadLetterId>) -> Result<BTreeMap<DeadLetterId, u32>, Ended> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        ids.sort_unstable();
        ids.dedup();
        self.survived.extend(&ids);
        let noting = self.within(move |unit| ids.iter().map(|id| Ok((*id, unit.note_try(*id)?))).collect());
        Ok(noting.await?)
    }

    async fn apply_together(&self, trusted: Trusted, are_all: bool) -> Result<(), Ended> {
        let Trusted { frames, tries } = trusted;
        if frames.is_empty() {
            return Ok(());
        }
        let content = self.read(frames.clone()).await?;
        if are_all && let Some(oldest) = oldest(&content.events) {
            self.hand.reads(oldest);
        }
        self.bury(content.unreadable, &[]).await?;
        let (events, started) = (Arc::new(content.events), Instant::now());
        match self.commit(&events, 0..events.len(), &tries).await {
            Ok(applied) => {
                metrics::histogram!("eh_apply_batch_seconds").record(started.elapsed());
                count(applied, &events, content.repeated);
                Ok(())
            }
            Err(error) if error.is_passing() => Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, frames = frames.len(), events = events.len(), "batch.refused");
                for frame in frames {
                    self.apply_frame(frame).await?;
                }
                self.forget(tries).await
            }
        }
    }

    /// Tries again what failed together with others. What cannot be read is buried already.
    async fn apply_frame(&self, frame: Bytes) -> Result<(), Ended> {
        let content = self.read(vec![frame]).await?;
        let events = Arc::new(content.events);
        for _ in 0..FRAME_TRIES_MAX {
            match self.commit(&events, 0..events.len(), &[]).await {
                Ok(applied) => {
                    count(applied, &events, content.repeated);
                    return Ok(());
                }
                Err(error) if error.is_passing() => return Err(error.into()),
                Err(error) => tracing::debug!(%error, events = events.len(), "frame.refused"),
            }
        }
        self.apply_apart(&events).await
    }

    /// Halves what fails until the event that fails stands alone, and buries it.
    async fn apply_apart(&self, events: &Arc<Vec<Event>>) -> Result<(), Ended> {
        let mut parts = Vec::from(halves(&(0..events.len())));
        while let Some(part) = parts.pop() {
            self.go_on()?;
            match self.commit(events, part.clone(), &[]).await {
                Ok(applied) => count(applied, &events[part], 0),
                Err(error) if error.is_passing() => return Err(error.into()),
                Err(error) if part.len() == 1 => {
                    self.bury_event(&events[part.start], &error.to_string(), &[]).await?;
                }
                Err(_) => parts.extend(halves(&part)),
            }
        }
        Ok(())
    }

    /// Says before each event that it is tried now, so that it is known should it end this process.
    async fn apply_with_care(&mut self, frame: Bytes, id: DeadLetterId) -> Result<(), Ended> {
        tracing::warn!(frame.id = %id, "frame.suspected");
        let content = self.read(vec![frame]).await?;
        self.bury(content.unreadable, &[]).await?;
        let events = Arc::new(content.events);
        for at in 0..events.len() {
            self.go_on()?;
            let (event, alone) = (&events[at], alone(id, events[at].event_id));
            let noted = self.note(vec![alone]).await?;
            if noted.values().any(|tries| *tries >= NOTED_TRIES_MAX) {
                self.bury_event(event, UNSEEN, &[alone]).await?;
            } else {
                self.apply_alone(&events, at, alone).await?;
            }
            // It is forgotten with what was committed.
            self.survived.pop();
        }
        self.forget(vec![id]).await
    }

    async fn apply_alone(&self, events: &Arc<Vec<Event>>, at: usize, alone: DeadLetterId) -> Result<(), Ended> {
        let part = at..at + 1;
        match self.commit(events, part.clone(), &[alone]).await {
            Ok(applied) => {
                count(applied, &events[part], 0);
                Ok(())
            }
            Err(error) if error.is_passing() => Err(error.into()),
            Err(error) => self.bury_event(&events[at], &error.to_string(), &[alone]).await,
        }
    }

    /// Reads frames, off the threads that wait for others.
    async fn read(&self, frames: Vec<Bytes>) -> Result<Content, Ended> {
        let reading = tokio::task::spawn_blocking(move || frames::read(&frames, now()));
        let read = reading.await.map_err(|error| records::Error::Broken(error.to_string()));
        Ok(read?)
    }

    /// One transaction: these events take effect, and the tries are over.
    async fn commit(
        &self,
        events: &Arc<Vec<Event>>,
        part: Range<usize>,
        tries: &[DeadLetterId],
    ) -> records::Result<Applied> {
        let _turn = self.turns.acquire().await;
        let (effects, events, tries) = (self.effects.clone(), Arc::clone(events), tries.to_vec());
        let committed = self.within(move |unit| {
            let applied = without_panic(|| apply(unit, &effects, &events[part.clone()], Origin::DOOR))?;
            if !tries.is_empty() {
                unit.forget_tries(&tries)?;
            }
            Ok(applied)
        });
        let applied = committed.await?;
        if applied.wakes {
            self.wakes.ring();
        }
        Ok(applied)
    }

    async fn bury_event(&self, event: &Event, reason: &str, tries: &[DeadLetterId]) -> Result<(), Ended> {
        let letter = letters::of_event(event, reason, now());
        let letter = letter.map_err(|error| records::Error::Broken(error.to_string()))?;
        self.bury(vec![letter], tries).await
    }

    async fn bury(&self, letters: Vec<DeadLetter>, tries: &[DeadLetterId]) -> Result<(), Ended> {
        if letters.is_empty() {
            return Ok(());
        }
        let (buried, tries) = (Arc::new(letters), tries.to_vec());
        let letters = Arc::clone(&buried);
        self.within(move |unit| {
            letters.iter().try_for_each(|letter| unit.bury(letter))?;
            unit.forget_tries(&tries)
        })
        .await?;
        buried.iter().for_each(letters::log);
        Ok(())
    }

    async fn forget(&self, tries: Vec<DeadLetterId>) -> Result<(), Ended> {
        if !tries.is_empty() {
            self.within(move |unit| unit.forget_tries(&tries)).await?;
        }
        Ok(())
    }

    async fn within<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
    ) -> records::Result<T> {
        self.records.within(Class::Apply, self.deadline, work).await
    }

    /// Going on event by event may take long, and what is left comes again.
    fn go_on(&self) -> Result<(), Ended> {
        if self.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        Ok(())
    }
}

/// Under which id it is noted that this event of this frame is tried alone. A frame of one event has another id than this,
/// so that nothing is held against the event that happened to its whole batch.
fn alone(frame: DeadLetterId, event: EventId) -> DeadLetterId {
    DeadLetterId::of_frame(&[*frame.as_uuid().as_bytes(), *event.as_uuid().as_bytes()].concat())
}

/// The first half last, as it is taken from a stack.
fn halves(part: &Range<usize>) -> [Range<usize>; 2] {
    let middle = part.start + part.len().div_ceil(2);
    [middle..part.end, part.start..middle]
}

/// The transaction must be rolled back by who began it, and so it must see an error.
pub(crate) fn without_panic<T>(work: impl FnOnce() -> records::Result<T>) -> records::Result<T> {
    caught(work).map_err(records::Error::Broken)?
}

fn count(applied: Applied, events: &[Event], repeated: u64) {
    let duplicate = events.len() as u64 - applied.new + repeated;
    metrics::counter!("eh_apply_events_total", "outcome" => "new").increment(applied.new);
    metrics::counter!("eh_apply_events_total", "outcome" => "duplicate").increment(duplicate);
    if let Some(oldest) = oldest(events) {
        let lag_micros = now().as_micros() - oldest.as_micros();
        metrics::histogram!("eh_apply_lag_seconds").record(Duration::from_micros(lag_micros.max(0).cast_unsigned()));
    }
}

fn oldest(events: &[Event]) -> Option<Timestamp> {
    events.iter().map(|event| event.received_at).min()
}
