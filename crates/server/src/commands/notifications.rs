//! `notifications`: what was sent, what is not, and once more.

use std::process::ExitCode;

use clap::Subcommand;
use domain::notification::NotificationState;
use serde::Deserialize;
use serde_json::Value;

use super::asking::Asked;
use super::client::Client;
use super::table::{Column, Table};
use crate::config::SettingFlags;

const ROWS_MAX: i64 = 1_000;

#[derive(Subcommand)]
pub(crate) enum What {
    /// The newest ones first
    List {
        /// Only those in this state
        #[arg(long, value_parser = state)]
        state: Option<NotificationState>,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
        limit: u32,
        #[command(flatten)]
        asked: Asked,
    },
    /// Deliver one that was delivered, failed or suppressed (once more)
    Resend {
        id: String,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Deserialize)]
struct Notifications {
    items: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    notification_id: String,
    rule: String,
    user_id: String,
    state: String,
    message: String,
    attempts: u32,
    last_error: Option<String>,
}

fn state(text: &str) -> Result<NotificationState, String> {
    let known = NotificationState::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| {
        let names = NotificationState::ALL.map(NotificationState::as_str);
        format!("possible values: {}", names.join(", "))
    })
}

pub(crate) async fn run(what: What, before: SettingFlags) -> anyhow::Result<ExitCode> {
    match what {
        What::List {
            state,
            user,
            limit,
            asked,
        } => {
            let ask = async |client: Client| {
                let limit = limit.to_string();
                let mut query = vec![("limit", limit.as_str())];
                query.extend(state.map(|state| ("state", state.as_str())));
                query.extend(user.as_deref().map(|user| ("user_id", user)));
                client.get(&["api", "v1", "notifications"], &query).await
            };
            asked.of(before, ask, list).await
        }
        What::Resend { id, asked } => {
            let ask = async |client: Client| client.post(&["api", "v1", "notifications", &id, "resend"]).await;
            let shown = |_: Value| format!("{id} is delivered again.");
            asked.of(before, ask, shown).await
        }
    }
}

fn list(notifications: Notifications) -> String {
    if notifications.items.is_empty() {
        return "There are none.".to_owned();
    }
    let mut table = Table::new(&[
        Column::Text("notification"),
        Column::Text("state"),
        Column::Text("user"),
        Column::Text("rule"),
        Column::Number("tries"),
        Column::Text("message"),
    ]);
    for notification in notifications.items {
        let message = match notification.last_error {
            Some(error) if notification.state != NotificationState::Delivered.as_str() => {
                format!("{} [{error}]", notification.message)
            }
            _ => notification.message,
        };
        table.row([
            notification.notification_id,
            notification.state,
            notification.user_id,
            notification.rule,
            notification.attempts.to_string(),
            message,
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_went_wrong_stands_behind_the_message() {
        let of = |state: &str, attempts: u32, error: Option<&str>| {
            json!({"notification_id": "5f0c", "rule": "training-completed", "user_id": "foo1", "state": state,
                   "message": "36 minutes!", "attempts": attempts, "last_error": error, "data": {"minutes": 36}})
        };
        let items = [
            of("delivered", 2, Some("timed out")),
            of("failed", 8, Some("500")),
            of("held", 0, None),
        ];
        let page = serde_json::from_value(json!({"items": items, "next_cursor": null}));
        insta::assert_snapshot!(list(page.unwrap()), @r"
        notification  state      user  rule                tries  message
        5f0c          delivered  foo1  training-completed      2  36 minutes!
        5f0c          failed     foo1  training-completed      8  36 minutes! [500]
        5f0c          held       foo1  training-completed      0  36 minutes!
        ");
    }

    #[test]
    fn states_are_known_by_name() {
        assert_eq!(state("held"), Ok(NotificationState::Held));
        assert_eq!(
            state("lost").unwrap_err(),
            "possible values: held, pending, delivered, failed, suppressed, withdrawn"
        );
    }
}
