//! `doctor`: looks into the configured backends and says what of all that was taken is stored, waits, is dead, or is counted
//! otherwise than it is stored.

mod findings;
mod report;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use records::Records;

use self::findings::Findings;
use super::{load, reachable, say};
use crate::config::{Config, SettingFlags};
use crate::roles::backends;

const EXIT_UNEXPLAINED: u8 = 2;

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
    let (queue, records) = open(&config).await?;
    let findings = Findings::gather(&records, &*queue.queue).await;
    queue.queue.close().await;
    if arguments.json {
        say(&format_args!("{:#}", report::for_programs(&findings)));
    } else {
        say(&report::for_people(&findings, &config.backends.in_words()));
    }
    Ok(if findings.unexplained().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_UNEXPLAINED)
    })
}

/// As they are: a doctor makes no folder and brings no table up to date.
async fn open(config: &Config) -> anyhow::Result<(queue::Opened, Records)> {
    let backends = &config.backends;
    let shown = &backends.data_dir_shown;
    anyhow::ensure!(
        backends.data_dir.is_dir() || !(backends.database_is_embedded() || backends.queue_is_embedded()),
        "there is no data in {shown}: nothing has been kept there yet.\nName another folder with --data-dir (or EH_DATA_DIR)"
    );
    let queue = match queue::open(&backends::queue_settings(backends)).await {
        Err(queue::OpenError::InUse(_)) => anyhow::bail!(
            "another process works with the data in {shown}, which can be looked into by one process only.\nStop that one \
             first, or ask it: curl -s http://{address}/metrics, and /api/v1/dead-letters and /api/v1/jobs there",
            address = reachable(config.door.bind)
        ),
        opened => opened.context("EH_QUEUE_URL")?,
    };
    Ok((queue, backends::open_records(backends)?))
}
