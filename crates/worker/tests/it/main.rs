//! The worker over the embedded backends, and over the servers of a team: events and files in, rows out, whatever happens on the way.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there, in its helpers too"
)]
#![cfg_attr(
    feature = "services",
    expect(clippy::print_stderr, reason = "what is left out is said aloud")
)]

mod bed;
mod delivery;
mod events;
mod faults;
mod files;
mod poison;
mod recompute;
mod retention;
mod rules;
#[cfg(feature = "services")]
mod services;
mod sharing;
mod store;
mod streams;
mod watch_time;
mod watched;
