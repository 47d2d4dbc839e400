//! Where new events take effect: every effect of an event happens here, in the transaction that stores it.
//!
//! Frames from the queue and slices of files come the same way. An event that is stored already has had its effects.

use domain::counts;
use domain::event::Event;
use domain::ids::JobId;
use records::{Result, Unit};

/// What became of some events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Those that were not stored before.
    pub(crate) new: u64,
}

/// Applies events that are distinct and sorted by id.
pub(crate) fn apply(unit: &mut dyn Unit, events: &[Event], job_id: Option<JobId>) -> Result<Applied> {
    if events.is_empty() {
        return Ok(Applied::default());
    }
    let is_new = unit.insert_new(events, job_id)?;
    let new: Vec<&Event> = events
        .iter()
        .zip(is_new)
        .filter_map(|(event, is_new)| is_new.then_some(event))
        .collect();
    if !new.is_empty() {
        unit.add_counts(&counts::count(new.iter().copied()))?;
    }
    Ok(Applied { new: new.len() as u64 })
}
