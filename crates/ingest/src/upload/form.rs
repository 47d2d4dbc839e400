//! The multipart form of an upload, read part by part, and what can be wrong with it.

use std::time::{Duration, Instant};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, web};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::options::{OPTION_BYTES_MAX, invalid_field};
use crate::problem::{Code, Problem};

/// What the form may add to the bytes of the file: borders, headers, options.
const FORM_BYTES_MAX: u64 = 1 << 20;

/// Slower than this no line is, on average.
const BYTES_PER_SECOND_MIN: u128 = 1 << 10;

/// Why the bytes of a form ended too early. It travels through readers as an `io::Error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the client fell silent")]
    Silent,
    #[error("{0}")]
    Malformed(String),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Silent => Self::of(Code::UploadStalled),
            Fault::Malformed(words) => Self::new(Code::MalformedMultipart, words),
        }
    }
}

impl From<MultipartError> for Fault {
    fn from(error: MultipartError) -> Self {
        let words = match &error {
            MultipartError::BoundaryMissing => "a boundary is missing, in the content type or in the body".to_owned(),
            MultipartError::Incomplete | MultipartError::Payload(PayloadError::Incomplete(_)) => {
                "the body ends before the form does".to_owned()
            }
            MultipartError::Payload(PayloadError::Overflow) => "the head of a part is too long".to_owned(),
            MultipartError::Payload(error) => format!("the body cannot be read: {error}"),
            MultipartError::Parse(error) => format!("the head of a part cannot be read: {error}"),
            error => error.to_string(),
        };
        Self::Malformed(words)
    }
}

pub(crate) struct Form {
    parts: Multipart,
    silence_max: Duration,
    began: Instant,
}

impl Form {
    /// Refuses what is no form, or cannot be small enough, before anything of it is read.
    pub(crate) fn begin(
        request: &HttpRequest,
        body: web::Payload,
        file_bytes_max: u64,
        silence_max: Duration,
    ) -> Result<Self, Problem> {
        check_media_type(request)?;
        check_length(request, file_bytes_max)?;
        Ok(Self {
            parts: Multipart::new(request.headers(), body),
            silence_max,
            began: Instant::now(),
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Field>, Fault> {
        match timeout(self.silence_max, self.parts.next()).await {
            Ok(Some(part)) => Ok(Some(part?)),
            Ok(None) => Ok(None),
            Err(_) => Err(Fault::Silent),
        }
    }

    /// The whole of a part that is short.
    pub(crate) async fn text(&self, name: &str, part: &mut Field) -> Result<Vec<u8>, Problem> {
        let mut text = Vec::new();
        while let Some(piece) = timeout(self.silence_max, part.next())
            .await
            .map_err(|_| Fault::Silent)?
        {
            let piece: Bytes = piece.map_err(Fault::from)?;
            if text.len() + piece.len() > OPTION_BYTES_MAX {
                return Err(invalid_field(
                    name,
                    "malformed",
                    format!("must have at most {OPTION_BYTES_MAX} bytes"),
                ));
            }
            text.extend_from_slice(&piece);
        }
        Ok(text)
    }

    pub(crate) fn silence_max(&self) -> Duration {
        self.silence_max
    }

    /// Whether a client sends so little that it only keeps a place from others.
    pub(crate) fn is_crawling(&self, bytes_arrived: u64) -> bool {
        let elapsed = self.began.elapsed();
        elapsed > self.silence_max && u128::from(bytes_arrived) * 1_000 < elapsed.as_millis() * BYTES_PER_SECOND_MIN
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let refused = || Problem::new(Code::UnsupportedMediaType, "an upload is multipart/form-data");
    let encoded = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    if encoded {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "the body of an upload must not be encoded as a whole",
        ));
    }
    let declared = request.content_type().to_ascii_lowercase();
    if declared != "multipart/form-data" {
        return Err(refused());
    }
    let boundary = request
        .mime_type()
        .ok()
        .flatten()
        .and_then(|mime| mime.get_param("boundary").map(|b| b.as_str().len()));
    match boundary {
        Some(length) if length > 0 => Ok(()),
        _ => Err(Fault::Malformed("the content type names no boundary".to_owned()).into()),
    }
}

fn check_length(request: &HttpRequest, file_bytes_max: u64) -> Result<(), Problem> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match declared {
        Some(length) if length > file_bytes_max.saturating_add(FORM_BYTES_MAX) => Err(too_large(file_bytes_max)),
        _ => Ok(()),
    }
}

pub(crate) fn too_large(file_bytes_max: u64) -> Problem {
    Problem::new(
        Code::FileTooLarge,
        format!("a file may have at most {file_bytes_max} bytes once it is unpacked"),
    )
}
