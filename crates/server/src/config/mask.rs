//! Secrets inside URLs are not shown.

use reqwest::Url;

/// Stands where a secret is.
pub(crate) const MASK: &str = "***";

/// Scheme and host, and stars if anything else is said: a receiver may be reached by a path that only its friends know.
pub(crate) fn host_only(url: &str) -> String {
    let Some(parsed) = Url::parse(url).ok().filter(|url| url.origin().is_tuple()) else {
        return MASK.to_owned();
    };
    let host = parsed.origin().ascii_serialization();
    if parsed.as_str() == format!("{host}/") {
        host
    } else {
        format!("{host}/{MASK}")
    }
}

/// The URL with stars where a password stands: between user and host, or as a parameter. A login without a colon may be
/// a token.
pub(crate) fn masked(url: &str) -> String {
    let url = without_password(url);
    match url.split_once('?') {
        Some((address, query)) => format!("{address}?{}", without_secret_parameters(query)),
        None => url,
    }
}

fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    // A password may hold '/', '?', '@' and ':' unescaped by mistake: everything up to the last '@' is hidden with it.
    let Some((login, host)) = rest.rsplit_once('@') else {
        return address.to_owned();
    };
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}"),
        None => format!("{scheme}://{MASK}@{host}"),
    }
}

fn without_secret_parameters(query: &str) -> String {
    let masked = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    };
    query.split('&').map(masked).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        for (url, expected) in [
            ("postgres://me:secret@host:5432/db", "postgres://me:***@host:5432/db"),
            ("amqp://me:se/c@r:et@host/%2f", "amqp://me:***@host/%2f"),
            (
                "postgres://host/db?user=me&password=secret",
                "postgres://host/db?user=me&password=***",
            ),
            (
                "postgres://me@host/db?sslmode=require",
                "postgres://***@host/db?sslmode=require",
            ),
            ("postgres://me:se?c@ret@host/db", "postgres://me:***@host/db"),
            ("http://s3cr3t@host:9000", "http://***@host:9000"),
            ("embedded:", "embedded:"),
            ("sqlite:/a/b@c.db", "sqlite:/a/b@c.db"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }

    #[test]
    fn of_a_receiver_nothing_is_shown_but_its_host() {
        for (url, expected) in [
            ("https://example.org", "https://example.org"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
            ("http://s3cr3t@host/x", "http://host/***"),
            ("http://me:s3cr3t@host", "http://host/***"),
            ("https://host:8443/?token=s3cr3t", "https://host:8443/***"),
            ("https://host/hooks/s3cr3t", "https://host/***"),
            ("host/s3cr3t", "***"),
            ("host:80/s3cr3t", "***"),
        ] {
            assert_eq!(host_only(url), expected);
        }
    }
}
