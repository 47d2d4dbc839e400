//! Any body has an outcome, and each event in it can be stored, sent and read back.
#![no_main]

use domain::event::Event;
use domain::ids::EventId;
use domain::intake::body::{Body, BodyError, ITEMS_MAX, ItemError, read_body};
use domain::intake::{self, Draft, Stamp, analytics};
use domain::json::storable;
use domain::message::{EncodedEvent, EventFrame};
use domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;

const RECEIVED_AT: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(body) = read_body(bytes, analytics::read_any) {
        let drafts = drafts(body);
        assert!(
            drafts
                .iter()
                .all(|draft| analytics::TYPES.contains(&draft.event_type().as_str()))
        );
    }
    match read_body(bytes, intake::read) {
        Ok(body) => assert_survive(drafts(body).into_iter().filter_map(stamp).collect()),
        Err(BodyError::InvalidJson(invalid)) => assert!(invalid.line > 0, "{invalid}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn drafts(body: Body) -> Vec<Draft> {
    let items = match body {
        Body::One(item) => vec![item],
        Body::Several(items) => items,
    };
    assert!(items.len() <= ITEMS_MAX);
    for error in items.iter().filter_map(|item| item.as_ref().err()) {
        assert!(!error.to_string().contains('\0'));
        assert!(!matches!(error, ItemError::Fields(errors) if errors.is_empty()));
    }
    items.into_iter().flatten().collect()
}

/// None if its time lies in the future.
fn stamp(draft: Draft) -> Option<Event> {
    let stamp = Stamp {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        event_id: EventId::stamped(RECEIVED_AT, 7),
        timestamp: RECEIVED_AT,
        received_at: RECEIVED_AT,
    };
    draft.stamp(stamp).ok()
}

fn assert_survive(events: Vec<Event>) {
    for event in &events {
        let written = serde_json::to_string(event).expect("JSON");
        assert_eq!(storable(&written), written, "nothing in it that PostgreSQL refuses");
    }
    let encoded: Vec<_> = events
        .iter()
        .map(|event| EncodedEvent::of(event).expect("JSON"))
        .collect();
    let frame = EventFrame::decode(&EventFrame::join(&encoded)).expect("a frame");
    assert_eq!(frame.events, events);
}
