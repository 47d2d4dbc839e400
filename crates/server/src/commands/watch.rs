//! `watch`: what is watched most, and what a user has watched.

use std::process::ExitCode;

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::Asked;
use super::client::Client;
use super::table::{Column, Table, clock, harmless};
use crate::config::SettingFlags;

const ROWS_MAX: i64 = 1_000;

#[derive(Subcommand)]
pub(crate) enum What {
    /// The movies that were watched most
    Top {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
        limit: u32,
        #[command(flatten)]
        asked: Asked,
    },
    /// What a user has watched, the most recent first
    User {
        name: String,
        /// How many movies
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
        limit: u32,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Deserialize)]
struct Movies {
    items: Vec<Movie>,
}

#[derive(Deserialize)]
struct Movie {
    slug: String,
    watch_time_seconds: f64,
    viewers: u64,
    heartbeats: u64,
    updated_at: String,
}

#[derive(Deserialize)]
struct User {
    totals: Totals,
    items: Vec<Watched>,
}

#[derive(Deserialize)]
struct Totals {
    user: String,
    watch_time_seconds: f64,
    movies: u64,
}

#[derive(Deserialize)]
struct Watched {
    slug: String,
    latest_at: f64,
    watch_time_seconds: f64,
    unique_seconds: f64,
    latest_seen_at: String,
}

pub(crate) async fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    match what {
        What::Top { limit, asked } => {
            let ask = async |client: Client| {
                let query = [("order", "watch_time"), ("limit", &limit.to_string())];
                client.get(&["v1", "movies"], &query).await
            };
            asked.of(before, ask, top).await
        }
        What::User { name, limit, asked } => {
            let ask = async |client| user(&client, &name, limit).await;
            asked.of(before, ask, watched).await
        }
    }
}

/// The user's totals, and her page of movies.
async fn user(client: &Client, name: &str, limit: u32) -> anyhow::Result<Value> {
    let totals: Value = client.get(&["v1", "users", name, "watch-time"], &[]).await?;
    let query = [("limit", limit.to_string())];
    let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page: Value = client.get(&["v1", "users", name, "movies"], &query).await?;
    Ok(json!({ "totals": totals, "items": page["items"], "next_cursor": page["next_cursor"] }))
}

fn top(movies: Movies) -> String {
    let mut table = Table::new(&[
        Column::Text("movie"),
        Column::Number("watched"),
        Column::Number("viewers"),
        Column::Number("heartbeats"),
        Column::Text("last"),
    ]);
    for movie in movies.items {
        table.row([
            movie.slug,
            clock(movie.watch_time_seconds),
            movie.viewers.to_string(),
            movie.heartbeats.to_string(),
            movie.updated_at,
        ]);
    }
    table.to_string()
}

fn watched(user: User) -> String {
    let mut table = Table::new(&[
        Column::Text("movie"),
        Column::Number("goes on at"),
        Column::Number("watched"),
        Column::Number("of it different"),
        Column::Text("last"),
    ]);
    for movie in user.items {
        table.row([
            movie.slug,
            clock(movie.latest_at),
            clock(movie.watch_time_seconds),
            clock(movie.unique_seconds),
            movie.latest_seen_at,
        ]);
    }
    let Totals {
        user,
        watch_time_seconds,
        movies,
    } = user.totals;
    format!(
        "{} has watched {} of {movies} movies.\n\n{table}",
        harmless(&user),
        clock(watch_time_seconds)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_most_is_a_table() {
        let movies = serde_json::from_value(json!({"items": [
            {"slug": "dune", "watch_time_seconds": 7_322.5, "viewers": 12, "heartbeats": 733, "updated_at": "2026-05-28T10:00:00Z"},
            {"slug": "big-buck-bunny", "watch_time_seconds": 60, "viewers": 1, "heartbeats": 7, "updated_at": "2026-05-27T10:00:00Z"},
        ], "next_cursor": null}));
        insta::assert_snapshot!(top(movies.unwrap()), @r"
        movie           watched  viewers  heartbeats  last
        dune            2:02:02       12         733  2026-05-28T10:00:00Z
        big-buck-bunny  0:01:00        1           7  2026-05-27T10:00:00Z
        ");
    }

    #[test]
    fn what_a_user_has_watched_begins_with_the_sum() {
        let user = serde_json::from_value(json!({
            "totals": {"user": "ada", "watch_time_seconds": 150, "movies": 2, "heartbeats": 20, "updated_at": "2026-05-28T10:00:00Z"},
            "items": [{"slug": "dune", "latest_at": 4500.25, "latest_seen_at": "2026-05-28T10:00:00Z", "furthest_at": 4500.25,
                       "watch_time_seconds": 150, "unique_seconds": 130.5, "heartbeats": 20, "first_seen_at": "2026-05-28T09:00:00Z"}],
        }));
        insta::assert_snapshot!(watched(user.unwrap()), @r"
        ada has watched 0:02:30 of 2 movies.

        movie  goes on at  watched  of it different  last
        dune      1:15:00  0:02:30          0:02:10  2026-05-28T10:00:00Z
        ");
    }
}
