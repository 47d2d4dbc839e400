//! `recompute`: makes watch time what its stored heartbeats come to, and says what was not so.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use records::Records;
use serde_json::{Value, json};
use worker::{Rebuilt, RecomputeStep, Recomputed};

use super::{load, say};
use crate::config::{Config, SettingFlags};
use crate::roles::{backends, effects};

const BAR: &str = "{spinner} {msg}  {elapsed}";

#[derive(Args)]
pub(crate) struct Arguments {
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

pub(crate) async fn run(arguments: Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let config = load(before.then(&arguments.settings))?;
    let records = open(&config)?;
    let bar = bar();
    // Nothing is judged anew, so it does not matter which rules are in force.
    let effects = effects(&config, Arc::default());
    let recomputed = worker::recompute(&records, &effects, |step| bar.set_message(in_words(step))).await;
    bar.finish_and_clear();
    let recomputed = recomputed.context("it was not done to the end; run it again to go on")?;
    if arguments.json {
        say(&format_args!("{:#}", for_programs(&recomputed)));
    } else {
        say(&for_people(&recomputed));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tables that are there, and as this version knows them.
fn open(config: &Config) -> anyhow::Result<Records> {
    let backends = &config.backends;
    anyhow::ensure!(
        backends.data_dir.is_dir() || !backends.database_is_embedded(),
        "there is no data in {}: nothing has been kept there yet.\nName another folder with --data-dir (or EH_DATA_DIR)",
        backends.data_dir_shown
    );
    let records = backends::open_records(backends)?;
    let missing = records.pending_migrations().context("the tables cannot be read")?;
    anyhow::ensure!(
        missing.is_empty(),
        "{} migrations are missing ({}): run `event-horizon migrate`",
        missing.len(),
        missing.join(", ")
    );
    Ok(records)
}

/// How much there is nobody knows before; it is hidden by itself where standard error is no terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar
}

fn in_words(step: RecomputeStep) -> String {
    match step {
        RecomputeStep::Pairs(done) => format!("users and their movies: {done}"),
        RecomputeStep::Movies(done) => format!("movies: {done}"),
        RecomputeStep::Users(done) => format!("users: {done}"),
    }
}

fn for_people(recomputed: &Recomputed) -> String {
    let row = |name: &str, Rebuilt { seen, changed }: Rebuilt| format!("  {name:<34}{seen:>12}, {changed} changed\n");
    let Recomputed { pairs, movies, users } = *recomputed;
    let rows = [
        row("users and their movies", pairs),
        row("sums over movies", movies),
        row("sums over users", users),
    ];
    let said = if pairs.changed + movies.changed + users.changed == 0 {
        "Everything was right."
    } else {
        "What is changed is right now."
    };
    format!("{}\n{said}", rows.concat())
}

fn for_programs(recomputed: &Recomputed) -> Value {
    let of = |rebuilt: Rebuilt| json!({ "seen": rebuilt.seen, "changed": rebuilt.changed });
    json!({
        "pairs": of(recomputed.pairs),
        "movies": of(recomputed.movies),
        "users": of(recomputed.users),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_wrong() {
        let rebuilt = |seen, changed| Rebuilt { seen, changed };
        let mut recomputed = Recomputed {
            pairs: rebuilt(200, 1),
            movies: rebuilt(10, 0),
            users: rebuilt(20, 0),
        };
        insta::assert_snapshot!(for_people(&recomputed), @r"
          users and their movies                     200, 1 changed
          sums over movies                            10, 0 changed
          sums over users                             20, 0 changed

        What is changed is right now.
        ");
        recomputed.pairs.changed = 0;
        assert!(for_people(&recomputed).ends_with("\n\nEverything was right."));
        assert_eq!(for_programs(&recomputed)["pairs"], json!({"seen": 200, "changed": 0}));
    }
}
