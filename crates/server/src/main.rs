//! The binary: reads the command line, does what it says, and turns the outcome into an exit code.

mod banner;
mod commands;
mod config;
mod roles;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}
