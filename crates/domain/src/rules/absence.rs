//! `absence`: something happened, and what should have followed did not, for so long.
//!
//! Whether an event is a cause is settled by the `within` before and after it: no chain of earlier ones decides. The end of
//! its window comes by the user's own time, which her later events move, or else by the wall clock.

use std::collections::HashMap;

use super::fields::Fields;
use super::history::{Step, in_order};
use super::kind::{Condition, Finding, Grounds, Kind, Outcome};
use super::period::Period;
use super::{Circumstances, Happened, Stretch};
use crate::event::EventType;
use crate::ids::{DeviceId, EventId};
use crate::time::Timestamp;

pub(super) const KIND: Kind = Kind {
    name: "absence",
    figures: &[],
    read,
};

#[derive(Debug)]
struct Absence {
    after: EventType,
    unless: Vec<EventType>,
    within: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    After,
    Unless,
}

fn read(fields: &mut Fields<'_>) -> Option<Box<dyn Condition>> {
    let (after, unless) = (fields.event_type("after"), fields.event_types("unless"));
    let within = fields.period_above_zero("within");
    Some(Box::new(Absence {
        after: after?,
        unless: unless?,
        within: within?,
    }))
}

impl Condition for Absence {
    fn causes_near(&self, at: Timestamp) -> Stretch {
        self.within.before(at)..=self.within.after(at)
    }

    fn evidence_for(&self, causes: &Stretch) -> Stretch {
        self.within.before(*causes.start())..=self.within.after(*causes.end())
    }

    fn findings<'a>(&self, causes: &Stretch, events: &'a [Happened], circumstances: Circumstances) -> Vec<Finding<'a>> {
        let steps = in_order(events, |event_type| self.role(event_type));
        let mut findings = Vec::new();
        let (mut clock, mut later) = (Clock::default(), steps.len());
        // The latest first: what lies behind the window of one lies behind those of all before it.
        for place in (0..steps.len()).rev() {
            if !causes.contains(&steps[place].at) || !self.is_unanswered_cause(&steps, place) {
                continue;
            }
            let (cause, end) = (steps[place].happened, self.within.after(steps[place].at));
            while later > 0 && steps[later - 1].at > end {
                later -= 1;
                clock.add(steps[later].happened);
            }
            let outcome = self.outcome(cause, end, &clock, circumstances.now);
            findings.push(Finding { cause, outcome });
        }
        findings.reverse();
        findings
    }

    fn waits_for_time(&self) -> bool {
        true
    }
}

impl Absence {
    fn role(&self, event_type: &EventType) -> Option<Role> {
        if *event_type == self.after {
            return Some(Role::After);
        }
        self.unless.contains(event_type).then_some(Role::Unless)
    }

    /// Both ends of the window belong to it, before as well as after.
    fn is_unanswered_cause(&self, steps: &[Step<'_, Role>], place: usize) -> bool {
        let (before, cause, after) = (&steps[..place], steps[place], &steps[place + 1..]);
        let mut window = after.iter().take_while(|step| self.within.spans(cause.at, step.at));
        cause.role == Role::After
            && before.last().is_none_or(|step| !self.within.spans(step.at, cause.at))
            && window.all(|step| step.role != Role::Unless)
    }

    /// The window ends as soon as a later event was received, or the wall clock says so.
    fn outcome(&self, cause: &Happened, end: Timestamp, clock: &Clock<'_>, now: Timestamp) -> Outcome {
        let due_at = self.due_at(cause, end);
        let moved_by = clock.moved_by(cause).filter(|later| later.event.received_at < due_at);
        // Whether somebody is told is for the cause alone to say: today's event moves the clock of all that was imported.
        let mut grounds = Grounds::all_of([cause]);
        match moved_by {
            Some(later) => {
                grounds.since = grounds.since.max(later.event.received_at);
                grounds.jobs.extend(later.job_id);
            }
            None if now >= due_at => grounds.since = due_at,
            None => return Outcome::Pending { due_at },
        }
        Outcome::Implied(grounds)
    }

    fn due_at(&self, cause: &Happened, end: Timestamp) -> Timestamp {
        let received_at = cause.event.received_at;
        if end > received_at {
            end
        } else {
            self.within.after(received_at)
        }
    }
}

/// What was received first of all that happened behind a window: by any device, and by each.
#[derive(Default)]
struct Clock<'a> {
    first: Option<&'a Happened>,
    first_by_device: HashMap<Option<&'a DeviceId>, &'a Happened>,
}

impl<'a> Clock<'a> {
    fn add(&mut self, later: &'a Happened) {
        self.first = earlier_received(self.first, Some(later));
        let first = self
            .first_by_device
            .entry(later.event.device_id.as_ref())
            .or_insert(later);
        if received(later) < received(first) {
            *first = later;
        }
    }

    /// Only its own device moves the time of a cause; who names none may be any.
    fn moved_by(&self, cause: &Happened) -> Option<&'a Happened> {
        let Some(device) = &cause.event.device_id else {
            return self.first;
        };
        let first = |device| self.first_by_device.get(&device).copied();
        earlier_received(first(Some(device)), first(None))
    }
}

fn earlier_received<'a>(one: Option<&'a Happened>, other: Option<&'a Happened>) -> Option<&'a Happened> {
    one.into_iter().chain(other).min_by_key(|happened| received(happened))
}

const fn received(happened: &Happened) -> (Timestamp, EventId) {
    (happened.event.received_at, happened.event.event_id)
}
