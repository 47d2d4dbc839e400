//! `duration`: from a start to its finish it took longer than so long.
//!
//! A finish belongs to the latest start before it that is still open. So what becomes of a start is settled by what follows
//! it, up to `at_most` later: earlier starts lie below it and wait.

use std::collections::HashMap;

use super::fields::Fields;
use super::history::{Step, in_order, on_one_device};
use super::key::{Key, KeyPath};
use super::kind::{Condition, Finding, Grounds, Kind, Outcome};
use super::period::Period;
use super::{Circumstances, Happened, Stretch};
use crate::event::EventType;
use crate::time::Timestamp;

pub(super) const KIND: Kind = Kind {
    name: "duration",
    figures: &[MINUTES, SECONDS],
    read,
};

const MINUTES: &str = "minutes";
const SECONDS: &str = "seconds";
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_MINUTE: i64 = 60;

#[derive(Debug)]
struct Duration {
    start: EventType,
    finish: EventType,
    cancel: Vec<EventType>,
    key: KeyPath,
    longer_than: Period,
    at_most: Period,
}

/// In the order in which they count at equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Start,
    Cancel,
    Finish,
}

fn read(fields: &mut Fields<'_>) -> Option<Box<dyn Condition>> {
    let (start, finish) = (fields.event_type("start"), fields.event_type("finish"));
    let cancel = fields.event_types_if_any("cancel");
    let key = fields.key_if_any("key");
    let (longer_than, at_most) = (fields.period("longer_than"), fields.period_above_zero("at_most"));
    let (longer_than, at_most) = (longer_than?, at_most?);
    if longer_than >= at_most {
        fields.refuse("longer_than", "must be less than `at_most`, or nothing is ever told");
    }
    Some(Box::new(Duration {
        start: start?,
        finish: finish?,
        cancel: cancel?,
        key: key?,
        longer_than,
        at_most,
    }))
}

impl Condition for Duration {
    fn causes_near(&self, at: Timestamp) -> Stretch {
        self.at_most.before(at)..=at
    }

    fn evidence_for(&self, causes: &Stretch) -> Stretch {
        *causes.start()..=self.at_most.after(*causes.end())
    }

    fn findings<'a>(&self, causes: &Stretch, events: &'a [Happened], _: Circumstances) -> Vec<Finding<'a>> {
        let mut open: HashMap<Key<'a>, Vec<Step<'a, Role>>> = HashMap::new();
        let mut findings = Vec::new();
        for step in in_order(events, |event_type| self.role(event_type)) {
            let open = open.entry(self.key.of(&step.happened.event)).or_default();
            match step.role {
                Role::Start => open.push(step),
                Role::Cancel => drop(self.take_latest(open, step)),
                Role::Finish => {
                    let start = self.take_latest(open, step).filter(|start| causes.contains(&start.at));
                    findings.extend(start.and_then(|start| self.finding(start, step)));
                }
            }
        }
        findings
    }
}

impl Duration {
    fn role(&self, event_type: &EventType) -> Option<Role> {
        if *event_type == self.start {
            Some(Role::Start)
        } else if *event_type == self.finish {
            Some(Role::Finish)
        } else {
            self.cancel.contains(event_type).then_some(Role::Cancel)
        }
    }

    fn take_latest<'a>(&self, open: &mut Vec<Step<'a, Role>>, end: Step<'a, Role>) -> Option<Step<'a, Role>> {
        let remembered = open
            .iter()
            .rev()
            .take_while(|start| self.at_most.spans(start.at, end.at));
        let back = remembered
            .map(|start| &start.happened.event)
            .position(|start| on_one_device(start, &end.happened.event))?;
        Some(open.remove(open.len() - 1 - back))
    }

    fn finding<'a>(&self, start: Step<'a, Role>, finish: Step<'a, Role>) -> Option<Finding<'a>> {
        if self.longer_than.spans(start.at, finish.at) {
            return None;
        }
        let seconds = (finish.at.as_micros() - start.at.as_micros()) / MICROS_PER_SECOND;
        let subject = self.key.subject(&start.happened.event, &finish.happened.event);
        let grounds = Grounds::all_of([start.happened, finish.happened])
            .telling(&[(MINUTES, seconds / SECONDS_PER_MINUTE), (SECONDS, seconds)]);
        Some(Finding {
            cause: start.happened,
            outcome: Outcome::Implied(Grounds { subject, ..grounds }),
        })
    }
}
