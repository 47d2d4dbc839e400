//! What happened to a user is found by the time that rules go by, and becomes live once.

use domain::event::EventType;
use domain::rules::Happened;

use super::*;

on_every_store!(
    what_happened_is_found_by_type_and_time,
    a_clock_that_is_ahead_is_not_believed,
    what_is_too_much_is_not_held,
    what_came_with_a_file_says_so_and_becomes_live_once,
    an_event_becomes_live_whatever_time_its_repeat_says,
    events_become_live_once_whoever_brings_them_at_the_same_time,
    users_with_events_are_paged,
);

fn types(names: &[&str]) -> Vec<EventType> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn of(n: u128, name: &str, event_type: &str, at: Timestamp) -> Event {
    Event {
        user_id: user(name),
        received_at: at.plus_micros(1),
        ..event(n, at, event_type)
    }
}

/// The ids, from first to last, of what happened to "foo".
fn found(records: &Records, names: &[&str], from: Timestamp, to: Timestamp) -> Vec<u128> {
    ids(&happened(records, names, from, to))
}

fn ids(happened: &[Happened]) -> Vec<u128> {
    let mut ids: Vec<u128> = happened
        .iter()
        .map(|one| one.event.event_id.as_uuid().as_u128() - 1)
        .collect();
    ids.sort_unstable();
    ids
}

fn happened(records: &Records, names: &[&str], from: Timestamp, to: Timestamp) -> Vec<Happened> {
    records
        .run(Class::Background, |unit| {
            unit.happened(&user("foo"), &types(names), &(from..=to), 100)
        })
        .unwrap()
        .unwrap()
}

fn make_live(records: &Records, events: &[Event]) -> Vec<bool> {
    let events: Vec<&Event> = events.iter().collect();
    records.run(Class::Apply, |unit| unit.make_live(&events)).unwrap()
}

fn what_happened_is_found_by_type_and_time(Store { records, .. }: &Store) {
    let events = [
        of(0, "foo", "app_launch", seconds(0)),
        of(1, "foo", "view", seconds(1)),
        of(2, "foo", "ünknown \"type\"", seconds(2)),
        of(3, "bar", "view", seconds(1)),
        of(4, "foo", "view", seconds(3)),
        of(5, "foo", "click", seconds(2)),
    ];
    store(records, &events);
    let all = ["app_launch", "view", "ünknown \"type\""];
    assert_eq!(found(records, &all, seconds(0), seconds(3)), [0, 1, 2, 4]);
    assert_eq!(found(records, &all, seconds(1), seconds(2)), [1, 2]);
    assert_eq!(found(records, &["view"], seconds(1), seconds(3)), [1, 4]);
    assert_eq!(found(records, &[], seconds(0), seconds(3)), [0; 0]);
    let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    assert_eq!(found(records, &all, ever.0, ever.1), [0, 1, 2, 4]);
    let one = happened(records, &["app_launch"], seconds(0), seconds(0))
        .pop()
        .unwrap();
    assert_eq!(
        (one.event.payload, one.live, one.job_id),
        (json(r#"{"url":"/0"}"#), true, None)
    );
}

fn a_clock_that_is_ahead_is_not_believed(Store { records, .. }: &Store) {
    let ahead = |n, hours: i64, received: i64| Event {
        received_at: seconds(received),
        ..of(n, "foo", "view", seconds(received).plus_micros(hours * HOUR))
    };
    store(
        records,
        &[
            ahead(0, 24, 0),
            ahead(1, 5, 60),
            ahead(2, 1, 3_599),
            of(3, "foo", "view", seconds(3_600)),
        ],
    );
    assert_eq!(found(records, &["view"], seconds(0), seconds(0)), [0]);
    assert_eq!(found(records, &["view"], seconds(1), seconds(3_599)), [1, 2]);
    assert_eq!(found(records, &["view"], seconds(3_600), seconds(999_999)), [3]);
}

fn what_is_too_much_is_not_held(Store { records, .. }: &Store) {
    let events: Vec<Event> = (0..5).map(|n| of(n, "foo", "view", seconds(0))).collect();
    store(records, &events);
    let held = |rows_max: u32| {
        let stretch = seconds(0)..=seconds(0);
        let ask = |unit: &mut dyn Unit| unit.happened(&user("foo"), &types(&["view"]), &stretch, rows_max);
        records
            .run(Class::Background, ask)
            .unwrap()
            .map(|happened| happened.len())
    };
    assert_eq!([5, 4, 0].map(held), [Some(5), None, None]);
}

fn what_came_with_a_file_says_so_and_becomes_live_once(Store { records, .. }: &Store) {
    let job = JobId::new(Uuid::now_v7());
    let events: Vec<Event> = (0..4).map(|n| of(n, "foo", "view", seconds(0))).collect();
    import(records, &events[..3], job);
    store(records, &events[3..]);
    let live = || -> Vec<(u128, bool, bool)> {
        let mut found = happened(records, &["view"], seconds(0), seconds(0));
        found.sort_by_key(|one| one.event.event_id);
        found
            .iter()
            .map(|one| {
                (
                    one.event.event_id.as_uuid().as_u128() - 1,
                    one.live,
                    one.job_id == Some(job),
                )
            })
            .collect()
    };
    assert_eq!(
        live(),
        [(0, false, true), (1, false, true), (2, false, true), (3, true, false)]
    );
    assert_eq!(make_live(records, &events[1..]), [true, true, false]);
    assert_eq!(make_live(records, &events), [true, false, false, false]);
    assert_eq!(make_live(records, &[]), [false; 0]);
    assert_eq!(make_live(records, &[of(9, "foo", "view", seconds(0))]), [false]);
    assert_eq!(
        live(),
        [(0, true, true), (1, true, true), (2, true, true), (3, true, false)]
    );
}

fn an_event_becomes_live_whatever_time_its_repeat_says(Store { records, .. }: &Store) {
    let named = of(1, "foo", "view", seconds(0));
    let unnamed = Event {
        event_id: EventId::stamped(seconds(1), 7),
        client_named: false,
        client_timed: false,
        ..of(2, "foo", "view", seconds(1))
    };
    let stray = Event {
        event_id: EventId::stamped(seconds(2), 8),
        ..of(3, "foo", "view", seconds(-9_999_999))
    };
    for event in [named, unnamed, stray] {
        import(records, std::slice::from_ref(&event), JobId::new(Uuid::now_v7()));
        let repeat = Event {
            timestamp: event.timestamp.plus_micros(-HOUR),
            client_named: true,
            ..event
        };
        assert_eq!(make_live(records, std::slice::from_ref(&repeat)), [true], "{repeat:?}");
        assert_eq!(make_live(records, std::slice::from_ref(&repeat)), [false]);
    }
}

fn events_become_live_once_whoever_brings_them_at_the_same_time(Store { records, .. }: &Store) {
    let mut events: Vec<Event> = (0..200_u128)
        .map(|n| of(n, "foo", "view", seconds(i64::try_from(n * 7 % 50).unwrap())))
        .collect();
    events.sort_by_key(|event| event.event_id);
    import(records, &events, JobId::new(Uuid::now_v7()));
    let bring = |worker: usize| -> usize {
        let batches = events.windows(90).skip(worker).step_by(30);
        batches
            .chain(std::iter::once(&events[..]))
            .map(|batch| make_live(records, batch).into_iter().filter(|made| *made).count())
            .sum()
    };
    let made: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|worker| scope.spawn(move || bring(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(made, events.len());
}

fn users_with_events_are_paged(Store { records, .. }: &Store) {
    let names = ["a", "Z", "é", "zz", "日本", "b", "_"];
    let mut events: Vec<Event> = (0..)
        .zip(names.into_iter().cycle().take(21))
        .map(|(n, name)| of(n, name, "view", seconds(i64::try_from(n).unwrap())))
        .collect();
    events.push(of(90, "other type", "click", seconds(1)));
    events.push(of(91, "too early", "view", seconds(-1)));
    events.push(of(92, "too late", "view", seconds(2 * 24 * 3_600)));
    store(records, &events);
    let page = |after: Option<&UserId>| {
        records
            .run(Class::Reads, |unit| {
                unit.users_with(&types(&["view", "watch"]), seconds(0), seconds(60), after, 3)
            })
            .unwrap()
    };
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let users = page(seen.last());
        if users.is_empty() {
            break;
        }
        seen.extend(users);
    }
    let mut expected = names.map(user);
    expected.sort_unstable();
    assert_eq!(seen, expected);
}
