//! Where heartbeats are forgotten, what they came to stays: their pairs have a base there, and older ones move nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::watch_time::{Pair, WatchState};

use super::watch_time::{STEP_MILLIS_MAX, after, apply, beats, heartbeat, heartbeats, pair, state};
use super::*;

on_every_store!(
    an_edge_never_moves_back,
    an_edge_stands_until_the_units_that_asked_for_it_have_ended,
    a_base_is_kept_beside_its_state,
    pairs_are_settled_once_for_each_edge,
    late_heartbeats_do_not_ask_for_a_base,
);

fn an_edge_never_moves_back(Store { records, .. }: &Store) {
    let edge = || records.run(Class::Reads, |unit| unit.watch_edge()).unwrap();
    assert_eq!(edge(), None);
    for (moved_to, stands_at) in [(50, 50), (40, 50), (50, 50), (51, 51)] {
        records
            .run(Class::Background, |unit| unit.move_watch_edge(after(moved_to)))
            .unwrap();
        assert_eq!(edge(), Some(after(stands_at)));
    }
}

/// Who goes by the old edge may still fold what lies before the new one, and must have done so when it is there.
fn an_edge_stands_until_the_units_that_asked_for_it_have_ended(Store { records, .. }: &Store) {
    const LOOKS: usize = 300;
    let (asked, moves) = std::sync::mpsc::channel();
    let moved = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let moved = &moved;
        scope.spawn(move || {
            moves.recv().unwrap();
            records
                .run(Class::Background, |unit| unit.move_watch_edge(after(50)))
                .unwrap();
            moved.store(true, Ordering::SeqCst);
        });
        records
            .run(Class::Apply, |unit| {
                assert_eq!(unit.watch_edge()?, None);
                asked.send(()).unwrap();
                for _ in 0..LOOKS {
                    unit.watch_state(&pair("u", "m"))?;
                    assert!(!moved.load(Ordering::SeqCst));
                }
                assert_eq!(unit.watch_edge()?, None);
                Ok(())
            })
            .unwrap();
    });
    let edge = records.run(Class::Reads, |unit| unit.watch_edge()).unwrap();
    assert_eq!(edge, Some(after(50)));
}

/// The newest edge is moved to again and again, by everybody who forgets; that must wait for nobody.
#[cfg(feature = "services")]
#[test]
fn postgres_does_not_wait_where_the_edge_stands_already() {
    let Some(store) = Store::postgres() else { return };
    let records = &store.records;
    let move_to = |seconds| records.run(Class::Background, |unit| unit.move_watch_edge(after(seconds)));
    move_to(50).unwrap();
    records
        .run(Class::Apply, |unit| {
            assert_eq!(unit.watch_edge()?, Some(after(50)));
            move_to(50)?;
            move_to(40)
        })
        .unwrap();
}

fn to_settle(records: &Records, edge: Timestamp, limit: u32) -> Vec<Pair> {
    records
        .run(Class::Background, |unit| unit.pairs_to_settle(edge, limit))
        .unwrap()
}

/// As retention does.
fn settle(records: &Records, pair: &Pair, edge: Timestamp) {
    records
        .run(Class::Background, |unit| {
            unit.lock_pairs(std::slice::from_ref(pair))?;
            let stored = beats(&unit.heartbeats_of(pair, None, 10_000)?);
            let base = WatchState::base(unit.watch_base(pair)?, stored.clone(), edge, STEP_MILLIS_MAX);
            unit.save_watch_base(pair, &base)?;
            let state = WatchState::refold(base, stored, STEP_MILLIS_MAX);
            unit.save_pairs(&[(pair.clone(), state)])
        })
        .unwrap();
}

fn a_base_is_kept_beside_its_state(Store { records, .. }: &Store) {
    let watched = pair("u", "m");
    let base = |pair: &Pair| records.run(Class::Reads, |unit| unit.watch_base(pair)).unwrap();
    apply(records, &[heartbeat(1, &watched, 0, 0), heartbeat(2, &watched, 10, 10)]);
    let before = state(records, &watched).unwrap();
    assert_eq!(base(&watched), WatchState::default());
    settle(records, &watched, after(5));
    assert_eq!(
        (base(&watched).heartbeats(), base(&watched).settled_before()),
        (1, Some(after(5)))
    );
    let settled = state(records, &watched).unwrap();
    assert_eq!(settled.watch_time_millis(), before.watch_time_millis());
    assert_eq!(settled.settled_before(), Some(after(5)));
    apply(records, &[heartbeat(3, &watched, 5, 5), heartbeat(4, &watched, 4, 4)]);
    assert_eq!(state(records, &watched).unwrap().heartbeats(), 3);
    assert_eq!(base(&watched).heartbeats(), 1);
    assert_eq!(base(&pair("u", "m2")), WatchState::default());
}

fn pairs_are_settled_once_for_each_edge(Store { records, .. }: &Store) {
    let [early, both, recent] = ["early", "both", "recent"].map(|slug| pair("u", slug));
    let seen = [(&early, 0), (&early, 5), (&both, 9), (&both, 15), (&recent, 10)];
    let events: Vec<Event> = (0..)
        .zip(seen)
        .map(|(n, (pair, seconds))| heartbeat(n, pair, seconds, seconds))
        .collect();
    apply(records, &events);
    let sorted = |mut pairs: Vec<Pair>| {
        pairs.sort();
        pairs
    };
    assert_eq!(to_settle(records, after(0), 10), []);
    let due = to_settle(records, after(10), 10);
    assert_eq!(sorted(due.clone()), [both.clone(), early.clone()]);
    let first = to_settle(records, after(10), 1);
    assert!(first.len() == 1 && due.contains(&first[0]));
    for (left, pair) in [(1, &early), (0, &both)] {
        settle(records, pair, after(10));
        assert_eq!(to_settle(records, after(10), 10).len(), left);
    }
    assert_eq!(
        sorted(to_settle(records, after(11), 10)),
        [both.clone(), recent.clone()]
    );
    for pair in [&both, &recent] {
        settle(records, pair, after(20));
    }
    assert_eq!(
        to_settle(records, after(20), 10),
        [],
        "nothing of the first came after its base"
    );
    apply(records, &[heartbeat(99, &both, 25, 25)]);
    assert_eq!(
        to_settle(records, after(25), 10).as_slice(),
        std::slice::from_ref(&both)
    );
    assert_eq!(to_settle(records, after(30), 10), [both]);
}

/// They were stored and folded nowhere, because the edge was behind them already; no base may bring them back.
fn late_heartbeats_do_not_ask_for_a_base(Store { records, .. }: &Store) {
    let watched = pair("u", "m");
    apply(records, &[heartbeat(1, &watched, 0, 20)]);
    events::store(
        records,
        &[heartbeat(2, &watched, 0, 5), heartbeat(3, &pair("u2", "m"), 0, 5)],
    );
    assert_eq!(heartbeats(records, &watched).len(), 2);
    assert_eq!(to_settle(records, after(10), 10), []);
}
