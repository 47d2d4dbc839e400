//! A movie, summed over its users.

use std::collections::BTreeMap;

use domain::ids::Slug;
use domain::time::Timestamp;
use domain::watch_time::{Bucket, Delta, Resolution, WatchState};
use records::{MovieTotals, Result, Unit};

use super::PAGE;

/// Whether it was not the sum before.
pub(super) fn rebuild_movie(unit: &mut dyn Unit, slug: &Slug) -> Result<bool> {
    unit.lock_movie(slug)?;
    let (kept, summed) = (kept(unit, slug)?, summed(unit, slug)?);
    // What was only made to be locked goes again.
    unit.set_movie_totals(slug, summed.totals.as_ref(), &summed.viewers)?;
    Ok(kept != summed)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    totals: Option<MovieTotals>,
    viewers: BTreeMap<Bucket, i64>,
}

impl Sums {
    fn add(&mut self, slug: &Slug, state: &WatchState) {
        // Of who has none, every heartbeat came too late.
        let Some(newest) = state.newest() else { return };
        let watched = Delta::between(&WatchState::default(), state);
        let totals = self.totals.get_or_insert_with(|| none(slug, newest.timestamp));
        totals.watch_time_millis += watched.watch_time_millis;
        totals.viewers += watched.pairs;
        totals.heartbeats += watched.heartbeats;
        totals.furthest_at_millis = totals.furthest_at_millis.max(state.furthest_at_millis());
        totals.updated_at = totals.updated_at.max(newest.timestamp);
        for (bucket, viewers) in watched.viewers {
            *self.viewers.entry(bucket).or_default() += viewers;
        }
    }
}

fn none(slug: &Slug, updated_at: Timestamp) -> MovieTotals {
    MovieTotals {
        slug: slug.clone(),
        watch_time_millis: 0,
        viewers: 0,
        heartbeats: 0,
        furthest_at_millis: 0,
        updated_at,
    }
}

fn kept(unit: &mut dyn Unit, slug: &Slug) -> Result<Sums> {
    let totals = unit.movie_totals(slug)?;
    let mut kept = Sums {
        totals: totals.filter(|totals| *totals != none(slug, totals.updated_at)),
        viewers: BTreeMap::new(),
    };
    for resolution in Resolution::all() {
        let buckets = unit.bucket_viewers(slug, resolution)?.into_iter();
        let buckets = buckets.map(|(no, viewers)| (Bucket { resolution, no }, viewers));
        kept.viewers.extend(buckets);
    }
    Ok(kept)
}

fn summed(unit: &mut dyn Unit, slug: &Slug) -> Result<Sums> {
    let (mut sums, mut last) = (Sums::default(), None);
    loop {
        let states = unit.states_of_movie(slug, last.as_ref(), PAGE)?;
        states.iter().for_each(|(_, state)| sums.add(slug, state));
        last = states.into_iter().next_back().map(|(user, _)| user);
        if last.is_none() {
            return Ok(sums);
        }
    }
}
