//! What follows a try that failed: another one, later, or none.

use std::time::Duration;

use crate::time::Timestamp;

/// The pauses after failed tries; when they are used up, it has failed.
pub const RETRY_PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];

/// A receiver may ask for more patience than a pause, but not for more than this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A pause grows by up to this share of itself, so that what failed together does not come back together.
const JITTER_SHARE_MAX: f64 = 0.2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Again { at: Timestamp },
    Failed,
}

impl Retry {
    /// After so many attempts, the one that failed now among them. `jitter` is from 0 to 1; `retry_after` is what the receiver
    /// asked for.
    pub fn after(attempts: u32, jitter: f64, retry_after: Option<Duration>, now: Timestamp) -> Self {
        let pauses_used = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(pause) = RETRY_PAUSES.get(pauses_used) else {
            return Self::Failed;
        };
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        let jitter = if (0.0..=1.0).contains(&jitter) { jitter } else { 0.0 };
        let pause = asked.max(*pause).mul_f64(1.0 + JITTER_SHARE_MAX * jitter);
        Self::Again { at: now.plus(pause) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn seconds(attempts: u32, jitter: f64, retry_after_seconds: Option<u64>) -> Option<i64> {
        match Retry::after(attempts, jitter, retry_after_seconds.map(Duration::from_secs), NOW) {
            Retry::Again { at } => Some((at.as_micros() - NOW.as_micros()) / 1_000_000),
            Retry::Failed => None,
        }
    }

    #[test]
    fn seven_pauses_grow_and_then_it_has_failed() {
        let pauses: Vec<_> = (1..=9).map(|attempts| seconds(attempts, 0.0, None)).collect();
        let expected = [5, 30, 300, 1_800, 7_200, 18_000, 36_000].map(Some);
        assert_eq!(pauses, [expected.as_slice(), &[None, None]].concat());
        assert_eq!(seconds(0, 0.0, None), Some(5));
        assert_eq!(seconds(u32::MAX, 0.0, Some(5)), None);
    }

    #[test]
    fn jitter_adds_up_to_a_fifth() {
        for (jitter, expected) in [
            (0.0, 300),
            (0.5, 330),
            (1.0, 360),
            (7.0, 300),
            (-1.0, 300),
            (f64::NAN, 300),
        ] {
            assert_eq!(seconds(3, jitter, None), Some(expected), "{jitter}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_day_at_most_and_never_for_less() {
        for (asked, expected) in [
            (0, 30),
            (29, 30),
            (31, 31),
            (86_400, 86_400),
            (86_401, 86_400),
            (u64::MAX, 86_400),
        ] {
            assert_eq!(seconds(2, 0.0, Some(asked)), Some(expected), "{asked}");
        }
        assert_eq!(seconds(2, 1.0, Some(u64::MAX)), Some(103_680));
    }
}
