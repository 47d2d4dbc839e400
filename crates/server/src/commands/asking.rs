//! Commands that ask a running server and show its answer: as a table, or as the server wrote it.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{Client, Problem};
use super::{load, reachable, say, say_wrong};
use crate::config::SettingFlags;

const EXIT_REFUSED: u8 = 2;

/// Which server is asked.
#[derive(Args)]
pub(super) struct Server {
    /// The server, instead of the one that the settings describe
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    key: Key,
}

/// What is shown to it.
#[derive(Args)]
pub(super) struct Key {
    /// An API key, where the server asks for one; in the environment nobody else on this machine sees it
    #[arg(long, value_name = "KEY", env = "EH_API_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Key {
    /// A variable that is set to nothing counts as not set.
    pub(super) fn shown(&self) -> Option<&str> {
        self.key.as_deref().filter(|key| !key.is_empty())
    }
}

#[derive(Args)]
pub(super) struct Asked {
    #[command(flatten)]
    server: Server,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl Server {
    pub(super) fn client(&self, before: SettingFlags) -> anyhow::Result<Client> {
        let key = self.key.shown();
        if let Some(url) = &self.url {
            return Client::new(url, key);
        }
        let config = load(before)?;
        let url = format!("http://{}", reachable(config.door.bind));
        Client::new(&url, key.or(config.api_key.as_deref()))
    }

    /// What a command that is typed next has to say to find the same server.
    pub(super) fn flag(&self) -> String {
        self.url.as_ref().map(|url| format!(" --url {url}")).unwrap_or_default()
    }
}

impl Asked {
    pub(super) fn server_flag(&self) -> String {
        self.server.flag()
    }

    /// A no of the server is said, and has an exit code of its own.
    pub(super) async fn of<T, D, F>(
        self,
        before: SettingFlags,
        ask: impl FnOnce(Client) -> F,
        shown: impl FnOnce(T) -> D,
    ) -> anyhow::Result<ExitCode>
    where
        T: DeserializeOwned,
        D: Display,
        F: Future<Output = anyhow::Result<Value>>,
    {
        let answer = match ask(self.server.client(before)?).await {
            Ok(answer) => answer,
            Err(error) => return refused(error),
        };
        if self.json {
            say(&format_args!("{answer:#}"));
        } else {
            let answer = serde_json::from_value(answer).context("not the answer of an Event Horizon")?;
            say(&shown(answer));
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn refused(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let problem: Problem = error.downcast()?;
    say_wrong(&format_args!("refused: {problem}"));
    Ok(ExitCode::from(EXIT_REFUSED))
}
