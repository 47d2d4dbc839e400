//! Any line has an outcome, its members are those that serde_json finds, and what becomes a row is JSON that both databases
//! can hold.
#![no_main]

use std::collections::HashMap;

use domain::ids::JobId;
use domain::json::{Malformed, Object, storable};
use domain::line::{Line, LineKind, LineOrigin, read_line};
use domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use uuid::Uuid;

const CREATED_AT: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    let text = storable(line);
    assert_eq!(storable(&text), text, "what is storable stays as it is");
    assert_split_as_by_serde(&text);
    for (line_no, kind) in LineKind::ALL.into_iter().enumerate() {
        let origin = LineOrigin {
            position_unit: domain::watch_time::PositionUnit::Seconds,
            job_id: JobId::new(Uuid::nil()),
            line_no: line_no as u64 + 1,
            job_created_at: CREATED_AT,
            received_at: CREATED_AT,
            kind,
        };
        match read_line(&text, &origin) {
            Ok(Line::Log(entry)) => {
                assert_is_storable_object(&entry.attributes.to_string());
                let texts = [&entry.level_original, &entry.message, &entry.service];
                assert!(texts.into_iter().flatten().all(|text| !text.contains('\0')));
            }
            Ok(Line::Event(event)) => assert_is_storable_object(event.payload.as_str()),
            Err(rejection) => {
                assert!(!rejection.message.is_empty() && !rejection.message.contains('\0'));
                assert!(rejection.field.is_none_or(|field| !field.contains('\0')));
            }
        }
    }
});

fn assert_split_as_by_serde(text: &str) {
    let expected = serde_json::from_str::<HashMap<String, &RawValue>>(text);
    match (Object::parse(text), expected) {
        (Ok(object), Ok(expected)) => {
            assert_eq!(object.members().count(), expected.len());
            assert!(object.members().all(|(name, raw)| expected[name].get() == raw.get()));
        }
        (Err(Malformed::TooDeep), _) | (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but {theirs:?}"),
    }
}

fn assert_is_storable_object(text: &str) {
    let object: &RawValue = serde_json::from_str(text).expect("a JSON value");
    assert!(object.get().starts_with('{'), "{text}");
    assert_eq!(storable(text), text, "nothing in it that PostgreSQL refuses");
}
