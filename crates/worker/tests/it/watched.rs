//! Heartbeats to be sent, what they come to one after the other, and whether the tables say so.

use std::collections::{BTreeMap, BTreeSet};

use domain::counts::Span;
use domain::event::Event;
use domain::ids::{EventId, Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Beat, Delta, Pair, PositionUnit, Resolution, WatchState};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use records::{Class, Result, Unit};
use uuid::Uuid;
use worker::{RecomputeStep, Recomputed};

use crate::bed::{Bed, chrono_now, eventually};

pub(crate) const SECOND: i64 = 1_000_000;
const STEP_MILLIS_MAX: i64 = 120_000;
const LIST_MAX: u32 = 1_000;

pub(crate) fn pair(user: &str, slug: &str) -> Pair {
    Pair {
        user_id: user.parse().unwrap(),
        slug: slug.parse().unwrap(),
    }
}

/// A heartbeat with its player's own time, heard a moment later.
pub(crate) fn heartbeat(pair: &Pair, at_seconds: i64, sent: Timestamp) -> Event {
    heard(pair, at_seconds, sent, sent.plus_micros(35_000))
}

/// A heartbeat whose time is the one of its receipt.
pub(crate) fn untimed(pair: &Pair, at_seconds: i64, received: Timestamp) -> Event {
    heard(pair, at_seconds, received, received)
}

fn heard(pair: &Pair, at: i64, timestamp: Timestamp, received: Timestamp) -> Event {
    let canonical = serde_json::json!({
        "event_id": Uuid::new_v4(),
        "event_type": "watch",
        "user_id": pair.user_id,
        "timestamp": timestamp,
        "received_at": received,
        "payload": {"slug": pair.slug, "at": at},
    });
    Event {
        client_named: true,
        ..serde_json::from_str(&canonical.to_string()).unwrap()
    }
}

/// What some heartbeats come to, one after the other.
pub(crate) fn reference(events: &[Event]) -> BTreeMap<Pair, WatchState> {
    let mut beats: BTreeMap<Pair, (BTreeSet<EventId>, Vec<Beat>)> = BTreeMap::new();
    for event in events {
        let (seen, beats) = beats.entry(Pair::of(event).unwrap()).or_default();
        if seen.insert(event.event_id) {
            beats.push(Beat::of(event, PositionUnit::Seconds).unwrap());
        }
    }
    let folded = |(_, mut beats): (_, Vec<Beat>)| {
        beats.sort_unstable_by_key(Beat::place);
        let mut state = WatchState::default();
        for beat in &beats {
            state.fold(beat, STEP_MILLIS_MAX).unwrap();
        }
        state
    };
    beats.into_iter().map(|(pair, beats)| (pair, folded(beats))).collect()
}

pub(crate) trait Watched {
    fn counted(&self) -> usize;
    /// Waits until so many events are counted, which is quicker told than how many are stored.
    async fn until_counted(&self, events: usize);
    fn state(&self, pair: &Pair) -> Option<WatchState>;
    /// That these pairs stand like this, there is no other, and all totals are their sums.
    fn stands_at(&self, expected: &BTreeMap<Pair, WatchState>);
    async fn recompute(&self) -> Recomputed;
}

impl Watched for Bed {
    fn counted(&self) -> usize {
        let counts = self
            .records
            .run(Class::Reads, |unit| unit.counts(Span::default(), None));
        usize::try_from(counts.unwrap().values().sum::<u64>()).unwrap()
    }

    async fn until_counted(&self, events: usize) {
        eventually(&format!("{events} events"), async || self.counted() >= events).await;
    }

    fn state(&self, pair: &Pair) -> Option<WatchState> {
        self.records.run(Class::Reads, |unit| unit.watch_state(pair)).unwrap()
    }

    fn stands_at(&self, expected: &BTreeMap<Pair, WatchState>) {
        for (pair, state) in expected {
            assert_eq!(self.state(pair).as_ref(), Some(state), "{pair:?}");
        }
        let users: BTreeSet<_> = expected.keys().map(|pair| &pair.user_id).collect();
        let slugs: BTreeSet<_> = expected.keys().map(|pair| &pair.slug).collect();
        let totals_are_sums = |unit: &mut dyn Unit| {
            assert_eq!(unit.watch_differences(10)?, []);
            assert_eq!(unit.top_users(None, LIST_MAX)?.len(), users.len());
            assert_eq!(unit.top_movies(None, LIST_MAX)?.len(), slugs.len());
            users.iter().try_for_each(|user| user_is_summed(unit, user, expected))?;
            slugs.iter().try_for_each(|slug| movie_is_summed(unit, slug, expected))
        };
        self.records.run(Class::Reads, totals_are_sums).unwrap();
    }

    async fn recompute(&self) -> Recomputed {
        let effects = self.settings().effects;
        let steps = std::sync::Mutex::new(Vec::new());
        let note = |step| steps.lock().unwrap().push(step);
        let recomputed = worker::recompute(&self.records, &effects, note).await.unwrap();
        if recomputed.users.seen > 0 {
            let last = RecomputeStep::Users(recomputed.users.seen);
            assert_eq!(steps.into_inner().unwrap().last(), Some(&last));
        }
        recomputed
    }
}

fn user_is_summed(unit: &mut dyn Unit, user: &UserId, expected: &BTreeMap<Pair, WatchState>) -> Result<()> {
    let sum = sum(expected.iter().filter(|(pair, _)| pair.user_id == *user));
    let totals = unit.user_totals(user)?.unwrap();
    let kept = (totals.watch_time_millis, totals.heartbeats, totals.movies);
    assert_eq!(kept, (sum.watch_time_millis, sum.heartbeats, sum.pairs), "{user}");
    Ok(())
}

fn movie_is_summed(unit: &mut dyn Unit, slug: &Slug, expected: &BTreeMap<Pair, WatchState>) -> Result<()> {
    let states = || expected.iter().filter(|(pair, _)| pair.slug == *slug);
    let sum = sum(states());
    let totals = unit.movie_totals(slug)?.unwrap();
    let kept = (totals.watch_time_millis, totals.heartbeats, totals.viewers);
    assert_eq!(kept, (sum.watch_time_millis, sum.heartbeats, sum.pairs), "{slug}");
    let furthest = states().map(|(_, state)| state.furthest_at_millis()).max();
    let newest = states().filter_map(|(_, state)| Some(state.newest()?.timestamp)).max();
    let reached = (Some(totals.furthest_at_millis), Some(totals.updated_at));
    assert_eq!(reached, (furthest, newest), "{slug}");
    for resolution in Resolution::all() {
        let of_it = sum.viewers.iter().filter(|(bucket, _)| bucket.resolution == resolution);
        let summed: Vec<_> = of_it.map(|(bucket, viewers)| (bucket.no, *viewers)).collect();
        assert_eq!(unit.bucket_viewers(slug, resolution)?, summed, "{slug} {resolution:?}");
    }
    Ok(())
}

fn sum<'s>(states: impl Iterator<Item = (&'s Pair, &'s WatchState)>) -> Delta {
    let mut sum = Delta::default();
    for (_, state) in states {
        sum += Delta::between(&WatchState::default(), state);
    }
    sum
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(chrono_now())
}

pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    now().plus_micros(-hours * 3_600 * SECOND)
}

/// Players that go on, pause, seek, come back and are at odds with the clock.
pub(crate) fn evenings(random: &mut StdRng, users: usize, movies: usize, heartbeats: usize) -> Vec<Event> {
    let begin = hours_ago(10);
    let mut positions = vec![(0_i64, 0_i64); users * movies];
    let mut events = Vec::with_capacity(heartbeats);
    for _ in 0..heartbeats {
        let which = random.random_range(0..positions.len());
        let (second, at) = &mut positions[which];
        *second += random.random_range(1..30);
        *at = match random.random_range(0..20) {
            0 => random.random_range(0..6_000),
            1 => (*at - 60).max(0),
            2..4 => *at,
            _ => *at + random.random_range(1..40),
        };
        let pair = pair(&format!("u-{}", which / movies), &format!("m-{}", which % movies));
        events.push(heartbeat(&pair, *at, begin.plus_micros(*second * SECOND)));
    }
    events
}

/// In frames of any size, a tenth of them twice.
pub(crate) fn shuffled(random: &mut StdRng, events: &[Event]) -> Vec<Vec<Event>> {
    let again: Vec<Event> = events.choose_multiple(random, events.len() / 10).cloned().collect();
    let mut all = [events, &again].concat();
    all.shuffle(random);
    let mut frames = Vec::new();
    while !all.is_empty() {
        let size = random.random_range(1..=120).min(all.len());
        frames.push(all.split_off(all.len() - size));
    }
    frames
}
