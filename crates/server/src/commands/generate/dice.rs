//! Chance that is the same on every machine and in every version: SplitMix64, and whole numbers only.

/// Numbers that look random and follow from a seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Dice {
    /// Dice of their own for whatever these numbers name; other numbers, other dice.
    pub(super) fn of(names: &[u64]) -> Self {
        Self(
            names
                .iter()
                .fold(STEP, |state, name| mixed(state ^ mixed(name.wrapping_add(STEP)))),
        )
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// From 0 to below the bound; 0 if there is nothing below it.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        share(bound, self.roll())
    }

    /// Both ends included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    pub(super) fn in_a_hundred(&mut self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// Around 0, at most so far from it, mostly much nearer.
    pub(super) fn around(&mut self, most: i32) -> i32 {
        let half = i64::from(most) / 2;
        let one = |dice: &mut Self| i64::try_from(dice.below((2 * half + 1).unsigned_abs())).unwrap_or_default() - half;
        i32::try_from(one(self) + one(self)).unwrap_or_default()
    }

    /// As popularity falls in the world: the second comes half as often as the first, the third a third as often.
    pub(super) fn pick_popular<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        const FIRST: u64 = 1_000_000;
        let weights = || (1..).map(|rank| FIRST / rank).zip(from);
        let mut left = self.below(weights().map(|(weight, _)| weight).sum());
        for (weight, one) in weights() {
            if left < weight {
                return one;
            }
            left -= weight;
        }
        &from[0]
    }
}

/// That part of the whole that `roll` is of all rolls.
pub(super) fn share(whole: u64, roll: u64) -> u64 {
    u64::try_from((u128::from(whole) * u128::from(roll)) >> 64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever wrote down a seed finds the same events again.
    #[test]
    fn they_never_change() {
        let mut dice = Dice::of(&[1, 2]);
        let rolled = [dice.roll(), dice.roll(), dice.below(1_000), dice.between(5, 9)];
        insta::assert_debug_snapshot!(rolled, @r"
        [
            15286041500730416461,
            13727705466134383323,
            774,
            5,
        ]
        ");
    }

    #[test]
    fn they_stay_within_their_bounds_and_reach_them() {
        let mut dice = Dice::of(&[7]);
        let rolled: Vec<u64> = (0..1_000).map(|_| dice.between(3, 6)).collect();
        assert_eq!((rolled.iter().min(), rolled.iter().max()), (Some(&3), Some(&6)));
        assert_eq!(dice.below(0), 0);
        assert_eq!(share(10, u64::MAX), 9);
        assert!((0..1_000).all(|_| (-50..=50).contains(&dice.around(50))));
    }

    #[test]
    fn the_second_is_half_as_popular_as_the_first() {
        let mut dice = Dice::of(&[3]);
        let mut counts = [0_u32; 4];
        for _ in 0..20_000 {
            counts[*dice.pick_popular(&[0_usize, 1, 2, 3])] += 1;
        }
        assert!((8_600..10_600).contains(&counts[0]), "{counts:?}");
        assert!((4_200..5_400).contains(&counts[1]), "{counts:?}");
        assert!(counts[2] > counts[3], "{counts:?}");
    }
}
