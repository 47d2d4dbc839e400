//! What the product means, as pure code: given the same input it gives the same output, on every backend.
//!
//! Nothing in here does I/O, reads a clock or makes randomness: time and ids come in as arguments.

pub mod api_key;
pub mod counts;
pub mod date_range;
pub mod event;
pub mod events;
pub mod ids;
pub mod intake;
pub mod job;
pub mod json;
pub mod line;
pub mod log_entry;
pub mod message;
pub mod notification;
pub mod rules;
pub mod stamper;
pub mod stream_limit;
pub mod time;
pub mod time_series;
pub mod watch_time;
pub mod zone;
