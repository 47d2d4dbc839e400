//! Counts: equal to the rows, for any stretch of time, at every commit.

use std::collections::BTreeMap;

use domain::counts::{NewCount, OTHER, QUARTER_MICROS, Span, UNKNOWN_TYPES_MAX, quarter_of};
use domain::event::EventType;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::events::{event, json, store};
use super::*;
use crate::{CountDifference, Counts};

on_every_store!(
    counts_are_equal_to_the_rows_for_any_span,
    a_quarter_has_its_first_microsecond_and_not_its_last,
    readers_never_see_counts_that_differ_from_rows,
    the_first_unknown_types_are_counted_by_name,
    the_limit_of_unknown_types_is_exact,
    counts_that_differ_from_rows_are_named,
    the_most_frequent_values_come_first,
);

const HOUR: i64 = 4 * QUARTER_MICROS;

/// Where one table ends and the next begins.
fn border_of_months() -> Timestamp {
    crate::months::Month::of(Timestamp::from_micros(chrono::Utc::now().timestamp_micros())).begins_at()
}

fn counts(records: &Records, span: Span, event_type: Option<&EventType>) -> Counts {
    records.run(Class::Reads, |unit| unit.counts(span, event_type)).unwrap()
}

fn differences(records: &Records) -> Vec<CountDifference> {
    records.run(Class::Reads, |unit| unit.count_differences(100)).unwrap()
}

pub(super) fn naive(events: &[Event], span: Span, event_type: Option<&EventType>) -> Counts {
    let mut counts = Counts::new();
    let inside = |event: &&Event| {
        span.start.is_none_or(|start| start <= event.timestamp)
            && span.end.is_none_or(|end| event.timestamp < end)
            && event_type.is_none_or(|event_type| *event_type == event.event_type)
    };
    for event in events.iter().filter(inside) {
        *counts.entry(event.event_type.to_string()).or_default() += 1;
    }
    counts
}

/// A time within two days around a border of months, often at the border of a quarter or next to it.
fn any_time() -> impl Strategy<Value = i64> {
    let quarter = -100..100_i64;
    prop_oneof![
        (quarter.clone(), -1..=1_i64).prop_map(|(quarter, by)| quarter * QUARTER_MICROS + by),
        (quarter, 0..QUARTER_MICROS).prop_map(|(quarter, by)| quarter * QUARTER_MICROS + by),
    ]
}

fn counts_are_equal_to_the_rows_for_any_span(Store { records, .. }: &Store) {
    let border = border_of_months();
    let at = move |micros: i64| border.plus_micros(micros);
    let types = ["view", "click", "watch", "made up"];
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let known = std::cell::RefCell::new(Vec::new());
    let batch = prop::collection::vec((any_time(), 0..types.len()), 1..40);
    let span = (prop::option::of(any_time()), prop::option::of(any_time()));
    let borders = prop::collection::vec(any_time(), 0..12);
    let cases = (
        batch,
        prop::collection::vec(span, 6),
        borders,
        prop::option::of(0..types.len()),
    );
    runner
        .run(&cases, |(batch, spans, mut borders, event_type)| {
            let mut known = known.borrow_mut();
            let first = known.len() as u128;
            let fresh = (first..)
                .zip(batch)
                .map(|(n, (micros, of))| event(n, at(micros), types[of]));
            let fresh: Vec<Event> = fresh.collect();
            store(records, &fresh);
            known.extend(fresh);
            let event_type: Option<EventType> = event_type.map(|of| types[of].parse().unwrap());
            for (start, end) in spans {
                let span = Span {
                    start: start.map(at),
                    end: end.map(at),
                };
                let found = counts(records, span, event_type.as_ref());
                prop_assert_eq!(found, naive(&known, span, event_type.as_ref()), "{:?}", span);
            }
            borders.sort_unstable();
            series_are_equal_to_the_rows(records, &known, &borders.into_iter().map(at).collect::<Vec<_>>())
        })
        .unwrap();
    assert_eq!(differences(records), []);
}

fn series_are_equal_to_the_rows(
    records: &Records,
    known: &[Event],
    borders: &[Timestamp],
) -> Result<(), TestCaseError> {
    let found = records
        .run(Class::Reads, |unit| unit.count_series(borders, None))
        .unwrap();
    let bucket = |pair: &[Timestamp]| Span {
        start: Some(pair[0]),
        end: Some(pair[1]),
    };
    let expected: Vec<_> = borders
        .windows(2)
        .map(|pair| naive(known, bucket(pair), None))
        .collect();
    prop_assert_eq!(found, expected);
    Ok(())
}

fn a_quarter_has_its_first_microsecond_and_not_its_last(Store { records, .. }: &Store) {
    let start = border_of_months();
    let end = start.plus_micros(QUARTER_MICROS);
    let times = [start.plus_micros(-1), start, end.plus_micros(-1), end];
    let events: Vec<Event> = (0..).zip(times).map(|(n, at)| event(n, at, "view")).collect();
    store(records, &events);
    let count = |start, end| counts(records, Span { start, end }, None).get("view").copied();
    assert_eq!(count(Some(start), Some(end)), Some(2));
    assert_eq!(count(Some(start.plus_micros(1)), Some(end)), Some(1));
    assert_eq!(count(Some(start), Some(end.plus_micros(1))), Some(3));
    assert_eq!(count(Some(end), None), Some(1));
    assert_eq!(count(None, Some(start)), Some(1));
    assert_eq!(count(None, None), Some(4));
    assert_eq!(count(Some(end), Some(start)), None);
    assert_eq!(count(Some(start), Some(start)), None);
}

fn readers_never_see_counts_that_differ_from_rows(Store { records, .. }: &Store) {
    let border = border_of_months();
    let edge = Span {
        start: Some(border.plus_micros(1)),
        end: Some(border.plus_micros(HOUR + 1)),
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..40 {
                // One event at each edge and one between: who sees one of them sees all.
                let times = [1, QUARTER_MICROS, HOUR];
                let events = (0..)
                    .zip(times)
                    .map(|(n, at)| event(batch * 3 + n, border.plus_micros(at), "view"));
                store(records, &events.collect::<Vec<_>>());
            }
        });
        while !writer.is_finished() {
            let seen = counts(records, edge, None).remove("view").unwrap_or_default();
            assert_eq!(seen % 3, 0, "{seen}");
        }
    });
    assert_eq!(counts(records, edge, None), Counts::from([("view".to_owned(), 120)]));
}

fn the_first_unknown_types_are_counted_by_name(Store { records, .. }: &Store) {
    let at = quarter_of(border_of_months().plus_micros(5 * HOUR));
    let made_up = |n: usize| format!("made-up-{n:04}");
    let types: Vec<String> = (0..UNKNOWN_TYPES_MAX + 5).map(made_up).collect();
    let events: Vec<Event> = (0..).zip(&types).map(|(n, of)| event(n, at, of)).collect();
    store(records, &events);
    let literally = [event(90_000, at, OTHER), event(90_001, at, "view")];
    store(records, &literally);

    let mut expected: Counts = types[..UNKNOWN_TYPES_MAX].iter().map(|of| (of.clone(), 1)).collect();
    expected.extend([(OTHER.to_owned(), 6), ("view".to_owned(), 1)]);
    let quarter = Span {
        start: Some(at),
        end: Some(at.plus_micros(QUARTER_MICROS)),
    };
    let edge = Span {
        start: Some(at),
        end: Some(at.plus_micros(1)),
    };
    for span in [quarter, edge] {
        assert_eq!(counts(records, span, None), expected);
        let other = OTHER.parse().unwrap();
        assert_eq!(
            counts(records, span, Some(&other)),
            Counts::from([(OTHER.to_owned(), 6)])
        );
        let beyond = types[UNKNOWN_TYPES_MAX].parse().unwrap();
        assert_eq!(counts(records, span, Some(&beyond)), Counts::new());
    }
    assert_eq!(differences(records), []);
    let seen = records.run(Class::Reads, |unit| unit.seen_types()).unwrap();
    assert_eq!(seen.len(), UNKNOWN_TYPES_MAX + 1, "the built-in one too");
    assert!(seen.contains(&"view".parse().unwrap()) && !seen.contains(&OTHER.parse().unwrap()));
}

fn the_limit_of_unknown_types_is_exact(Store { records, .. }: &Store) {
    const WORKERS: usize = 4;
    let at = border_of_months();
    let start = std::sync::Barrier::new(WORKERS);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let start = &start;
            scope.spawn(move || {
                // Half of each one's types are another's too, and together they are too many.
                let of = |n: usize| format!("made-up-{}", worker * 300 + n);
                let id = |n: usize| u128::try_from(worker * 600 + n).unwrap();
                let fresh: Vec<Event> = (0..600).map(|n| event(id(n), at, &of(n))).collect();
                start.wait();
                store(records, &fresh);
            });
        }
    });
    let seen = records.run(Class::Reads, |unit| unit.seen_types()).unwrap();
    assert_eq!(seen.len(), UNKNOWN_TYPES_MAX);
    assert_eq!(differences(records), []);
    assert_eq!(counts(records, Span::default(), None).values().sum::<u64>(), 2_400);
}

fn counts_that_differ_from_rows_are_named(Store { records, .. }: &Store) {
    let at = quarter_of(border_of_months());
    store(records, &[event(1, at, "view"), event(2, at, "click")]);
    let wrong = |quarter, of: &str, events| NewCount {
        quarter,
        event_type: of.parse().unwrap(),
        events,
    };
    let before = at.plus_micros(-QUARTER_MICROS);
    let added = [wrong(before, "watch", 3), wrong(at, "view", 1)];
    records.run(Class::Apply, |unit| unit.add_counts(&added)).unwrap();
    let uncounted = [event(3, at.plus_micros(7), "location")];
    records
        .run(Class::Apply, |unit| unit.insert_new(&uncounted, crate::Origin::DOOR))
        .unwrap();
    let difference = |quarter, of: &str, counted, stored| CountDifference {
        quarter,
        event_type: of.to_owned(),
        counted,
        stored,
    };
    let expected = [
        difference(before, "watch", 3, 0),
        difference(at, "location", 0, 1),
        difference(at, "view", 2, 1),
    ];
    assert_eq!(differences(records), expected);
    let first = records.run(Class::Reads, |unit| unit.count_differences(1)).unwrap();
    assert_eq!(first, expected[..1]);
}

fn the_most_frequent_values_come_first(Store { records, .. }: &Store) {
    let at = border_of_months();
    let payloads = [
        r#"{"url":"/b"}"#,
        r#"{"url":"/a","deep":{"url":"no"}}"#,
        r#"{"url":"\/\u0061"}"#,
        r#"{"url":"/B \"ü\" 🦀 \u0009"}"#,
        r#"{"url":1e400000}"#,
        r#"{"url":10000000000000000999.10}"#,
        r#"{"url":true}"#,
        r#"{"url":"true"}"#,
        r#"{"url":null}"#,
        r#"{"url":{"a":1}}"#,
        r#"{"url":[1]}"#,
        r#"{"other":"x"}"#,
        r#"{"url":"first","url":"/b"}"#,
        r#"{"we'ird\".$[0] ü":"found"}"#,
    ];
    let with = |n: usize, payload: &str, of: &str, at| Event {
        payload: json(payload),
        ..event(n as u128, at, of)
    };
    let mut events: Vec<Event> = payloads
        .iter()
        .enumerate()
        .map(|(n, payload)| with(n, payload, "view", at))
        .collect();
    events.push(with(100, r#"{"url":"of a click"}"#, "click", at));
    events.push(with(101, r#"{"url":"too late"}"#, "view", at.plus_micros(1)));
    store(records, &events);
    let span = Span {
        start: Some(at),
        end: Some(at.plus_micros(1)),
    };
    let view = "view".parse().unwrap();
    let top = |member, limit| {
        records
            .run(Class::Reads, |unit| unit.top_values(&view, member, span, limit))
            .unwrap()
    };
    let expected = [
        ("/a", 2),
        ("/b", 2),
        ("true", 2),
        ("/B \"ü\" 🦀 \t", 1),
        ("10000000000000000999.10", 1),
        ("1e400000", 1),
    ]
    .map(|(value, events)| (value.to_owned(), events));
    assert_eq!(top("url", 10), expected);
    assert_eq!(top("url", 2), expected[..2]);
    assert_eq!(top("nothing", 10), []);
    assert_eq!(top("we'ird\".$[0] ü", 10), [("found".to_owned(), 1)]);
    let open: BTreeMap<_, _> = records
        .run(Class::Reads, |unit| unit.top_values(&view, "url", Span::default(), 10))
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(open.get("too late"), Some(&1));
}
