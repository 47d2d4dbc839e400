//! What a change of a state moves in the totals of its user and its movie.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::WatchState;
use super::retention::{self, Bucket};

/// So much more, or less. The totals of a movie and of a user are the sums over their pairs, whatever the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub watch_time_millis: i64,
    pub unique_millis: i64,
    pub heartbeats: i64,
    /// One where the pair had no heartbeat before: a viewer of the movie, a movie of the user.
    pub pairs: i64,
    /// Viewers per bucket, where that moved.
    pub viewers: BTreeMap<Bucket, i64>,
}

impl Delta {
    pub fn between(before: &WatchState, after: &WatchState) -> Self {
        Self {
            watch_time_millis: after.watch_time_millis - before.watch_time_millis,
            unique_millis: after.unique_millis - before.unique_millis,
            heartbeats: after.heartbeats - before.heartbeats,
            pairs: i64::from(after.heartbeats > 0) - i64::from(before.heartbeats > 0),
            viewers: retention::moves_between(&before.coverage, &after.coverage),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Delta {
    fn add_assign(&mut self, other: Self) {
        self.watch_time_millis += other.watch_time_millis;
        self.unique_millis += other.unique_millis;
        self.heartbeats += other.heartbeats;
        self.pairs += other.pairs;
        for (bucket, viewers) in other.viewers {
            let moved = self.viewers.entry(bucket).or_default();
            *moved += viewers;
            if *moved == 0 {
                self.viewers.remove(&bucket);
            }
        }
    }
}
