//! What a pair comes to, read from what is stored of it.

use std::collections::BTreeSet;

use domain::event::Event;
use domain::ids::EventId;
use domain::time::Timestamp;
use domain::watch_time::{Beat, Pair, WatchState};
use records::{Result, Unit};

use crate::Effects;

/// So many heartbeats are read at once.
const PAGE: u32 = 5_000;

/// Folds a locked pair again from its base.
pub(crate) fn refold(unit: &mut dyn Unit, effects: &Effects, pair: &Pair) -> Result<WatchState> {
    let base = unit.watch_base(pair)?;
    let beats = heartbeats(unit, effects, pair, base.settled_before())?;
    Ok(WatchState::refold(base, beats, effects.step_millis_max()))
}

/// Keeps what a locked pair came to at `edge` as its base, so that the heartbeats before it can be forgotten. Those of
/// `new` that happened before it come too late, and have no part in it. Where the pair stands then.
pub(crate) fn settle(
    unit: &mut dyn Unit,
    effects: &Effects,
    pair: &Pair,
    edge: Timestamp,
    new: &[Beat],
) -> Result<WatchState> {
    let earlier = unit.watch_base(pair)?;
    let beats = heartbeats(unit, effects, pair, earlier.settled_before())?;
    let too_late: BTreeSet<EventId> = new.iter().map(|beat| beat.place().event_id).collect();
    let in_time = beats.iter().filter(|beat| !too_late.contains(&beat.place().event_id));
    let base = WatchState::base(earlier, in_time.copied().collect(), edge, effects.step_millis_max());
    unit.save_watch_base(pair, &base)?;
    Ok(WatchState::refold(base, beats, effects.step_millis_max()))
}

/// The stored heartbeats of a pair, as far as they count. Whatever counts from its base on is stored under a time that is
/// no earlier, for no heartbeat counts as later than its timestamp.
fn heartbeats(unit: &mut dyn Unit, effects: &Effects, pair: &Pair, from: Option<Timestamp>) -> Result<Vec<Beat>> {
    let mut after = from.map(|from| (from.plus_micros(-1), EventId::stamped(from, 0)));
    let mut beats = Vec::new();
    loop {
        let page = unit.heartbeats_of(pair, after, PAGE)?;
        beats.extend(page.iter().filter_map(|event| Beat::of(event, effects.position_unit)));
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else {
            return Ok(beats);
        };
        after = Some(place(last));
    }
}

fn place(event: &Event) -> (Timestamp, EventId) {
    (event.timestamp, event.event_id)
}
