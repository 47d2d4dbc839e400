//! Where a player says it is: what the unit of an installation allows, and what no unit does.

use domain::events::{FieldCode, FieldError};
use domain::intake::{self, Stamp};
use domain::json::Object;
use domain::watch_time::{Beat, PositionUnit};
use proptest::prelude::*;

use crate::{STAMPED, read, receipt};

fn stamped(text: &str, position_unit: PositionUnit) -> Result<domain::event::Event, FieldError> {
    read(text).unwrap().stamp(Stamp {
        position_unit,
        event_id: STAMPED,
        timestamp: receipt(),
        received_at: receipt(),
    })
}

#[track_caller]
fn assert_refused(text: &str, unit: PositionUnit, error: &str) {
    let refused = stamped(text, unit).unwrap_err();
    assert_eq!(
        (refused.code, refused.to_string().as_str()),
        (FieldCode::InvalidField, error),
        "{text}"
    );
}

#[test]
fn the_door_refuses_what_its_unit_does_not_allow() {
    let flat = |at: &str| format!(r#"{{"user":"u","slug":"s","at":{at}}}"#);
    let (seconds, milliseconds) = (PositionUnit::Seconds, PositionUnit::Milliseconds);
    for at in ["0", "-0.0", "1e7", "10000000.0"] {
        assert!(
            stamped(&flat(at), seconds).is_ok() && stamped(&flat(at), milliseconds).is_ok(),
            "{at}"
        );
    }
    for at in ["10000000.1", "10000001", "1e10"] {
        assert!(stamped(&flat(at), milliseconds).is_ok(), "{at}");
        assert_refused(&flat(at), seconds, "at must be from 0 to 10000000");
    }
    for at in ["10000000001", "-0.1", "1e400", "-1e400"] {
        let refused = read(&flat(at)).unwrap_err();
        assert_eq!(refused[0].to_string(), "at must be from 0 to 10000000 seconds", "{at}");
    }
}

#[test]
fn the_field_is_called_as_the_client_called_it() {
    let seconds = PositionUnit::Seconds;
    for (text, field) in [
        (r#"{"user":"u","type":"watch","slug":"s","at":2e7}"#, "at"),
        (
            r#"{"user":"u","type":"watch","payload":{"slug":"s","at":2e7}}"#,
            "payload.at",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"watch","subject":"u","data":{"slug":"s","at":2e7}}"#,
            "data.at",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"watch","subject":"u","data":{"payload":{"slug":"s","at":2e7}}}"#,
            "data.payload.at",
        ),
    ] {
        assert_refused(text, seconds, &format!("{field} must be from 0 to 10000000"));
    }
}

#[test]
fn only_a_heartbeat_has_a_position() {
    for text in [
        r#"{"user":"u","type":"stream_started","stream_id":"x","slug":"s","at":2e7}"#,
        r#"{"user":"u","type":"seek","payload":{"at":2e7}}"#,
        r#"{"user":"u","type":"view","url":"/","at":-5}"#,
    ] {
        assert!(stamped(text, PositionUnit::Seconds).is_ok(), "{text}");
    }
}

proptest! {
    /// What the door lets in has a position, and what it does not let in has none.
    #[test]
    fn what_is_accepted_is_a_heartbeat(
        number in prop_oneof![any::<f64>(), -1e11..1e11, 9.9e6..1.01e7, 9.9e9..1.01e10],
        unit in prop::sample::select(PositionUnit::ALL.to_vec()),
    ) {
        prop_assume!(number.is_finite());
        let text = format!(r#"{{"user":"u","slug":"s","at":{number:?}}}"#);
        let object = Object::parse(&text).unwrap();
        let is_position = unit.millis(object.get("at").unwrap()).is_ok();
        let event = intake::read(&object).ok().and_then(|_| stamped(&text, unit).ok());
        prop_assert_eq!(event.is_some(), is_position);
        prop_assert!(event.is_none_or(|event| Beat::of(&event, unit).is_some()));
    }
}
