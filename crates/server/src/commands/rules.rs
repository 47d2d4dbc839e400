//! `rules`: a file of them to begin from, and whether a file is one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use domain::rules::{Rule, Rules};

use super::{say, say_wrong};
use crate::roles::rules::{Refused, read};

const EXIT_REFUSED: u8 = 2;

#[derive(Subcommand)]
pub(crate) enum What {
    /// Say what is wrong with a file of rules, all at once
    Check { file: PathBuf },
    /// Print the rules that are in force where nobody wrote others
    Default,
}

pub(crate) fn run(what: &What) -> anyhow::Result<ExitCode> {
    match what {
        What::Default => say(&Rules::default_file().trim_end()),
        What::Check { file } => match read(file) {
            Ok(rules) => say(&in_words(file, &rules)),
            Err(refused @ Refused::Wrong { .. }) => {
                say_wrong(&refused);
                return Ok(ExitCode::from(EXIT_REFUSED));
            }
            Err(unreadable @ Refused::Unreadable { .. }) => return Err(unreadable.into()),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(file: &Path, rules: &Rules) -> String {
    let rule = |rule: &Rule| format!("\n  {} ({})", rule.name(), rule.kind());
    let rules = rules.all();
    let list: String = rules.iter().map(rule).collect();
    match rules.len() {
        1 => format!("{} holds 1 rule:{list}", file.display()),
        0 => format!("{} holds no rules: nobody would be told anything.", file.display()),
        count => format!("{} holds {count} rules:{list}", file.display()),
    }
}
