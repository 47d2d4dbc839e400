//! The kinds of rules: what each must be able to say, and the one list of them.

use std::fmt;

use super::fields::Fields;
use super::{Circumstances, Happened, Stretch, absence, concurrency, duration};
use crate::event::Verbatim;
use crate::ids::JobId;
use crate::time::Timestamp;

/// What all rules of a kind have in common.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The numbers that its messages may tell.
    pub(super) figures: &'static [&'static str],
    /// Reads what a rule of this kind says; what is wrong with it is noted there.
    pub(super) read: fn(&mut Fields<'_>) -> Option<Box<dyn Condition>>,
}

/// The registry. A new kind is a file and a line here.
static KINDS: [Kind; 3] = [duration::KIND, absence::KIND, concurrency::KIND];

impl Kind {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    pub(super) fn names() -> String {
        KINDS.each_ref().map(|kind| format!("`{}`", kind.name)).join(", ")
    }
}

/// What must have happened, as one rule says it.
pub(super) trait Condition: fmt::Debug + Send + Sync {
    /// See [`Rule::causes_near`](super::Rule::causes_near).
    fn causes_near(&self, at: Timestamp) -> Stretch;

    /// See [`Rule::evidence_for`](super::Rule::evidence_for).
    fn evidence_for(&self, causes: &Stretch) -> Stretch;

    fn findings<'a>(&self, causes: &Stretch, events: &'a [Happened], circumstances: Circumstances) -> Vec<Finding<'a>>;

    /// See [`Rule::waits_for_time`](super::Rule::waits_for_time).
    fn waits_for_time(&self) -> bool {
        false
    }

    /// See [`Rule::asks_for_stream_limit`](super::Rule::asks_for_stream_limit).
    fn asks_for_stream_limit(&self) -> bool {
        false
    }
}

/// What follows from one cause.
#[derive(Debug)]
pub(super) struct Finding<'a> {
    pub(super) cause: &'a Happened,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Implied(Grounds),
    Pending { due_at: Timestamp },
}

/// Why a message is due, and what it can tell.
#[derive(Debug)]
pub(super) struct Grounds {
    pub(super) since: Timestamp,
    pub(super) live: bool,
    pub(super) jobs: Vec<JobId>,
    pub(super) figures: Vec<(&'static str, i64)>,
    /// What it is about, by its name.
    pub(super) subject: Option<(String, Verbatim)>,
}

impl Grounds {
    /// It is due as soon as all of these have come, and live if one of them is.
    pub(super) fn all_of<'a>(events: impl IntoIterator<Item = &'a Happened>) -> Self {
        let mut grounds = Self {
            since: Timestamp::from_micros(i64::MIN),
            live: false,
            jobs: Vec::new(),
            figures: Vec::new(),
            subject: None,
        };
        for happened in events {
            grounds.since = grounds.since.max(happened.event.received_at);
            grounds.live |= happened.live;
            grounds.jobs.extend(happened.job_id);
        }
        grounds
    }

    pub(super) fn telling(mut self, figures: &[(&'static str, i64)]) -> Self {
        self.figures.extend_from_slice(figures);
        self
    }
}
