//! Which parts of a movie a user has seen, as few stretches as that takes.

use serde::{Deserialize, Serialize};

/// So many separate stretches are kept apart. Who jumps through a movie more often has its narrowest gap closed.
pub const STRETCHES_MAX: usize = 256;

/// A part of a movie, half-open, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64)", into = "(i64, i64)")]
pub(super) struct Stretch {
    pub(super) from_millis: i64,
    pub(super) to_millis: i64,
}

impl From<(i64, i64)> for Stretch {
    fn from((from_millis, to_millis): (i64, i64)) -> Self {
        Self { from_millis, to_millis }
    }
}

impl From<Stretch> for (i64, i64) {
    fn from(stretch: Stretch) -> Self {
        (stretch.from_millis, stretch.to_millis)
    }
}

impl Stretch {
    pub(super) fn between(from_millis: i64, to_millis: i64) -> Option<Self> {
        (from_millis < to_millis).then_some(Self { from_millis, to_millis })
    }

    pub(super) fn millis(self) -> i64 {
        self.to_millis - self.from_millis
    }

    fn overlap_millis(self, other: Self) -> i64 {
        let overlap = self.to_millis.min(other.to_millis) - self.from_millis.max(other.from_millis);
        overlap.max(0)
    }
}

/// Sorted stretches, none of which touches the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Coverage(Vec<Stretch>);

impl Coverage {
    /// Says how much of it was not covered before.
    pub(super) fn add(&mut self, stretch: Stretch) -> i64 {
        let first = self.0.partition_point(|seen| seen.to_millis < stretch.from_millis);
        let end = self.0.partition_point(|seen| seen.from_millis <= stretch.to_millis);
        let (mut merged, mut new_millis) = (stretch, stretch.millis());
        for seen in &self.0[first..end] {
            new_millis -= seen.overlap_millis(stretch);
            merged.from_millis = merged.from_millis.min(seen.from_millis);
            merged.to_millis = merged.to_millis.max(seen.to_millis);
        }
        match self.0.get_mut(first) {
            Some(only) if end == first + 1 => *only = merged,
            _ => drop(self.0.splice(first..end, [merged])),
        }
        new_millis
    }

    /// Whether any of it is covered.
    pub(super) fn touches(&self, stretch: Stretch) -> bool {
        !self.overlapping(stretch).is_empty()
    }

    /// The narrowest gap, the first of equal ones, where there are too many.
    pub(super) fn gap_to_close(&self) -> Option<Stretch> {
        if self.0.len() <= STRETCHES_MAX {
            return None;
        }
        let gaps = self.0.iter().zip(self.0.iter().skip(1));
        gaps.filter_map(|(seen, next)| Stretch::between(seen.to_millis, next.from_millis))
            .min_by_key(|gap| gap.millis())
    }

    /// What is covered here and not there.
    pub(super) fn beyond(&self, other: &Self) -> Vec<Stretch> {
        let mut beyond = Vec::new();
        for stretch in &self.0 {
            let mut from = stretch.from_millis;
            for cut in other.overlapping(*stretch) {
                beyond.extend(Stretch::between(from, cut.from_millis));
                from = cut.to_millis;
            }
            beyond.extend(Stretch::between(from, stretch.to_millis));
        }
        beyond
    }

    fn overlapping(&self, stretch: Stretch) -> &[Stretch] {
        let first = self.0.partition_point(|seen| seen.to_millis <= stretch.from_millis);
        let end = self.0.partition_point(|seen| seen.from_millis < stretch.to_millis);
        &self.0[first..end.max(first)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretch() -> impl Strategy<Value = Stretch> {
        (0_i64..60, 1_i64..12).prop_map(|(from, length)| Stretch::between(from, from + length).unwrap())
    }

    /// Millisecond by millisecond.
    fn plain(stretches: &[Stretch]) -> Vec<bool> {
        let covers = |at| move |s: &Stretch| (s.from_millis..s.to_millis).contains(&at);
        (0..80).map(|at| stretches.iter().any(covers(at))).collect()
    }

    fn coverage(stretches: &[Stretch]) -> Coverage {
        let mut coverage = Coverage::default();
        for stretch in stretches {
            coverage.add(*stretch);
        }
        coverage
    }

    #[test]
    fn the_narrowest_gap_closes_and_only_beyond_the_bound() {
        let width = |n: i64| if n == 7 { 3 } else { 5 };
        let mut coverage = Coverage::default();
        let mut from = 0;
        for n in 0..=i64::try_from(STRETCHES_MAX).unwrap() {
            assert_eq!(coverage.gap_to_close(), None);
            coverage.add(Stretch::between(from, from + 10).unwrap());
            from += 10 + width(n);
        }
        assert_eq!(coverage.gap_to_close(), Stretch::between(15 * 7 + 10, 15 * 7 + 13));
        coverage.add(coverage.gap_to_close().unwrap());
        assert_eq!(coverage.gap_to_close(), None);
    }

    proptest! {
        #[test]
        fn it_is_the_union(stretches in prop::collection::vec(stretch(), 0..20), asked in stretch()) {
            let (mut coverage, mut new_millis) = (Coverage::default(), 0);
            for stretch in &stretches {
                new_millis += coverage.add(*stretch);
            }
            let seen = plain(&stretches);
            prop_assert_eq!(&plain(&coverage.0), &seen);
            prop_assert_eq!(usize::try_from(new_millis).unwrap(), seen.iter().filter(|seen| **seen).count());
            prop_assert!(coverage.0.is_sorted_by(|one, next| one.to_millis < next.from_millis));
            let asked_plain = plain(&[asked]);
            let touched = seen.iter().zip(&asked_plain).any(|(seen, asked)| *seen && *asked);
            prop_assert_eq!(coverage.touches(asked), touched);
        }

        #[test]
        fn beyond_is_the_difference(
            ours in prop::collection::vec(stretch(), 0..12),
            theirs in prop::collection::vec(stretch(), 0..12),
        ) {
            let beyond = coverage(&ours).beyond(&coverage(&theirs));
            let difference: Vec<_> = plain(&ours).iter().zip(plain(&theirs)).map(|(our, their)| *our && !their).collect();
            prop_assert_eq!(plain(&beyond), difference);
        }
    }
}
