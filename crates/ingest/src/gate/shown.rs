//! What a request shows so that it is let in.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use domain::api_key::KeyText;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const BEARER: &str = "bearer";
const TICKET: &str = "ticket";

/// Why what is shown cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("malformed")]
    Malformed,
    #[error("two different keys")]
    Two,
}

/// The key in `Authorization: Bearer` or `X-Api-Key`; in both it may stand twice. Credentials of other kinds are for others.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<KeyText>, Unreadable> {
    let bearers = headers.get_all(header::AUTHORIZATION).filter_map(bearer);
    let mut texts = bearers.chain(headers.get_all(API_KEY).map(HeaderValue::as_bytes));
    let Some(first) = texts.next() else {
        return Ok(None);
    };
    if texts.any(|other| other != first) {
        return Err(Unreadable::Two);
    }
    let text = std::str::from_utf8(first).map_err(|_| Unreadable::Malformed)?;
    text.parse().map(Some).map_err(|_| Unreadable::Malformed)
}

fn bearer(credentials: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = credentials.as_bytes().split_at_checked(BEARER.len())?;
    let rest = rest.strip_prefix(b" ")?;
    scheme
        .eq_ignore_ascii_case(BEARER.as_bytes())
        .then(|| rest.trim_ascii())
}

/// The ticket in the address: browsers cannot give a socket headers.
pub(super) fn ticket(query: &str) -> Option<&str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == TICKET).map(|(_, ticket)| ticket)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const KEY: &str = "eh_read_0123456789abcdef_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "eh_read_0123456789abcdef_1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn shown(headers: &[(&str, String)]) -> Result<Option<String>, Unreadable> {
        let mut request = TestRequest::get();
        for header in headers {
            request = request.append_header((header.0, header.1.as_str()));
        }
        let request = request.to_http_request();
        key(request.headers()).map(|key| key.map(|key| key.reveal()))
    }

    #[test]
    fn a_key_stands_in_either_header() {
        let authorization = |text: String| ("authorization", text);
        let api_key = |text: &str| ("x-api-key", text.to_owned());
        for headers in [
            &[authorization(format!("Bearer {KEY}"))][..],
            &[authorization(format!("bearer  {KEY}"))],
            &[api_key(KEY)],
            &[authorization(format!("Bearer {KEY}")), api_key(KEY)],
            &[authorization("Basic dTpw".to_owned()), api_key(KEY)],
        ] {
            assert_eq!(shown(headers), Ok(Some(KEY.to_owned())), "{headers:?}");
        }
        for headers in [&[][..], &[authorization("Basic dTpw".to_owned())]] {
            assert_eq!(shown(headers), Ok(None), "{headers:?}");
        }
        for headers in [
            &[authorization(format!("Bearer {KEY}")), api_key(OTHER)][..],
            &[api_key(KEY), api_key(OTHER)],
            &[api_key(""), api_key(KEY)],
        ] {
            assert_eq!(shown(headers), Err(Unreadable::Two), "{headers:?}");
        }
        for headers in [
            &[authorization("Bearer ".to_owned())][..],
            &[api_key("")],
            &[api_key("secret")],
            &[authorization(format!("Bearer {KEY} {KEY}"))],
        ] {
            assert_eq!(shown(headers), Err(Unreadable::Malformed), "{headers:?}");
        }
    }

    #[test]
    fn a_ticket_stands_in_the_address() {
        assert_eq!(ticket("a=b&ticket=7"), Some("7"));
        assert_eq!(ticket("ticket="), Some(""));
        for without in ["", "ticket", "tickets=7", "a=ticket=7"] {
            assert_eq!(ticket(without), None, "{without}");
        }
    }
}
