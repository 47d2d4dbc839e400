//! `health`: asks a running server whether it can do its work, so that a container needs no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::{load, say, say_wrong};
use crate::config::SettingFlags;

const ANSWER_WAIT: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The server to ask, instead of the one that the settings describe
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    settings: SettingFlags,
}

pub(crate) async fn run(arguments: Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    let url = match arguments.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!(
            "http://{}",
            reachable(load(before.then(&arguments.settings))?.door.bind)
        ),
    };
    match ask(&format!("{url}/readyz")).await {
        Ok(answer) => say(&answer),
        Err(error) => {
            say_wrong(&format_args!("not ready: {error:#}"));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An address that means "all of them" is none to call.
pub(crate) fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

async fn ask(url: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WAIT).build()?;
    let answer = client
        .get(url)
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    let status = answer.status();
    let body = answer.text().await?;
    anyhow::ensure!(status.is_success(), "{status} {body}");
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        for (bind, expected) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(bind.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
