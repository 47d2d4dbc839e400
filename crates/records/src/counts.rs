//! What both stores share about counts: the names under which types are counted, and how a stretch of time falls into whole
//! quarters, which are summed up already, and the edges around them, which are not.

use std::collections::{BTreeMap, BTreeSet};

use domain::counts::{NewCount, OTHER, QUARTER_MICROS, Span, UNKNOWN_TYPES_MAX, quarter_of};
use domain::event::{BUILT_IN, EventType};
use domain::time::Timestamp;

use crate::Counts;

/// Before and after everything that can be written: the open ends of a span.
const BEGINNING: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);
const END: Timestamp = Timestamp::from_micros(253_402_300_800_000_000);

/// The types that are counted by name.
pub(crate) struct Names(BTreeSet<EventType>);

impl Names {
    pub(crate) fn of(registered: impl IntoIterator<Item = EventType>) -> Self {
        Self(registered.into_iter().collect())
    }

    fn name<'t>(&self, event_type: &'t EventType) -> &'t str {
        if event_type.is_builtin() || self.0.contains(event_type) {
            event_type.as_str()
        } else {
            OTHER
        }
    }

    /// Which of these types are to be registered: built-in ones always, of the unknown ones the first by name, as long as there
    /// is room.
    pub(crate) fn to_register(&self, counts: &[NewCount]) -> Vec<EventType> {
        let (builtin, unknown): (BTreeSet<_>, BTreeSet<_>) = counts
            .iter()
            .map(|count| &count.event_type)
            .filter(|event_type| !self.0.contains(*event_type) && event_type.as_str() != OTHER)
            .partition(|event_type| event_type.is_builtin());
        let taken = self.0.iter().filter(|event_type| !event_type.is_builtin()).count();
        let room = UNKNOWN_TYPES_MAX.saturating_sub(taken);
        builtin
            .into_iter()
            .chain(unknown.into_iter().take(room))
            .cloned()
            .collect()
    }

    /// The same counts by name, sorted by quarter and name.
    pub(crate) fn by_name<'c>(&self, counts: &'c [NewCount]) -> BTreeMap<(Timestamp, &'c str), i64> {
        let mut named = BTreeMap::new();
        for count in counts {
            let events = crate::rows::signed(count.events);
            *named.entry((count.quarter, self.name(&count.event_type))).or_default() += events;
        }
        named
    }
}

/// The name under which a row's type is counted, in the words of both databases.
pub(crate) fn name_in_sql(column: &str) -> String {
    // The names are our own, and plain.
    let builtin = BUILT_IN
        .each_ref()
        .map(|built_in| format!("'{}'", built_in.name))
        .join(", ");
    format!(
        "CASE WHEN {column} IN ({builtin}) OR EXISTS (SELECT 1 FROM event_types t WHERE t.event_type = {column})
              THEN {column} ELSE '{OTHER}' END"
    )
}

/// A half-open part of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) bucket: i64,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Where to look for the counts of some buckets. No two stretches share an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretches {
    /// Whole quarters.
    pub(crate) summed: Vec<Stretch>,
    pub(crate) edges: Vec<Stretch>,
}

impl Stretches {
    pub(crate) fn of_span(span: Span) -> Self {
        Self::between(&[span.start.unwrap_or(BEGINNING), span.end.unwrap_or(END)])
    }

    /// One bucket between each two neighbours.
    pub(crate) fn between(borders: &[Timestamp]) -> Self {
        let mut stretches = Self::default();
        for (bucket, pair) in (0..).zip(borders.windows(2)) {
            stretches.add(bucket, pair[0], pair[1]);
        }
        stretches
    }

    fn add(&mut self, bucket: i64, from: Timestamp, to: Timestamp) {
        let (first, last) = (quarter_of(from.plus_micros(QUARTER_MICROS - 1)), quarter_of(to));
        if first >= last {
            return push(&mut self.edges, Stretch { bucket, from, to });
        }
        push(
            &mut self.edges,
            Stretch {
                bucket,
                from,
                to: first,
            },
        );
        push(
            &mut self.summed,
            Stretch {
                bucket,
                from: first,
                to: last,
            },
        );
        push(&mut self.edges, Stretch { bucket, from: last, to });
    }
}

fn push(stretches: &mut Vec<Stretch>, stretch: Stretch) {
    if stretch.from < stretch.to {
        stretches.push(stretch);
    }
}

/// One map for each bucket, also where nothing happened.
pub(crate) fn by_bucket(buckets: usize, found: Vec<(i64, String, u64)>) -> Vec<Counts> {
    let mut counts = vec![Counts::new(); buckets];
    for (bucket, event_type, events) in found {
        if let Some(counts) = usize::try_from(bucket).ok().and_then(|bucket| counts.get_mut(bucket)) {
            counts.insert(event_type, events);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: i64 = QUARTER_MICROS;

    type Plain = (i64, i64, i64);

    fn stretches(borders: &[i64]) -> (Vec<Plain>, Vec<Plain>) {
        let borders: Vec<_> = borders.iter().map(|micros| Timestamp::from_micros(*micros)).collect();
        let found = Stretches::between(&borders);
        let plain = |stretch: &Stretch| (stretch.bucket, stretch.from.as_micros(), stretch.to.as_micros());
        (
            found.summed.iter().map(plain).collect(),
            found.edges.iter().map(plain).collect(),
        )
    }

    #[test]
    fn whole_quarters_are_summed_and_the_edges_are_not() {
        assert_eq!(stretches(&[0, 2 * Q]), (vec![(0, 0, 2 * Q)], vec![]));
        assert_eq!(
            stretches(&[1, 2 * Q + 1]),
            (vec![(0, Q, 2 * Q)], vec![(0, 1, Q), (0, 2 * Q, 2 * Q + 1)])
        );
        assert_eq!(stretches(&[1, Q + 1]), (vec![], vec![(0, 1, Q + 1)]));
        assert_eq!(stretches(&[5, 7]), (vec![], vec![(0, 5, 7)]));
        assert_eq!(stretches(&[-1, Q]), (vec![(0, 0, Q)], vec![(0, -1, 0)]));
        assert_eq!(stretches(&[Q, Q, 2 * Q]), (vec![(1, Q, 2 * Q)], vec![]));
        assert_eq!(stretches(&[7]), (vec![], vec![]));
        assert_eq!(stretches(&[7, 5]), (vec![], vec![]));
    }
}
