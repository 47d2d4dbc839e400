//! What this process published and has not settled yet: so that a reader beside the workers can wait for what was answered
//! before it asked. It looks at the frames that pass, and works the same whatever carries them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::{Delivery, Frame, Intake, Lane, Lost, Tag};

/// What takes longer is being settled elsewhere, or hangs; nobody waits for it any more.
const FORGET_AFTER: Duration = Duration::from_secs(1);
/// A frame is known by its length and so many bytes at its beginning, where the ids are.
const KNOWN_BYTES: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    lanes: [Arc<LaneOutstanding>; Lane::ALL.len()],
}

#[derive(Debug, Default)]
struct LaneOutstanding {
    frames: Mutex<Frames>,
    fewer: Notify,
}

#[derive(Debug, Default)]
struct Frames {
    /// Without one of our own, nobody here would ever settle anything. A queue within this process counts as one: whoever will
    /// settle its frames may only be about to begin.
    intakes: usize,
    numbered: u64,
    waiting: BTreeMap<u64, Waiting>,
    numbers: HashMap<u64, u64>,
}

#[derive(Debug)]
struct Waiting {
    likeness: u64,
    since: Instant,
}

impl Outstanding {
    /// Of a queue that no other process shares.
    pub(crate) fn of_own_queue() -> Self {
        let outstanding = Self::default();
        for lane in &outstanding.lanes {
            lane.frames().intakes = 1;
        }
        outstanding
    }

    /// A frame is about to be published: it may be settled before its confirm is here. What it is recognised by, if
    /// anybody here would settle it.
    pub(crate) fn add(&self, lane: Lane, frame: &Frame) -> Option<u64> {
        // An ingest of many has no intake: there a frame costs no more than this look.
        if self.of(lane).frames().intakes == 0 {
            return None;
        }
        let likeness = likeness(frame);
        self.of(lane).frames().add(likeness);
        Some(likeness)
    }

    /// The frame was refused.
    pub(crate) fn remove(&self, lane: Lane, likeness: u64) {
        self.of(lane).remove(likeness);
    }

    pub(crate) async fn caught_up(&self, lane: Lane, patience: Duration) {
        let lane = self.of(lane);
        let mark = lane.frames().numbered;
        // Nobody waits for more than `patience`; who has waited that long reads what is there.
        let _ = timeout(patience, lane.until_settled(mark)).await;
    }

    pub(crate) fn watch(&self, lane: Lane, inner: Box<dyn Intake>) -> Box<dyn Intake> {
        let lane = Arc::clone(self.of(lane));
        lane.frames().intakes += 1;
        Box::new(WatchedIntake {
            inner,
            lane,
            delivered: VecDeque::new(),
        })
    }

    fn of(&self, lane: Lane) -> &Arc<LaneOutstanding> {
        &self.lanes[lane as usize]
    }
}

impl LaneOutstanding {
    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, likeness: u64) {
        self.frames().remove(likeness);
        self.fewer.notify_waiters();
    }

    async fn until_settled(&self, mark: u64) {
        loop {
            let fewer = self.fewer.notified();
            let mut fewer = std::pin::pin!(fewer);
            fewer.as_mut().enable();
            if self.frames().are_settled(mark) {
                return;
            }
            fewer.await;
        }
    }
}

impl Frames {
    fn add(&mut self, likeness: u64) {
        self.forget_old();
        self.remove(likeness);
        self.numbered += 1;
        let since = Instant::now();
        self.waiting.insert(self.numbered, Waiting { likeness, since });
        self.numbers.insert(likeness, self.numbered);
    }

    fn remove(&mut self, likeness: u64) {
        if let Some(number) = self.numbers.remove(&likeness) {
            self.waiting.remove(&number);
        }
    }

    fn forget_old(&mut self) {
        while let Some(oldest) = self.waiting.first_entry()
            && oldest.get().since.elapsed() > FORGET_AFTER
        {
            self.numbers.remove(&oldest.remove().likeness);
        }
    }

    fn are_settled(&mut self, mark: u64) -> bool {
        self.forget_old();
        self.intakes == 0 || self.waiting.keys().next().is_none_or(|first| *first > mark)
    }
}

/// What a frame is recognised by when it comes out again.
fn likeness(frame: &Frame) -> u64 {
    let mut hasher = DefaultHasher::new();
    frame.body.len().hash(&mut hasher);
    frame.body[..frame.body.len().min(KNOWN_BYTES)].hash(&mut hasher);
    hasher.finish()
}

struct WatchedIntake {
    inner: Box<dyn Intake>,
    lane: Arc<LaneOutstanding>,
    delivered: VecDeque<(Tag, u64)>,
}

#[async_trait]
impl Intake for WatchedIntake {
    async fn batch(&mut self, items_max: usize, linger: Duration) -> Result<Vec<Delivery>, Lost> {
        let batch = self.inner.batch(items_max, linger).await?;
        let seen = batch.iter().map(|delivery| (delivery.tag, likeness(&delivery.frame)));
        self.delivered.extend(seen);
        Ok(batch)
    }

    async fn settle(&mut self, last: Tag) -> Result<(), Lost> {
        self.inner.settle(last).await?;
        let settled = self.delivered.iter().position(|(tag, _)| *tag == last);
        let settled = settled.map_or(0, |at| at + 1);
        for (_, likeness) in self.delivered.drain(..settled) {
            self.lane.remove(likeness);
        }
        Ok(())
    }
}

impl Drop for WatchedIntake {
    fn drop(&mut self) {
        self.lane.frames().intakes -= 1;
        self.lane.fewer.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_frame_that_was_settled_elsewhere() {
        let mut frames = Frames {
            intakes: 1,
            ..Frames::default()
        };
        frames.add(7);
        assert!(!frames.are_settled(frames.numbered));
        for waiting in frames.waiting.values_mut() {
            waiting.since -= 2 * FORGET_AFTER;
        }
        assert!(frames.are_settled(frames.numbered));
        assert!(frames.numbers.is_empty());
    }
}
