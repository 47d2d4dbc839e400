//! Where the queue is and how much it may hold, and its address without the password.

use std::fmt;
use std::path::PathBuf;

/// Kept small enough for every name that is made of it.
const PREFIX_BYTES_MAX: usize = 100;

#[derive(Clone)]
pub struct Settings {
    pub url: String,
    /// Holds `queue.db` of the embedded queue.
    pub data_dir: PathBuf,
    /// The names of all broker objects begin with it, so that tests and tenants of one broker do not meet.
    pub prefix: String,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Embedded: frames that are stored, waiting or unsettled; beyond it a publish is refused as full.
    pub frames_max: usize,
    /// Embedded: their bytes.
    pub bytes_max: usize,
    /// Embedded: bytes of waiting frames that are kept in memory too; others are read from the file when their turn comes.
    pub memory_bytes_max: usize,
    /// RabbitMQ: bytes that were sent and are not confirmed; beyond it a publish waits, within its deadline.
    pub unconfirmed_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frames_max: 1_000_000,
            bytes_max: 2 << 30,
            memory_bytes_max: 64 << 20,
            unconfirmed_bytes_max: 64 << 20,
        }
    }
}

impl Settings {
    pub fn new(url: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            data_dir: data_dir.into(),
            prefix: "event-horizon".into(),
            limits: Limits::default(),
        }
    }

    /// Empty if the address is none; `embedded:` takes nothing behind the colon.
    pub(crate) fn scheme(&self) -> &str {
        match self.url.split_once(':') {
            Some(("embedded", "")) => "embedded",
            Some((scheme @ ("amqp" | "amqps"), rest)) if rest.starts_with("//") => scheme,
            _ => "",
        }
    }

    #[cfg_attr(
        not(feature = "services"),
        expect(dead_code, reason = "the embedded queue names nothing")
    )]
    pub(crate) fn prefix_is_usable(&self) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=PREFIX_BYTES_MAX).contains(&self.prefix.len()) && self.prefix.bytes().all(allowed)
    }

    /// The address with stars where a password stands, for logs and errors.
    pub(crate) fn url_masked(&self) -> String {
        let start = self.url.find("://").map_or(0, |at| at + "://".len());
        let (scheme, rest) = self.url.split_at(start);
        // A password may hold '/', '@' and ':' unescaped by mistake: everything up to the last '@' is hidden with it.
        let Some((user_info, host)) = rest.rsplit_once('@') else {
            return self.url.clone();
        };
        let user = user_info.split(':').next().unwrap_or_default();
        format!("{scheme}{user}:***@{host}")
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("url", &self.url_masked())
            .field("data_dir", &self.data_dir)
            .field("prefix", &self.prefix)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(url: &str) -> String {
        Settings::new(url, "").url_masked()
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(masked("redis://me:secret@host:1/x"), "redis://me:***@host:1/x");
        assert_eq!(masked("amqp://me:sec/r@e:t@host"), "amqp://me:***@host");
        assert_eq!(masked("me:secret@host"), "me:***@host");
        assert_eq!(masked("amqp://host/%2f"), "amqp://host/%2f");
        assert!(!format!("{:?}", Settings::new("amqp://me:secret@host", "")).contains("secret"));
    }

    #[test]
    fn the_scheme_is_exact() {
        let scheme = |url: &str| Settings::new(url, "").scheme().to_owned();
        assert_eq!(scheme("embedded:"), "embedded");
        assert_eq!(scheme("embedded:/somewhere"), "");
        assert_eq!(scheme("amqps://host"), "amqps");
        assert_eq!(scheme("amqp:host"), "");
        assert_eq!(scheme("amqp"), "");
    }
}
