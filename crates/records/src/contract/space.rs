//! What is kept takes room, and it is told what takes it.

use super::*;
use crate::{KeptFiles, Origin, Space, SpaceParts};

on_every_store!(
    what_is_stored_takes_room_where_it_lies,
    files_are_those_of_jobs_whose_upload_is_complete,
);

const TEXT_BYTES: usize = 2_000;
const ROWS: u64 = 500;
const STORED_BYTES: u64 = ROWS * TEXT_BYTES as u64;

fn space(records: &Records) -> (Space, SpaceParts) {
    let space = records.run(Class::Reads, |unit| unit.space()).unwrap();
    (space, space.parts.expect("a small store tells its parts"))
}

/// Of hexadecimal digits, which no store makes smaller than half.
fn text() -> String {
    let bytes = (0..TEXT_BYTES / 32).map(|_| Uuid::new_v4().simple().to_string());
    bytes.collect()
}

fn insert_events(records: &Records) {
    let event = |n: u64| -> Event {
        let id = Uuid::from_u128(n.into());
        serde_json::from_str(&format!(
            r#"{{"event_id":"{id}","event_type":"note","user_id":"u","timestamp":"2026-05-28T10:00:00Z",
                "received_at":"2026-05-28T10:00:00Z","payload":{{"text":"{}"}}}}"#,
            text()
        ))
        .unwrap()
    };
    let events: Vec<Event> = (0..ROWS).map(event).collect();
    records
        .run(Class::Apply, |unit| unit.insert_new(&events, Origin::DOOR))
        .unwrap();
}

fn insert_entries(records: &Records) {
    let id = queued_job(records, 1).id;
    let mut entries = Entries::default();
    for line_no in 1..=ROWS {
        let line = format!(r#"{{"message":"{}"}}"#, text());
        entries.push(line_no, &LogEntry::from_object(Object::parse(&line).unwrap()));
    }
    records
        .run(Class::Import, |unit| unit.insert_entries(id, &entries))
        .unwrap();
}

fn what_is_stored_takes_room_where_it_lies(Store { records, .. }: &Store) {
    let (empty, empty_parts) = space(records);
    assert!(empty.bytes > 0);
    insert_events(records);
    let (with_events, parts) = space(records);
    assert!(
        parts.events_bytes > empty_parts.events_bytes + STORED_BYTES / 3,
        "{parts:?}"
    );
    assert_eq!(parts.log_entries_bytes, empty_parts.log_entries_bytes);
    insert_entries(records);
    let (with_entries, both) = space(records);
    assert_eq!(both.events_bytes, parts.events_bytes);
    assert!(
        both.log_entries_bytes > parts.log_entries_bytes + STORED_BYTES / 3,
        "{both:?}"
    );
    assert!(empty.bytes < with_events.bytes && with_events.bytes < with_entries.bytes);
    assert!(both.events_bytes + both.log_entries_bytes < with_entries.bytes);
}

fn files_are_those_of_jobs_whose_upload_is_complete(Store { records, .. }: &Store) {
    let kept = || records.run(Class::Reads, |unit| unit.kept_files()).unwrap();
    assert_eq!(kept(), KeptFiles { files: 0, bytes: 0 });
    receiving_job(records);
    queued_job(records, 3);
    queued_job(records, 4);
    assert_eq!(kept(), KeptFiles { files: 2, bytes: 70 });
}
