//! The worker over the embedded backends: files in, rows out, whatever happens on the way.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there, in its helpers too"
)]

mod bed;
mod faults;
mod files;
mod sharing;
