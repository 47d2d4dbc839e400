//! What did not follow: when a launch counts, when its time has run out, and by which clock.

use domain::rules::{Judgement, Verdict};

use crate::{HOUR, MINUTE, Told, causes, id, judged, judged_at, only_implied, rule, time};

const TEN_MINUTES: i64 = 10 * MINUTE;

fn launch(id: u32, at_millis: i64) -> Told {
    Told::new(id, "app_launch", at_millis)
}

fn start(id: u32, at_millis: i64) -> Told {
    Told::new(id, "training_program_started", at_millis)
}

#[track_caller]
fn assert_told(told: &[Told], expected: &[u128]) {
    assert_eq!(causes(&judged(&rule("no-training-after-launch"), told)), expected);
}

fn judged_in(told: &[Told], now_millis: i64) -> Vec<Judgement> {
    judged_at(&rule("no-training-after-launch"), told, now_millis)
}

fn since(told: &[Told], now_millis: i64) -> i64 {
    let implied = only_implied(judged_in(told, now_millis));
    (implied.since.as_micros() - time(0).as_micros()) / 1_000
}

#[test]
fn a_start_at_exactly_ten_minutes_counts() {
    let second = 1_000;
    for (started, expected) in [
        (0, &[][..]),
        (TEN_MINUTES - second, &[]),
        (TEN_MINUTES, &[]),
        (TEN_MINUTES + 1, &[1]),
        (TEN_MINUTES + second, &[1]),
    ] {
        assert_told(&[launch(1, 0), start(2, started)], expected);
    }
    assert_told(&[launch(1, 0)], &[1]);
    assert_told(&[launch(1, 0).on("phone"), start(2, MINUTE).on("tv")], &[]);
}

#[test]
fn a_launch_counts_only_after_ten_quiet_minutes() {
    assert_told(&[launch(1, 0), launch(2, TEN_MINUTES)], &[1]);
    assert_told(&[launch(1, 0), launch(2, TEN_MINUTES + 1)], &[1, 2]);
    // Nine minutes apart: each but the first has one before it, whether that one counts or not.
    assert_told(&[launch(1, 0), launch(2, 9 * MINUTE), launch(3, 18 * MINUTE)], &[1]);
    assert_told(&[start(1, 0), launch(2, TEN_MINUTES)], &[]);
    assert_told(&[start(1, 0), launch(2, TEN_MINUTES + 1)], &[2]);
    assert_told(&[launch(2, 0), launch(1, 0)], &[1]);
}

#[test]
fn without_a_later_event_the_wall_clock_decides() {
    let pending = |due_millis: i64| Verdict::Pending {
        due_at: time(due_millis),
    };
    // Received before its end: at its end.
    let told = [launch(1, 0).received(MINUTE)];
    let judgements = judged_in(&told, TEN_MINUTES - 1);
    assert_eq!((judgements[0].cause, judgements[0].cause_at), (id(1), time(0)));
    assert_eq!(judgements[0].verdict, pending(TEN_MINUTES));
    assert_eq!(since(&told, TEN_MINUTES), TEN_MINUTES);
    assert_eq!(since(&told, HOUR), TEN_MINUTES);
    // Received after, or just then: so long after the receipt.
    for received in [TEN_MINUTES, 5 * HOUR] {
        let told = [launch(1, 0).received(received)];
        assert_eq!(judged_in(&told, received)[0].verdict, pending(received + TEN_MINUTES));
        assert_eq!(since(&told, received + TEN_MINUTES), received + TEN_MINUTES);
    }
    let ahead = [launch(1, 5 * HOUR).received(0)];
    assert_eq!(judged_in(&ahead, 0)[0].verdict, pending(TEN_MINUTES));
    assert_eq!(judged_in(&[launch(1, 0), start(2, TEN_MINUTES)], MINUTE), []);
}

#[test]
fn a_later_event_makes_it_due_at_once() {
    let old = launch(1, 0).on("phone").received(50 * HOUR);
    let now = 50 * HOUR + 1;
    let at = |later: Told| judged_in(&[old.clone(), later.received(now)], now);
    assert_eq!(only_implied(at(start(2, TEN_MINUTES + 1).on("phone"))).since, time(now));
    assert_eq!(only_implied(at(start(2, TEN_MINUTES + 1))).since, time(now));
    assert_eq!(only_implied(at(start(2, HOUR).on("phone"))).since, time(now));
    assert_eq!(at(start(2, TEN_MINUTES)), []);
    let still_pending = |later: Told| matches!(at(later)[0].verdict, Verdict::Pending { .. });
    assert!(still_pending(start(2, HOUR).on("tv")));
    assert!(still_pending(Told::new(2, "view", HOUR).on("phone")));
    assert!(still_pending(launch(2, TEN_MINUTES).on("phone")));
    let launched_again = at(launch(2, HOUR).on("phone"));
    assert_eq!(causes(&launched_again), [1]);
    assert_eq!(launched_again.len(), 2);
}

#[test]
fn the_first_to_say_that_time_is_up_is_believed() {
    let old = launch(1, 0).received(50 * HOUR);
    let [first, second] = [(2, 3 * HOUR, 52), (3, HOUR, 51)]
        .map(|(id, at_millis, minutes)| start(id, at_millis).received(50 * HOUR + minutes * 1_000));
    assert_eq!(
        since(&[old.clone(), first.clone(), second], 900 * HOUR),
        50 * HOUR + 51_000
    );
    // What was received before the launch makes it due with the launch.
    assert_eq!(since(&[old, first.received(40 * HOUR)], 900 * HOUR), 50 * HOUR);
    // The wall clock was first.
    assert_eq!(since(&[launch(1, 0), start(2, HOUR)], HOUR), TEN_MINUTES);
}

#[test]
fn whether_somebody_is_told_is_for_the_launch_to_say() {
    let rule = rule("no-training-after-launch");
    let imported = launch(1, 0).imported(7).received(50 * HOUR);
    let later = start(2, HOUR).received(50 * HOUR + 1);
    let implied = only_implied(judged(&rule, &[imported.clone(), later.clone()]));
    assert_eq!((implied.live, implied.jobs.len()), (false, 1));
    let live = Told {
        live: true,
        job: None,
        ..imported
    };
    let implied = only_implied(judged(&rule, &[live, later.imported(8)]));
    // The file may still hold the start that speaks against it.
    assert_eq!((implied.live, implied.jobs.len()), (true, 1));
    assert_eq!(
        (implied.message.as_str(), implied.data.as_str()),
        ("Ready when you are: start your training now.", "{}")
    );
}
