//! Watch time: the heartbeats of a batch, folded into the states of their pairs.
//!
//! A state is what its base and the stored heartbeats come to; every way here keeps that so. One that came in order is
//! folded onto the state, which is cheap. For one that came late the pair is folded again.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::time::Timestamp;
use domain::watch_time::{Beat, Delta, Late, Pair, PositionUnit, WatchState};
use records::{Result, Unit};

use self::stored::{refold, settle};
use self::totals::Moves;
use crate::Effects;

pub(crate) mod stored;
pub(crate) mod totals;

/// The pairs are locked first, all at once, and the totals last, for everybody wants those.
pub(super) fn fold(unit: &mut dyn Unit, effects: &Effects, new: &[&Event]) -> Result<()> {
    let beats = by_pair(new, effects.position_unit);
    if beats.is_empty() {
        return Ok(());
    }
    let edge = unit.watch_edge()?;
    let pairs: Vec<Pair> = beats.keys().cloned().collect();
    let states = unit.lock_pairs(&pairs)?;
    let (mut moved, mut moves) = (Vec::new(), Moves::default());
    for ((pair, beats), before) in beats.into_iter().zip(states) {
        let (after, delta) = advance(unit, effects, edge, &pair, &before, &beats)?;
        if after != before {
            moves.add(&pair, delta, &before, &after);
            moved.push((pair, after));
        }
    }
    unit.save_pairs(&moved)?;
    moves.save(unit)
}

/// The heartbeats of each pair, in the order in which they are folded.
fn by_pair(new: &[&Event], position_unit: PositionUnit) -> BTreeMap<Pair, Vec<Beat>> {
    let mut beats: BTreeMap<Pair, Vec<Beat>> = BTreeMap::new();
    for event in new {
        if let Some((pair, beat)) = Pair::of(event).zip(Beat::of(event, position_unit)) {
            beats.entry(pair).or_default().push(beat);
        }
    }
    beats
        .values_mut()
        .for_each(|beats| beats.sort_unstable_by_key(Beat::place));
    beats
}

/// Where a locked pair stands with these heartbeats, which are stored by now.
fn advance(
    unit: &mut dyn Unit,
    effects: &Effects,
    edge: Option<Timestamp>,
    pair: &Pair,
    before: &WatchState,
    beats: &[Beat],
) -> Result<(WatchState, Delta)> {
    if let Some(edge) = edge.filter(|edge| is_to_settle(before, beats, *edge)) {
        let after = settle(unit, effects, pair, edge, beats)?;
        return Ok(with_delta(before, after));
    }
    match in_order(before.clone(), beats, effects.step_millis_max()) {
        Ok(moved) => Ok(moved),
        Err(Late) => Ok(with_delta(before, refold(unit, effects, pair)?)),
    }
}

/// Whether one came too late to count, and the pair does not know it yet. Were it left for later, what came too late could
/// not be told any more from what came in time.
fn is_to_settle(before: &WatchState, beats: &[Beat], edge: Timestamp) -> bool {
    before.settled_before() < Some(edge) && beats.iter().any(|beat| beat.place().timestamp < edge)
}

fn in_order(mut state: WatchState, beats: &[Beat], step_millis_max: i64) -> Result<(WatchState, Delta), Late> {
    let mut delta = Delta::default();
    for beat in beats {
        delta += state.fold(beat, step_millis_max)?;
    }
    Ok((state, delta))
}

fn with_delta(before: &WatchState, after: WatchState) -> (WatchState, Delta) {
    let delta = Delta::between(before, &after);
    (after, delta)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MILLIS_MAX: i64 = 120_000;

    fn event(n: i64, event_type: &str, user: &str, payload: &str) -> Event {
        let at = Timestamp::from_micros(1_795_000_000_000_000 + n * 1_000_000);
        let canonical = format!(
            r#"{{"event_id":"0199d4a0-0000-7000-8000-{n:012}","event_type":"{event_type}","user_id":"{user}","timestamp":"{at}","received_at":"{at}","payload":{payload}}}"#
        );
        serde_json::from_str(&canonical).unwrap()
    }

    fn heartbeat(n: i64, user: &str, slug: &str) -> Event {
        event(n, "watch", user, &format!(r#"{{"slug":"{slug}","at":{n}}}"#))
    }

    #[test]
    fn only_heartbeats_are_grouped_by_pair_and_sorted_by_place() {
        let events = [
            heartbeat(3, "zoe", "a"),
            heartbeat(2, "ada", "b"),
            heartbeat(1, "zoe", "a"),
            heartbeat(0, "ada", "a"),
            event(4, "view", "ada", r#"{"url":"/"}"#),
            event(5, "stream_started", "ada", r#"{"stream_id":"s","slug":"a"}"#),
        ];
        let grouped = by_pair(&events.iter().collect::<Vec<_>>(), PositionUnit::Seconds);
        let found: Vec<_> = grouped
            .iter()
            .map(|(pair, beats)| {
                let places = beats.iter().map(|beat| beat.place().at_millis / 1_000).collect();
                (pair.user_id.as_str(), pair.slug.as_str(), places)
            })
            .collect();
        assert_eq!(
            found,
            [("ada", "a", vec![0]), ("ada", "b", vec![2]), ("zoe", "a", vec![1, 3])]
        );
    }

    #[test]
    fn a_pair_is_settled_when_the_first_comes_too_late() {
        let event = heartbeat(10, "ada", "a");
        let beats = [Beat::of(&event, PositionUnit::Seconds).unwrap()];
        let (there, behind) = (event.timestamp, event.timestamp.plus_micros(1));
        let mut state = WatchState::default();
        assert!(!is_to_settle(&state, &beats, there));
        assert!(is_to_settle(&state, &beats, behind));
        state.settle(behind);
        assert!(!is_to_settle(&state, &beats, behind));
    }

    #[test]
    fn a_batch_in_order_moves_as_much_as_the_states_differ() {
        let beats: Vec<Beat> = (0..20)
            .map(|n| Beat::of(&heartbeat(n * 9, "ada", "a"), PositionUnit::Seconds).unwrap())
            .collect();
        let before = WatchState::default();
        let (after, delta) = in_order(before.clone(), &beats, STEP_MILLIS_MAX).unwrap();
        assert_eq!(delta, Delta::between(&before, &after));
        assert_eq!(after.watch_time_millis(), 171_000);
        assert_eq!(in_order(after, &beats[19..], STEP_MILLIS_MAX), Err(Late));
    }
}
