//! Which frames wait, in order, in memory; the file behind it is only read when a body is not kept here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::store::now_ms;
use crate::{Backlog, Frame, Lane, Limits, Lost};

pub(super) type Sequence = i64;

/// What is read from the file at once when memory does not hold it.
const FRAMES_READ_MAX: usize = 64;
const BYTES_READ_MAX: usize = 4 << 20;

/// A stored frame. The body is absent when memory was short or it was delivered before; the file has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) items: u32,
    pub(super) bytes: usize,
    pub(super) stored_at_ms: i64,
    pub(super) body: Option<Bytes>,
    pub(super) redelivered: bool,
}

/// What stands first in a lane.
pub(super) enum Front {
    Nothing,
    /// Taken out of the lane, with its body.
    Taken(Sequence, Entry, Bytes),
    /// Still in the lane; its body is to be read from the file, with those of some frames behind it.
    OnDisk {
        first: Sequence,
        frames: usize,
    },
}

#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    waiting: Mutex<Waiting>,
    arrived: [Notify; Lane::ALL.len()],
}

#[derive(Debug, Default)]
struct Waiting {
    ready: [BTreeMap<Sequence, Entry>; Lane::ALL.len()],
    frames: usize,
    bytes: usize,
    bytes_in_memory: usize,
    next_sequence: Sequence,
    intakes: u64,
    write_failure: Option<String>,
}

impl Lanes {
    pub(super) fn new(limits: Limits, stored: Vec<(Lane, Sequence, Entry)>) -> Self {
        let mut waiting = Waiting {
            next_sequence: 1,
            ..Waiting::default()
        };
        for (lane, sequence, entry) in stored {
            waiting.frames += 1;
            waiting.bytes += entry.bytes;
            waiting.next_sequence = waiting.next_sequence.max(sequence + 1);
            waiting.ready[lane as usize].insert(sequence, entry);
        }
        Self {
            limits,
            waiting: Mutex::new(waiting),
            arrived: Default::default(),
        }
    }

    /// Nothing that holds this lock can leave the numbers half changed, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one frame more, counted from now on until it is settled or released.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let mut waiting = self.lock();
        let fits = waiting.frames < self.limits.frames_max && waiting.bytes + bytes <= self.limits.bytes_max;
        if fits {
            waiting.frames += 1;
            waiting.bytes += bytes;
        }
        fits
    }

    pub(super) fn release(&self, frames: usize, bytes: usize) {
        let mut waiting = self.lock();
        waiting.frames = waiting.frames.saturating_sub(frames);
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
    }

    pub(super) fn next_sequence(&self) -> Sequence {
        let mut waiting = self.lock();
        waiting.next_sequence += 1;
        waiting.next_sequence - 1
    }

    pub(super) fn next_generation(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.intakes += 1;
        waiting.intakes
    }

    /// A frame that is now on the disk and was reserved before.
    pub(super) fn add(&self, lane: Lane, sequence: Sequence, frame: Frame, stored_at_ms: i64) {
        let mut waiting = self.lock();
        let bytes = frame.body.len();
        let keep = waiting.bytes_in_memory + bytes <= self.limits.memory_bytes_max;
        let body = keep.then_some(frame.body);
        waiting.bytes_in_memory += body.as_ref().map_or(0, Bytes::len);
        let entry = Entry {
            items: frame.items,
            bytes,
            stored_at_ms,
            body,
            redelivered: false,
        };
        waiting.ready[lane as usize].insert(sequence, entry);
        drop(waiting);
        self.arrived[lane as usize].notify_waiters();
    }

    pub(super) fn give_back(&self, lane: Lane, entries: Vec<(Sequence, Entry)>) {
        if entries.is_empty() {
            return;
        }
        let given_back = entries.into_iter().map(|(sequence, entry)| {
            (
                sequence,
                Entry {
                    redelivered: true,
                    ..entry
                },
            )
        });
        self.lock().ready[lane as usize].extend(given_back);
        self.arrived[lane as usize].notify_waiters();
    }

    pub(super) fn take_front(&self, lane: Lane) -> Front {
        let mut waiting = self.lock();
        let ready = &mut waiting.ready[lane as usize];
        let Some((&first, entry)) = ready.first_key_value() else {
            return Front::Nothing;
        };
        if entry.body.is_none() {
            return Front::OnDisk {
                first,
                frames: frames_to_read(ready),
            };
        }
        let Some((sequence, mut entry)) = ready.pop_first() else {
            return Front::Nothing;
        };
        let body = entry.body.take().unwrap_or_default();
        waiting.bytes_in_memory = waiting.bytes_in_memory.saturating_sub(body.len());
        Front::Taken(sequence, entry, body)
    }

    /// Bodies that were read from the file, for those frames that still wait for one.
    pub(super) fn fill(&self, lane: Lane, bodies: Vec<(Sequence, Bytes)>) {
        let mut waiting = self.lock();
        for (sequence, body) in bodies {
            let Some(entry) = waiting.ready[lane as usize].get_mut(&sequence) else {
                continue;
            };
            if entry.body.is_none() {
                let bytes = body.len();
                entry.body = Some(body);
                waiting.bytes_in_memory += bytes;
            }
        }
    }

    /// A frame that the file does not have: somebody changed the file. Everything behind it must not wait for it.
    pub(super) fn forget(&self, lane: Lane, sequence: Sequence) {
        let gone = self.lock().ready[lane as usize].remove(&sequence);
        if let Some(entry) = gone {
            tracing::error!(lane = lane.name(), sequence, "queue.frame_missing");
            self.release(1, entry.bytes);
        }
    }

    pub(super) fn arrived(&self, lane: Lane) -> &Notify {
        &self.arrived[lane as usize]
    }

    pub(super) fn backlog(&self, lane: Lane) -> Backlog {
        let waiting = self.lock();
        let ready = &waiting.ready[lane as usize];
        let age = |entry: &Entry| Duration::from_millis(u64::try_from(now_ms() - entry.stored_at_ms).unwrap_or(0));
        Backlog {
            frames: ready.len() as u64,
            oldest_age: ready.values().next().map(age),
        }
    }

    pub(super) fn note_write(&self, failure: Option<String>) {
        self.lock().write_failure = failure;
    }

    pub(super) fn last_write(&self) -> Result<(), Lost> {
        self.lock()
            .write_failure
            .clone()
            .map_or(Ok(()), |reason| Err(Lost(reason)))
    }
}

/// As many as come within the bounds, but always the first one.
fn frames_to_read(ready: &BTreeMap<Sequence, Entry>) -> usize {
    let mut bytes = 0;
    let within = ready.values().take(FRAMES_READ_MAX).take_while(|entry| {
        bytes += entry.bytes;
        bytes <= BYTES_READ_MAX
    });
    within.count().max(1)
}
