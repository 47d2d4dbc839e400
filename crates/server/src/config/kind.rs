//! The kinds of values a setting can have: how each is read, and how to say what is allowed.

use std::net::SocketAddr;

use domain::api_key::KeyText;
use reqwest::Url;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use worker::{AllowedBlocks, Secret};

/// Written where a list is to be empty.
const NONE: &str = "none";

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Address,
    Switch,
    Whole {
        min: u64,
        max: u64,
    },
    Bytes {
        min: u64,
        max: u64,
    },
    Word(&'static [&'static str]),
    /// What it may begin with.
    Url(&'static [&'static str]),
    /// That can be called over HTTP.
    WebAddress,
    Origins,
    Hosts,
    /// Of addresses, in the notation of CIDR.
    Blocks,
    LogFilter,
    /// That messages are signed with.
    Secret,
    ApiKey,
    /// Any text; what it should be.
    Text(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Address(SocketAddr),
    Switch(bool),
    Whole(u64),
    Text(String),
    List(Vec<String>),
}

impl Kind {
    /// `None`: not allowed.
    pub(crate) fn parse(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Address => address(text).map(Value::Address),
            Self::Switch => switch(text).map(Value::Switch),
            Self::Whole { min, max } => text.parse().ok().filter(|n| (min..=max).contains(n)).map(Value::Whole),
            Self::Bytes { min, max } => bytes(text).filter(|n| (min..=max).contains(n)).map(Value::Whole),
            Self::Word(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Url(starts) => starts
                .iter()
                .any(|start| text.starts_with(start))
                .then(|| Value::Text(text.to_owned())),
            Self::WebAddress => is_web_address(text).then(|| Value::Text(text.to_owned())),
            Self::Origins => list(text, is_origin),
            Self::Hosts => list(text, is_authority),
            Self::Blocks => list(text, is_block),
            Self::LogFilter => is_log_filter(text).then(|| Value::Text(text.to_owned())),
            Self::Secret => Secret::parse(text).is_ok().then(|| Value::Text(text.to_owned())),
            Self::ApiKey => text.parse::<KeyText>().is_ok().then(|| Value::Text(text.to_owned())),
            Self::Text(_) => (!text.is_empty()).then(|| Value::Text(text.to_owned())),
        }
    }

    /// Completes "allowed is …".
    pub(crate) fn allowed(self) -> String {
        match self {
            Self::Address => "an address and a port, such as `127.0.0.1:8000`".to_owned(),
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bytes { min, max } => {
                format!(
                    "a size from {} to {}, such as `1 MiB` or plain bytes",
                    size(min),
                    size(max)
                )
            }
            Self::Word(words) => quoted(words),
            Self::Url(starts) => format!("what begins with {}", quoted(starts)),
            Self::WebAddress => "an address such as `https://example.org/hook`".to_owned(),
            Self::Origins => "`none`, `*`, or origins such as `https://example.org`, separated by commas".to_owned(),
            Self::Hosts => "`none`, or names such as `example.org`, separated by commas".to_owned(),
            Self::Blocks => {
                "`none`, or addresses and blocks such as `192.168.7.5` and `10.0.0.0/8`, separated by commas".to_owned()
            }
            Self::LogFilter => {
                "a level (error, warn, info, debug, trace) or directives such as `info,worker=debug`".to_owned()
            }
            Self::Secret => "a secret, or `whsec_` and one in Base64".to_owned(),
            Self::ApiKey => "a key as `event-horizon keys create` printed it".to_owned(),
            Self::Text(what) => what.to_owned(),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// `localhost` is what people write, and only ever this computer.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().ok()
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// In the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [
        ("TiB", 1_u64 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    let unit = units
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, factor)| format!("{} {name}", bytes / factor),
    )
}

fn list(text: &str, allowed: fn(&str) -> bool) -> Option<Value> {
    if text == NONE {
        return Some(Value::List(Vec::new()));
    }
    let items: Vec<_> = text.split(',').map(str::trim).collect();
    items
        .iter()
        .all(|item| allowed(item))
        .then(|| Value::List(items.into_iter().map(str::to_owned).collect()))
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "null" || text == "*" || host.is_some_and(is_authority)
}

/// A host name or address with or without a port, and nothing behind it.
fn is_authority(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

/// With a host, and nothing that is never sent.
fn is_web_address(text: &str) -> bool {
    let is_one = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
    Url::parse(text).is_ok_and(is_one)
}

/// An address by itself is a block of one.
fn is_block(text: &str) -> bool {
    AllowedBlocks::parse(&[text]).is_ok()
}

/// A bare word that is no level would be taken for the name of a part, and everything else would fall silent.
fn is_log_filter(text: &str) -> bool {
    let is_clear = |directive: &str| directive.contains('=') || directive.parse::<LevelFilter>().is_ok();
    text.split(',').all(is_clear) && EnvFilter::builder().parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("4GiB", Some(4 << 30)),
            ("512 MiB", Some(512 << 20)),
            ("1kb", Some(1_000)),
            ("1048576", Some(1 << 20)),
            ("0", Some(0)),
            ("4 G", None),
            ("GiB", None),
            ("-1", None),
            ("1.5 GiB", None),
            ("99999999999 TiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(size(4 << 30), "4 GiB");
        assert_eq!(size(1_000), "1000 bytes");
    }

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(address("localhost:80"), address("127.0.0.1:80"));
        assert!(address("[::1]:8000").is_some());
        for wrong in ["127.0.0.1", ":8000", "example.org:80", "127.0.0.1:70000"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lists_are_checked_item_by_item() {
        let origins = |text| Kind::Origins.parse(text);
        let two = vec!["https://a.example".to_owned(), "http://localhost:3000".to_owned()];
        assert_eq!(
            origins("https://a.example, http://localhost:3000"),
            Some(Value::List(two))
        );
        assert_eq!(origins("none"), Some(Value::List(Vec::new())));
        for wrong in ["a.example", "https://a.example/", "https://a.example,,", "https://"] {
            assert_eq!(origins(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_block_has_no_more_bits_than_its_address() {
        let blocks = |text| Kind::Blocks.parse(text);
        let three = ["10.0.0.0/8", "::1/128", "192.168.7.5"].map(str::to_owned).to_vec();
        assert_eq!(blocks("10.0.0.0/8, ::1/128, 192.168.7.5"), Some(Value::List(three)));
        assert_eq!(blocks("none"), Some(Value::List(Vec::new())));
        for wrong in [
            "10.0.0.0/33",
            "::1/129",
            "10.0.0/8",
            "localhost",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "",
        ] {
            assert_eq!(blocks(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_that_says_it_is_encoded_must_be() {
        for (text, expected) in [
            ("a secret", true),
            ("whsec_c2VjcmV0", true),
            ("whsec_", false),
            ("whsec_no Base64", false),
            ("", false),
        ] {
            assert_eq!(Kind::Secret.parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn web_addresses_have_a_host() {
        for (text, expected) in [
            ("https://example.org/hook?team=7", true),
            ("http://[::1]:9000", true),
            ("http://", false),
            ("ftp://example.org", false),
            ("example.org/hook", false),
            ("https://example.org/#part", false),
        ] {
            assert_eq!(Kind::WebAddress.parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_allowed_reads_as_a_sentence() {
        assert_eq!(Kind::Word(&["pretty", "json"]).allowed(), "`pretty` or `json`");
        assert_eq!(
            Kind::Url(&["a:", "b:", "c:"]).allowed(),
            "what begins with `a:`, `b:` or `c:`"
        );
        let bytes = Kind::Bytes {
            min: 1 << 10,
            max: 1 << 40,
        }
        .allowed();
        assert_eq!(bytes, "a size from 1 KiB to 1 TiB, such as `1 MiB` or plain bytes");
    }
}
