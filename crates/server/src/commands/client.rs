//! What commands say to a running server, and how they read its answers.

mod resources;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response, StatusCode, Url};
use serde::Deserialize;

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const READY_ANSWER_WAIT: Duration = Duration::from_secs(3);
const JOB_ANSWER_WAIT: Duration = Duration::from_secs(10);
const EVENTS_ANSWER_WAIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// A server that restarts is waited for; one that is gone is not.
const FAILURES_IN_A_ROW_MAX: u32 = 60;
/// What whoever is not let in can do about it.
const KEY_HINT: &str = "pass a key with --key, or set EH_API_KEY";

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// A file on its way.
pub(crate) struct Sending {
    pub(crate) file_name: String,
    pub(crate) size_bytes: Option<u64>,
}

/// What is asked for with a file.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) kind: Option<&'static str>,
    pub(crate) notify: bool,
    pub(crate) line_delay_ms_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) job_id: String,
    pub(crate) file_size_bytes: u64,
}

/// What is read of a job.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) file_name: String,
    pub(crate) status: String,
    pub(crate) progress_percent: u8,
    pub(crate) lines_total: u64,
    pub(crate) lines_done: u64,
    pub(crate) lines_ingested: u64,
    pub(crate) lines_rejected: u64,
    pub(crate) lines_duplicate: u64,
    pub(crate) events_applied: u64,
    pub(crate) error: Option<JobError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// What became of several events.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    pub(crate) rejected: u64,
    results: Vec<ItemResult>,
}

#[derive(Debug, Deserialize)]
struct ItemResult {
    #[serde(default)]
    errors: Vec<ItemError>,
}

#[derive(Debug, Deserialize)]
struct ItemError {
    message: String,
}

/// The server's no, or its silence.
#[derive(Debug, thiserror::Error)]
#[error("{detail} ({code})")]
pub(crate) struct Problem {
    pub(crate) status: Option<u16>,
    /// How long the server asks us to wait.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) code: String,
    pub(crate) detail: String,
}

impl Client {
    pub(crate) fn new(url: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let address =
            Url::parse(url).with_context(|| format!("--url `{url}` is no address such as http://127.0.0.1:8000"))?;
        anyhow::ensure!(
            matches!(address.scheme(), "http" | "https"),
            "--url `{url}` must begin with http:// or https://"
        );
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT_WAIT);
        if let Some(key) = key {
            builder = builder.default_headers(showing(key)?);
        }
        if is_this_computer(&address) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build()?,
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn job_url(&self, job_id: &str) -> String {
        format!("{}/api/v1/jobs/{job_id}", self.base)
    }

    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Whether whoever answers there is one of us, ready or not.
    pub(crate) async fn finds_a_server(&self) -> Result<bool, Problem> {
        #[derive(Deserialize)]
        struct Readiness {
            #[expect(dead_code, reason = "that it is there tells")]
            parts: serde_json::Map<String, serde_json::Value>,
        }
        let request = self
            .http
            .get(format!("{}/readyz", self.base))
            .timeout(READY_ANSWER_WAIT);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        let body = body(answer).await?;
        Ok(serde_json::from_slice::<Readiness>(&body).is_ok())
    }

    /// Posts events, as an array.
    pub(crate) async fn post_events(&self, events: String) -> Result<Taken, Problem> {
        let request = self
            .http
            .post(format!("{}/v1/events", self.base))
            .header(CONTENT_TYPE, "application/json")
            .timeout(EVENTS_ANSWER_WAIT)
            .body(events);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        read(answer).await
    }

    pub(crate) async fn upload(&self, sending: Sending, content: Body, wishes: &Wishes) -> Result<Accepted, Problem> {
        let part = match sending.size_bytes {
            Some(bytes) => Part::stream_with_length(content, bytes),
            None => Part::stream(content),
        };
        let form = wishes.form().part("file", part.file_name(sending.file_name));
        let request = self
            .http
            .post(format!("{}/api/v1/files/upload", self.base))
            .multipart(form);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        read(answer).await
    }

    pub(crate) async fn job(&self, job_id: &str) -> Result<Job, Problem> {
        let request = self.http.get(self.job_url(job_id)).timeout(JOB_ANSWER_WAIT);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        read(answer).await
    }

    /// Looks at a job until it has ended.
    pub(crate) async fn follow(&self, job_id: &str, mut seen: impl FnMut(&Job)) -> Result<Job, Problem> {
        let mut failures_in_a_row = 0;
        loop {
            match self.job(job_id).await {
                Ok(job) if job.has_ended() => return Ok(job),
                Ok(job) => {
                    failures_in_a_row = 0;
                    seen(&job);
                }
                Err(problem) if problem.is_passing() && failures_in_a_row < FAILURES_IN_A_ROW_MAX => {
                    failures_in_a_row += 1;
                }
                Err(problem) => return Err(problem),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> Problem {
        let detail = if error.is_connect() {
            format!(
                "nothing answers at {}; is the server running? `event-horizon` starts one",
                self.base
            )
        } else {
            format!("the connection to {} broke: {}", self.base, innermost(error))
        };
        Problem {
            status: None,
            retry_after: None,
            code: "unreachable".to_owned(),
            detail,
        }
    }
}

/// No log and no redirect to another host gets to see it.
fn showing(key: &str) -> anyhow::Result<HeaderMap> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).context("the key holds what no key can hold")?;
    bearer.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
}

impl Wishes {
    /// What every line of the file is.
    pub(crate) fn logs() -> Self {
        Self {
            kind: Some("logs"),
            ..Self::default()
        }
    }

    /// In front of the file, so that the server knows them before its first byte.
    fn form(&self) -> Form {
        let mut form = Form::new();
        if let Some(kind) = self.kind {
            form = form.text("kind", kind);
        }
        if self.notify {
            form = form.text("notify", "true");
        }
        if let Some(milliseconds) = self.line_delay_ms_max {
            form = form.text("line_delay_ms_max", milliseconds.to_string());
        }
        form
    }
}

impl Job {
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }
}

impl Taken {
    /// Why the first of those that were rejected was.
    pub(crate) fn first_error(&self) -> &str {
        let mut errors = self.results.iter().flat_map(|result| &result.errors);
        errors.next().map_or("no reason given", |error| error.message.as_str())
    }
}

impl Problem {
    /// Of something that only this side finds wrong.
    pub(crate) fn found(code: &str, detail: String) -> Self {
        Self {
            status: None,
            retry_after: None,
            code: code.to_owned(),
            detail,
        }
    }

    /// Whether the server is there and has no room just now.
    pub(crate) fn asks_to_wait(&self) -> bool {
        matches!(self.status, Some(429 | 503))
    }

    /// Whether asking again may help.
    pub(crate) fn is_passing(&self) -> bool {
        self.status.is_none_or(|status| status == 429 || status >= 500)
    }
}

/// Any answer but a yes is a problem.
async fn accepted(answer: Response) -> Result<Response, Problem> {
    let (status, retry_after) = (answer.status(), retry_after(&answer));
    if status.is_success() {
        return Ok(answer);
    }
    let mut problem = problem(status, &body(answer).await?);
    if status == StatusCode::UNAUTHORIZED {
        problem.detail = format!("{}; {KEY_HINT}", problem.detail);
    }
    Err(Problem { retry_after, ..problem })
}

async fn body(answer: Response) -> Result<Vec<u8>, Problem> {
    let status = answer.status();
    let body = answer.bytes().await;
    body.map(Vec::from).map_err(|error| broken(status, &innermost(&error)))
}

async fn read<T: serde::de::DeserializeOwned>(answer: Response) -> Result<T, Problem> {
    let answer = accepted(answer).await?;
    let status = answer.status();
    let body = body(answer).await?;
    serde_json::from_slice(&body)
        .map_err(|error| broken(status, &format!("not the answer of an Event Horizon: {error}")))
}

/// In seconds; the other form, a date, no Event Horizon writes.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn broken(status: StatusCode, detail: &str) -> Problem {
    Problem {
        status: Some(status.as_u16()),
        retry_after: None,
        code: "unreadable_answer".to_owned(),
        detail: detail.to_owned(),
    }
}

fn problem(status: StatusCode, body: &[u8]) -> Problem {
    #[derive(Deserialize)]
    struct Said {
        code: String,
        detail: Option<String>,
        title: Option<String>,
    }
    let said: Option<Said> = serde_json::from_slice(body).ok();
    let words = status.canonical_reason().unwrap_or("no reason given").to_owned();
    match said {
        Some(Said { code, detail, title }) => Problem {
            status: Some(status.as_u16()),
            retry_after: None,
            code,
            detail: detail.or(title).unwrap_or(words),
        },
        None => Problem {
            status: Some(status.as_u16()),
            retry_after: None,
            code: "unknown".to_owned(),
            detail: words,
        },
    }
}

/// The cause that says most.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn is_this_computer(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
