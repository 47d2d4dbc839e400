//! Passwords inside URLs are not shown.

/// The URL with stars where a password stands: between user and host, or as a parameter.
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
        Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
        None => address.to_owned(),
    }
}

fn without_secret_parameters(query: &str) -> String {
    let masked = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
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
                "postgres://me@host/db?sslmode=require",
            ),
            ("postgres://me:se?c@ret@host/db", "postgres://me:***@host/db"),
            ("embedded:", "embedded:"),
            ("sqlite:/a/b@c.db", "sqlite:/a/b@c.db"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }
}
