//! What travels on the queue: versioned, so that old and new processes can run side by side.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Event;
use crate::ids::JobId;
use crate::job::ChunkNo;

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

    #[test]
    fn another_version_is_named() {
        let refused = Hint::decode(br#"{"v":2,"message":{"anything":true}}"#).unwrap_err();
        assert!(refused.to_string().contains("version 2"), "{refused}");
        assert!(matches!(Hint::decode(b"{"), Err(Undecodable::Malformed(_))));
    }
}
