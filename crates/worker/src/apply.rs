//! Where new events take effect: every effect of an event happens here, in the transaction that stores it.
//!
//! Frames from the queue and slices of files come the same way. An event that is stored already has had its effects.

mod wakes;
pub(crate) mod watch_time;

use domain::counts;
use domain::event::Event;
use records::{Origin, Result, Unit};

use crate::Effects;

/// What became of some events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Those that were not stored before.
    pub(crate) new: u64,
    /// Whether somebody is to be looked at by a rule.
    pub(crate) wakes: bool,
}

/// Applies events that are distinct and sorted by id.
pub(crate) fn apply(unit: &mut dyn Unit, effects: &Effects, events: &[Event], origin: Origin) -> Result<Applied> {
    if events.is_empty() {
        return Ok(Applied::default());
    }
    let is_new = unit.insert_new(events, origin)?;
    let mut new = Vec::with_capacity(events.len());
    let mut known = Vec::new();
    for (event, is_new) in events.iter().zip(is_new) {
        if is_new { new.push(event) } else { known.push(event) }
    }
    watch_time::fold(unit, effects, &new)?;
    let wakes = wakes::insert(unit, effects, &new, &known, origin)?;
    if !new.is_empty() {
        unit.add_counts(&counts::count(new.iter().copied()))?;
    }
    Ok(Applied {
        new: new.len() as u64,
        wakes,
    })
}
