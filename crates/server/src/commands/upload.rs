//! `upload`: sends files to a running server and, if asked, follows their jobs to the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use reqwest::Body;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::asking::Server;
use super::client::{Client, Sending, Wishes};
use super::follow::{self, Outcome, Report};
use crate::config::SettingFlags;

const STDIN: &str = "-";
const READ_BYTES: usize = 256 * 1024;
const LINE_DELAY_MS_MAX: i64 = domain::job::LINE_DELAY_MS_MAX as i64;

#[derive(Args)]
pub(crate) struct Arguments {
    /// .jsonl, .ndjson, .json or .log, also compressed (.gz, .zst); `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What standard input is called
    #[arg(long, value_name = "FILE_NAME")]
    name: Option<String>,
    #[command(flatten)]
    server: Server,
    /// Wait until the work on each file has ended
    #[arg(long)]
    follow: bool,
    /// Write one JSON object per step to standard output
    #[arg(long)]
    json: bool,
    /// Exit with 4 if any line was rejected; follows
    #[arg(long)]
    strict: bool,
    /// What the lines are, instead of looking at each
    #[arg(long)]
    kind: Option<Kind>,
    /// Send the notifications that these events cause
    #[arg(long)]
    notify: bool,
    /// Simulated work: a random delay per line, at most this
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u32).range(0..=LINE_DELAY_MS_MAX))]
    line_delay_ms_max: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Logs,
    Events,
}

pub(crate) async fn run(arguments: Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let client = arguments.server.client(before)?;
    let uploading = upload_all(&client, &arguments);
    let outcome = follow::unless_interrupted(uploading, "the work on files that have arrived goes on").await?;
    Ok(outcome.into())
}

/// One after the other, so that the bars are readable; a file that is refused does not keep the next from its turn.
async fn upload_all(client: &Client, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let mut worst = Outcome::Done;
    for file in &arguments.files {
        worst = worst.max(upload_one(client, arguments, file).await?);
    }
    Ok(worst)
}

async fn upload_one(client: &Client, arguments: &Arguments, file: &Path) -> anyhow::Result<Outcome> {
    let (sending, content) = opened(file, arguments.name.as_deref()).await?;
    let mut report = Report::new(&sending.file_name, arguments.json);
    let bar = report.bytes(sending.size_bytes);
    let accepted = match client.upload(sending, body(content, bar), &arguments.wishes()).await {
        Ok(accepted) => accepted,
        Err(problem) => {
            report.refused(&problem);
            return Ok(Outcome::Refused);
        }
    };
    let follows = arguments.follow || arguments.strict;
    report.uploaded(&accepted, client, follows);
    if !follows {
        return Ok(Outcome::Done);
    }
    Ok(follow::to_the_end(client, &accepted.job_id, arguments.strict, &mut report).await)
}

/// The bar moves as the bytes leave.
fn body(content: File, bar: ProgressBar) -> Body {
    let chunks = ReaderStream::with_capacity(content, READ_BYTES);
    Body::wrap_stream(chunks.inspect_ok(move |chunk| bar.inc(chunk.len() as u64)))
}

async fn opened(file: &Path, name: Option<&str>) -> anyhow::Result<(Sending, File)> {
    let unreadable = || format!("cannot read {}", file.display());
    let (content, file_name) = if file == Path::new(STDIN) {
        let name = name.context("standard input has no name: add --name, such as --name app.jsonl")?;
        (standard_input().with_context(unreadable)?, name.to_owned())
    } else {
        let name = file.file_name().with_context(unreadable)?;
        (
            File::open(file).await.with_context(unreadable)?,
            name.to_string_lossy().into_owned(),
        )
    };
    let about = content.metadata().await.with_context(unreadable)?;
    anyhow::ensure!(!about.is_dir(), "{} is a folder", file.display());
    // What is no plain file, such as a pipe, does not know how much is coming.
    let size_bytes = about.is_file().then_some(about.len());
    Ok((Sending { file_name, size_bytes }, content))
}

#[cfg(unix)]
fn standard_input() -> std::io::Result<File> {
    let input = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?;
    Ok(File::from_std(input.into()))
}

#[cfg(not(unix))]
fn standard_input() -> std::io::Result<File> {
    Err(std::io::ErrorKind::Unsupported.into())
}

impl Arguments {
    fn wishes(&self) -> Wishes {
        let kind = self.kind.map(|kind| match kind {
            Kind::Logs => "logs",
            Kind::Events => "events",
        });
        Wishes {
            kind,
            notify: self.notify,
            line_delay_ms_max: self.line_delay_ms_max,
        }
    }
}
