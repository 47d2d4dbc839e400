//! The figures of the door, looked up once: it is the hot path.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

#[derive(Clone)]
pub(crate) struct Figures {
    accepted: Counter,
    pub(super) rejected: Counter,
    refused: Counter,
    accept_seconds: Histogram,
    events_per_frame: Histogram,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            accepted: counter!("eh_events_accepted_total"),
            rejected: counter!("eh_events_rejected_total"),
            refused: counter!("eh_events_refused_total"),
            accept_seconds: histogram!("eh_events_accept_seconds"),
            events_per_frame: histogram!("eh_events_per_frame"),
        }
    }

    pub(super) fn confirmed(&self, events: u32, waited: Duration) {
        self.accepted.increment(u64::from(events));
        self.accept_seconds.record(waited);
        self.events_per_frame.record(f64::from(events));
    }

    pub(super) fn refused(&self, events: u32) {
        self.refused.increment(u64::from(events));
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Figures").finish_non_exhaustive()
    }
}
