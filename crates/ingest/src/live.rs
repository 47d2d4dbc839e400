//! Jobs that somebody watches: the latest of each, from the rows and from notes, handed on only forwards.

pub(crate) mod feed;
pub(crate) mod onlooker;
pub(crate) mod place;
pub(crate) mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::ids::JobId;
use domain::job::Progress;
use domain::message::JOBS_TOPIC;
use queue::{Live, Topic};
use records::{Class, Records};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::MissedTickBehavior;

use crate::stopping::Stopping;

/// Notes may be lost, so the rows are looked at as well.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Notes wait while the rows are read.
const POLL_DEADLINE: Duration = Duration::from_secs(1);

/// One channel per watched job. Cheap to clone; every clone is the same hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hub {
    watched: Arc<Mutex<HashMap<JobId, watch::Sender<Progress>>>>,
}

impl Hub {
    /// Begins to listen; ends with the process.
    pub(crate) fn start(records: Records, live: &dyn Live, stopping: Stopping) -> Self {
        let hub = Self::default();
        tokio::spawn(hub.clone().follow(records, live.listen(), stopping));
        hub
    }

    /// What becomes of a job, from what is known of it on.
    pub(crate) fn watch(&self, known: Progress) -> watch::Receiver<Progress> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match watched.get(&known.job_id) {
            Some(channel) => {
                let receiver = channel.subscribe();
                offer(channel, known);
                receiver
            }
            None => {
                let job_id = known.job_id;
                let (channel, receiver) = watch::channel(known);
                watched.insert(job_id, channel);
                receiver
            }
        }
    }

    async fn follow(self, records: Records, mut notes: broadcast::Receiver<(Topic, Bytes)>, stopping: Stopping) {
        let mut ticks = tokio::time::interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hears = true;
        loop {
            tokio::select! {
                () = stopping.begins() => return,
                _ = ticks.tick() => self.poll(&records).await,
                note = notes.recv(), if hears => match note {
                    Ok((topic, note)) => self.hear(&topic, &note),
                    Err(RecvError::Lagged(_)) => self.poll(&records).await,
                    Err(RecvError::Closed) => hears = false,
                },
            }
        }
    }

    fn hear(&self, topic: &Topic, note: &[u8]) {
        if topic.0 != JOBS_TOPIC {
            return;
        }
        match serde_json::from_slice::<Progress>(note) {
            Ok(progress) => self.offer(progress),
            Err(error) => tracing::debug!(error = %error, "job.note_unreadable"),
        }
    }

    fn offer(&self, progress: Progress) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = watched.get(&progress.job_id) {
            offer(channel, progress);
        }
    }

    async fn poll(&self, records: &Records) {
        let ids = self.still_watched();
        if ids.is_empty() {
            return;
        }
        let read = records.within(Class::Reads, POLL_DEADLINE, move |unit| {
            ids.iter().map(|id| unit.progress(*id)).collect::<Result<Vec<_>, _>>()
        });
        match read.await {
            Ok(rows) => rows.into_iter().flatten().for_each(|progress| self.offer(progress)),
            Err(error) => tracing::warn!(error = %error, "live.poll_failed"),
        }
    }

    /// Forgets what nobody watches any more.
    fn still_watched(&self) -> Vec<JobId> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, channel| channel.receiver_count() > 0);
        watched.keys().copied().collect()
    }
}

/// The one rule: only what is newer replaces what is known.
fn offer(channel: &watch::Sender<Progress>, progress: Progress) {
    channel.send_if_modified(|latest| {
        let newer = progress.version() > latest.version();
        if newer {
            *latest = progress;
        }
        newer
    });
}

#[cfg(test)]
mod tests {
    use domain::job::{JobStatus, LineCounts};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const LINES: u64 = 20;

    fn progress(status: JobStatus, lines_done: u64) -> Progress {
        let counts = LineCounts {
            ingested: lines_done,
            ..LineCounts::default()
        };
        Progress {
            job_id: JobId::new(Uuid::nil()),
            status,
            run: 0,
            stages: Vec::new(),
            lines_total: LINES,
            counts,
        }
    }

    fn way_of_a_job() -> Vec<Progress> {
        let mut way = vec![progress(JobStatus::Queued, 0)];
        way.extend((0..=LINES).map(|done| progress(JobStatus::Processing, done)));
        way.push(progress(JobStatus::Completed, LINES));
        way
    }

    proptest! {
        #[test]
        fn never_backwards_and_the_end_always_arrives(
            notes in Just(way_of_a_job()).prop_shuffle(),
            repeated in prop::collection::vec(0_usize..22, 0..20),
            looks in prop::collection::vec(any::<bool>(), 64),
        ) {
            let hub = Hub::default();
            let mut watcher = hub.watch(progress(JobStatus::Queued, 0));
            let repeats = repeated.iter().map(|at| notes[*at].clone()).collect::<Vec<_>>();
            let mut seen = vec![watcher.borrow_and_update().clone()];
            for (note, look) in notes.iter().cloned().chain(repeats).zip(looks) {
                hub.offer(note);
                if look && watcher.has_changed().unwrap() {
                    seen.push(watcher.borrow_and_update().clone());
                }
            }
            if watcher.has_changed().unwrap() {
                seen.push(watcher.borrow_and_update().clone());
            }
            prop_assert!(seen.windows(2).all(|pair| pair[0].version() < pair[1].version()));
            prop_assert_eq!(seen.last().map(|last| last.status), Some(JobStatus::Completed));
        }
    }

    #[test]
    fn a_second_watcher_brings_news_to_the_first() {
        let hub = Hub::default();
        let first = hub.watch(progress(JobStatus::Processing, 3));
        let second = hub.watch(progress(JobStatus::Processing, 5));
        assert_eq!(first.borrow().counts.ingested, 5);
        let third = hub.watch(progress(JobStatus::Processing, 4));
        assert_eq!(
            (second.borrow().counts.ingested, third.borrow().counts.ingested),
            (5, 5)
        );
    }

    #[test]
    fn what_nobody_watches_is_forgotten() {
        let hub = Hub::default();
        let watcher = hub.watch(progress(JobStatus::Queued, 0));
        assert_eq!(hub.still_watched().len(), 1);
        drop(watcher);
        assert!(hub.still_watched().is_empty());
    }
}
