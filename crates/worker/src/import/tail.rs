//! Shows whoever watches some of the events that come out of files: so many a second, however fast the files are read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::event::Event;
use domain::ids::JobId;
use domain::message::{EventSample, FILE_EVENTS_TOPIC, FileEvents};
use queue::{Live, Topic};

/// Of all files that a worker reads, together. Nobody reads faster, and posted events should not drown in them.
const TOLD_PER_SECOND_MAX: usize = 20;

const SECOND: Duration = Duration::from_secs(1);

/// Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    live: Arc<dyn Live>,
    budget: Arc<Mutex<Budget>>,
}

#[derive(Debug)]
struct Budget {
    second_began: Instant,
    left: usize,
}

impl Tail {
    pub(super) fn new(live: Arc<dyn Live>) -> Self {
        let budget = Budget {
            second_began: Instant::now(),
            left: TOLD_PER_SECOND_MAX,
        };
        Self {
            live,
            budget: Arc::new(Mutex::new(budget)),
        }
    }

    /// Tells of events that were stored: of as many of these samples as there is room for, and how many more there were.
    pub(super) fn tell(&self, job_id: JobId, mut samples: Vec<EventSample>, stored: u64) {
        if stored == 0 {
            return;
        }
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        samples.truncate(budget.take(samples.len(), Instant::now()));
        drop(budget);
        let skipped = stored.saturating_sub(samples.len() as u64);
        let note = FileEvents {
            job_id,
            events: samples,
            skipped,
        };
        match serde_json::to_vec(&note) {
            Ok(note) => self.live.announce(Topic(FILE_EVENTS_TOPIC.to_owned()), note.into()),
            Err(error) => tracing::error!(%error, "file_events.unwritable"),
        }
    }
}

impl Budget {
    /// How many of so many may be told now.
    fn take(&mut self, wanted: usize, at: Instant) -> usize {
        if at.saturating_duration_since(self.second_began) >= SECOND {
            self.second_began = at;
            self.left = TOLD_PER_SECOND_MAX;
        }
        let taken = wanted.min(self.left);
        self.left -= taken;
        taken
    }
}

/// Some of them, from the first to the last, and no more than can be told.
pub(super) fn samples(events: &[&Event]) -> Vec<EventSample> {
    let step = events.len().div_ceil(TOLD_PER_SECOND_MAX).max(1);
    events
        .iter()
        .step_by(step)
        .map(|event| EventSample::of(event))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_room_for_so_many() {
        let began = Instant::now();
        let mut budget = Budget {
            second_began: began,
            left: TOLD_PER_SECOND_MAX,
        };
        let late = began + SECOND - Duration::from_millis(1);
        assert_eq!(budget.take(15, began), 15);
        assert_eq!(budget.take(15, late), TOLD_PER_SECOND_MAX - 15);
        assert_eq!(budget.take(1, late), 0);
        assert_eq!(budget.take(100, began + SECOND), TOLD_PER_SECOND_MAX);
    }

    #[test]
    fn samples_reach_from_the_first_to_the_end() {
        let event: Event = serde_json::from_str(
            r#"{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"view","user_id":"u",
                "timestamp":"2026-05-28T10:00:00Z","received_at":"2026-05-28T10:00:00Z","payload":{}}"#,
        )
        .unwrap();
        let taken = |count: usize| samples(&vec![&event; count]).len();
        assert_eq!([taken(0), taken(1), taken(20)], [0, 1, 20]);
        assert!((10..=TOLD_PER_SECOND_MAX).contains(&taken(21)));
        assert_eq!(taken(5_000), TOLD_PER_SECOND_MAX);
    }
}
