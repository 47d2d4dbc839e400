//! Events that were kept long enough go, and their counts and keys with them; nothing else does.

use domain::counts::Span;

use super::counts::naive;
use super::events::{event, found, store};
use super::*;
use crate::EventFilter;
use crate::months::Month;

on_every_store!(
    events_are_forgotten_by_months_with_their_counts,
    forgetting_is_done_in_bounded_steps,
    a_forgotten_id_is_new_again,
    what_comes_while_others_are_forgotten_is_counted_once,
);

const DAY: i64 = 24 * 3_600 * 1_000_000;

fn this_month() -> Timestamp {
    Month::of(Timestamp::from_micros(chrono::Utc::now().timestamp_micros())).begins_at()
}

/// In how many steps.
fn forget(records: &Records, cut: Timestamp) -> usize {
    let step = || {
        records
            .run(Class::Background, |unit| unit.forget_events_before(cut))
            .unwrap()
    };
    std::iter::repeat_with(step).take_while(|more| *more).count()
}

fn is_consistent(records: &Records, kept: &[Event]) {
    let differences = records.run(Class::Reads, |unit| unit.count_differences(10)).unwrap();
    assert_eq!(differences, []);
    let counts = records
        .run(Class::Reads, |unit| unit.counts(Span::default(), None))
        .unwrap();
    assert_eq!(counts, naive(kept, Span::default(), None));
    let all = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    assert_eq!(found(records, &all).len(), kept.len());
}

/// Some lie before all months, some in this one, and some in those to come.
fn over_some_months() -> Vec<Event> {
    let types = ["view", "click", "made up"];
    (0..120_i32)
        .map(|n| {
            let at = this_month().plus_micros((i64::from(n) - 60) * DAY + i64::from(n));
            event(u128::from(n.unsigned_abs()), at, types[usize::try_from(n % 3).unwrap()])
        })
        .collect()
}

fn events_are_forgotten_by_months_with_their_counts(Store { records, .. }: &Store) {
    let events = over_some_months();
    store(records, &events);
    let kept_from = |cut: Timestamp| -> Vec<Event> {
        let first_kept = Month::of(cut).begins_at();
        events
            .iter()
            .filter(|event| event.timestamp >= first_kept)
            .cloned()
            .collect()
    };
    assert_eq!(forget(records, this_month().plus_micros(-60 * DAY)), 0);
    is_consistent(records, &events);
    for days in [-3, 15, 45] {
        let cut = this_month().plus_micros(days * DAY);
        assert!(forget(records, cut) > 0, "{days}");
        is_consistent(records, &kept_from(cut));
        assert_eq!(forget(records, cut), 0);
    }
}

fn forgetting_is_done_in_bounded_steps(Store { records, .. }: &Store) {
    let at = this_month().plus_micros(-5 * DAY);
    let old: Vec<Event> = (0..6_000).map(|n| event(n, at, "view")).collect();
    let kept = [event(9_999, this_month(), "view")];
    store(records, &old);
    store(records, &kept);
    assert!(forget(records, this_month()) >= 2);
    is_consistent(records, &kept);
    assert_eq!(store(records, &old), old.len(), "no key is left");
}

fn a_forgotten_id_is_new_again(Store { records, .. }: &Store) {
    let old = [
        event(1, this_month().plus_micros(-5 * DAY), "view"),
        event(2, this_month(), "view"),
    ];
    store(records, &old);
    forget(records, this_month().plus_micros(40 * DAY));
    is_consistent(records, &[]);
    assert_eq!(store(records, &old), 2);
    is_consistent(records, &old);
}

/// Late events find their tables being emptied, and their counts being taken away.
fn what_comes_while_others_are_forgotten_is_counted_once(Store { records, .. }: &Store) {
    let times = [-40 * DAY, -1, 0, DAY];
    let cut = this_month().plus_micros(40 * DAY);
    std::thread::scope(|scope| {
        let storing = (0..3_u128).map(|worker| {
            scope.spawn(move || {
                for n in 0..30 {
                    let id = |of: u128| (worker * 30 + n) * 4 + of;
                    let events = (0..)
                        .zip(times)
                        .map(|(of, at)| event(id(of), this_month().plus_micros(at), "view"));
                    assert_eq!(store(records, &events.collect::<Vec<_>>()), 4);
                }
            })
        });
        let storing: Vec<_> = storing.collect();
        while storing.iter().any(|worker| !worker.is_finished()) {
            forget(records, cut);
        }
    });
    let differences = records.run(Class::Reads, |unit| unit.count_differences(10)).unwrap();
    assert_eq!(differences, []);
    forget(records, cut);
    is_consistent(records, &[]);
}
