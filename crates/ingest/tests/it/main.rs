//! The door as clients see it: a real server on a free port, over the embedded backends.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests may")]

mod analytics;
mod client;
mod console;
mod dead_letters;
mod document;
mod events;
mod graphql;
mod harness;
mod held_queue;
mod jobs;
mod keys;
mod lines;
mod live;
mod notifications;
mod refusals;
mod rules;
mod samples;
mod service;
mod streams;
mod upload;
mod watch_time;
