//! What travels on the queue: versioned, so that old and new processes can run side by side.

mod sample;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::{Event, framed};
use crate::ids::JobId;
use crate::job::ChunkNo;

pub use self::sample::{EventSample, FILE_EVENTS_TOPIC, FileEvents};

const VERSION: u8 = 1;

/// Where the progress of jobs is announced, as JSON of `job::Progress`.
pub const JOBS_TOPIC: &str = "jobs";

/// "There is work": the rows say what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub job_id: JobId,
    pub chunk_no: ChunkNo,
}

/// Accepted events on their way to the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFrame {
    #[serde(with = "crate::event::framed")]
    pub events: Vec<Event>,
}

/// One event as it stands in a frame: encoded once, whatever frame it comes to travel in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent(Vec<u8>);

impl EncodedEvent {
    pub fn of(event: &Event) -> Result<Self, Undecodable> {
        let extra_bytes = event.extra.as_ref().map_or(0, |extra| extra.as_str().len());
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES_USUAL + event.payload.as_str().len() + extra_bytes);
        serde_json::to_writer(&mut bytes, &framed::Outgoing::of(event))?;
        Ok(Self(bytes))
    }

    /// What it adds to a frame.
    pub fn frame_bytes(&self) -> usize {
        self.0.len() + SEPARATOR.len()
    }
}

/// What an event usually takes without its payload.
const ENVELOPE_BYTES_USUAL: usize = 384;

// What stands around and between the events of a frame of this version.
const OPENING: &[u8] = br#"{"v":1,"message":{"events":["#;
const SEPARATOR: &[u8] = b",";
const CLOSING: &[u8] = b"]}}";

impl Hint {
    pub fn encode(&self) -> Result<Vec<u8>, Undecodable> {
        encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        decode(bytes)
    }
}

impl EventFrame {
    pub fn encode(&self) -> Result<Vec<u8>, Undecodable> {
        encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        decode(bytes)
    }

    /// What a frame takes besides its events.
    pub const BYTES_AROUND_EVENTS: usize = OPENING.len() + CLOSING.len();

    /// The same bytes as [`EventFrame::encode`] gives, from events that are encoded already.
    pub fn join<'e, I>(events: I) -> Vec<u8>
    where
        I: IntoIterator<Item = &'e EncodedEvent>,
        I::IntoIter: Clone,
    {
        let events = events.into_iter();
        let event_bytes: usize = events.clone().map(EncodedEvent::frame_bytes).sum();
        let mut frame = Vec::with_capacity(Self::BYTES_AROUND_EVENTS + event_bytes);
        frame.extend_from_slice(OPENING);
        for (index, event) in events.enumerate() {
            if index > 0 {
                frame.extend_from_slice(SEPARATOR);
            }
            frame.extend_from_slice(&event.0);
        }
        frame.extend_from_slice(CLOSING);
        frame
    }
}

#[derive(Serialize)]
struct Outgoing<'a, M> {
    v: u8,
    message: &'a M,
}

/// The version is read before the message is.
#[derive(Deserialize)]
struct Incoming<'a> {
    v: u8,
    #[serde(borrow)]
    message: &'a RawValue,
}

#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    #[error("a message of version {0}; this process reads version {VERSION}")]
    Version(u8),
    #[error("not a message: {0}")]
    Malformed(#[from] serde_json::Error),
}

fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, Undecodable> {
    Ok(serde_json::to_vec(&Outgoing { v: VERSION, message })?)
}

fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, Undecodable> {
    let incoming: Incoming<'_> = serde_json::from_slice(bytes)?;
    if incoming.v != VERSION {
        return Err(Undecodable::Version(incoming.v));
    }
    Ok(serde_json::from_str(incoming.message.get())?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_hint_survives_the_queue() {
        let hint = Hint {
            job_id: JobId::new(Uuid::from_u128(7)),
            chunk_no: 3,
        };
        assert_eq!(Hint::decode(&hint.encode().unwrap()).unwrap(), hint);
    }

    fn event(text: &str) -> Event {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_frame_is_the_same_however_it_was_put_together() {
        let watch = event(
            r#"{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"watch","user_id":"u-17",
            "timestamp":"2026-05-28T10:00:00.123456Z","received_at":"2026-05-28T10:00:00.321000Z",
            "payload":{"slug":"s", "at":1.50},"extra":{"n":1e400}}"#,
        );
        let untimed = event(
            r#"{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ac","event_type":"Köp \"x\"","user_id":"ü","device_id":"d",
            "timestamp":"2026-05-28T10:00:00Z","received_at":"2026-05-28T10:00:00Z","payload":[]}"#,
        );
        let timed = Event {
            client_timed: true,
            client_named: true,
            ..watch
        };
        assert!(timed.slug.is_some());
        for events in [vec![], vec![timed.clone()], vec![timed, untimed]] {
            let encoded: Vec<_> = events.iter().map(|event| EncodedEvent::of(event).unwrap()).collect();
            let joined = EventFrame::join(&encoded);
            let frame = EventFrame { events };
            assert_eq!(joined, frame.encode().unwrap());
            assert_eq!(EventFrame::decode(&joined).unwrap(), frame);
            let bytes: usize = encoded.iter().map(EncodedEvent::frame_bytes).sum();
            assert!(joined.len() <= EventFrame::BYTES_AROUND_EVENTS + bytes);
        }
    }

    #[test]
    fn another_version_is_named() {
        let refused = Hint::decode(br#"{"v":2,"message":{"anything":true}}"#).unwrap_err();
        assert!(refused.to_string().contains("version 2"), "{refused}");
        assert!(matches!(Hint::decode(b"{"), Err(Undecodable::Malformed(_))));
    }
}
