//! Stretches of a user's time that are looked at together.

use domain::rules::Stretch;
use domain::time::Timestamp;

/// What these cover, as few stretches that have no moment in common; in order.
pub(super) fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable_by_key(|stretch| *stretch.start());
    let mut merged: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match merged.last_mut() {
            Some(last) if stretch.start() <= last.end() => {
                *last = *last.start()..=*last.end().max(stretch.end());
            }
            _ => merged.push(stretch),
        }
    }
    merged
}

/// What lies behind a stretch, up to `end`, in steps that begin as long as it is and grow.
pub(super) fn beyond(stretch: &Stretch, end: Timestamp) -> impl Iterator<Item = Stretch> + use<> {
    let mut from = stretch.end().plus_micros(1);
    let mut step_micros = from.as_micros().saturating_sub(stretch.start().as_micros());
    std::iter::from_fn(move || {
        let step = (from <= end).then(|| from..=from.plus_micros(step_micros - 1).min(end))?;
        from = step.end().plus_micros(1);
        step_micros = step_micros.saturating_mul(2);
        Some(step)
    })
}

/// Two halves of a stretch, if it is longer than the other one.
pub(super) fn halves(stretch: &Stretch, longer_than: &Stretch) -> Option<[Stretch; 2]> {
    let length_micros = |stretch: &Stretch| stretch.end().as_micros().saturating_sub(stretch.start().as_micros());
    if length_micros(stretch) <= length_micros(longer_than) {
        return None;
    }
    let middle = stretch.start().plus_micros(length_micros(stretch) / 2);
    Some([*stretch.start()..=middle, middle.plus_micros(1)..=*stretch.end()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn stretch((from, length): (i64, i64)) -> Stretch {
        at(from)..=at(from + length)
    }

    proptest! {
        #[test]
        fn what_is_merged_covers_the_same_and_nothing_twice(
            parts in proptest::collection::vec((0_i64..60, 0_i64..10), 0..12),
        ) {
            let stretches: Vec<Stretch> = parts.into_iter().map(stretch).collect();
            let merged = merged(stretches.clone());
            for micros in 0..80 {
                let covers = |stretches: &[Stretch]| stretches.iter().filter(|one| one.contains(&at(micros))).count();
                prop_assert_eq!(covers(&merged), usize::from(covers(&stretches) > 0));
            }
        }
    }

    #[test]
    fn halves_are_made_of_what_is_long_enough() {
        let [near, far] = halves(&(at(0)..=at(9)), &(at(3)..=at(11))).unwrap();
        assert_eq!((near, far), (at(0)..=at(4), at(5)..=at(9)));
        assert_eq!(halves(&(at(0)..=at(9)), &(at(3)..=at(12))), None);
        assert_eq!(halves(&(at(7)..=at(7)), &(at(7)..=at(7))), None);
    }

    #[test]
    fn what_lies_beyond_is_looked_at_in_growing_steps_up_to_the_end() {
        let steps = beyond(&(at(0)..=at(9)), at(100));
        let seen: Vec<_> = steps
            .map(|step| (step.start().as_micros(), step.end().as_micros()))
            .collect();
        assert_eq!(seen, [(10, 19), (20, 39), (40, 79), (80, 100)]);
        assert_eq!(beyond(&(at(0)..=at(9)), at(9)).count(), 0);
    }
}
