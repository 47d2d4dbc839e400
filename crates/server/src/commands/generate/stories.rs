//! What people and services do, one story at a time: a visit, an evening's film, a training, a request.

mod activity;
mod logs;
mod visit;
mod watching;

use super::Kind;
use super::dice::Dice;
use super::record::{Moment, Record};
use super::world::People;

/// A record, and how long after it the next one of the same story comes.
pub(super) struct Told {
    pub(super) record: Record,
    pub(super) pause_millis: u64,
}

pub(super) trait Story: Send {
    /// How many records it would like to have; it may have to end earlier.
    fn records(&self, dice: &mut Dice) -> u64;

    /// How long it may be between two of them.
    fn step_millis_max(&self) -> u64;

    /// How long all its breaks may be together.
    fn breaks_millis_max(&self) -> u64 {
        0
    }

    /// What happens now.
    fn tell(&mut self, moment: Moment, dice: &mut Dice) -> serde_json::Result<Told>;
}

pub(super) fn begin(kind: Kind, people: People, dice: &mut Dice) -> Box<dyn Story> {
    match kind {
        Kind::Analytics => Box::new(visit::Visit::begin(people, dice)),
        Kind::Watch => Box::new(watching::Watching::begin(people, dice)),
        Kind::Activity => Box::new(activity::Activity::begin(people, dice)),
        Kind::Logs => Box::new(logs::Request::begin(people, dice)),
    }
}
