//! What becomes of a message, case by case.

use domain::event::Verbatim;
use uuid::Uuid;

use super::*;

const RULE: &str = "training-completed";
const GRACE: Duration = Duration::from_secs(5);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn user() -> UserId {
    "ada".parse().unwrap()
}

fn cause() -> EventId {
    EventId::new(Uuid::from_u128(7))
}

fn job() -> JobId {
    JobId::new(Uuid::from_u128(9))
}

fn data(text: &str) -> Verbatim {
    serde_json::from_str(text).unwrap()
}

/// Implied since second 100, by what came over HTTP.
fn implied() -> Implied {
    Implied {
        message: "well done".to_owned(),
        data: data(r#"{"minutes":36}"#),
        since: at(100),
        live: true,
        jobs: Vec::new(),
    }
}

fn imported() -> Implied {
    Implied {
        live: false,
        jobs: vec![job()],
        ..implied()
    }
}

fn judged(verdict: Verdict) -> Vec<Judgement> {
    vec![Judgement {
        cause: cause(),
        cause_at: at(60),
        verdict,
    }]
}

fn says(implied: Implied) -> Vec<Judgement> {
    judged(Verdict::Implied(implied))
}

fn message(state: NotificationState, suppression: Option<Suppression>) -> Notification {
    Notification {
        id: NotificationId::of(RULE, &user(), cause()),
        rule: RULE.to_owned(),
        user_id: user(),
        cause: cause(),
        cause_at: at(60),
        state,
        suppression,
        message: "well done".to_owned(),
        data: data(r#"{"minutes":36}"#),
        created_at: at(101),
        send_at: at(105),
        attempts: 0,
        next_try_at: None,
        delivered_at: None,
        last_error: None,
    }
}

fn held() -> Notification {
    message(NotificationState::Held, None)
}

fn wake(due: i64, waits_for: WaitsFor) -> Wake {
    Wake {
        rule: RULE.to_owned(),
        cause: cause(),
        user_id: user(),
        cause_at: at(60),
        due_at: at(due),
        waits_for,
    }
}

fn of(notifications: Vec<Notification>, held: Vec<Wake>, others: Vec<Wake>) -> Found {
    Found {
        notifications,
        held,
        others,
    }
}

/// A look because of the cause's own wake.
fn woken(notifications: Vec<Notification>) -> Found {
    of(notifications, vec![wake(100, WaitsFor::Nothing)], Vec::new())
}

struct Look {
    now: i64,
    watermark: Option<i64>,
    patience_ended: i64,
    open: Vec<JobId>,
}

fn look(now: i64) -> Look {
    Look {
        now,
        watermark: Some(now),
        patience_ended: 0,
        open: Vec::new(),
    }
}

impl Look {
    fn at(&self, judgements: Vec<Judgement>, found: Found) -> Changes {
        let open_jobs = self.open.iter().copied().collect();
        let moment = Moment {
            now: at(self.now),
            watermark: self.watermark.map(at),
            patience_ended: at(self.patience_ended),
            grace: GRACE,
            open_jobs: &open_jobs,
        };
        let (rule, user_id) = (RULE, &user());
        reconcile(About { rule, user_id }, judgements, found, moment)
    }
}

fn changes(notifications: Vec<Notification>, put: Vec<Wake>, drop: Vec<EventId>) -> Changes {
    Changes {
        notifications,
        put,
        drop,
    }
}

#[test]
fn what_is_implied_is_held_for_the_grace() {
    let before = Look {
        watermark: None,
        ..look(101)
    };
    for look in [look(101), look(104), before] {
        let made = Notification {
            created_at: at(look.now),
            ..held()
        };
        let expected = changes(vec![made], vec![wake(105, WaitsFor::Watermark)], Vec::new());
        assert_eq!(look.at(says(implied()), woken(Vec::new())), expected);
    }
}

#[test]
fn a_message_that_is_held_already_is_not_written_again() {
    let found = woken(vec![held()]);
    let expected = changes(Vec::new(), vec![wake(105, WaitsFor::Watermark)], Vec::new());
    assert_eq!(look(102).at(says(implied()), found), expected);
}

#[test]
fn a_held_message_follows_what_implies_it() {
    let other = Implied {
        message: "even better".to_owned(),
        since: at(103),
        ..implied()
    };
    let moved = Notification {
        message: "even better".to_owned(),
        send_at: at(108),
        ..held()
    };
    let expected = changes(vec![moved], vec![wake(108, WaitsFor::Watermark)], Vec::new());
    assert_eq!(look(105).at(says(other), woken(vec![held()])), expected);
}

#[test]
fn a_held_message_is_released_when_its_time_has_come_and_nothing_older_waits() {
    let released = Notification {
        state: NotificationState::Pending,
        next_try_at: Some(at(105)),
        ..held()
    };
    let expected = changes(vec![released], Vec::new(), vec![cause()]);
    assert_eq!(look(105).at(says(implied()), woken(vec![held()])), expected);
}

#[test]
fn a_message_waits_while_older_events_may_wait() {
    for watermark in [None, Some(104)] {
        let look = Look {
            watermark,
            patience_ended: 105,
            ..look(400)
        };
        let expected = changes(Vec::new(), vec![wake(105, WaitsFor::Watermark)], Vec::new());
        assert_eq!(look.at(says(implied()), woken(vec![held()])), expected);
    }
}

#[test]
fn a_message_is_suppressed_when_nobody_could_say_for_too_long() {
    let look = Look {
        watermark: None,
        patience_ended: 106,
        ..look(1006)
    };
    let suppressed = message(NotificationState::Suppressed, Some(Suppression::Backlog));
    let expected = changes(vec![suppressed.clone()], Vec::new(), vec![cause()]);
    assert_eq!(look.at(says(implied()), woken(vec![held()])), expected);
    // It stays so.
    let expected = changes(Vec::new(), Vec::new(), vec![cause()]);
    assert_eq!(look.at(says(implied()), woken(vec![suppressed])), expected);
}

#[test]
fn a_message_from_a_file_waits_until_the_file_is_done() {
    let from_file = Implied {
        jobs: vec![job()],
        ..implied()
    };
    let reading = Look {
        open: vec![job()],
        patience_ended: 106,
        ..look(1006)
    };
    let expected = changes(Vec::new(), vec![wake(105, WaitsFor::Job(job()))], Vec::new());
    assert_eq!(reading.at(says(from_file.clone()), woken(vec![held()])), expected);
    let done = look(1006).at(says(from_file), woken(vec![held()]));
    assert_eq!(done.notifications[0].state, NotificationState::Pending);
}

#[test]
fn what_only_a_file_implies_is_suppressed_until_it_comes_live() {
    let suppressed = message(NotificationState::Suppressed, Some(Suppression::Imported));
    let made = look(101).at(says(imported()), woken(Vec::new()));
    assert_eq!(made, changes(vec![suppressed.clone()], Vec::new(), vec![cause()]));
    let again = look(102).at(says(imported()), woken(vec![suppressed.clone()]));
    assert_eq!(again, changes(Vec::new(), Vec::new(), vec![cause()]));
    let live = look(102).at(says(implied()), woken(vec![suppressed]));
    let expected = changes(vec![held()], vec![wake(105, WaitsFor::Watermark)], Vec::new());
    assert_eq!(live, expected);
}

#[test]
fn what_is_implied_no_more_is_withdrawn_and_may_come_back() {
    let withdrawn = message(NotificationState::Withdrawn, None);
    let before = [
        held(),
        message(NotificationState::Suppressed, Some(Suppression::Imported)),
    ];
    for before in before {
        let gone = look(102).at(Vec::new(), woken(vec![before]));
        assert_eq!(gone, changes(vec![withdrawn.clone()], Vec::new(), vec![cause()]));
    }
    let still = look(103).at(Vec::new(), woken(vec![withdrawn.clone()]));
    assert_eq!(still, changes(Vec::new(), Vec::new(), vec![cause()]));
    let back = look(103).at(says(implied()), woken(vec![withdrawn]));
    let expected = changes(vec![held()], vec![wake(105, WaitsFor::Watermark)], Vec::new());
    assert_eq!(back, expected);
}

#[test]
fn what_is_final_is_never_touched() {
    let states = [
        NotificationState::Pending,
        NotificationState::Delivered,
        NotificationState::Failed,
    ];
    let backlog = message(NotificationState::Suppressed, Some(Suppression::Backlog));
    for stored in states.map(|state| message(state, None)).into_iter().chain([backlog]) {
        let judgements = [says(implied()), says(imported()), Vec::new(), pending()];
        for judgements in judgements {
            let looked = look(102).at(judgements, woken(vec![stored.clone()]));
            assert_eq!(looked, changes(Vec::new(), Vec::new(), vec![cause()]), "{stored:?}");
        }
    }
}

fn pending() -> Vec<Judgement> {
    judged(Verdict::Pending { due_at: at(660) })
}

#[test]
fn a_pending_cause_is_looked_at_again_when_its_time_has_run_out() {
    let expected = changes(Vec::new(), vec![wake(660, WaitsFor::Nothing)], Vec::new());
    assert_eq!(look(102).at(pending(), woken(Vec::new())), expected);
    let withdrawn = message(NotificationState::Withdrawn, None);
    let expected = changes(vec![withdrawn], vec![wake(660, WaitsFor::Nothing)], Vec::new());
    assert_eq!(look(102).at(pending(), woken(vec![held()])), expected);
}

#[test]
fn a_wake_that_another_left_standing_is_only_moved_forward() {
    let nothing = changes(Vec::new(), Vec::new(), Vec::new());
    let stands = |wake| of(vec![held()], Vec::new(), vec![wake]);
    for standing in [
        wake(100, WaitsFor::Nothing),
        wake(105, WaitsFor::Watermark),
        wake(104, WaitsFor::Watermark),
    ] {
        assert_eq!(look(102).at(says(implied()), stands(standing)), nothing);
    }
    let forward = changes(Vec::new(), vec![wake(105, WaitsFor::Watermark)], Vec::new());
    for standing in [wake(660, WaitsFor::Nothing), wake(100, WaitsFor::Job(job()))] {
        assert_eq!(look(102).at(says(implied()), stands(standing)), forward);
    }
}

#[test]
fn a_wake_of_another_without_a_purpose_is_looked_at_now_and_never_dropped() {
    let stands = |wake| of(vec![held()], Vec::new(), vec![wake]);
    for standing in [wake(105, WaitsFor::Watermark), wake(660, WaitsFor::Nothing)] {
        let looked = look(102).at(Vec::new(), stands(standing));
        assert_eq!(
            (looked.put, looked.drop),
            (vec![wake(102, WaitsFor::Nothing)], Vec::new())
        );
    }
    let looked = look(102).at(Vec::new(), stands(wake(101, WaitsFor::Nothing)));
    assert_eq!((looked.put, looked.drop), (Vec::new(), Vec::new()));
}
