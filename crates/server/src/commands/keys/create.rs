//! `keys create`: makes a key, keeps its hash, and prints it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use domain::api_key::{ApiKey, KeyId, KeyKind, KeyText, Secret};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use records::Class;
use reqwest::Url;

use super::{for_programs, open};
use crate::commands::{say, say_wrong};
use crate::config::SettingFlags;
use crate::roles::now;

const NAME_CHARS_MAX: usize = 100;
const ORIGINS_MAX: usize = 100;
const EXPIRES_IN_DAYS_MAX: u64 = 36_500;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Args)]
pub(crate) struct Arguments {
    /// What it may: `write` events and streams, `upload` files and follow their jobs, `read`, or everything (`admin`)
    #[arg(long, value_parser = kind)]
    kind: KeyKind,
    /// What or whom it is for, as the list shows it
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Of a `write` key: the origin (scheme, host, port) whose pages may use it; may be said several times
    #[arg(long = "origin", value_name = "URL", value_parser = origin)]
    origins: Vec<String>,
    /// When it ends by itself
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=EXPIRES_IN_DAYS_MAX))]
    expires_in_days: Option<u64>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

pub(super) fn run(arguments: &Arguments, before: SettingFlags) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    let text = KeyText {
        kind: arguments.kind,
        id: KeyId::new(random()?),
        secret: Secret::new(random()?),
    };
    let key = arguments.kept_of(&text);
    let records = open(before.then(&arguments.settings))?;
    records
        .run(Class::Background, |unit| unit.create_key(&key))
        .context("the key cannot be kept")?;
    if arguments.json {
        let mut shown = for_programs(&key, key.created_at);
        shown["key"] = text.reveal().into();
        say(&format_args!("{shown:#}"));
    } else {
        say(&text.reveal());
        say_wrong(&in_words(&key));
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.origins.is_empty() || self.kind == KeyKind::Write,
            "--origin is for keys of the kind `write`: pages show theirs to everybody who looks, so no other may be in one"
        );
        anyhow::ensure!(
            self.origins.len() <= ORIGINS_MAX,
            "a key may have up to {ORIGINS_MAX} origins"
        );
        Ok(())
    }

    fn kept_of(&self, text: &KeyText) -> ApiKey {
        let created_at = now();
        let lasts = |days: u64| DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        ApiKey {
            id: text.id,
            kind: text.kind,
            name: self.name.clone(),
            secret_hash: text.secret.hash(),
            origins: self.origins.clone(),
            created_at,
            expires_at: self.expires_in_days.map(|days| created_at.plus(lasts(days))),
            revoked_at: None,
            last_used_at: None,
        }
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random numbers")?;
    Ok(bytes)
}

fn in_words(key: &ApiKey) -> String {
    let until = key.expires_at.map_or_else(String::new, |end| format!(" until {end}"));
    let whose = if key.origins.is_empty() {
        String::new()
    } else {
        format!(", for pages of {}", key.origins.join(" and "))
    };
    format!(
        "This is key {} of the kind `{}`{until}{whose}. Keep it: it is not shown again.",
        key.id, key.kind
    )
}

fn kind(word: &str) -> Result<KeyKind, String> {
    word.parse().map_err(|_| {
        let kinds = KeyKind::ALL.map(KeyKind::as_str);
        format!("possible values: {}", kinds.join(", "))
    })
}

fn name(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || text.contains(char::is_control) {
        return Err(format!(
            "1 to {NAME_CHARS_MAX} characters, none of them a control character"
        ));
    }
    Ok(text.to_owned())
}

/// As browsers send it.
fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    let origin = url.as_ref().map(|url| url.origin().ascii_serialization());
    let is_all = |origin: &String| url.as_ref().is_some_and(|url| url.as_str() == format!("{origin}/"));
    origin
        .filter(is_all)
        .ok_or_else(|| "an origin such as https://example.org, without a path".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        for (text, kept) in [
            ("https://example.org", "https://example.org"),
            ("https://Example.org:443/", "https://example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(origin(text).unwrap(), kept);
        }
        for wrong in [
            "",
            "*",
            "null",
            "example.org",
            "ftp://example.org",
            "https://example.org/app",
            "https://me@example.org",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_said_once_what_was_made() {
        let arguments = Arguments {
            kind: KeyKind::Write,
            name: None,
            origins: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
            expires_in_days: None,
            json: false,
            settings: SettingFlags::default(),
        };
        let text = KeyText {
            kind: KeyKind::Write,
            id: KeyId::new([0xab; 8]),
            secret: Secret::new([7; 32]),
        };
        assert_eq!(
            in_words(&arguments.kept_of(&text)),
            "This is key abababababababab of the kind `write`, for pages of https://a.example and https://b.example. Keep it: it \
             is not shown again."
        );
    }
}
