//! The times of receipt that a door hands out: no two are the same, and none is before another that was given earlier.

use crate::time::Timestamp;

#[derive(Debug)]
pub struct Stamper {
    /// The first time that was not handed out.
    free_from: Timestamp,
}

impl Default for Stamper {
    fn default() -> Self {
        Self {
            free_from: Timestamp::from_micros(i64::MIN),
        }
    }
}

impl Stamper {
    /// The time of the first item of a request; each further one has a microsecond more. A clock that stands still or is set
    /// back does not show.
    pub fn next(&mut self, now: Timestamp, items: usize) -> Timestamp {
        let first = now.max(self.free_from);
        let items = i64::try_from(items.max(1)).unwrap_or(i64::MAX);
        self.free_from = first.plus_micros(items);
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_runs_is_followed() {
        let mut stamper = Stamper::default();
        let times = [(1_000, 3), (2_000, 1), (2_000, 0), (1_000, 100), (2_050, 1), (9_000, 1)]
            .map(|(now, items)| stamper.next(Timestamp::from_micros(now), items).as_micros());
        assert_eq!(times, [1_000, 2_000, 2_001, 2_002, 2_102, 9_000]);
    }

    proptest! {
        #[test]
        fn no_time_is_handed_out_twice(requests in prop::collection::vec((0_i64..500, 0_usize..50), 1..100)) {
            let mut stamper = Stamper::default();
            let mut last = i64::MIN;
            for (now, items) in requests {
                let first = stamper.next(Timestamp::from_micros(now), items).as_micros();
                prop_assert!(first > last && first >= now);
                last = first + i64::try_from(items).unwrap().max(1) - 1;
            }
        }
    }
}
