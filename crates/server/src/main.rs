//! The binary: reads the command line, does what it says, and turns the outcome into an exit code.

mod banner;
mod commands;
mod config;
mod roles;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

/// Many small, short-lived allocations on many threads are what this program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run()
}
