//! Replicas: the processes that work on these tables, as they describe themselves.

use std::time::Duration;

use domain::time::Timestamp;

use crate::Result;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub name: String,
    /// As what it was started. A text, for another version may know roles that this one does not.
    pub role: String,
    pub version: String,
    /// What the computer is called that it runs on.
    pub host: Option<String>,
    /// By its own clock.
    pub started_at: Timestamp,
    /// Of one that works on files.
    pub slots: Option<SlotUse>,
}

/// How many chunks of files a worker takes at once, and has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUse {
    pub all: u32,
    pub taken: u32,
}

pub trait ReplicaRows {
    /// A sign of life.
    fn note_replica(&mut self, replica: &Replica) -> Result<()>;
    /// It leaves in good order.
    fn forget_replica(&mut self, name: &str) -> Result<()>;
    /// Forgets those without a sign of life for so long.
    fn forget_silent_replicas(&mut self, silent_for: Duration) -> Result<()>;
    /// Those that gave a sign of life within this time, and when; by role, the oldest first.
    fn replicas(&mut self, alive_within: Duration) -> Result<Vec<(Replica, Timestamp)>>;
}
