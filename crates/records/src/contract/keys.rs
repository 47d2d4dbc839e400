//! Keys are found by their ids and can be revoked; a ticket opens one socket, once.

use domain::api_key::{ApiKey, KeyId, KeyKind, Secret, SecretHash};

use super::*;

on_every_store!(
    a_key_is_found_as_it_was_made,
    a_key_that_is_revoked_stays_so,
    the_latest_use_is_kept,
    somebody_can_come_in_while_a_key_is_usable,
    a_ticket_opens_its_socket_once,
    a_ticket_ends,
);

const NOW: Timestamp = Timestamp::from_micros(1_795_168_809_023_655);
const MINUTE: Duration = Duration::from_secs(60);

fn id(number: u8) -> KeyId {
    KeyId::new([0, 0, 0, 0, 0, 0, 0, number])
}

fn hash(number: u8) -> SecretHash {
    Secret::new([number; 32]).hash()
}

fn bare(number: u8) -> ApiKey {
    ApiKey {
        id: id(number),
        kind: KeyKind::Admin,
        name: None,
        secret_hash: hash(number),
        origins: Vec::new(),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

fn create(records: &Records, key: &ApiKey) {
    records.run(Class::Background, |unit| unit.create_key(key)).unwrap();
}

fn found(records: &Records, number: u8) -> Option<ApiKey> {
    records.run(Class::Keys, |unit| unit.key(id(number))).unwrap()
}

fn a_key_is_found_as_it_was_made(Store { records, .. }: &Store) {
    assert_eq!(found(records, 1), None);
    let rich = ApiKey {
        kind: KeyKind::Write,
        name: Some("the shop's \"ü\"".to_owned()),
        origins: vec!["https://app.example".to_owned(), "http://localhost:3000".to_owned()],
        created_at: NOW.plus_micros(-1),
        expires_at: Some(NOW),
        revoked_at: Some(NOW),
        last_used_at: Some(NOW),
        ..bare(2)
    };
    for key in [bare(1), rich.clone(), bare(0)] {
        create(records, &key);
    }
    assert_eq!(found(records, 2).as_ref(), Some(&rich));
    let keys = |limit| records.run(Class::Reads, |unit| unit.keys(limit)).unwrap();
    assert_eq!(keys(9), [rich.clone(), bare(0), bare(1)]);
    assert_eq!(keys(1), [rich]);
    let again = records.run(Class::Background, |unit| unit.create_key(&bare(1)));
    assert!(again.is_err(), "an id stands for one key");
}

fn a_key_that_is_revoked_stays_so(Store { records, .. }: &Store) {
    create(records, &bare(1));
    create(records, &bare(2));
    let revoke = |number, at| {
        records
            .run(Class::Background, |unit| unit.revoke_key(id(number), at))
            .unwrap()
    };
    assert!(revoke(1, NOW));
    assert!(revoke(1, NOW.plus(MINUTE)));
    assert!(!revoke(3, NOW));
    let revoked_at = |number| found(records, number).unwrap().revoked_at;
    assert_eq!((revoked_at(1), revoked_at(2)), (Some(NOW), None));
}

fn the_latest_use_is_kept(Store { records, .. }: &Store) {
    create(records, &bare(1));
    for at in [NOW, NOW.plus(MINUTE), NOW] {
        records
            .run(Class::Background, |unit| unit.note_key_use(id(1), at))
            .unwrap();
    }
    records
        .run(Class::Background, |unit| unit.note_key_use(id(2), NOW))
        .unwrap();
    assert_eq!(found(records, 1).unwrap().last_used_at, Some(NOW.plus(MINUTE)));
}

fn somebody_can_come_in_while_a_key_is_usable(Store { records, .. }: &Store) {
    let usable = |at| records.run(Class::Keys, |unit| unit.has_usable_key(at)).unwrap();
    assert!(!usable(NOW));
    let revoked = ApiKey {
        revoked_at: Some(NOW),
        ..bare(1)
    };
    let expiring = ApiKey {
        expires_at: Some(NOW),
        ..bare(2)
    };
    create(records, &revoked);
    create(records, &expiring);
    assert!(usable(NOW.plus_micros(-1)) && !usable(NOW));
    create(records, &bare(3));
    assert!(usable(NOW));
}

fn give(records: &Records, number: u8, job: Option<JobId>, lasts: Duration) -> Timestamp {
    records
        .run(Class::Background, |unit| unit.give_ticket(&hash(number), job, lasts))
        .unwrap()
}

/// Whether it was there, which is what taking it finds too.
fn take(records: &Records, number: u8, job: Option<JobId>) -> bool {
    let is_there = records.run(Class::Keys, |unit| unit.has_ticket(&hash(number), job));
    let taken = records.run(Class::Background, |unit| unit.take_ticket(&hash(number), job));
    assert_eq!(is_there.unwrap(), *taken.as_ref().unwrap());
    taken.unwrap()
}

fn a_ticket_opens_its_socket_once(Store { records, .. }: &Store) {
    let (job, other) = (JobId::new(Uuid::now_v7()), JobId::new(Uuid::now_v7()));
    give(records, 1, Some(job), MINUTE);
    give(records, 2, None, MINUTE);
    for (number, foreign) in [(1, None), (1, Some(other)), (2, Some(job)), (3, None)] {
        assert!(!take(records, number, foreign), "{number} {foreign:?}");
    }
    assert!(take(records, 1, Some(job)) && take(records, 2, None));
    assert!(!take(records, 1, Some(job)) && !take(records, 2, None));
}

fn a_ticket_ends(Store { records, .. }: &Store) {
    let before = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
    let ends = give(records, 1, None, MINUTE);
    assert!(ends > before, "{before} {ends}");
    give(records, 2, None, Duration::ZERO);
    assert!(!take(records, 2, None));
    records
        .run(Class::Background, |unit| unit.forget_expired_tickets())
        .unwrap();
    let again = records.run(Class::Background, |unit| unit.give_ticket(&hash(2), None, MINUTE));
    assert!(again.is_ok(), "its row is gone");
    assert!(take(records, 1, None) && take(records, 2, None));
}
