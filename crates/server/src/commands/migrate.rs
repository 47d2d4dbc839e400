//! `migrate`: brings the tables up to date and says what was done.

use std::process::ExitCode;

use anyhow::Context as _;

use super::say;
use crate::config::Config;
use crate::roles::backends;

pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    backends::make_data_dir(&config.backends)?;
    let records = backends::open_records(&config.backends)?;
    let applied = records
        .migrate()
        .context("the tables could not be brought up to date")?;
    match applied.len() {
        0 => say(&format_args!("{} is up to date.", records.kind())),
        count => say(&format_args!(
            "{}: {count} applied: {}",
            records.kind(),
            applied.join(", ")
        )),
    }
    Ok(ExitCode::SUCCESS)
}
