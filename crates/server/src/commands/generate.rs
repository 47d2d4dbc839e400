//! `generate`: sample data that look like a small company's month, the same for the same arguments, into a backend through
//! its own door, or as a file.

mod deliver;
pub(crate) mod demo;
mod dice;
mod in_process;
mod plan;
mod record;
mod report;
mod rhythm;
mod stories;
mod stream;
mod world;
mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::plan::{Kind, Plan};
use self::report::{Made, Place};
use self::rhythm::Day;
use super::asking::Key;
use super::client::{Client, Problem};
use super::{load, reachable, say_wrong};
use crate::config::{Config, SettingFlags};

const STDOUT: &str = "-";
const BAR: &str = "{msg}  {bar:30}  {pos} of {len}  {per_sec}";
const EXIT_REFUSED: u8 = 2;
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many records to make, of all kinds together
    #[arg(long, value_name = "COUNT", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=plan::RECORDS_MAX))]
    events: u64,
    /// The first day, in UTC
    #[arg(long, value_name = "DATE", default_value = "2025-05-01", value_parser = Day::parse)]
    from: Day,
    /// The last day; all of it belongs to them
    #[arg(long, value_name = "DATE", default_value = "2025-05-29", value_parser = Day::parse)]
    to: Day,
    /// The same arguments and the same seed make the same records, byte by byte
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What to make
    #[arg(
        long,
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        default_value = "analytics"
    )]
    kinds: Vec<Kind>,
    /// Write them into a file of JSON lines instead; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    out: Option<PathBuf>,
    /// The server to post to, instead of the one that the settings describe
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    key: Key,
    /// Say what was made as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

/// How it ended, if nothing was wrong.
enum End {
    Made(Made),
    /// Whoever read from us has read enough and gone.
    ReaderGone,
    Interrupted,
}

pub(crate) async fn run(arguments: Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let plan = arguments.plan()?;
    let bar = bar(&plan);
    let outcome = match &arguments.out {
        Some(file) => into_file(&plan, file, &bar),
        None => Box::pin(into_backend(&arguments, &plan, before, &bar)).await,
    };
    bar.finish_and_clear();
    match outcome {
        Ok(End::Made(made)) => made.say(&plan, arguments.json),
        Ok(End::ReaderGone) => {}
        Ok(End::Interrupted) => {
            say_wrong(&"interrupted; run it again to go on: events that are there already are not stored twice");
            return Ok(ExitCode::from(EXIT_INTERRUPTED));
        }
        Err(error) => return refused(error),
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let problem: Problem = error.downcast()?;
    say_wrong(&format_args!("refused: {problem}"));
    Ok(ExitCode::from(EXIT_REFUSED))
}

/// Hidden by itself where standard error is no terminal.
fn bar(plan: &Plan) -> ProgressBar {
    let bar = ProgressBar::new(plan.records);
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar
}

fn into_file(plan: &Plan, file: &Path, bar: &ProgressBar) -> anyhow::Result<End> {
    bar.set_message("writing");
    if file != Path::new(STDOUT) {
        let tally = write::to_file(plan, file, bar)?;
        let place = Place::File(file.to_owned());
        return Ok(End::Made(Made { tally, place }));
    }
    let place = Place::StandardOutput;
    let tally = write::to_stdout(plan, bar)?;
    Ok(tally.map_or(End::ReaderGone, |tally| End::Made(Made { tally, place })))
}

async fn into_backend(
    arguments: &Arguments,
    plan: &Plan,
    before: SettingFlags,
    bar: &ProgressBar,
) -> anyhow::Result<End> {
    if let Some(url) = &arguments.url {
        let client = Client::new(url, arguments.key.shown())?;
        anyhow::ensure!(
            client.finds_a_server().await?,
            "what answers at {url} is no Event Horizon"
        );
        return to_server(&client, plan, bar).await;
    }
    let config = load(before.then(&arguments.settings))?;
    match running_server(&config, &arguments.key).await? {
        Some(client) => to_server(&client, plan, bar).await,
        None => Box::pin(in_process::make(plan, config, bar)).await,
    }
}

async fn to_server(client: &Client, plan: &Plan, bar: &ProgressBar) -> anyhow::Result<End> {
    let tally = tokio::select! {
        tally = deliver::all(client, plan, bar) => tally?,
        _ = tokio::signal::ctrl_c() => return Ok(End::Interrupted),
    };
    let place = Place::Server(client.url().to_owned());
    Ok(End::Made(Made { tally, place }))
}

/// The server that the settings describe, if it is up.
async fn running_server(config: &Config, key: &Key) -> anyhow::Result<Option<Client>> {
    let address = reachable(config.door.bind);
    if address.port() == 0 {
        return Ok(None);
    }
    let key = key.shown().or(config.api_key.as_deref());
    let client = Client::new(&format!("http://{address}"), key)?;
    match client.finds_a_server().await {
        Ok(true) => Ok(Some(client)),
        Ok(false) => anyhow::bail!(
            "what answers at {address} is no Event Horizon.\nName the server with --url, or an address of its own with --bind \
             (or EH_BIND)"
        ),
        Err(_) => Ok(None),
    }
}

impl Arguments {
    fn plan(&self) -> anyhow::Result<Plan> {
        let mut kinds = self.kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        Plan::new(self.events, self.from, self.to, self.seed, kinds)
    }
}
