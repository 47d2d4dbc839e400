//! The binary from outside: what it answers, refuses and prints, and what the workspace around it must look like.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there, in its helpers too"
)]

mod architecture;
mod browser;
mod commands;
mod demo;
mod doctor;
mod events;
mod examples;
mod faults;
mod files;
mod generate;
mod harness;
mod hostile;
mod jobs;
mod keys;
mod live;
mod pages;
mod readme;
mod rules;
mod seam;
mod settings;
mod stack;
mod stopping;
mod streams;
mod system;
mod uploads;
mod watch_time;
mod wire;
