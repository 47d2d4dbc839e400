//! What players say: how their watch time is counted, and how many of them may run.

use std::time::Duration;

use domain::watch_time::PositionUnit;

use super::gather::Values;
use super::refusal::Refusals;

pub(crate) struct Playback {
    pub(crate) position_unit: PositionUnit,
    pub(crate) step_max: Duration,
    pub(crate) stream_limit: usize,
    pub(crate) stream_lease: Duration,
}

impl Playback {
    pub(super) fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            // Only words that are units are allowed.
            position_unit: values.text("EH_WATCH_UNIT")?.parse().unwrap_or_default(),
            step_max: Duration::from_secs(values.whole("EH_WATCH_MAX_STEP_SECONDS")?),
            stream_limit: values.whole("EH_STREAM_LIMIT")?,
            stream_lease: Duration::from_secs(values.whole("EH_STREAM_LEASE_SECONDS")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, gather};

    fn unit(text: &str) -> PositionUnit {
        let environment = vec![("EH_WATCH_UNIT".into(), text.into())];
        let values = gather(&Sources {
            environment,
            ..Sources::default()
        });
        Playback::from_values(&values.unwrap()).unwrap().position_unit
    }

    #[test]
    fn every_word_that_is_allowed_is_a_unit() {
        assert_eq!(unit("seconds"), PositionUnit::Seconds);
        assert_eq!(unit("milliseconds"), PositionUnit::Milliseconds);
    }
}
