//! One try to deliver a message: one POST, to an address that was looked up and checked for it, within bounds of time and
//! size, whatever the other side does.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::notification::{Body, Notification};
use domain::time::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::Instant;

use super::address::{AllowedBlocks, InvalidBlock};
use super::signature::{InvalidSecret, Secret};
use crate::Notify;

#[cfg(test)]
mod tests;

/// A try ends after this, wherever it stands.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Of an answer no more is read. It only has to be taken off the line; what counts is its status.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("event-horizon/", env!("CARGO_PKG_VERSION"));

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSender {
    #[error("the address of the receiver cannot be used: {0}")]
    Address(String),
    #[error(transparent)]
    Block(#[from] InvalidBlock),
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    #[error("there is no way out: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a message did not arrive. The texts are kept and shown, so they hold no part of an address but its host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undelivered {
    #[error("the receiver answered {status}")]
    Refused {
        status: StatusCode,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("{0} is not a public address, nor one that is allowed")]
    NotAllowed(IpAddr),
    #[error("{0}")]
    Unreachable(String),
    /// A defect: what is kept can be written.
    #[error("it cannot be written: {0}")]
    Unwritable(String),
}

/// Sends messages to one URL.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    url: Url,
    secret: Option<Secret>,
    allowed: AllowedBlocks,
    limit: Duration,
}

impl Sender {
    pub(super) fn new(url: &str, notify: &Notify, limit: Duration) -> Result<Self, NoSender> {
        let allowed = AllowedBlocks::parse(&notify.allow)?;
        let secret = notify.secret.as_deref().map(Secret::parse).transpose()?;
        let url = Url::parse(url).map_err(|error| NoSender::Address(error.to_string()))?;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            // A connection that was kept would lead to an address that was checked long ago.
            .pool_max_idle_per_host(0)
            .dns_resolver(Checked(allowed.clone()))
            .build()?;
        Ok(Self {
            client,
            url,
            secret,
            allowed,
            limit,
        })
    }

    /// `Ok`: the receiver has said that it has the message.
    pub(super) async fn send(&self, notification: &Notification, now: Timestamp) -> Result<(), Undelivered> {
        let ends_at = Instant::now() + self.limit;
        let body = serde_json::to_string(&Body::of(notification));
        let body = body.map_err(|error| Undelivered::Unwritable(error.to_string()))?;
        let id = notification.id.to_string();
        let post = self.post(body, &id, now);
        let answer = tokio::time::timeout_at(ends_at, post).await;
        let answer = answer.map_err(|_| Undelivered::Late(self.limit))??;
        let outcome = judge(&answer, now);
        // The status stands, even if the rest never comes.
        let _ = tokio::time::timeout_at(ends_at, drain(answer)).await;
        outcome
    }

    async fn post(&self, body: String, id: &str, now: Timestamp) -> Result<Response, Undelivered> {
        self.check_literal()?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", id)
            .header("webhook-id", id);
        if let Some(secret) = &self.secret {
            let signed = secret.sign(id, now, body.as_bytes());
            request = request
                .header("webhook-timestamp", signed.timestamp)
                .header("webhook-signature", signed.signature);
        }
        request.body(body).send().await.map_err(Undelivered::from)
    }

    /// A host that is an address already is looked up by nobody.
    fn check_literal(&self) -> Result<(), Undelivered> {
        let host = self.url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !self.allowed.allow(address) => Err(Undelivered::NotAllowed(address)),
            _ => Ok(()),
        }
    }
}

/// Looks names up, and gives away only addresses that may be called: the connection goes to one of these and to no other.
struct Checked(AllowedBlocks);

/// None of the addresses of a name may be called.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a public address, nor one that is allowed")]
struct NotAllowed(IpAddr);

#[derive(Debug, thiserror::Error)]
#[error("its name has no address")]
struct NoAddress;

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found.first().map(SocketAddr::ip);
            let callable: Vec<SocketAddr> = found.into_iter().filter(|found| allowed.allow(found.ip())).collect();
            match refused {
                _ if !callable.is_empty() => Ok(Box::new(callable.into_iter()) as Addrs),
                Some(refused) => Err(NotAllowed(refused).into()),
                None => Err(NoAddress.into()),
            }
        })
    }
}

impl From<reqwest::Error> for Undelivered {
    /// The outer errors only say that a request failed, and to which URL; that may hold a secret.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut innermost: &(dyn std::error::Error + 'static) = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        match innermost.downcast_ref::<NotAllowed>() {
            Some(NotAllowed(address)) => Self::NotAllowed(*address),
            None => Self::Unreachable(innermost.to_string()),
        }
    }
}

fn judge(answer: &Response, now: Timestamp) -> Result<(), Undelivered> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let is_asked_for = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let retry_after = answer.headers().get(RETRY_AFTER).filter(|_| is_asked_for);
    Err(Undelivered::Refused {
        status,
        retry_after: retry_after
            .and_then(|value| value.to_str().ok())
            .and_then(|text| pause(text, now)),
    })
}

/// Reads a `Retry-After`: seconds, or a date.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text.trim()).ok()?;
    let until = until.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_micros(u64::try_from(now.as_micros()).ok()?);
    Some(until.saturating_sub(now))
}

async fn drain(mut answer: Response) {
    let mut left = ANSWER_BYTES_MAX;
    while let Ok(Some(part)) = answer.chunk().await {
        match left.checked_sub(part.len()) {
            Some(still) => left = still,
            None => return,
        }
    }
}
