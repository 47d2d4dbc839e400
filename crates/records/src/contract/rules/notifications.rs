//! A notification is kept as it was, and tried by one at a time until it has arrived or was given up.

use domain::ids::NotificationId;
use domain::notification::{Notification, NotificationState, Suppression};

use super::*;
use crate::{NotificationFilter, Tried};

on_every_store!(
    a_notification_is_kept_as_it_was,
    notifications_of_a_user_are_found_by_the_time_of_the_cause,
    notifications_are_paged_newest_first,
    notifications_are_found_by_state_and_user_and_counted,
    only_what_is_pending_and_due_is_tried,
    a_delivery_is_taken_by_one,
    a_delivery_whose_taker_vanished_is_taken_again_and_his_word_is_void,
    a_try_ends_as_it_is_noted,
    what_has_arrived_or_was_given_up_can_be_sent_again,
    what_is_pending_has_a_next_try,
);

const LEASE: Duration = Duration::from_secs(60);

fn notification(n: u128, state: NotificationState) -> Notification {
    let user_id = user(&format!("ü-{}", n % 3));
    Notification {
        id: NotificationId::of("rule", &user_id, cause(n)),
        rule: "rule".to_owned(),
        user_id,
        cause: cause(n),
        cause_at: seconds(i64::try_from(n).unwrap()),
        state,
        suppression: (state == NotificationState::Suppressed).then_some(Suppression::Imported),
        message: format!("Well done, \"ü\"! 🦀 {n}"),
        data: json(r#"{"minutes":36,"z":1e400000,"a":10000000000000000999.10}"#),
        created_at: seconds(i64::try_from(n / 3).unwrap()),
        send_at: seconds(20),
        attempts: 0,
        next_try_at: (state == NotificationState::Pending).then_some(seconds(20)),
        delivered_at: None,
        last_error: None,
    }
}

fn pending(n: u128) -> Notification {
    notification(n, NotificationState::Pending)
}

fn put(records: &Records, notification: &Notification) {
    records
        .run(Class::Background, |unit| unit.put_notification(notification))
        .unwrap();
}

fn get(records: &Records, id: NotificationId) -> Option<Notification> {
    records.run(Class::Reads, |unit| unit.notification(id)).unwrap()
}

fn listed(records: &Records, filter: &NotificationFilter) -> Vec<Notification> {
    records.run(Class::Reads, |unit| unit.notifications(filter)).unwrap()
}

fn take(records: &Records, now: Timestamp, limit: u32) -> Vec<Notification> {
    records
        .run(Class::Background, |unit| unit.take_deliveries(now, LEASE, limit))
        .unwrap()
}

fn note(records: &Records, id: NotificationId, attempt: u32, tried: &Tried) -> bool {
    records
        .run(Class::Background, |unit| {
            unit.note_tried(id, attempt, seconds(21), tried)
        })
        .unwrap()
}

fn a_notification_is_kept_as_it_was(Store { records, .. }: &Store) {
    for (n, state) in (0..).zip(NotificationState::ALL) {
        let first = notification(n, state);
        assert_eq!(get(records, first.id), None);
        put(records, &first);
        assert_eq!(get(records, first.id).as_ref(), Some(&first));
        let changed = Notification {
            state: NotificationState::Suppressed,
            suppression: Some(Suppression::Backlog),
            message: "another".to_owned(),
            data: json("{}"),
            send_at: seconds(77),
            attempts: 3,
            next_try_at: Some(seconds(78)),
            delivered_at: Some(seconds(79)),
            last_error: Some("it's \\ away".to_owned()),
            ..first
        };
        put(records, &changed);
        assert_eq!(get(records, changed.id), Some(changed));
    }
}

fn notifications_of_a_user_are_found_by_the_time_of_the_cause(Store { records, .. }: &Store) {
    let all: Vec<Notification> = (0..12).map(|n| notification(n, NotificationState::Held)).collect();
    let of_another_rule = Notification {
        id: NotificationId::of("another", &all[3].user_id, all[3].cause),
        rule: "another".to_owned(),
        ..all[3].clone()
    };
    all.iter().chain([&of_another_rule]).for_each(|one| put(records, one));
    let found = |from, to| {
        records
            .run(Class::Background, |unit| {
                unit.notifications_of(&all[0].user_id, "rule", from, to)
            })
            .unwrap()
    };
    assert_eq!(found(seconds(3), seconds(6)), [all[3].clone(), all[6].clone()]);
    assert_eq!(found(seconds(4), seconds(5)), []);
    let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    assert_eq!(found(ever.0, ever.1).len(), 4);
}

fn notifications_are_paged_newest_first(Store { records, .. }: &Store) {
    let mut all: Vec<Notification> = (0..10).map(|n| notification(n, NotificationState::Held)).collect();
    all.iter().for_each(|one| put(records, one));
    all.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
    let page = |before| {
        listed(
            records,
            &NotificationFilter {
                before,
                limit: 4,
                ..NotificationFilter::default()
            },
        )
    };
    let (mut seen, mut before) = (Vec::new(), None);
    while seen.len() < all.len() {
        seen.extend(page(before));
        before = seen.last().map(|one: &Notification| (one.created_at, one.id));
    }
    assert_eq!(seen, all);
    assert_eq!(page(before), []);
}

fn notifications_are_found_by_state_and_user_and_counted(Store { records, .. }: &Store) {
    let count = || {
        let mut counted = records.run(Class::Reads, |unit| unit.count_notifications()).unwrap();
        counted.sort_by_key(|(state, _)| state.as_str());
        counted
    };
    assert_eq!(count(), []);
    let states = [NotificationState::Held, NotificationState::Delivered];
    (0..12).for_each(|n| put(records, &notification(n, states[usize::try_from(n % 2).unwrap()])));
    let numbers = |filter: NotificationFilter| -> Vec<u128> {
        let found = listed(records, &NotificationFilter { limit: 100, ..filter });
        let mut numbers: Vec<u128> = found.iter().map(|one| one.cause.as_uuid().as_u128()).collect();
        numbers.sort_unstable();
        numbers
    };
    let (state, user_id) = (Some(NotificationState::Held), Some(user("ü-1")));
    let all = NotificationFilter::default;
    assert_eq!(numbers(all()), (0..12).collect::<Vec<_>>());
    assert_eq!(numbers(NotificationFilter { state, ..all() }), [0, 2, 4, 6, 8, 10]);
    let of_user = NotificationFilter {
        user_id: user_id.clone(),
        ..all()
    };
    assert_eq!(numbers(of_user), [1, 4, 7, 10]);
    assert_eq!(
        numbers(NotificationFilter {
            state,
            user_id,
            ..all()
        }),
        [4, 10]
    );
    assert_eq!(
        count(),
        [(NotificationState::Delivered, 6), (NotificationState::Held, 6)]
    );
}

fn only_what_is_pending_and_due_is_tried(Store { records, .. }: &Store) {
    for (n, state) in (0..).zip(NotificationState::ALL) {
        put(
            records,
            &Notification {
                next_try_at: Some(seconds(20)),
                ..notification(n, state)
            },
        );
    }
    assert_eq!(take(records, seconds(19), 9), []);
    let taken = take(records, seconds(20), 9);
    let expected = Notification {
        attempts: 1,
        next_try_at: Some(seconds(80)),
        ..pending(1)
    };
    assert_eq!(taken, [expected]);
}

fn a_delivery_is_taken_by_one(Store { records, .. }: &Store) {
    const NOTIFICATIONS: u128 = 60;
    (0..NOTIFICATIONS).for_each(|n| put(records, &pending(n)));
    let take_all = || {
        let mut taken = Vec::new();
        loop {
            let portion = take(records, seconds(20), 4);
            if portion.is_empty() {
                break taken;
            }
            assert!(portion.len() <= 4);
            taken.extend(portion);
        }
    };
    let mut taken: Vec<Notification> = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..4).map(|_| scope.spawn(take_all)).collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
    });
    taken.sort_by_key(|one| one.cause);
    assert!(taken.iter().all(|one| one.attempts == 1));
    let causes: Vec<_> = taken.iter().map(|one| one.cause).collect();
    assert_eq!(causes, (0..NOTIFICATIONS).map(cause).collect::<Vec<_>>());
}

fn a_delivery_whose_taker_vanished_is_taken_again_and_his_word_is_void(Store { records, .. }: &Store) {
    let id = pending(1).id;
    put(records, &pending(1));
    let attempts = |now| -> Vec<u32> { take(records, now, 9).iter().map(|one| one.attempts).collect() };
    assert_eq!(attempts(seconds(20)), [1]);
    assert_eq!(attempts(seconds(79)), [0; 0]);
    assert_eq!(attempts(seconds(80)), [2]);
    assert!(!note(records, id, 1, &Tried::Delivered));
    assert!(note(records, id, 2, &Tried::Delivered));
    assert!(!note(records, id, 2, &Tried::Delivered), "once");
    assert!(!note(records, NotificationId::new(Uuid::nil()), 1, &Tried::Delivered));
}

fn a_try_ends_as_it_is_noted(Store { records, .. }: &Store) {
    let error = "503, \"ü\"".to_owned();
    let again = Tried::Again {
        at: seconds(25),
        error: error.clone(),
    };
    let tried = [Tried::Delivered, Tried::Failed { error: error.clone() }, again];
    for (n, tried) in (1..).zip(&tried) {
        put(records, &pending(n));
        take(records, seconds(20), 1);
        assert!(note(records, pending(n).id, 1, tried));
    }
    let after = |n| {
        let one = get(records, pending(n).id).unwrap();
        (one.state, one.next_try_at, one.delivered_at, one.last_error)
    };
    assert_eq!(after(1), (NotificationState::Delivered, None, Some(seconds(21)), None));
    assert_eq!(after(2), (NotificationState::Failed, None, None, Some(error.clone())));
    assert_eq!(
        after(3),
        (NotificationState::Pending, Some(seconds(25)), None, Some(error))
    );
    assert_eq!(take(records, seconds(24), 9), []);
    assert_eq!(take(records, seconds(25), 9)[0].attempts, 2);
    assert!(note(records, pending(3).id, 2, &Tried::Delivered));
    assert_eq!(after(3), (NotificationState::Delivered, None, Some(seconds(21)), None));
}

fn what_has_arrived_or_was_given_up_can_be_sent_again(Store { records, .. }: &Store) {
    let resend = |id| {
        records
            .run(Class::Background, |unit| unit.resend(id, seconds(30)))
            .unwrap()
    };
    assert_eq!(resend(NotificationId::new(Uuid::nil())), None);
    for (n, state) in (0..).zip(NotificationState::ALL) {
        let spent = Notification {
            attempts: 8,
            delivered_at: Some(seconds(1)),
            last_error: Some("away".to_owned()),
            ..notification(n, state)
        };
        put(records, &spent);
        let allowed = matches!(
            state,
            NotificationState::Delivered | NotificationState::Failed | NotificationState::Suppressed
        );
        assert_eq!(resend(spent.id), Some(allowed), "{state:?}");
        let expected = if allowed {
            Notification {
                next_try_at: Some(seconds(30)),
                ..pending(n)
            }
        } else {
            spent
        };
        assert_eq!(get(records, expected.id), Some(expected));
    }
    assert_eq!(take(records, seconds(30), 9).len(), 4);
}

/// Nobody would ever take it.
fn what_is_pending_has_a_next_try(Store { records, .. }: &Store) {
    let lost = Notification {
        next_try_at: None,
        ..pending(1)
    };
    let refused = records.run(Class::Background, |unit| unit.put_notification(&lost));
    assert!(matches!(refused, Err(Error::Broken(_))), "{refused:?}");
}
