//! More at once than there should be: what counts, when it ends, and which start crosses the line.

use std::time::Duration;

use domain::rules::{Circumstances, Happened, Rule};
use domain::stream_limit::{Slots, Start};

use crate::{HOUR, MINUTE, Told, causes, ever, judged, only_implied, rule, time};

fn stream(id: u32, event_type: &'static str, stream: &str, at_millis: i64) -> Told {
    Told::new(id, event_type, at_millis).saying(&format!(r#"{{"stream_id":"{stream}"}}"#))
}

fn start(id: u32, name: &str, at_millis: i64) -> Told {
    stream(id, "stream_started", name, at_millis)
}

fn end(id: u32, name: &str, at_millis: i64) -> Told {
    stream(id, "stream_ended", name, at_millis)
}

/// Three streams that run from 0 on, and what follows.
fn three_and(more: &[Told]) -> Vec<Told> {
    let three = ["a", "b", "c"].iter().zip(1..).map(|(name, id)| start(id, name, 0));
    three.chain(more.iter().cloned()).collect()
}

#[track_caller]
fn assert_told(told: &[Told], expected: &[u128]) {
    assert_eq!(causes(&judged(&rule("too-many-streams"), told)), expected);
}

#[test]
fn the_start_that_crosses_the_limit_tells_it() {
    assert_told(&three_and(&[]), &[]);
    assert_told(&three_and(&[start(4, "d", MINUTE)]), &[4]);
    // What is more already is told already; below the limit and above again is told again.
    assert_told(&three_and(&[start(4, "d", MINUTE), start(5, "e", MINUTE)]), &[4]);
    let again = [start(4, "d", 1), end(5, "a", 2), start(6, "e", 3)];
    assert_told(&three_and(&again), &[4, 6]);
    let implied = only_implied(judged(
        &rule("too-many-streams"),
        &three_and(&[start(4, "d", MINUTE).imported(1)]),
    ));
    assert_eq!(implied.message, "4 streams at once on one account.");
    assert_eq!(implied.data.as_str(), r#"{"count":4,"limit":3}"#);
    assert!(implied.live && implied.jobs.len() == 1);
}

#[test]
fn the_same_stream_counts_once() {
    assert_told(&three_and(&[start(4, "a", MINUTE)]), &[]);
    assert_told(
        &three_and(&[start(4, "a", MINUTE), end(5, "a", 2 * MINUTE), start(6, "d", HOUR)]),
        &[],
    );
    assert_told(&three_and(&[start(4, "d", 0), start(5, "d", MINUTE)]), &[4]);
}

#[test]
fn what_ended_or_expired_is_not_open() {
    assert_told(&three_and(&[end(4, "a", 1), start(5, "d", MINUTE)]), &[]);
    assert_told(&three_and(&[end(4, "x", 1), start(5, "d", MINUTE)]), &[5]);
    assert_told(&three_and(&[start(4, "d", 6 * HOUR - 1)]), &[4]);
    assert_told(&three_and(&[start(4, "d", 6 * HOUR)]), &[]);
    // It started again since, and counts from there.
    assert_told(
        &three_and(&[
            start(4, "a", HOUR),
            start(5, "b", HOUR),
            start(6, "c", HOUR),
            start(7, "d", 6 * HOUR),
        ]),
        &[7],
    );
}

#[test]
fn at_equal_times_another_end_comes_first_and_the_own_end_last() {
    for ids in [(4, 5), (5, 4)] {
        assert_told(&three_and(&[end(ids.0, "a", MINUTE), start(ids.1, "d", MINUTE)]), &[]);
        // A stream of no length was open for a moment, and is not open for long.
        let moment = three_and(&[end(ids.0, "d", MINUTE), start(ids.1, "d", MINUTE), start(6, "e", HOUR)]);
        assert_told(&moment, &[u128::from(ids.1), 6]);
    }
    let together: Vec<Told> = (1..=4).map(|id| start(id, &id.to_string(), 0)).collect();
    assert_told(&together, &[4]);
}

#[test]
fn a_number_may_stand_for_the_limit() {
    let one = r#"{"name":"one","kind":"concurrency","start":"stream_started","end":["stream_ended"],
        "key":"payload.stream_id","more_than":1,"expires":"6h","message":"{count} of {limit}"}"#;
    let implied = only_implied(judged(&Rule::parse(one).unwrap(), &three_and(&[])));
    assert_eq!(implied.message, "2 of 1");
    let none = one.replace(r#""more_than":1"#, r#""more_than":0"#);
    assert_eq!(causes(&judged(&Rule::parse(&none).unwrap(), &[start(1, "a", 0)])), [1]);
}

/// Slots that keep their promise never make this rule speak, though one is given up and taken at the same time.
#[test]
fn the_products_own_streams_stay_within_the_limit() {
    let user = "u".parse().unwrap();
    let mut slots = Slots::of(Vec::new(), Vec::new(), Duration::from_secs(60));
    let mut news = Vec::new();
    for (second, (name, replaced)) in
        (0..).zip([("a", "x"), ("b", "x"), ("c", "x"), ("d", "a"), ("e", "d"), ("f", "b")])
    {
        let start = Start {
            stream_id: &name.parse().unwrap(),
            slug: None,
            device: None,
            replace: Some(&replaced.parse().unwrap()),
            may_be_renewal: false,
        };
        slots.start(start, 3, time(second * 1_000));
        news.extend(slots.take_news());
    }
    let happened: Vec<Happened> = news
        .iter()
        .map(|news| Happened {
            event: news.event(&user),
            live: true,
            job_id: None,
        })
        .collect();
    assert_eq!(happened.len(), 9);
    let judged = |stream_limit| {
        let circumstances = Circumstances {
            now: time(HOUR),
            stream_limit,
        };
        rule("too-many-streams").judge(&ever(), &happened, circumstances)
    };
    assert_eq!(judged(3), []);
    assert_eq!(judged(2).len(), 4);
}
