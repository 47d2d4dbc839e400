//! The watermark: how far what was accepted has been applied.

use std::time::Duration;

use domain::time::Timestamp;

use crate::Result;

/// Workers that have been silent for so long are forgotten.
pub(crate) const WORKERS_KNOWN_FOR: Duration = Duration::from_hours(24);

pub trait WatermarkRows {
    /// Notes which accepted events a worker may still hold: none that was accepted before this.
    fn note_watermark(&mut self, worker: &str, accepted_before: Timestamp) -> Result<()>;
    /// A worker leaves in good order.
    fn forget_watermark(&mut self, worker: &str) -> Result<()>;
    /// Forgets what every worker said, for a process that knows that it is the only one: its predecessor will say no more.
    fn forget_watermarks(&mut self) -> Result<()>;
    /// All that was accepted before this has been applied, as far as the workers say that gave a sign of life within
    /// `alive_within`; `None`: there is no such worker. Open files that are meant to be told of count as well, if they were
    /// accepted at `files_since` or later: older ones have been waited for long enough.
    fn watermark(&mut self, alive_within: Duration, files_since: Timestamp) -> Result<Option<Timestamp>>;
}
