//! Watch time: whoever folds what at the same time, no heartbeat is lost.

use std::collections::BTreeMap;

use domain::ids::{EventId, Slug, UserId};
use domain::watch_time::{Beat, Delta, Pair, PositionUnit, WatchState};

use super::events::{event, json};
use super::*;
use crate::{Origin, TotalsMove};

on_every_store!(
    a_state_is_read_back_as_it_was_saved,
    a_pair_that_was_only_held_is_not_shown,
    states_come_in_the_order_of_their_pairs,
    units_that_fold_the_same_pairs_lose_nothing,
    heartbeats_of_a_pair_come_in_order,
);

pub(super) const STEP_MILLIS_MAX: i64 = 120_000;
pub(super) const AT: Timestamp = Timestamp::from_micros(1_795_168_809_000_000);

pub(super) fn pair(user: &str, slug: &str) -> Pair {
    Pair {
        user_id: user.parse().unwrap(),
        slug: slug.parse().unwrap(),
    }
}

pub(super) fn after(seconds: i64) -> Timestamp {
    AT.plus_micros(seconds * 1_000_000)
}

/// The `n`th heartbeat of all: at that position, so many seconds after the beginning.
pub(super) fn heartbeat(n: u128, of: &Pair, position: i64, seconds: i64) -> Event {
    Event {
        user_id: of.user_id.clone(),
        slug: Some(of.slug.clone()),
        received_at: after(seconds),
        payload: json(&format!(r#"{{"slug":{},"at":{position}}}"#, serde_json::json!(of.slug))),
        ..event(n, after(seconds), "watch")
    }
}

pub(super) fn beats(events: &[Event]) -> Vec<Beat> {
    let beat = |event| Beat::of(event, PositionUnit::Seconds);
    events.iter().filter_map(beat).collect()
}

pub(super) fn folded(events: &[Event]) -> WatchState {
    WatchState::refold(WatchState::default(), beats(events), STEP_MILLIS_MAX)
}

/// Stores heartbeats, and folds their pairs again from all that are stored.
pub(super) fn apply(records: &Records, events: &[Event]) {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.event_id);
    records
        .run(Class::Apply, |unit| {
            unit.insert_new(&sorted, Origin::DOOR)?;
            refold(unit, &sorted)
        })
        .unwrap();
}

fn refold(unit: &mut dyn Unit, events: &[Event]) -> Result<()> {
    let mut pairs: Vec<Pair> = events.iter().filter_map(Pair::of).collect();
    pairs.sort();
    pairs.dedup();
    let states = unit.lock_pairs(&pairs)?;
    let mut saved = Vec::new();
    let (mut movies, mut users) = (BTreeMap::new(), BTreeMap::new());
    for (pair, before) in pairs.into_iter().zip(states) {
        let stored = unit.heartbeats_of(&pair, None, 10_000)?;
        let state = WatchState::refold(unit.watch_base(&pair)?, beats(&stored), STEP_MILLIS_MAX);
        let delta = Delta::between(&before, &state);
        *movies.entry(pair.slug.clone()).or_insert_with(Delta::default) += delta.clone();
        *users.entry(pair.user_id.clone()).or_insert_with(Delta::default) += delta;
        saved.push((pair, state));
    }
    unit.save_pairs(&saved)?;
    let newest = events.iter().map(|event| event.timestamp).max().unwrap();
    unit.move_movie_totals(&moves(movies, newest, &saved))?;
    unit.move_user_totals(&moves(users, newest, &[]))
}

fn moves<K>(deltas: BTreeMap<K, Delta>, newest: Timestamp, saved: &[(Pair, WatchState)]) -> Vec<TotalsMove<K>> {
    let furthest = saved.iter().map(|(_, state)| state.furthest_at_millis()).max();
    let moved = |(of, delta)| TotalsMove {
        of,
        delta,
        newest,
        furthest_at_millis: furthest.unwrap_or_default(),
    };
    deltas.into_iter().map(moved).collect()
}

pub(super) fn state(records: &Records, pair: &Pair) -> Option<WatchState> {
    records.run(Class::Reads, |unit| unit.watch_state(pair)).unwrap()
}

pub(super) fn heartbeats(records: &Records, pair: &Pair) -> Vec<Event> {
    records
        .run(Class::Reads, |unit| unit.heartbeats_of(pair, None, 10_000))
        .unwrap()
}

fn a_state_is_read_back_as_it_was_saved(Store { records, .. }: &Store) {
    let watched = pair("ü-1 👩‍🚀", "big \"buck\" bunny");
    assert_eq!(state(records, &watched), None);
    let events: Vec<Event> = (0..7)
        .map(|n| {
            heartbeat(
                n,
                &watched,
                i64::try_from(n).unwrap() * 10,
                i64::try_from(n).unwrap() * 10,
            )
        })
        .collect();
    for part in events.chunks(3) {
        apply(records, part);
    }
    let kept = state(records, &watched).unwrap();
    assert_eq!(kept, folded(&events));
    assert_eq!((kept.watch_time_millis(), kept.heartbeats()), (60_000, 7));
    assert_eq!(state(records, &pair("ü-1", "big \"buck\" bunny")), None);
}

fn a_pair_that_was_only_held_is_not_shown(Store { records, .. }: &Store) {
    let held = pair("u", "m");
    let states = records
        .run(Class::Apply, |unit| unit.lock_pairs(std::slice::from_ref(&held)))
        .unwrap();
    assert_eq!(states, [WatchState::default()]);
    records
        .run(Class::Apply, |unit| {
            unit.lock_movie(&held.slug)?;
            unit.sum_user_totals(&held.user_id)
        })
        .unwrap();
    assert_eq!(state(records, &held), None);
    records
        .run(Class::Reads, |unit| {
            assert_eq!(unit.movies_of_user(&held.user_id, None, 10)?, []);
            assert_eq!(unit.states_of_movie(&held.slug, None, 10)?, []);
            assert_eq!(unit.movie_totals(&held.slug)?, None);
            assert_eq!(unit.user_totals(&held.user_id)?, None);
            assert_eq!(unit.top_movies(None, 10)?, []);
            assert_eq!(unit.top_users(None, 10)?, []);
            assert_eq!(unit.all_pairs(None, 10)?, []);
            assert_eq!(unit.watch_differences(10)?, []);
            assert_eq!(unit.pairs_to_settle(after(1_000), 10)?, []);
            Ok(())
        })
        .unwrap();
}

fn states_come_in_the_order_of_their_pairs(Store { records, .. }: &Store) {
    let mut pairs: Vec<Pair> = [
        ("b", "x"),
        ("a", "B"),
        ("a", "a"),
        ("ä", "x"),
        ("a", "1"),
        ("B", "x"),
        ("1", "2"),
    ]
    .map(|(user, slug)| pair(user, slug))
    .into();
    pairs.sort();
    let known: Vec<Event> = (0..)
        .zip(pairs.iter().step_by(2))
        .map(|(n, pair)| heartbeat(n, pair, i64::try_from(n).unwrap(), 0))
        .collect();
    apply(records, &known);
    let states = records.run(Class::Apply, |unit| unit.lock_pairs(&pairs)).unwrap();
    let positions: Vec<Option<i64>> = states
        .iter()
        .map(|state| state.newest().map(|newest| newest.at_millis))
        .collect();
    assert_eq!(
        positions,
        [Some(0), None, Some(1_000), None, Some(2_000), None, Some(3_000)]
    );
    assert_eq!(records.run(Class::Apply, |unit| unit.lock_pairs(&[])).unwrap(), []);
}

/// Every batch touches all pairs, and the first ones make them.
fn units_that_fold_the_same_pairs_lose_nothing(Store { records, .. }: &Store) {
    const WORKERS: u128 = 4;
    const BATCHES: u128 = 15;
    let pairs: Vec<Pair> = (0..12)
        .map(|n| pair(&format!("u-{}", n % 4), &format!("m-{}", n / 4)))
        .collect();
    let batch = |worker: u128, batch: u128| -> Vec<Event> {
        let no = batch * WORKERS + worker;
        let position = i64::try_from(no).unwrap() * 10;
        (0..)
            .zip(&pairs)
            .map(|(n, pair)| heartbeat(no * 100 + n, pair, position, position))
            .collect()
    };
    let start = std::sync::Barrier::new(usize::try_from(WORKERS).unwrap());
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (start, batch) = (&start, &batch);
            scope.spawn(move || {
                start.wait();
                for no in 0..BATCHES {
                    apply(records, &batch(worker, no));
                }
            });
        }
    });
    let all: Vec<Event> = (0..WORKERS * BATCHES)
        .flat_map(|no| batch(no % WORKERS, no / WORKERS))
        .collect();
    for pair in &pairs {
        let own: Vec<Event> = all
            .iter()
            .filter(|event| Pair::of(event).as_ref() == Some(pair))
            .cloned()
            .collect();
        assert_eq!(state(records, pair).unwrap(), folded(&own));
    }
    assert_eq!(
        records.run(Class::Reads, |unit| unit.watch_differences(10)).unwrap(),
        []
    );
    let user = records
        .run(Class::Reads, |unit| unit.user_totals(&pairs[0].user_id))
        .unwrap()
        .unwrap();
    assert_eq!(
        (user.movies, user.heartbeats, user.watch_time_millis),
        (3, 180, 3 * 590_000)
    );
}

fn heartbeats_of_a_pair_come_in_order(Store { records, .. }: &Store) {
    let watched = pair("u", "m");
    let own: Vec<Event> = (0..9)
        .map(|n| heartbeat(8 - n, &watched, 0, i64::try_from(n / 3).unwrap()))
        .collect();
    let news = Event {
        event_type: "stream_started".parse().unwrap(),
        ..heartbeat(90, &watched, 0, 0)
    };
    let others = [
        heartbeat(91, &pair("u", "m2"), 0, 0),
        heartbeat(92, &pair("u2", "m"), 0, 0),
        news,
    ];
    events::store(records, &[own.clone(), others.to_vec()].concat());
    let mut expected: Vec<EventId> = own.iter().map(|event| event.event_id).collect();
    expected.sort_by_key(|id| {
        let event = own.iter().find(|event| event.event_id == *id).unwrap();
        (event.timestamp, *id)
    });
    let mut found: Vec<(Timestamp, EventId)> = Vec::new();
    loop {
        let page = records
            .run(Class::Reads, |unit| {
                unit.heartbeats_of(&watched, found.last().copied(), 2)
            })
            .unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        found.extend(page.iter().map(|event| (event.timestamp, event.event_id)));
    }
    assert_eq!(found.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), expected);
}

#[cfg(feature = "services")]
#[test]
fn postgres_tells_stored_heartbeats_their_movie() {
    use diesel::connection::SimpleConnection;

    let Some(store) = Store::postgres() else { return };
    let watched = pair("u", "7");
    let numbered = Event {
        payload: json(r#"{"slug":7,"at":1}"#),
        ..heartbeat(1, &watched, 0, 0)
    };
    let named = heartbeat(2, &watched, 0, 0);
    let other = event(3, AT, "view");
    events::store(&store.records, &[numbered.clone(), named.clone(), other]);
    let mut connection = store.postgres_connection();
    for statements in [
        include_str!("../../../../migrations/postgres/2026-11-20-000200_watch_time/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-20-000200_watch_time/up.sql"),
    ] {
        connection.batch_execute(statements).unwrap();
    }
    let found: Vec<EventId> = heartbeats(&store.records, &watched)
        .iter()
        .map(|event| event.event_id)
        .collect();
    assert_eq!(found, [numbered.event_id, named.event_id]);
}

pub(super) fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

pub(super) fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}
