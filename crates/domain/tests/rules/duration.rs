//! From a start to its finish: how long, whose, and which of several.

use domain::ids::JobId;
use uuid::Uuid;

use crate::{HOUR, MINUTE, Told, causes, judged, messages, only_implied, rule, time};

const PROGRAM: &str = r#"{"program":{"id":"2352"}}"#;

fn start(id: u32, at_millis: i64) -> Told {
    Told::new(id, "training_program_started", at_millis).saying(PROGRAM)
}

fn finish(id: u32, at_millis: i64) -> Told {
    Told::new(id, "training_program_finished", at_millis).saying(PROGRAM)
}

fn cancel(id: u32, at_millis: i64) -> Told {
    Told::new(id, "training_program_cancelled", at_millis).saying(PROGRAM)
}

#[track_caller]
fn assert_told(told: &[Told], expected: &[u128]) {
    assert_eq!(causes(&judged(&rule("training-completed"), told)), expected);
}

#[test]
fn exactly_thirty_minutes_are_silent() {
    for (millis, expected) in [
        (29 * MINUTE + 59_000, None),
        (30 * MINUTE, None),
        (30 * MINUTE + 1, Some("30 minutes!")),
        (30 * MINUTE + 1_000, Some("30 minutes!")),
        (59 * MINUTE + 59_999, Some("59 minutes!")),
        (24 * HOUR, Some("1440 minutes!")),
        (24 * HOUR + 1, None),
    ] {
        let told = messages(&judged(&rule("training-completed"), &[start(1, 0), finish(2, millis)]));
        let ends = told.iter().map(|(_, message)| message.rsplit_once(": ").unwrap().1);
        assert_eq!(ends.collect::<Vec<_>>(), Vec::from_iter(expected), "{millis}");
    }
}

#[test]
fn a_message_tells_minutes_seconds_and_the_program() {
    let titled = r#"{"program":{"id":2352,"title":"7 Minutes of HIIT Training"},"score":1}"#;
    let events = [
        start(1, 0).on("a"),
        finish(2, 36 * MINUTE + 18_900).on("a").saying(titled),
    ];
    let implied = only_implied(judged(&rule("training-completed"), &events));
    assert_eq!(
        implied.message,
        "Congratulations on your daily training dose: 36 minutes!"
    );
    let data = r#"{"minutes":36,"seconds":2178,"program":{"id":"2352","title":"7 Minutes of HIIT Training"}}"#;
    assert_eq!(implied.data.as_str(), data);
}

#[test]
fn a_finish_belongs_to_the_latest_start_that_is_open() {
    // Two starts, one finish: the later start has it, and the earlier waits for another.
    assert_told(&[start(1, 0), start(2, 20 * MINUTE), finish(3, 55 * MINUTE)], &[2]);
    assert_told(&[start(1, 0), start(2, 20 * MINUTE), finish(3, 40 * MINUTE)], &[]);
    let both = [
        start(1, 0),
        start(2, 20 * MINUTE),
        finish(3, 40 * MINUTE),
        finish(4, 41 * MINUTE),
    ];
    assert_told(&both, &[1]);
    // One start, two finishes: the first has it.
    assert_told(&[start(1, 0), finish(2, 20 * MINUTE), finish(3, 40 * MINUTE)], &[]);
    assert_told(&[start(1, 0), finish(2, 40 * MINUTE), finish(3, 50 * MINUTE)], &[1]);
    // The later start is finished first; they are told in the order of their starts.
    let nested = [
        start(1, 0),
        start(2, MINUTE),
        finish(3, 40 * MINUTE),
        finish(4, 41 * MINUTE),
    ];
    assert_told(&nested, &[1, 2]);
    assert_told(&[finish(2, 40 * MINUTE)], &[]);
    assert_told(&[finish(2, 0), start(1, 40 * MINUTE)], &[]);
}

#[test]
fn a_cancelled_start_has_no_finish() {
    assert_told(&[start(1, 0), cancel(2, 5 * MINUTE), finish(3, 40 * MINUTE)], &[]);
    assert_told(&[start(1, 0), finish(3, 40 * MINUTE), cancel(2, 41 * MINUTE)], &[1]);
    // The cancel takes the later start, so the finish belongs to the earlier.
    let events = [
        start(1, 0),
        start(2, MINUTE),
        cancel(3, 2 * MINUTE),
        finish(4, 40 * MINUTE),
    ];
    assert_told(&events, &[1]);
    // At equal times a start comes first, then a cancel, then a finish, whatever their ids.
    assert_told(&[start(9, 0), cancel(2, 0), finish(3, 40 * MINUTE)], &[]);
    assert_told(&[start(1, 0), cancel(9, 40 * MINUTE), finish(2, 40 * MINUTE)], &[]);
    assert_told(&[start(1, 0), start(9, 40 * MINUTE), finish(2, 40 * MINUTE)], &[]);
}

#[test]
fn devices_and_programs_are_kept_apart_where_both_are_named() {
    let (tv, phone) = (start(1, 0).on("tv"), start(2, MINUTE).on("phone"));
    assert_told(&[tv.clone(), phone.clone(), finish(3, 40 * MINUTE).on("tv")], &[1]);
    assert_told(&[tv.clone(), phone.clone(), finish(3, 40 * MINUTE).on("phone")], &[2]);
    assert_told(&[tv.clone(), phone.clone(), finish(3, 40 * MINUTE)], &[2]);
    assert_told(&[tv.clone(), phone, finish(3, 40 * MINUTE).on("watch")], &[]);
    assert_told(
        &[tv, cancel(2, MINUTE).on("phone"), finish(3, 40 * MINUTE).on("tv")],
        &[1],
    );
    let other = r#"{"program":{"id":"7"}}"#;
    assert_told(&[start(1, 0), finish(2, 40 * MINUTE).saying(other)], &[]);
    assert_told(
        &[start(1, 0), start(2, MINUTE).saying(other), finish(3, 40 * MINUTE)],
        &[1],
    );
}

#[test]
fn it_is_due_when_the_last_of_the_two_has_come() {
    let rule = rule("training-completed");
    let late_start = [start(1, 0).received(50 * HOUR), finish(2, 40 * MINUTE)];
    assert_eq!(only_implied(judged(&rule, &late_start)).since, time(50 * HOUR));
    let late_finish = [start(1, 0), finish(2, 40 * MINUTE).received(41 * MINUTE)];
    assert_eq!(only_implied(judged(&rule, &late_finish)).since, time(41 * MINUTE));
    // A clock that goes ahead is held back to the receipt.
    let ahead = [start(1, 0), finish(2, 40 * MINUTE).received(20 * MINUTE)];
    assert_eq!(judged(&rule, &ahead), []);
}

#[test]
fn one_live_event_makes_it_live_and_every_file_is_named() {
    let rule = rule("training-completed");
    for (first, last, live, jobs) in [
        (start(1, 0), finish(2, HOUR), true, vec![]),
        (start(1, 0).imported(7), finish(2, HOUR), true, vec![7]),
        (start(1, 0), finish(2, HOUR).imported(7), true, vec![7]),
        (start(1, 0).imported(9), finish(2, HOUR).imported(7), false, vec![7, 9]),
        (start(1, 0).imported(7), finish(2, HOUR).imported(7), false, vec![7]),
    ] {
        let implied = only_implied(judged(&rule, &[first, last]));
        let jobs: Vec<JobId> = jobs.into_iter().map(|job| JobId::new(Uuid::from_u128(job))).collect();
        assert_eq!((implied.live, implied.jobs), (live, jobs));
    }
}

#[test]
fn events_without_the_key_belong_together() {
    let bare = |told: Told| told.saying("{}");
    assert_told(&[bare(start(1, 0)), bare(finish(2, HOUR))], &[1]);
    assert_told(&[bare(start(1, 0)), finish(2, HOUR)], &[]);
}
