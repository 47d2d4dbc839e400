//! How many users saw which part of a movie, kept as counts per bucket that move by ones: no read looks at users.
//!
//! Buckets come in several widths. The users of a wide bucket cannot be told from those of the narrow ones in it (two may
//! be the same user), so each width is counted by itself; all of them together take twice the rows of the narrowest.

use std::collections::BTreeMap;

use super::coverage::{Coverage, Stretch};

const FINEST_MILLIS: i64 = 10_000;

/// One of the widths that a movie is cut into, each twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resolution(u8);

impl Resolution {
    pub const FINEST: Self = Self(0);
    /// Nearly six hours: a movie in one bucket.
    pub const COARSEST: Self = Self(11);

    pub fn all() -> impl Iterator<Item = Self> {
        (Self::FINEST.0..=Self::COARSEST.0).map(Self)
    }

    /// As it is stored.
    pub const fn number(self) -> u8 {
        self.0
    }

    pub const fn bucket_millis(self) -> i64 {
        FINEST_MILLIS << self.0
    }

    pub const fn bucket_seconds(self) -> i64 {
        self.bucket_millis() / 1_000
    }

    /// The finest that shows a movie up to there in so many buckets, or the coarsest.
    pub fn for_buckets(furthest_at_millis: i64, buckets_max: u32) -> Self {
        let fits = |resolution: &Self| resolution.buckets_until(furthest_at_millis) <= i64::from(buckets_max);
        Self::all().find(fits).unwrap_or(Self::COARSEST)
    }

    /// How many buckets there are before this position.
    pub fn buckets_until(self, at_millis: i64) -> i64 {
        at_millis.div_euclid(self.bucket_millis()) + i64::from(at_millis.rem_euclid(self.bucket_millis()) > 0)
    }

    /// The buckets that a stretch lies in.
    fn buckets_of(self, stretch: Stretch) -> impl Iterator<Item = Bucket> {
        let first = stretch.from_millis.div_euclid(self.bucket_millis());
        (first..self.buckets_until(stretch.to_millis)).map(move |no| Bucket { resolution: self, no })
    }
}

/// A part of a movie whose viewers are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    pub resolution: Resolution,
    /// Its place in the movie, from 0.
    pub no: i64,
}

impl Bucket {
    fn stretch(self) -> Stretch {
        let bucket_millis = self.resolution.bucket_millis();
        Stretch::from((self.no * bucket_millis, (self.no + 1) * bucket_millis))
    }
}

/// Notes `viewers` more for each bucket that a stretch touches and nothing before it did.
pub(super) fn move_newly_touched(before: &Coverage, stretch: Stretch, viewers: i64, moves: &mut BTreeMap<Bucket, i64>) {
    for resolution in Resolution::all() {
        let mut touched_all = true;
        for bucket in resolution.buckets_of(stretch) {
            if !before.touches(bucket.stretch()) {
                moves.insert(bucket, viewers);
                touched_all = false;
            }
        }
        // Each wider bucket holds one of these.
        if touched_all {
            return;
        }
    }
}

/// Who was moved from one coverage to another: a user more where it is touched now, one less where it is no longer.
pub(super) fn moves_between(before: &Coverage, after: &Coverage) -> BTreeMap<Bucket, i64> {
    let mut moves = BTreeMap::new();
    for lost in before.beyond(after) {
        move_newly_touched(after, lost, -1, &mut moves);
    }
    for gained in after.beyond(before) {
        move_newly_touched(before, gained, 1, &mut moves);
    }
    moves
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coverage() -> impl Strategy<Value = Coverage> {
        let stretch = (0_i64..2_000, 1_i64..120).prop_map(|(from, length)| (from * 1_000, (from + length) * 1_000));
        prop::collection::vec(stretch, 0..12).prop_map(|stretches| {
            let mut coverage = Coverage::default();
            for stretch in stretches {
                coverage.add(Stretch::from(stretch));
            }
            coverage
        })
    }

    /// Bucket by bucket.
    fn plain_moves(before: &Coverage, after: &Coverage) -> BTreeMap<Bucket, i64> {
        let buckets = Resolution::all().flat_map(|resolution| (0..250).map(move |no| Bucket { resolution, no }));
        let moved = |bucket: Bucket| {
            let viewers = |coverage: &Coverage| i64::from(coverage.touches(bucket.stretch()));
            (bucket, viewers(after) - viewers(before))
        };
        buckets.map(moved).filter(|(_, viewers)| *viewers != 0).collect()
    }

    proptest! {
        #[test]
        fn every_bucket_moves_by_what_it_saw(before in coverage(), after in coverage()) {
            prop_assert_eq!(moves_between(&before, &after), plain_moves(&before, &after));
        }

        #[test]
        fn one_more_stretch_moves_as_much(before in coverage(), from in 0_i64..2_000, length in 1_i64..300) {
            let stretch = Stretch::from((from * 1_000, (from + length) * 1_000));
            let (mut after, mut moves) = (before.clone(), BTreeMap::new());
            after.add(stretch);
            move_newly_touched(&before, stretch, 1, &mut moves);
            prop_assert_eq!(moves, plain_moves(&before, &after));
        }
    }
}
