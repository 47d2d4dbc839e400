//! `config`: the settings that hold here, and the manual of those there are.

use std::process::ExitCode;

use clap::Subcommand;

use super::say;
use crate::config::{self, SettingFlags};

#[derive(Subcommand)]
pub(crate) enum What {
    /// Every setting: its value, where that came from, what it means; secrets are masked
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// A settings file with every default, to begin from
    Default,
    /// Every setting as a Markdown table
    Reference,
}

pub(crate) fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    match what {
        What::Show { json, settings } => {
            let values = config::gather(&before.then(&settings).into_sources())?;
            if json {
                say(&format_args!("{:#}", config::for_programs(&values)));
            } else {
                say(&config::for_people(&values));
            }
        }
        What::Default => say(&config::defaults_file().trim_end()),
        What::Reference => say(&config::reference().trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}
