//! Events: each id once, whatever meets, and found again as it was.

use domain::event::{EventType, Verbatim};
use domain::ids::{DeviceId, EventId, UserId};
use serde_json::value::RawValue;

use super::*;
use crate::{EventFilter, Origin};

on_every_store!(
    an_event_is_new_once,
    overlapping_batches_store_each_event_once,
    a_batch_of_any_size_tells_new_from_old,
    what_a_unit_has_stored_is_not_new_to_itself,
    an_event_is_kept_as_it_was,
    an_id_stands_once_whatever_its_time,
    a_stamped_id_that_comes_back_is_the_same_event,
    a_stamped_id_that_comes_back_at_the_same_time_is_the_same_event,
    an_id_from_beyond_all_clocks_is_any_id,
    events_are_paged_newest_first,
    events_are_found_by_each_property,
    no_month_is_left_out_after_a_long_silence,
);

const AT: Timestamp = Timestamp::from_micros(1_795_168_809_023_655);

/// An event that a client has named and timed.
pub(super) fn event(n: u128, at: Timestamp, event_type: &str) -> Event {
    Event {
        event_id: EventId::new(Uuid::from_u128(n + 1)),
        event_type: event_type.parse().unwrap(),
        user_id: format!("ü-{}", n % 3).parse().unwrap(),
        device_id: None,
        timestamp: at,
        received_at: AT,
        payload: json(&format!(r#"{{"url":"/{n}"}}"#)),
        extra: None,
        client_timed: true,
        client_named: true,
        slug: None,
    }
}

/// An event of which the door has said all that its client did not.
fn stamped(at: Timestamp, entropy: u64) -> Event {
    Event {
        event_id: EventId::stamped(at, entropy),
        client_timed: false,
        client_named: false,
        ..event(0, at, "view")
    }
}

pub(super) fn json(text: &str) -> Verbatim {
    RawValue::from_string(text.to_owned()).unwrap().into()
}

fn view(n: u128) -> Event {
    event(n, AT.plus_micros(i64::try_from(n % 7).unwrap()), "view")
}

/// Sorts and stores, as every caller does; how many were new.
pub(super) fn store(records: &Records, events: &[Event]) -> usize {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.event_id);
    let new = records
        .run(Class::Apply, |unit| {
            let new = unit.insert_new(&sorted, Origin::DOOR)?;
            let fresh = sorted.iter().zip(&new).filter(|(_, new)| **new).map(|(event, _)| event);
            unit.add_counts(&domain::counts::count(fresh))?;
            Ok(new)
        })
        .unwrap();
    new.into_iter().filter(|new| *new).count()
}

pub(super) fn found(records: &Records, filter: &EventFilter) -> Vec<Event> {
    records.run(Class::Reads, |unit| unit.events(filter)).unwrap()
}

fn get(records: &Records, id: EventId) -> Option<Event> {
    records.run(Class::Reads, |unit| unit.event(id)).unwrap()
}

fn all() -> EventFilter {
    EventFilter {
        limit: 1_000,
        ..EventFilter::default()
    }
}

/// What the canonical shape shows of it.
fn shown(event: &Event) -> Event {
    Event {
        client_timed: false,
        client_named: false,
        ..event.clone()
    }
}

fn an_event_is_new_once(Store { records, .. }: &Store) {
    let events: Vec<Event> = (0..3).map(view).collect();
    let insert = |events: &[Event]| {
        records
            .run(Class::Apply, |unit| unit.insert_new(events, Origin::DOOR))
            .unwrap()
    };
    assert_eq!(insert(&events[..2]), [true, true]);
    assert_eq!(insert(&events), [false, false, true]);
    assert_eq!(insert(&[]), [false; 0]);
}

/// Sorted batches wait for each other in one direction; unsorted ones deadlock. Some of them have keys, some have none.
fn overlapping_batches_store_each_event_once(Store { records, .. }: &Store) {
    const EVENTS: u128 = 600;
    let unnamed = |n: u128| stamped(AT.plus_micros(i64::try_from(n % 5).unwrap()), u64::try_from(n).unwrap());
    let events: Vec<Event> = (0..EVENTS)
        .map(|n| if n.is_multiple_of(2) { view(n) } else { unnamed(n) })
        .collect();
    let new_of_one = |worker: usize| -> usize {
        let batches = events.windows(150).skip(worker).step_by(50);
        let rest = std::iter::once(&events[..]);
        batches.chain(rest).map(|batch| store(records, batch)).sum()
    };
    let new: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|worker| scope.spawn(move || new_of_one(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(new, events.len());
    assert_eq!(found(records, &all()).len(), events.len());
    let differences = records.run(Class::Reads, |unit| unit.count_differences(10)).unwrap();
    assert_eq!(differences, []);
}

fn a_batch_of_any_size_tells_new_from_old(Store { records, .. }: &Store) {
    let mut stored = 0;
    for size in [1, 63, 64, 65, 500] {
        let events: Vec<Event> = (0..size).map(view).collect();
        let now_stored = events.len();
        assert_eq!(store(records, &events), now_stored - stored);
        stored = now_stored;
    }
}

fn what_a_unit_has_stored_is_not_new_to_itself(Store { records, .. }: &Store) {
    let events: Vec<Event> = (0..200).map(view).collect();
    let new = records
        .run(Class::Apply, |unit| {
            let first = unit.insert_new(&events[..150], Origin::DOOR)?;
            Ok([first, unit.insert_new(&events, Origin::DOOR)?])
        })
        .unwrap();
    assert!(new[0].iter().all(|new| *new));
    assert_eq!(new[1].iter().filter(|new| **new).count(), 50);
}

fn an_event_is_kept_as_it_was(Store { records, .. }: &Store) {
    let odd = Event {
        event_type: "日本 👩‍🚀 %_'\"\\".parse().unwrap(),
        user_id: "ü\u{202e}\u{feff}'; DROP TABLE events; --".parse().unwrap(),
        device_id: Some("\u{10ffff}é".parse::<DeviceId>().unwrap()),
        payload: json(
            r#"{"z":1e400000,"a":10000000000000000999.10,"a":-0,"\ud83d\ude80":"\u00e9\\u0000","":[{"x":null}]}"#,
        ),
        extra: Some(json(r#"{"b":1E+2}"#)),
        ..view(1)
    };
    let heartbeat = Event {
        payload: json(r#"{"slug":"a-movie","at":1.50}"#),
        slug: Some("a-movie".parse().unwrap()),
        ..event(2, AT, "watch")
    };
    let long = Event {
        payload: json(&format!(r#"{{"url":"{}"}}"#, "🦀ü\\n".repeat(8_000))),
        ..stamped(AT, 3)
    };
    for event in [odd, heartbeat, long] {
        store(records, std::slice::from_ref(&event));
        assert_eq!(get(records, event.event_id), Some(shown(&event)));
        let of_user = EventFilter {
            user_id: Some(event.user_id.clone()),
            event_type: Some(event.event_type.clone()),
            ..all()
        };
        assert_eq!(found(records, &of_user), [shown(&event)]);
    }
    assert_eq!(get(records, EventId::new(Uuid::from_u128(99))), None);
    assert_eq!(get(records, EventId::stamped(AT, 99)), None);
}

fn an_id_stands_once_whatever_its_time(Store { records, .. }: &Store) {
    let first = view(1);
    let years_later = Event {
        timestamp: AT.plus_micros(-3 * 365 * 24 * 3_600 * 1_000_000),
        ..first.clone()
    };
    assert_eq!(store(records, &[first.clone(), view(2)]), 2);
    assert_eq!(store(records, &[years_later, view(3)]), 1);
    assert_eq!(get(records, first.event_id), Some(shown(&first)));
    assert_eq!(found(records, &all()).len(), 3);
}

/// What can reach the tables of one event whose client first gave no id, then sent it again with the id of the answer.
fn comings(entropy: u64) -> [Event; 3] {
    let first = stamped(AT, entropy);
    let again = Event {
        client_named: true,
        ..first.clone()
    };
    let again_with_a_time = Event {
        timestamp: AT.plus_micros(-40 * 24 * 3_600 * 1_000_000),
        client_timed: true,
        ..again.clone()
    };
    [first, again, again_with_a_time]
}

fn a_stamped_id_that_comes_back_is_the_same_event(Store { records, .. }: &Store) {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (entropy, order) in (0..).zip(orders) {
        // Alone, and among others that need no proof.
        for (batch, others) in [(0, 0), (10, 100_u64)] {
            let comings = comings(entropy + batch);
            for (n, coming) in (1..).zip(order) {
                let mut events: Vec<Event> = (0..others)
                    .map(|other| stamped(AT.plus_micros(1), other + (entropy + batch) * 1_000 + n * 200))
                    .collect();
                events.push(comings[coming].clone());
                let expected = usize::from(n == 1) + usize::try_from(others).unwrap();
                assert_eq!(store(records, &events), expected, "{order:?}, {n}, {others} others");
            }
            let stands = shown(&comings[order[0]]);
            assert_eq!(get(records, stands.event_id), Some(stands), "{order:?}");
        }
    }
    let differences = records.run(Class::Reads, |unit| unit.count_differences(10)).unwrap();
    assert_eq!(differences, []);
}

fn a_stamped_id_that_comes_back_at_the_same_time_is_the_same_event(Store { records, .. }: &Store) {
    const EVENTS: u64 = 60;
    let new_of_one = |coming: usize| -> usize {
        (0..EVENTS)
            .map(|entropy| store(records, std::slice::from_ref(&comings(entropy)[coming])))
            .sum()
    };
    let new: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = [0, 2, 1].map(|coming| scope.spawn(move || new_of_one(coming))).into();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(new, usize::try_from(EVENTS).unwrap());
    assert_eq!(found(records, &all()).len(), new);
}

/// Anybody can make an id that looks like a stamped one, of a year for which there is no room.
fn an_id_from_beyond_all_clocks_is_any_id(Store { records, .. }: &Store) {
    let forged = Event {
        event_id: EventId::stamped(Timestamp::from_micros(200_000_000_000_000_000), 1),
        ..view(1)
    };
    assert_eq!(store(records, std::slice::from_ref(&forged)), 1);
    assert_eq!(store(records, std::slice::from_ref(&forged)), 0);
    assert_eq!(get(records, forged.event_id), Some(shown(&forged)));
}

fn events_are_paged_newest_first(Store { records, .. }: &Store) {
    let events: Vec<Event> = (0..50).map(view).collect();
    store(records, &events);
    let mut expected: Vec<_> = events.iter().map(|event| (event.timestamp, event.event_id)).collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = found(
            records,
            &EventFilter {
                before,
                limit: 7,
                ..all()
            },
        );
        seen.extend(page.iter().map(|event| (event.timestamp, event.event_id)));
        match page.last() {
            Some(last) => before = Some((last.timestamp, last.event_id)),
            None => break,
        }
    }
    assert_eq!(seen, expected);

    let one: UserId = "ü-1".parse().unwrap();
    let of_one: Vec<_> = expected
        .iter()
        .filter(|(_, id)| events.iter().any(|event| event.event_id == *id && event.user_id == one))
        .copied()
        .collect();
    let rest = EventFilter {
        user_id: Some(one),
        before: Some(of_one[2]),
        ..all()
    };
    let rest: Vec<_> = found(records, &rest)
        .iter()
        .map(|event| (event.timestamp, event.event_id))
        .collect();
    assert_eq!(rest, of_one[3..]);
}

fn events_are_found_by_each_property(Store { records, .. }: &Store) {
    let old = AT.plus_micros(-400 * 24 * 3_600 * 1_000_000);
    let events = [
        event(0, old, "view"),
        event(1, AT, "click"),
        event(2, AT.plus_micros(1), "view"),
    ];
    store(records, &events);
    let numbers = |filter: EventFilter| -> Vec<u128> {
        let found = found(records, &filter);
        found
            .iter()
            .map(|event| event.event_id.as_uuid().as_u128() - 1)
            .collect()
    };
    assert_eq!(numbers(all()), [2, 1, 0]);
    let event_type: Option<EventType> = "view".parse().ok();
    assert_eq!(numbers(EventFilter { event_type, ..all() }), [2, 0]);
    let user_id: Option<UserId> = "ü-1".parse().ok();
    assert_eq!(numbers(EventFilter { user_id, ..all() }), [1]);
    let user_id: Option<UserId> = "nobody".parse().ok();
    assert_eq!(numbers(EventFilter { user_id, ..all() }), [0; 0]);
    let from = domain::counts::Span {
        start: Some(AT),
        end: None,
    };
    assert_eq!(numbers(EventFilter { span: from, ..all() }), [2, 1]);
    let until = domain::counts::Span {
        start: None,
        end: Some(AT.plus_micros(1)),
    };
    assert_eq!(numbers(EventFilter { span: until, ..all() }), [1, 0]);
}

fn no_month_is_left_out_after_a_long_silence(Store { records, .. }: &Store) {
    const MONTH_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;
    let now = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
    let after_silence = now.plus_micros(12 * MONTH_MICROS);
    for at in [after_silence, now.plus_micros(-MONTH_MICROS), after_silence] {
        records.run(Class::Background, |unit| unit.prepare_months(at)).unwrap();
    }
    let monthly: Vec<Event> = (0..12_i64)
        .map(|n| event(u128::from(n.unsigned_abs()), now.plus_micros(n * MONTH_MICROS), "view"))
        .collect();
    assert_eq!(store(records, &monthly), monthly.len());
}

/// Why rows are created before they are locked.
#[cfg(feature = "services")]
#[test]
fn postgres_locks_nothing_where_no_row_is() {
    use diesel::{Connection, RunQueryDsl, sql_query};

    let Some(store) = Store::postgres() else { return };
    let absent = "SELECT 1 FROM jobs WHERE request_id = 'absent' FOR UPDATE NOWAIT";
    let (mut one, mut other) = (store.postgres_connection(), store.postgres_connection());
    one.transaction::<_, diesel::result::Error, _>(|one| {
        assert_eq!(sql_query(absent).execute(one)?, 0);
        other.transaction::<_, diesel::result::Error, _>(|other| {
            assert_eq!(sql_query(absent).execute(other)?, 0);
            Ok(())
        })
    })
    .unwrap();
}
