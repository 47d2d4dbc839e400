//! The door as clients see it: a real server on a free port, over the embedded backends.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests may")]

mod analytics;
mod client;
mod dead_letters;
mod document;
mod events;
mod harness;
mod held_queue;
mod jobs;
mod lines;
mod live;
mod refusals;
mod samples;
mod service;
mod upload;
