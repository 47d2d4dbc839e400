//! What the console sees as it happens: events that were accepted here, some of those in files, the progress of all jobs,
//! counters. Gathered for a moment, then told to all sockets at once.

mod frames;
mod gathered;
mod told;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use domain::job::Progress;
use domain::message::{FILE_EVENTS_TOPIC, FileEvents, JOBS_TOPIC};
use domain::time::Timestamp;
use queue::{Live, Topic};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use self::frames::{Counters, LiveFrame};
use self::gathered::Gathered;
pub(crate) use self::gathered::Tail;
use crate::stopping::Stopping;

/// Often enough to look alive, seldom enough to cost nothing.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Counters are told once a second.
const TICKS_PER_COUNTERS: u32 = 4;
/// Frames that a slow socket may be behind before it is let go: it comes back and looks for itself.
const FRAMES_BEHIND_MAX: usize = 64;

/// Cheap to clone; every clone is the same feed.
#[derive(Clone, Debug)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sockets: broadcast::Sender<ByteString>,
    gathered: Mutex<Gathered>,
    accepted: AtomicU64,
    rejected: AtomicU64,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            sockets: broadcast::Sender::new(FRAMES_BEHIND_MAX),
            gathered: Mutex::default(),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }))
    }

    /// Begins to listen; ends with the process.
    pub(crate) fn start(&self, live: &dyn Live, stopping: Stopping) {
        tokio::spawn(self.clone().follow(live.listen(), stopping));
    }

    /// For events that are under way.
    pub(crate) fn tail(&self) -> Tail {
        Tail::new(self.is_watched())
    }

    /// They were confirmed.
    pub(crate) fn tell(&self, tail: Tail) {
        self.0.accepted.fetch_add(tail.accepted(), Ordering::Relaxed);
        if self.is_watched() {
            self.gathered().add(tail);
        }
    }

    pub(crate) fn count_rejected(&self, events: u64) {
        self.0.rejected.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            at: Timestamp::from_micros(chrono::Utc::now().timestamp_micros()),
            events_accepted: self.0.accepted.load(Ordering::Relaxed),
            events_rejected: self.0.rejected.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<ByteString> {
        self.0.sockets.subscribe()
    }

    fn is_watched(&self) -> bool {
        self.0.sockets.receiver_count() > 0
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        // Nothing that holds this lock can leave it half changed.
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(self, mut notes: broadcast::Receiver<(Topic, Bytes)>, stopping: Stopping) {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut hears, mut ticked) = (true, 0_u32);
        loop {
            tokio::select! {
                () = stopping.begins() => return,
                _ = ticks.tick() => {
                    ticked = ticked.wrapping_add(1);
                    self.tell_sockets(ticked.is_multiple_of(TICKS_PER_COUNTERS));
                }
                note = notes.recv(), if hears => match note {
                    Ok((topic, note)) => self.hear(&topic, &note),
                    Err(RecvError::Lagged(_)) => self.gathered().missed = true,
                    Err(RecvError::Closed) => hears = false,
                },
            }
        }
    }

    fn hear(&self, topic: &Topic, note: &[u8]) {
        if !self.is_watched() {
            return;
        }
        match topic.0.as_str() {
            // The hub of the jobs says in the log what cannot be read.
            JOBS_TOPIC => {
                if let Ok(progress) = serde_json::from_slice::<Progress>(note) {
                    self.gathered().note(progress);
                }
            }
            FILE_EVENTS_TOPIC => match serde_json::from_slice::<FileEvents>(note) {
                Ok(events) => self.gathered().add_of_file(events),
                Err(error) => tracing::debug!(error = %error, "live.note_unreadable"),
            },
            _ => {}
        }
    }

    fn tell_sockets(&self, with_counters: bool) {
        let gathered = std::mem::take(&mut *self.gathered());
        if !self.is_watched() {
            return;
        }
        let counters = with_counters.then(|| LiveFrame::Counters(self.counters()));
        for frame in gathered.into_frames().chain(counters) {
            match serde_json::to_string(&frame) {
                // Whoever left meanwhile misses nothing.
                Ok(text) => drop(self.0.sockets.send(text.into())),
                Err(error) => tracing::error!(error = %error, "live.frame_failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::gathered::tests::progress;
    use super::*;

    #[test]
    fn nothing_is_gathered_while_nobody_looks() {
        let feed = Feed::new();
        let note = serde_json::to_vec(&progress(1)).unwrap();
        let frames = || std::mem::take(&mut *feed.gathered()).into_frames().count();
        feed.hear(&Topic(JOBS_TOPIC.to_owned()), &note);
        assert_eq!(frames(), 0);
        let _socket = feed.listen();
        feed.hear(&Topic(JOBS_TOPIC.to_owned()), &note);
        assert_eq!(frames(), 1);
    }
}
