//! `jobs rejects`: the lines that were not taken, as a table of some or as JSON lines of all.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use reqwest::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::ROWS_MAX;
use crate::commands::asking::{Server, refused};
use crate::commands::client::{Client, Problem};
use crate::commands::say;
use crate::commands::table::{Column, Table};
use crate::config::SettingFlags;

/// Of a line a person sees so much.
const RAW_CHARS_MAX: usize = 80;

#[derive(Args)]
pub(crate) struct Arguments {
    job: Uuid,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX), conflicts_with = "json")]
    limit: u32,
    /// All of them, one JSON object per line, each with the whole line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Deserialize)]
struct Rejects {
    items: Vec<Reject>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Reject {
    line: u64,
    code: String,
    message: String,
    raw: String,
}

pub(super) async fn run(arguments: Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let client = arguments.server.client(before)?;
    let job = arguments.job.to_string();
    let path = ["api", "v1", "jobs", &job, "rejects"];
    let written = if arguments.json {
        write_all(&client, &path).await
    } else {
        write_some(&client, &path, arguments.limit).await
    };
    written.map_or_else(refused, |()| Ok(ExitCode::SUCCESS))
}

async fn write_some(client: &Client, path: &[&str], limit: u32) -> anyhow::Result<()> {
    let rejects = client.get(path, &[("limit", &limit.to_string())]).await?;
    say(&table(rejects));
    Ok(())
}

async fn write_all(client: &Client, path: &[&str]) -> anyhow::Result<()> {
    match copy(client.lines(path).await?).await {
        // Whoever read from us has read enough and gone.
        Err(error)
            if error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        copied => copied,
    }
}

async fn copy(mut answer: Response) -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    loop {
        let piece = answer.chunk().await;
        let piece =
            piece.map_err(|error| Problem::found("unreadable_answer", format!("not all of them came: {error}")))?;
        let Some(piece) = piece else { break };
        output.write_all(&piece).context("standard output")?;
    }
    output.flush().context("standard output")
}

fn table(rejects: Rejects) -> String {
    if rejects.items.is_empty() {
        return "There are none.".to_owned();
    }
    let mut table = Table::new(&[
        Column::Number("line"),
        Column::Text("code"),
        Column::Text("reason"),
        Column::Text("what stands there"),
    ]);
    for reject in rejects.items {
        table.row([
            reject.line.to_string(),
            reject.code,
            reject.message,
            beginning(&reject.raw),
        ]);
    }
    let more = rejects.next_cursor.map_or(
        "",
        |_| "\n\nThere are more: --limit takes up to 1000, --json gives all of them.",
    );
    format!("{table}{more}")
}

fn beginning(raw: &str) -> String {
    match raw.char_indices().nth(RAW_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &raw[..end]),
        None => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_line_is_cut_for_people() {
        let of = |line: u64, raw: &str| json!({"line": line, "byte_offset": 7, "code": "invalid_json", "message": "expected value at column 1", "raw": raw});
        let items = [of(3, "no json\u{1b}[2J"), of(1_000, &"ü".repeat(100))];
        let page = serde_json::from_value(json!({"items": items, "next_cursor": "03e8"}));
        insta::assert_snapshot!(table(page.unwrap()), @r"
        line  code          reason                      what stands there
           3  invalid_json  expected value at column 1  no json�[2J
        1000  invalid_json  expected value at column 1  üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…

        There are more: --limit takes up to 1000, --json gives all of them.
        ");
        let none = serde_json::from_value(json!({"items": [], "next_cursor": null}));
        assert_eq!(table(none.unwrap()), "There are none.");
    }
}
