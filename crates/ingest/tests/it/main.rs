//! The door as clients see it: a real server on a free port, over the embedded backends.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests may")]

mod client;
mod document;
mod harness;
mod jobs;
mod lines;
mod live;
mod refusals;
mod samples;
mod service;
mod upload;
