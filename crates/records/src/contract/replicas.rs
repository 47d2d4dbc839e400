//! Processes say that they are alive; those that no longer do are not shown, and forgotten.

use super::*;
use crate::{Replica, SlotUse};

on_every_store!(
    those_that_are_alive_are_listed_by_role_and_age,
    a_sign_of_life_brings_what_is_new,
    the_silent_are_not_shown_and_then_forgotten,
);

const ALIVE: Duration = Duration::from_secs(60);

fn replica(name: &str, role: &str, started_at: i64) -> Replica {
    Replica {
        name: name.to_owned(),
        role: role.to_owned(),
        version: "1.2.3".to_owned(),
        host: Some("rack-7 \"ü\"".to_owned()),
        started_at: Timestamp::from_micros(started_at),
        slots: None,
    }
}

fn note(records: &Records, replica: &Replica) {
    records
        .run(Class::Background, |unit| unit.note_replica(replica))
        .unwrap();
}

fn alive(records: &Records, alive_within: Duration) -> Vec<Replica> {
    let found = records.run(Class::Reads, |unit| unit.replicas(alive_within)).unwrap();
    found.into_iter().map(|(replica, _)| replica).collect()
}

fn those_that_are_alive_are_listed_by_role_and_age(Store { records, .. }: &Store) {
    assert_eq!(alive(records, ALIVE), []);
    let worker = Replica {
        host: None,
        slots: Some(SlotUse { all: 8, taken: 3 }),
        ..replica("w", "worker", 1_795_168_809_023_655)
    };
    let (older, younger) = (replica("z", "ingest", 1), replica("a", "ingest", 2));
    for replica in [&worker, &younger, &older] {
        note(records, replica);
    }
    assert_eq!(alive(records, ALIVE), [older, younger.clone(), worker]);
    records
        .run(Class::Background, |unit| {
            unit.forget_replica("z")?;
            unit.forget_replica("w")?;
            unit.forget_replica("nobody")
        })
        .unwrap();
    assert_eq!(alive(records, ALIVE), [younger]);
}

fn a_sign_of_life_brings_what_is_new(Store { records, .. }: &Store) {
    let with = |taken| Replica {
        slots: Some(SlotUse { all: 8, taken }),
        ..replica("w", "worker", 1)
    };
    let seen = |records: &Records| records.run(Class::Reads, |unit| unit.replicas(ALIVE)).unwrap();
    note(records, &with(0));
    let first = seen(records);
    note(records, &with(5));
    let second = seen(records);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(second[0].0, with(5));
    assert!(first[0].1 < second[0].1, "{first:?} {second:?}");
}

fn the_silent_are_not_shown_and_then_forgotten(Store { records, .. }: &Store) {
    let one = replica("w", "worker", 1);
    let forget = |silent_for| {
        records
            .run(Class::Background, |unit| unit.forget_silent_replicas(silent_for))
            .unwrap();
    };
    note(records, &one);
    assert_eq!(alive(records, Duration::ZERO), []);
    forget(ALIVE);
    assert_eq!(alive(records, ALIVE), [one]);
    forget(Duration::ZERO);
    assert_eq!(alive(records, ALIVE), []);
}
