//! Events: each id once, whatever meets.

use super::*;

on_every_store!(an_event_is_new_once, overlapping_batches_store_each_event_once);

fn event(n: u128) -> Event {
    let line = format!(
        r#"{{"event_type":"view","user_id":"ü-{n}","event_id":"{}","payload":{{"url":"/{n}"}}}}"#,
        Uuid::from_u128(n + 1)
    );
    let at = Timestamp::from_micros(1_795_168_809_023_655);
    let origin = LineOrigin {
        job_id: JobId::new(Uuid::from_u128(9)),
        line_no: 1,
        job_created_at: at,
        received_at: at,
        kind: LineKind::Events,
    };
    match read_line(&line, &origin).unwrap() {
        Line::Event(event) => event,
        Line::Log(_) => panic!("an event was written"),
    }
}

fn an_event_is_new_once(Store { records, .. }: &Store) {
    let events: Vec<Event> = (0..3).map(event).collect();
    let insert = |events: &[Event]| records.run(Class::Apply, |unit| unit.insert_new(events, None)).unwrap();
    assert_eq!(insert(&events[..2]), [true, true]);
    assert_eq!(insert(&events), [false, false, true]);
}

/// Sorted batches wait for each other in one direction; unsorted ones deadlock.
fn overlapping_batches_store_each_event_once(Store { records, .. }: &Store) {
    const EVENTS: u128 = 200;
    let mut events: Vec<Event> = (0..EVENTS).map(event).collect();
    events.sort_by_key(|event| event.event_id);
    let new_of_one = || -> usize {
        let batches = events.windows(50).step_by(10);
        batches
            .map(|batch| records.run(Class::Apply, |unit| unit.insert_new(batch, None)).unwrap())
            .map(|new| new.into_iter().filter(|new| *new).count())
            .sum()
    };
    let new: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(new_of_one)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(new, usize::try_from(EVENTS).unwrap());
    assert_eq!(
        events.first().map(|event| event.event_id),
        Some(EventId::new(Uuid::from_u128(1)))
    );
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
