//! Sample data for whoever asked for them, loaded beside the door: neither it nor its banner waits for them.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use crate::commands::client::Client;
use crate::commands::demo::{self, Counts, Loaded, Messages};
use crate::commands::{reachable, say};
use crate::config::Config;

/// Whom to tell what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Person,
    Log,
}

const RULES_UNKNOWN: &str = "EH_NOTIFY_URL and EH_RULES_FILE are set: rules of your own may name any event, and tell a receiver of people who do not exist";

/// Whatever becomes of the sample data, the server goes on.
pub(super) fn begin(config: &Config, door: SocketAddr, reader: Reader, stop: CancellationToken) {
    let messages = match (&config.rules.notify_url, &config.rules.file) {
        (None, _) => Messages::Delivered,
        (Some(_), None) => Messages::Suppressed,
        (Some(_), Some(_)) => return tracing::warn!(error = RULES_UNKNOWN, "demo.not_loaded"),
    };
    let (url, key) = (format!("http://{}", reachable(door)), config.api_key.clone());
    let loading = async move {
        match load(&url, key.as_deref(), messages).await {
            Ok(loaded) => tell(&loaded, messages, reader),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "demo.not_loaded"),
        }
    };
    tokio::spawn(stop.run_until_cancelled_owned(loading));
}

async fn load(url: &str, key: Option<&str>, messages: Messages) -> anyhow::Result<Loaded> {
    demo::load(&Client::new(url, key)?, messages).await
}

fn tell(loaded: &Loaded, messages: Messages, reader: Reader) {
    if reader == Reader::Person {
        return say(&format_args!("  Demo       {}\n", in_words(loaded, messages)));
    }
    match loaded {
        Loaded::Now(Counts {
            events,
            log_lines,
            rejected,
        }) => tracing::info!(events, log_lines, rejected, "demo.loaded"),
        Loaded::Before(at) => tracing::info!(loaded_at = %at, "demo.found"),
    }
}

fn in_words(loaded: &Loaded, messages: Messages) -> String {
    let counts = match loaded {
        Loaded::Now(counts) => counts,
        Loaded::Before(at) => return format!("is there since {at}, and is not loaded again"),
    };
    let Counts {
        events,
        log_lines,
        rejected,
    } = counts;
    let messages = match messages {
        Messages::Delivered => "messages to the built-in receiver follow within seconds",
        Messages::Suppressed => "no message leaves, because EH_NOTIFY_URL is set",
    };
    format!(
        "{events} events, {log_lines} log lines and {rejected} rejected ones of the last 30 days;\n             {messages}"
    )
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn it_is_said_what_was_loaded_and_who_is_told() {
        let now = Loaded::Now(Counts {
            events: 17_120,
            log_lines: 1_490,
            rejected: 5,
        });
        insta::assert_snapshot!(in_words(&now, Messages::Delivered), @r"
        17120 events, 1490 log lines and 5 rejected ones of the last 30 days;
                     messages to the built-in receiver follow within seconds
        ");
        assert!(in_words(&now, Messages::Suppressed).ends_with("no message leaves, because EH_NOTIFY_URL is set"));
        let before = Loaded::Before(Timestamp::from_micros(0));
        assert_eq!(
            in_words(&before, Messages::Delivered),
            "is there since 1970-01-01T00:00:00.000000Z, and is not loaded again"
        );
    }
}
