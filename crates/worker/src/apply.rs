//! Where new events take effect: every effect of an event happens here, in the transaction that stores it.
//!
//! Frames from the queue and slices of files come the same way. An event that is stored already has had its effects.

mod wakes;
pub(crate) mod watch_time;

use domain::counts;
use domain::event::Event;
use records::{Origin, Result, Unit};

use crate::Effects;

/// What was not stored before.
#[derive(Debug, Default)]
pub(crate) struct New<'e> {
    pub(crate) events: Vec<&'e Event>,
    /// Whether somebody is to be looked at by a rule.
    wakes: bool,
}

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
    let new = apply_new(unit, effects, events, origin)?;
    Ok(Applied {
        new: new.events.len() as u64,
        wakes: new.wakes,
    })
}

/// The same, and says which were new.
pub(crate) fn apply_new<'e>(
    unit: &mut dyn Unit,
    effects: &Effects,
    events: &'e [Event],
    origin: Origin,
) -> Result<New<'e>> {
    if events.is_empty() {
        return Ok(New::default());
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
    Ok(New { events: new, wakes })
}
