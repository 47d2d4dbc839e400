//! From an event to a heartbeat.

use domain::event::Event;
use domain::json::Object;
use domain::watch_time::{Beat, Pair, PositionUnit};

use crate::{Said, folded, stamp, stored, time};

fn watch(members: &str) -> Event {
    stamp(
        &format!(r#"{{"type":"watch","user":"u","slug":"s",{members}}}"#),
        time(0),
    )
}

fn millis(unit: PositionUnit, number: &str) -> Result<i64, String> {
    let text = format!(r#"{{"at":{number}}}"#);
    unit.millis(Object::parse(&text).unwrap().get("at").unwrap())
}

#[test]
fn positions_are_whole_milliseconds() {
    for (number, seconds, milliseconds) in [
        ("0", 0, 0),
        ("-0.0", 0, 0),
        ("4500.5", 4_500_500, 4_501),
        ("12.3449", 12_345, 12),
        ("12.3451", 12_345, 12),
        ("12.29999923706054", 12_300, 12),
        ("1e7", 10_000_000_000, 10_000_000),
        ("1e-400", 0, 0),
    ] {
        assert_eq!(millis(PositionUnit::Seconds, number), Ok(seconds), "{number} s");
        assert_eq!(
            millis(PositionUnit::Milliseconds, number),
            Ok(milliseconds),
            "{number} ms"
        );
    }
}

#[test]
fn the_limit_is_in_the_unit() {
    for (unit, largest, beyond, told) in [
        (
            PositionUnit::Seconds,
            "10000000",
            "10000000.01",
            "must be from 0 to 10000000",
        ),
        (
            PositionUnit::Milliseconds,
            "1e10",
            "10000000001",
            "must be from 0 to 10000000000",
        ),
    ] {
        assert_eq!(millis(unit, largest), Ok(10_000_000_000));
        for number in [beyond, "-0.1", "1e999"] {
            assert_eq!(millis(unit, number), Err(told.to_owned()), "{number}");
        }
        assert_eq!(millis(unit, r#""5""#), Err("must be a number".to_owned()));
    }
}

#[test]
fn units_have_names() {
    for unit in PositionUnit::ALL {
        assert_eq!(unit.to_string().parse(), Ok(unit));
        assert_eq!(serde_json::to_string(&unit).unwrap(), format!("\"{unit}\""));
    }
    assert!("Seconds".parse::<PositionUnit>().is_err());
}

#[test]
fn only_a_watch_is_a_heartbeat() {
    let heartbeat = watch(r#""at":5"#);
    let pair = Pair::of(&heartbeat).unwrap();
    assert_eq!((pair.user_id.as_str(), pair.slug.as_str()), ("u", "s"));
    let other = stamp(
        r#"{"type":"stream_started","user":"u","stream_id":"x","slug":"s","at":5}"#,
        time(0),
    );
    assert!(Pair::of(&other).is_none() && Beat::of(&other, PositionUnit::Seconds).is_none());
}

#[test]
fn the_session_names_the_track_and_else_the_device() {
    let millis = |members: &str| {
        let first = Beat::of(&watch(&format!(r#""at":0,"id":"1"{members}"#)), PositionUnit::Seconds);
        let unnamed = Said::untimed(2, 50, 5_000).beat();
        stored([first.unwrap(), unnamed]).state.watch_time_millis()
    };
    // An unnamed heartbeat continues an unnamed track alone.
    assert_eq!(millis(""), 5_000);
    for named in [
        r#","session_id":"a""#,
        r#","device_id":"d""#,
        r#","session_id":null,"device_id":"d""#,
    ] {
        assert_eq!(millis(named), 0, "{named}");
    }
}

#[test]
fn the_session_goes_before_the_device() {
    let beat = |id: u32, session: &str, device: &str| {
        let members = format!(
            r#""at":{},"id":"{id}","session_id":"{session}","device_id":"{device}""#,
            10 * id
        );
        Beat::of(&watch(&members), PositionUnit::Seconds).unwrap()
    };
    let same_session = stored([beat(1, "a", "tv"), beat(2, "a", "phone")]);
    let same_device = stored([beat(1, "a", "tv"), beat(2, "b", "tv")]);
    assert_eq!(same_session.state.watch_time_millis(), 10_000);
    assert_eq!(same_device.state.watch_time_millis(), 0);
}

#[test]
fn a_number_names_the_same_track_as_its_text() {
    let beat = |id: u32, session: &str| {
        let members = format!(r#""at":{},"id":"{id}","session_id":{session}"#, 10 * id);
        Beat::of(&watch(&members), PositionUnit::Seconds).unwrap()
    };
    let state = stored([beat(1, "5"), beat(2, r#""5""#)]).state;
    assert_eq!(state.watch_time_millis(), 10_000);
}

/// What is not written with a stored event must not be what the fold depends on.
#[test]
fn an_event_that_was_stored_is_the_same_heartbeat() {
    for said in [Said::timed(1, 0, 5_000), Said::untimed(1, 0, 5_000)] {
        let event = said.event();
        let read: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        assert_eq!(Beat::of(&read, PositionUnit::Seconds), Some(said.beat()));
    }
}

/// The server's own time, read from its answers and sent in again, is still a time of receipt.
#[test]
fn a_receipt_that_comes_back_is_no_time_of_the_player() {
    let exported = watch(r#""at":0"#);
    let again = serde_json::to_string(&exported).unwrap();
    let jump = Said::timed(2, 2_000, 100_000).beat();
    let imported = Beat::of(&stamp(&again, time(9_000)), PositionUnit::Seconds).unwrap();
    assert_eq!(stored([imported, jump]).state.watch_time_millis(), 100_000);
}

#[test]
fn the_first_and_the_newest_are_told() {
    let state = folded(&[
        Said::timed(1, 20_000, 7_000),
        Said::timed(2, 90_000, 3_000),
        Said::timed(3, 10_000, 9_000),
    ]);
    let newest = state.newest().unwrap();
    assert_eq!((newest.timestamp, newest.at_millis), (time(90_000), 3_000));
    assert_eq!(state.first_seen_at(), Some(time(10_000)));
    assert_eq!((state.furthest_at_millis(), state.heartbeats()), (9_000, 3));
}
