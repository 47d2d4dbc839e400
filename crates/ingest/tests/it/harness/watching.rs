//! What a worker does with heartbeats, in the plainest way: every pair is folded again from all that is stored.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::ids::{Slug, UserId};
use domain::watch_time::{Beat, Delta, Pair, PositionUnit, WatchState};
use records::{Result, TotalsMove, Unit};

const STEP_MILLIS_MAX: i64 = 120_000;
const BEATS_MAX: u32 = 10_000;

pub(super) fn fold<'e>(unit: &mut dyn Unit, new: impl Iterator<Item = &'e Event>) -> Result<()> {
    let pairs: BTreeSet<Pair> = new.filter_map(Pair::of).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let pairs: Vec<_> = pairs.into_iter().collect();
    let before = unit.lock_pairs(&pairs)?;
    let (mut states, mut movies, mut users) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (pair, before) in pairs.into_iter().zip(before) {
        let beats = unit.heartbeats_of(&pair, None, BEATS_MAX)?;
        let beats = beats.iter().filter_map(|beat| Beat::of(beat, PositionUnit::Seconds));
        let after = WatchState::refold(WatchState::default(), beats.collect(), STEP_MILLIS_MAX);
        note::<Slug>(&mut movies, pair.slug.clone(), &before, &after);
        note::<UserId>(&mut users, pair.user_id.clone(), &before, &after);
        states.push((pair, after));
    }
    unit.save_pairs(&states)?;
    unit.move_movie_totals(&movies.into_values().collect::<Vec<_>>())?;
    unit.move_user_totals(&users.into_values().collect::<Vec<_>>())
}

fn note<K: Clone + Ord>(moves: &mut BTreeMap<K, TotalsMove<K>>, of: K, before: &WatchState, after: &WatchState) {
    let newest = after.newest().expect("a pair with heartbeats").timestamp;
    let moved = moves.entry(of.clone()).or_insert_with(|| TotalsMove {
        of,
        delta: Delta::default(),
        newest,
        furthest_at_millis: 0,
    });
    moved.delta += Delta::between(before, after);
    moved.newest = moved.newest.max(newest);
    moved.furthest_at_millis = moved.furthest_at_millis.max(after.furthest_at_millis());
}
