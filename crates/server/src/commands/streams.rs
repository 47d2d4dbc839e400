//! `streams`: what runs on an account just now.

use std::process::ExitCode;

use clap::Subcommand;
use serde::Deserialize;

use super::asking::Asked;
use super::client::Client;
use super::table::{Column, Table, harmless};
use crate::config::SettingFlags;

#[derive(Subcommand)]
pub(crate) enum What {
    /// The streams that a user runs
    List {
        user: String,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Deserialize)]
struct Streams {
    user: String,
    active: u64,
    limit: u64,
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    stream_id: String,
    slug: Option<String>,
    device: Option<String>,
    started_at: String,
    expires_at: String,
}

pub(crate) async fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let What::List { user, asked } = what;
    let ask = async |client: Client| client.get(&["v1", "users", &user, "streams"], &[]).await;
    asked.of(before, ask, list).await
}

fn list(of: Streams) -> String {
    let said = format!("{} runs {} of {} streams.", harmless(&of.user), of.active, of.limit);
    if of.streams.is_empty() {
        return said;
    }
    let mut table = Table::new(&[
        Column::Text("stream"),
        Column::Text("movie"),
        Column::Text("device"),
        Column::Text("since"),
        Column::Text("until, unless renewed"),
    ]);
    for stream in of.streams {
        table.row([
            stream.stream_id,
            stream.slug.unwrap_or_default(),
            stream.device.unwrap_or_default(),
            stream.started_at,
            stream.expires_at,
        ]);
    }
    format!("{said}\n\n{table}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn streams_are_a_table_below_their_number() {
        let streams = json!([{"stream_id": "tv-1", "slug": "dune", "device": null,
                              "started_at": "2026-05-28T10:00:00Z", "expires_at": "2026-05-28T10:01:00Z"}]);
        let of = serde_json::from_value(json!({"user": "ada", "active": 1, "limit": 3, "streams": streams}));
        insta::assert_snapshot!(list(of.unwrap()), @r"
        ada runs 1 of 3 streams.

        stream  movie  device  since                 until, unless renewed
        tv-1    dune           2026-05-28T10:00:00Z  2026-05-28T10:01:00Z
        ");
        let none = serde_json::from_value(json!({"user": "bob", "active": 0, "limit": 3, "streams": []}));
        assert_eq!(list(none.unwrap()), "bob runs 0 of 3 streams.");
    }
}
