//! What is to be made: how much of which kind, and when.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;

use super::record::Record;
use super::rhythm::Day;
use super::stream::Stream;
use super::world::People;

pub(super) const RECORDS_MAX: u64 = 1_000_000_000_000;
const DAYS_MAX: u64 = 3_660;

/// How often each type was made.
pub(super) type Tally = BTreeMap<&'static str, u64>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// Views, clicks and locations of a site
    Analytics,
    /// Heartbeats of players
    Watch,
    /// Launches of an app, and trainings
    Activity,
    /// Log lines of two services
    Logs,
}

impl Kind {
    pub(super) const EVENTS: [Self; 3] = [Self::Analytics, Self::Watch, Self::Activity];

    /// How much there is of it beside the others.
    const fn weight(self) -> u64 {
        match self {
            Self::Analytics => 40,
            Self::Watch => 30,
            Self::Activity => 5,
            Self::Logs => 25,
        }
    }

    /// Never to be changed: what a seed makes follows from it.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Analytics => 1,
            Self::Watch => 2,
            Self::Activity => 3,
            Self::Logs => 4,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) records: u64,
    pub(super) from: Day,
    pub(super) to: Day,
    pub(super) seed: u64,
    pub(super) people: People,
    kinds: Vec<Kind>,
}

impl Plan {
    pub(super) fn new(records: u64, from: Day, to: Day, seed: u64, kinds: Vec<Kind>) -> anyhow::Result<Self> {
        let days = from.days_until(to);
        anyhow::ensure!(days > 0, "--to {to} lies before --from {from}");
        anyhow::ensure!(
            days <= DAYS_MAX,
            "from {from} to {to} are {days} days; at most {DAYS_MAX} are made at once"
        );
        Ok(Self {
            records,
            from,
            to,
            seed,
            people: People::of(seed, records),
            kinds,
        })
    }

    /// So many people do all of it, instead of as many as the records want.
    pub(super) fn among(self, people: u64) -> Self {
        Self {
            people: People::counting(self.seed, people),
            ..self
        }
    }

    pub(super) fn days(&self) -> u64 {
        self.from.days_until(self.to)
    }

    /// How many records there are of a kind; all of them together are as many as were asked for.
    pub(super) fn records_of(&self, kind: Kind) -> u64 {
        let weight = |kinds: &[Kind]| kinds.iter().map(|kind| kind.weight()).sum::<u64>();
        let Some(place) = self.kinds.iter().position(|one| *one == kind) else {
            return 0;
        };
        let part =
            |kinds: &[Kind]| u128::from(self.records) * u128::from(weight(kinds)) / u128::from(weight(&self.kinds));
        u64::try_from(part(&self.kinds[..=place]) - part(&self.kinds[..place])).unwrap_or_default()
    }

    /// Everything, in the order of time.
    pub(super) fn everything(&self) -> Records {
        self.of(&self.kinds)
    }

    /// Only these kinds, as far as they are planned.
    pub(super) fn of(&self, kinds: &[Kind]) -> Records {
        let streams = kinds.iter().map(|kind| Stream::of(*kind, self.records_of(*kind), self));
        Records(streams.collect())
    }
}

/// Records in the order of time, made as they are asked for.
pub(super) struct Records(Vec<Stream>);

impl Iterator for Records {
    type Item = serde_json::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let streams = self.0.iter_mut().filter_map(|stream| Some((stream.next_at()?, stream)));
        let (_, first) = streams.min_by_key(|(at, _)| *at)?;
        first.next()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Records").finish_non_exhaustive()
    }
}

pub(super) fn count(tally: &mut Tally, record: &Record) {
    *tally.entry(record.counted_as).or_default() += 1;
}

#[cfg(test)]
mod tests;
