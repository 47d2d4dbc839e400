//! What the pairs of a unit move in the totals of their movies and users: each total is moved once, in order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::ids::{Slug, UserId};
use domain::watch_time::{Delta, Pair, WatchState};
use records::{Result, TotalsMove, Unit};

#[derive(Debug, Default)]
pub(crate) struct Moves {
    movies: BTreeMap<Slug, TotalsMove<Slug>>,
    users: BTreeMap<UserId, TotalsMove<UserId>>,
}

impl Moves {
    pub(crate) fn add(&mut self, pair: &Pair, delta: Delta, before: &WatchState, after: &WatchState) {
        let newest = after.newest().or(before.newest());
        let Some(newest) = newest.filter(|_| !delta.is_empty()) else {
            return;
        };
        let of_user = TotalsMove {
            of: pair.user_id.clone(),
            // The buckets of one movie are not those of another.
            delta: Delta {
                viewers: BTreeMap::new(),
                ..delta
            },
            newest: newest.timestamp,
            furthest_at_millis: after.furthest_at_millis(),
        };
        let of_movie = TotalsMove {
            of: pair.slug.clone(),
            delta,
            newest: newest.timestamp,
            furthest_at_millis: after.furthest_at_millis(),
        };
        join(&mut self.users, of_user);
        join(&mut self.movies, of_movie);
    }

    /// Movies, then users: in the order of locks.
    pub(crate) fn save(self, unit: &mut dyn Unit) -> Result<()> {
        if self.movies.is_empty() {
            return Ok(());
        }
        unit.move_movie_totals(&self.movies.into_values().collect::<Vec<_>>())?;
        unit.move_user_totals(&self.users.into_values().collect::<Vec<_>>())
    }
}

fn join<K: Clone + Ord>(moves: &mut BTreeMap<K, TotalsMove<K>>, one: TotalsMove<K>) {
    match moves.entry(one.of.clone()) {
        Entry::Vacant(place) => {
            place.insert(one);
        }
        Entry::Occupied(mut place) => {
            let sum = place.get_mut();
            sum.delta += one.delta;
            sum.newest = sum.newest.max(one.newest);
            sum.furthest_at_millis = sum.furthest_at_millis.max(one.furthest_at_millis);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::event::Event;
    use domain::time::Timestamp;
    use domain::watch_time::{Beat, PositionUnit};

    use super::*;

    fn pair(user: &str, slug: &str) -> Pair {
        Pair {
            user_id: user.parse().unwrap(),
            slug: slug.parse().unwrap(),
        }
    }

    /// Thirty seconds, from a position on.
    fn watched(from: i64) -> (Delta, WatchState) {
        let (mut state, mut delta) = (WatchState::default(), Delta::default());
        for n in 0..4 {
            let time = Timestamp::from_micros(1_795_000_000_000_000 + (from + n * 10) * 1_000_000);
            let canonical = format!(
                r#"{{"event_id":"0199d4a0-0000-7000-8000-{n:012}","event_type":"watch","user_id":"u","timestamp":"{time}","received_at":"{time}","payload":{{"slug":"s","at":{}}}}}"#,
                from + n * 10
            );
            let event: Event = serde_json::from_str(&canonical).unwrap();
            let beat = Beat::of(&event, PositionUnit::Seconds).unwrap();
            delta += state.fold(&beat, 120_000).unwrap();
        }
        (delta, state)
    }

    #[test]
    fn every_movie_and_every_user_is_moved_once_in_order() {
        let mut moves = Moves::default();
        let pairs = [("zoe", "b", 0), ("ada", "b", 100), ("zoe", "a", 200)];
        for (user, slug, from) in pairs {
            let (delta, after) = watched(from);
            moves.add(&pair(user, slug), delta, &WatchState::default(), &after);
        }
        let said = |delta: &Delta| (delta.watch_time_millis, delta.pairs);
        let movies: Vec<_> = moves
            .movies
            .values()
            .map(|movie| (movie.of.as_str(), said(&movie.delta), movie.furthest_at_millis))
            .collect();
        assert_eq!(movies, [("a", (30_000, 1), 230_000), ("b", (60_000, 2), 130_000)]);
        let users: Vec<_> = moves
            .users
            .values()
            .map(|user| (user.of.as_str(), said(&user.delta), user.delta.viewers.len()))
            .collect();
        assert_eq!(users, [("ada", (30_000, 1), 0), ("zoe", (60_000, 2), 0)]);
        let newest = moves.users.values().map(|user| user.newest.as_micros() % 1_000_000_000);
        assert_eq!(newest.collect::<Vec<_>>(), [130_000_000, 230_000_000]);
    }

    #[test]
    fn what_changes_nothing_moves_nothing() {
        let mut moves = Moves::default();
        moves.add(
            &pair("ada", "a"),
            Delta::default(),
            &WatchState::default(),
            &WatchState::default(),
        );
        assert!(moves.movies.is_empty() && moves.users.is_empty());
    }
}
