//! `openapi`: the description of the HTTP interface, as the server serves it.

use std::process::ExitCode;

use anyhow::Context as _;

use super::say;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let description = serde_json::to_string_pretty(&ingest::openapi()).context("the description is not JSON")?;
    say(&description);
    Ok(ExitCode::SUCCESS)
}
