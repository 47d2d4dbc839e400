//! Events as they are told to whoever watches: what is long is cut, so that nothing that carries them is long.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventType, Verbatim};
use crate::ids::{DeviceId, EventId, JobId, UserId};
use crate::time::Timestamp;

/// Where samples of the events in files are announced, as JSON of [`FileEvents`].
pub const FILE_EVENTS_TOPIC: &str = "file-events";

/// More than a line on a screen shows; the whole event can be asked for.
const TOLD_BYTES_MAX: usize = 1 << 10;

/// Some of the events of a file that were just stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEvents {
    pub job_id: JobId,
    pub events: Vec<EventSample>,
    /// How many more there were.
    pub skipped: u64,
}

/// An event, short enough to be told to everybody who watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSample {
    pub event_id: EventId,
    pub event_type: EventType,
    pub user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    pub timestamp: Timestamp,
    pub received_at: Timestamp,
    /// As it was written; of a long one the beginning, as a text.
    pub payload: Verbatim,
    /// Left out if it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<Verbatim>,
    /// Whether there is more of it than is told.
    pub truncated: bool,
}

impl EventSample {
    pub fn of(event: &Event) -> Self {
        let is_whole = is_short(&event.payload);
        let extra = event.extra.as_ref().filter(|extra| is_short(extra)).cloned();
        Self {
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            user_id: event.user_id.clone(),
            device_id: event.device_id.clone(),
            timestamp: event.timestamp,
            received_at: event.received_at,
            payload: if is_whole {
                event.payload.clone()
            } else {
                beginning(&event.payload)
            },
            truncated: !is_whole || extra.is_some() != event.extra.is_some(),
            extra,
        }
    }
}

fn is_short(text: &Verbatim) -> bool {
    text.as_str().len() <= TOLD_BYTES_MAX
}

fn beginning(payload: &Verbatim) -> Verbatim {
    let text = payload.as_str();
    Verbatim::of(&&text[..text.floor_char_boundary(TOLD_BYTES_MAX)])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn event(payload: &str, extra: Option<&str>) -> Event {
        let extra = extra.map_or(String::new(), |extra| format!(r#","extra":{extra}"#));
        serde_json::from_str(&format!(
            r#"{{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"K\u00f6p","user_id":"\u00fc","device_id":"d",
                "timestamp":"2026-05-28T10:00:00.123456Z","received_at":"2026-05-28T10:00:01Z","payload":{payload}{extra}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_note_survives_the_way() {
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2_000));
        let note = FileEvents {
            job_id: JobId::new(Uuid::from_u128(7)),
            events: vec![
                EventSample::of(&event(r#"{"n":1.50, "big":1e400}"#, Some(r#"{"a":1}"#))),
                EventSample::of(&event(&long, Some(&long))),
            ],
            skipped: 3,
        };
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(serde_json::from_str::<FileEvents>(&text).unwrap(), note);
    }

    #[test]
    fn what_is_short_is_told_as_it_was_written() {
        let sample = EventSample::of(&event(r#"{"n":1.50, "big":1e400}"#, Some(r#"{"a":1}"#)));
        assert_eq!(sample.payload.as_str(), r#"{"n":1.50, "big":1e400}"#);
        assert_eq!(sample.extra.unwrap().as_str(), r#"{"a":1}"#);
        assert!(!sample.truncated);
    }

    #[test]
    fn of_what_is_long_the_beginning_is_told_as_a_text() {
        let long = format!(r#"{{"t":"{}"}}"#, "\u{e9}".repeat(1_000));
        let sample = EventSample::of(&event(&long, None));
        let told: String = serde_json::from_str(sample.payload.as_str()).unwrap();
        assert!(long.starts_with(&told) && told.len() >= TOLD_BYTES_MAX - 1, "{told}");
        assert!(told.len() <= TOLD_BYTES_MAX && sample.truncated);
        let beside = EventSample::of(&event("{}", Some(&long)));
        assert_eq!((beside.extra, beside.truncated), (None, true));
    }
}
