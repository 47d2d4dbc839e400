//! The door: HTTP, WebSocket, and everything a client may ask.
//!
//! It knows the ports, never an adapter, and never who does the work behind them.

mod accept;
mod console;
mod cursor;
mod dry_run;
mod events;
mod gate;
mod gauges;
mod graphql;
mod hints;
mod live;
mod observe;
mod openapi;
mod page;
mod path;
mod problem;
mod query;
mod readiness;
mod routes;
mod serve;
mod settings;
mod small_body;
mod state;
mod stopping;
mod storage;
mod streams;
mod tasks;
mod upload;
mod views;

use std::fmt;
use std::sync::Arc;

use blobs::Blobs;
use queue::{Live, Queue};
use records::Records;

pub use openapi::openapi;
pub use serve::{serve, serve_probes};
pub use settings::{CHUNK_BYTES, Settings, UPLOAD_BYTES_MAX, UPLOAD_SILENCE_MAX, UPLOADS_AT_ONCE_MAX};

/// Everything behind the door.
#[derive(Clone)]
pub struct Door {
    pub records: Records,
    pub queue: Arc<dyn Queue>,
    pub live: Arc<dyn Live>,
    pub blobs: Arc<dyn Blobs>,
    /// All figures of the process, in the text format of Prometheus.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub settings: Settings,
}

/// What a process without a door shows of itself.
#[derive(Clone)]
pub struct Probes {
    pub records: Records,
    pub queue: Arc<dyn Queue>,
    pub blobs: Arc<dyn Blobs>,
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Of these only host names, origins and whether keys are required matter.
    pub settings: Settings,
}

impl Door {
    fn parts(&self) -> readiness::Parts {
        let Self {
            records, queue, blobs, ..
        } = self;
        readiness::Parts {
            records: records.clone(),
            queue: Arc::clone(queue),
            blobs: Arc::clone(blobs),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Door")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Probes")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
