//! A user's events in the one order in which rules look at them.

use super::Happened;
use crate::event::{Event, EventType};
use crate::time::Timestamp;

/// An event and the part that it plays in a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a, Role> {
    pub(super) at: Timestamp,
    pub(super) role: Role,
    pub(super) happened: &'a Happened,
}

/// Those that play a part, each once. At equal times the order of the roles counts, and then that of the ids.
pub(super) fn in_order<Role: Copy + Ord>(
    events: &[Happened],
    role: impl Fn(&EventType) -> Option<Role>,
) -> Vec<Step<'_, Role>> {
    let steps = events.iter().filter_map(|happened| {
        role(&happened.event.event_type).map(|role| Step {
            at: happened.at(),
            role,
            happened,
        })
    });
    let mut steps: Vec<_> = steps.collect();
    steps.sort_unstable_by_key(|step| (step.at, step.role, step.happened.event.event_id));
    steps.dedup_by_key(|step| step.happened.event.event_id);
    steps
}

/// Whether two events may be of one device: who names none may be any.
pub(super) fn on_one_device(one: &Event, other: &Event) -> bool {
    match (&one.device_id, &other.device_id) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}
