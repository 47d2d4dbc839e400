//! What `upload` says to the server, and how it reads the answers.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const JOB_ANSWER_WAIT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 256 * 1024;

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

/// A file on its way.
pub(super) struct Sending {
    pub(super) file_name: String,
    pub(super) size_bytes: Option<u64>,
}

/// What is asked for with a file.
pub(super) struct Wishes {
    pub(super) kind: Option<&'static str>,
    pub(super) notify: bool,
    pub(super) line_delay_ms_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Accepted {
    pub(super) job_id: String,
    pub(super) file_size_bytes: u64,
}

/// What is read of a job.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) status: String,
    pub(super) progress_percent: u8,
    pub(super) lines_total: u64,
    pub(super) lines_done: u64,
    pub(super) lines_ingested: u64,
    pub(super) lines_rejected: u64,
    pub(super) lines_duplicate: u64,
    pub(super) error: Option<JobError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JobError {
    pub(super) code: String,
    pub(super) detail: String,
}

/// The server's no, or its silence.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: Option<u16>,
    pub(super) code: String,
    pub(super) detail: String,
}

impl Client {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let address =
            Url::parse(url).with_context(|| format!("--url `{url}` is no address such as http://127.0.0.1:8000"))?;
        anyhow::ensure!(
            matches!(address.scheme(), "http" | "https"),
            "--url `{url}` must begin with http:// or https://"
        );
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT_WAIT);
        if is_this_computer(&address) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build()?,
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    pub(super) fn job_url(&self, job_id: &str) -> String {
        format!("{}/api/v1/jobs/{job_id}", self.base)
    }

    /// The bar moves as the bytes leave.
    pub(super) async fn upload(
        &self,
        sending: Sending,
        content: File,
        wishes: &Wishes,
        bar: ProgressBar,
    ) -> Result<Accepted, Problem> {
        let chunks = ReaderStream::with_capacity(content, READ_BYTES);
        let body = Body::wrap_stream(chunks.inspect_ok(move |chunk| bar.inc(chunk.len() as u64)));
        let part = match sending.size_bytes {
            Some(bytes) => Part::stream_with_length(body, bytes),
            None => Part::stream(body),
        };
        let form = wishes.form().part("file", part.file_name(sending.file_name));
        let request = self
            .http
            .post(format!("{}/api/v1/files/upload", self.base))
            .multipart(form);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        read(answer).await
    }

    pub(super) async fn job(&self, job_id: &str) -> Result<Job, Problem> {
        let request = self.http.get(self.job_url(job_id)).timeout(JOB_ANSWER_WAIT);
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        read(answer).await
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
            code: "unreachable".to_owned(),
            detail,
        }
    }
}

impl Wishes {
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

impl Problem {
    /// Whether asking again may help.
    pub(super) fn is_passing(&self) -> bool {
        self.status.is_none_or(|status| status == 429 || status >= 500)
    }
}

async fn read<T: serde::de::DeserializeOwned>(answer: Response) -> Result<T, Problem> {
    let status = answer.status();
    let body = answer
        .bytes()
        .await
        .map_err(|error| broken(status, &innermost(&error)))?;
    if !status.is_success() {
        return Err(problem(status, &body));
    }
    serde_json::from_slice(&body)
        .map_err(|error| broken(status, &format!("not the answer of an Event Horizon: {error}")))
}

fn broken(status: StatusCode, detail: &str) -> Problem {
    Problem {
        status: Some(status.as_u16()),
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
            code,
            detail: detail.or(title).unwrap_or(words),
        },
        None => Problem {
            status: Some(status.as_u16()),
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
