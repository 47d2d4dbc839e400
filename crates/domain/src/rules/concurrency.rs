//! `concurrency`: more at once than there should be, told by the start that made it so.
//!
//! What is open at a start follows from the `expires` before it.

use std::collections::{HashMap, VecDeque};

use super::fields::{Fields, Threshold};
use super::history::{Step, in_order};
use super::key::{Key, KeyPath};
use super::kind::{Condition, Finding, Grounds, Kind, Outcome};
use super::period::Period;
use super::{Circumstances, Happened, Stretch};
use crate::event::EventType;
use crate::time::Timestamp;

pub(super) const KIND: Kind = Kind {
    name: "concurrency",
    figures: &[COUNT, LIMIT],
    read,
};

const COUNT: &str = "count";
const LIMIT: &str = "limit";

#[derive(Debug)]
struct Concurrency {
    start: EventType,
    end: Vec<EventType>,
    key: KeyPath,
    more_than: Threshold,
    expires: Period,
}

/// In the order in which they count at equal times: what one stream gives up, another may take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    End,
    Start,
}

fn read(fields: &mut Fields<'_>) -> Option<Box<dyn Condition>> {
    let (start, end) = (fields.event_type("start"), fields.event_types("end"));
    let (key, more_than) = (fields.key("key"), fields.threshold("more_than"));
    let expires = fields.period_above_zero("expires");
    Some(Box::new(Concurrency {
        start: start?,
        end: end?,
        key: key?,
        more_than: more_than?,
        expires: expires?,
    }))
}

impl Condition for Concurrency {
    fn causes_near(&self, at: Timestamp) -> Stretch {
        at..=self.expires.after(at)
    }

    fn evidence_for(&self, causes: &Stretch) -> Stretch {
        self.expires.before(*causes.start())..=*causes.end()
    }

    fn findings<'a>(&self, causes: &Stretch, events: &'a [Happened], circumstances: Circumstances) -> Vec<Finding<'a>> {
        let limit = self.more_than.of(circumstances.stream_limit);
        let mut open = Open::default();
        let mut findings = Vec::new();
        for step in in_order(events, |event_type| self.role(event_type)) {
            let key = self.key.of(&step.happened.event);
            if step.role == Role::End {
                open.end(key, step.at);
                continue;
            }
            open.forget_until(self.expires.before(step.at));
            let crosses = open.starts.len() == limit && !open.starts.contains_key(&key);
            if crosses && causes.contains(&step.at) {
                findings.push(open.finding(step, limit));
            }
            open.start(key, step);
        }
        findings
    }

    fn asks_for_stream_limit(&self) -> bool {
        self.more_than == Threshold::OwnLimit
    }
}

impl Concurrency {
    fn role(&self, event_type: &EventType) -> Option<Role> {
        if *event_type == self.start {
            return Some(Role::Start);
        }
        self.end.contains(event_type).then_some(Role::End)
    }
}

/// What runs at one moment.
#[derive(Default)]
struct Open<'a> {
    /// The latest start of each key.
    starts: HashMap<Key<'a>, Step<'a, Role>>,
    /// All starts that may still be open, in their order.
    in_order: VecDeque<(Key<'a>, Timestamp)>,
    ends: HashMap<Key<'a>, Timestamp>,
}

impl<'a> Open<'a> {
    /// What starts and ends at one moment has ended.
    fn start(&mut self, key: Key<'a>, step: Step<'a, Role>) {
        if self.ends.get(&key) != Some(&step.at) {
            self.in_order.push_back((key.clone(), step.at));
            self.starts.insert(key, step);
        }
    }

    fn end(&mut self, key: Key<'a>, at: Timestamp) {
        self.starts.remove(&key);
        self.ends.insert(key, at);
    }

    fn forget_until(&mut self, edge: Timestamp) {
        while let Some((key, at)) = self.in_order.pop_front_if(|(_, at)| *at <= edge) {
            // It may have started again since.
            if self.starts.get(&key).is_some_and(|start| start.at == at) {
                self.starts.remove(&key);
            }
        }
    }

    fn finding(&self, cause: Step<'a, Role>, limit: usize) -> Finding<'a> {
        let running = self.starts.values().map(|start| start.happened);
        let [count, limit] = [limit + 1, limit].map(|figure| i64::try_from(figure).unwrap_or(i64::MAX));
        let grounds = Grounds::all_of(running.chain([cause.happened]));
        Finding {
            cause: cause.happened,
            outcome: Outcome::Implied(grounds.telling(&[(COUNT, count), (LIMIT, limit)])),
        }
    }
}
