//! What the console's sockets are told.

use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::told::ToldEvent;
use crate::views::FrameView;

/// A frame of the console's WebSocket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveFrame)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum LiveFrame {
    /// Events that were accepted by this process, and some of those that workers have stored out of files, newest first;
    /// what is long in them is cut.
    Events {
        events: Vec<ToldEvent>,
        /// How many more there were.
        skipped: u64,
    },
    /// Jobs that moved, in whatever process.
    Jobs {
        jobs: Vec<FrameView>,
    },
    Counters(Counters),
    /// News were lost: whoever shows jobs should ask where they stand.
    Missed,
}

/// What this process has answered since it began.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Counters {
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    pub(crate) events_accepted: u64,
    pub(crate) events_rejected: u64,
}
