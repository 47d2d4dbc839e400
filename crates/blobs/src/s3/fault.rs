//! From what the SDK and the many servers say to the few classes of [`Error`].

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::Error;

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

pub(super) fn fault<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match (error, status(error)) {
        (SdkError::ServiceError(_), Some(status)) => answered(status, error.code()),
        (SdkError::ConstructionFailure(_), _) => Error::Refused(chain(error)),
        // No answer, or one that makes no sense: a proxy, or a connection that broke.
        _ => Error::Unreachable(chain(error)),
    }
}

/// Only status and code are repeated: some servers put the key id and the signed text into their messages.
fn answered(status: u16, code: Option<&str>) -> Error {
    let said = || code.map_or_else(|| format!("HTTP {status}"), |code| format!("HTTP {status} {code}"));
    match (status, code) {
        (507, _)
        | (_, Some("InsufficientStorage" | "XMinioStorageFull" | "QuotaExceeded" | "QuotaExceededException")) => {
            Error::Full
        }
        (_, Some("XMinioAdminBucketQuotaExceeded")) => Error::Full,
        // A whole bucket does not go away because one file did.
        (_, Some("NoSuchBucket" | "SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable")) => {
            Error::Unreachable(said())
        }
        (404, _) => Error::Gone,
        (412, _) => Error::Changed,
        (408 | 409 | 429 | 500..=599, _) => Error::Unreachable(said()),
        _ => Error::Refused(said()),
    }
}

/// The SDK's own text says only "dispatch failure"; the reason is further down.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_fall_into_classes() {
        let unreachable = |text: &str| Error::Unreachable(text.to_owned());
        let refused = |text: &str| Error::Refused(text.to_owned());
        for (status, code, expected) in [
            (404, Some("NoSuchKey"), Error::Gone),
            (404, None, Error::Gone),
            (404, Some("NoSuchBucket"), unreachable("HTTP 404 NoSuchBucket")),
            (412, Some("PreconditionFailed"), Error::Changed),
            (507, None, Error::Full),
            (507, Some("XMinioStorageFull"), Error::Full),
            (400, Some("XMinioAdminBucketQuotaExceeded"), Error::Full),
            (503, Some("SlowDown"), unreachable("HTTP 503 SlowDown")),
            (500, None, unreachable("HTTP 500")),
            (200, Some("InternalError"), unreachable("HTTP 200 InternalError")),
            (403, Some("AccessDenied"), refused("HTTP 403 AccessDenied")),
            (
                403,
                Some("SignatureDoesNotMatch"),
                refused("HTTP 403 SignatureDoesNotMatch"),
            ),
            (301, None, refused("HTTP 301")),
        ] {
            assert_eq!(answered(status, code), expected, "{status} {code:?}");
        }
    }
}
