//! Watch time outlives the heartbeats it came from, and what comes after these were forgotten comes too late.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::event::Event;
use domain::time::Timestamp;
use domain::watch_time::{Pair, WatchState};
use records::Class;
use worker::Settings;

use crate::bed::{Bed, chrono_now, eventually};
use crate::events::in_both_modes;
use crate::watched::{Watched, heartbeat, pair, reference};

in_both_modes!(
    watch_time_outlives_its_heartbeats,
    what_comes_after_its_time_was_forgotten_credits_nothing,
    settling_goes_on_where_it_was_ended,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP: Duration = Duration::from_secs(60 * 24 * 60 * 60);

fn days_ago(days: i64) -> Timestamp {
    let day = i64::try_from(DAY.as_micros()).unwrap();
    Timestamp::from_micros(chrono_now() - days * day)
}

/// Half a minute of watching.
fn watched(pair: &Pair, from_seconds: i64, begin: Timestamp) -> Vec<Event> {
    (0..4)
        .map(|n| heartbeat(pair, from_seconds + n * 10, begin.plus_micros(n * 10_000_000)))
        .collect()
}

/// Where the next worker that forgets draws the line.
fn edge() -> Timestamp {
    let keep = i64::try_from(KEEP.as_micros()).unwrap();
    records::forgotten_before(Timestamp::from_micros(chrono_now() - keep))
}

async fn take(bed: &Bed, events: &[Event]) {
    let stored = bed.events().len() + events.len();
    bed.publish(events).await;
    let working = bed.work();
    bed.until_stored(stored).await;
    working.stop().await;
}

/// Lets a worker forget until so many events are left.
async fn forget(bed: &Bed, left: usize) {
    let working = bed.work_with(Settings {
        event_retention: Some(KEEP),
        ..bed.settings()
    });
    eventually("old events are gone", async || bed.events().len() == left).await;
    working.stop().await;
}

/// What was watched, whatever is remembered of where the edge lies.
fn told(state: &WatchState) -> (i64, i64, i64, i64) {
    let unique = state.unique_millis();
    (
        state.watch_time_millis(),
        unique,
        state.heartbeats(),
        state.furthest_at_millis(),
    )
}

#[track_caller]
fn tells_as_much(bed: &Bed, expected: &BTreeMap<Pair, WatchState>) {
    let stands = |pair: &Pair| bed.state(pair).unwrap();
    for (pair, state) in expected {
        let kept = stands(pair);
        assert_eq!((told(&kept), kept.newest()), (told(state), state.newest()), "{pair:?}");
    }
    bed.stands_at(&expected.keys().map(|pair| (pair.clone(), stands(pair))).collect());
}

async fn nothing_is_to_recompute(bed: &Bed) {
    let recomputed = bed.recompute().await;
    let changed = [recomputed.pairs, recomputed.movies, recomputed.users].map(|rebuilt| rebuilt.changed);
    assert_eq!(changed, [0, 0, 0], "{recomputed:?}");
}

async fn watch_time_outlives_its_heartbeats(bed: Bed) {
    let (ada, bob) = (pair("ada", "sintel"), pair("bob", "sintel"));
    let old = [watched(&ada, 0, days_ago(400)), watched(&bob, 500, days_ago(300))].concat();
    let young = watched(&ada, 100, days_ago(1));
    let mut all = [old, young].concat();
    take(&bed, &all).await;
    forget(&bed, 4).await;
    tells_as_much(&bed, &reference(&all));
    assert_eq!(bed.state(&ada).unwrap().settled_before(), Some(edge()));
    nothing_is_to_recompute(&bed).await;
    // One that is late, but not too late, is folded onto the base.
    let late = [
        heartbeat(&ada, 60, days_ago(2)),
        heartbeat(&ada, 65, days_ago(2).plus_micros(5_000_000)),
    ];
    take(&bed, &late).await;
    all.extend(late);
    tells_as_much(&bed, &reference(&all));
    nothing_is_to_recompute(&bed).await;
}

async fn what_comes_after_its_time_was_forgotten_credits_nothing(bed: Bed) {
    let (ada, bob, eve) = (pair("ada", "sintel"), pair("bob", "sintel"), pair("eve", "sintel"));
    let counted = [
        watched(&ada, 0, days_ago(400)),
        watched(&ada, 100, days_ago(3)),
        watched(&bob, 0, days_ago(3)),
    ]
    .concat();
    take(&bed, &counted).await;
    forget(&bed, 8).await;
    // Of a pair with a base, of one without, and of one that nobody has heard of.
    let too_late = [&ada, &bob, &eve]
        .map(|pair| watched(pair, 1_000, days_ago(350)))
        .concat();
    take(&bed, &too_late).await;
    tells_as_much(&bed, &reference(&counted));
    assert_eq!(bed.state(&eve), None);
    nothing_is_to_recompute(&bed).await;
    // What comes in time later does not bring them back, be it in order or late.
    let in_time = [watched(&bob, 40, days_ago(2)), watched(&eve, 40, days_ago(2))].concat();
    let late = [watched(&bob, 0, days_ago(4)), watched(&eve, 0, days_ago(4))].concat();
    for events in [&in_time, &late] {
        take(&bed, events).await;
    }
    let expected = reference(&[counted.clone(), in_time, late].concat());
    tells_as_much(&bed, &expected);
    forget(&bed, 8 + 16).await;
    tells_as_much(&bed, &expected);
    nothing_is_to_recompute(&bed).await;
}

/// The edge has moved, and then the worker was killed.
async fn settling_goes_on_where_it_was_ended(bed: Bed) {
    let pairs: Vec<Pair> = (0..40).map(|n| pair(&format!("u-{n}"), "sintel")).collect();
    let counted: Vec<Event> = pairs.iter().flat_map(|pair| watched(pair, 0, days_ago(400))).collect();
    take(&bed, &counted).await;
    let edge = edge();
    bed.records
        .run(Class::Background, |unit| unit.move_watch_edge(edge))
        .unwrap();
    // What comes now for one that is not settled settles it.
    take(&bed, &watched(&pairs[0], 1_000, days_ago(390))).await;
    assert_eq!(bed.state(&pairs[0]).unwrap().settled_before(), Some(edge));
    assert_eq!(bed.state(&pairs[1]).unwrap().settled_before(), None);
    tells_as_much(&bed, &reference(&counted));
    forget(&bed, 0).await;
    tells_as_much(&bed, &reference(&counted));
    nothing_is_to_recompute(&bed).await;
}
