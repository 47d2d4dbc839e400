//! The catalogue of problems: what `GET /problems` shows and what clients may branch on.

use serde::Serialize;
use utoipa::ToSchema;

/// How long a client should wait before it tries again.
const RETRY_AFTER_SECONDS: u16 = 5;
/// A full disk needs somebody's hand.
const RETRY_AFTER_FULL_SECONDS: u16 = 60;

/// The kind of a problem, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    BadRequest,
    InvalidParameter,
    InvalidJobId,
    MalformedMultipart,
    MissingFile,
    TooManyFiles,
    UnknownField,
    InvalidField,
    EmptyFile,
    NotJsonl,
    MalformedCompression,
    KeyRequired,
    HostNotAllowed,
    OriginNotAllowed,
    UnknownPath,
    UnknownJob,
    UnknownProblem,
    MethodNotAllowed,
    UploadStalled,
    JobStateConflict,
    FileTooLarge,
    UnsupportedMediaType,
    UnsupportedFileType,
    UpgradeRequired,
    Internal,
    DatabaseUnavailable,
    StoreUnavailable,
    UploadLost,
    TooBusy,
    StorageFull,
}

/// What is published of a kind of problem.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ProblemKind)]
pub(crate) struct About {
    #[schema(value_type = Code)]
    pub(crate) code: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    #[schema(value_type = String)]
    pub(crate) title: &'static str,
    /// What it means and what to do about it.
    #[schema(value_type = String)]
    pub(crate) explanation: &'static str,
}

const fn about(code: &'static str, status: u16, title: &'static str, explanation: &'static str) -> About {
    About {
        code,
        status,
        title,
        explanation,
    }
}

impl Code {
    pub(crate) const ALL: [Self; 30] = [
        Self::BadRequest,
        Self::InvalidParameter,
        Self::InvalidJobId,
        Self::MalformedMultipart,
        Self::MissingFile,
        Self::TooManyFiles,
        Self::UnknownField,
        Self::InvalidField,
        Self::EmptyFile,
        Self::NotJsonl,
        Self::MalformedCompression,
        Self::KeyRequired,
        Self::HostNotAllowed,
        Self::OriginNotAllowed,
        Self::UnknownPath,
        Self::UnknownJob,
        Self::UnknownProblem,
        Self::MethodNotAllowed,
        Self::UploadStalled,
        Self::JobStateConflict,
        Self::FileTooLarge,
        Self::UnsupportedMediaType,
        Self::UnsupportedFileType,
        Self::UpgradeRequired,
        Self::Internal,
        Self::DatabaseUnavailable,
        Self::StoreUnavailable,
        Self::UploadLost,
        Self::TooBusy,
        Self::StorageFull,
    ];

    pub(crate) const fn about(self) -> About {
        match self {
            Self::BadRequest => about(
                "bad_request",
                400,
                "The request cannot be read",
                "The request is not well-formed; `detail` says where.",
            ),
            Self::InvalidParameter => about(
                "invalid_parameter",
                400,
                "A parameter cannot be used",
                "A query parameter is unknown, empty, given twice or malformed; `errors` names each one.",
            ),
            Self::InvalidJobId => about(
                "invalid_job_id",
                400,
                "This is no job id",
                "A job id is a UUID in its usual form with hyphens.",
            ),
            Self::MalformedMultipart => about(
                "malformed_multipart",
                400,
                "The form cannot be read",
                "The body is not well-formed multipart/form-data: no boundary, a broken part, or an early end.",
            ),
            Self::MissingFile => about(
                "missing_file",
                400,
                "There is no file",
                "The form has no part named `file` that has a file name.",
            ),
            Self::TooManyFiles => about(
                "too_many_files",
                400,
                "There is more than one file",
                "An upload takes exactly one file; nothing was kept.",
            ),
            Self::UnknownField => about(
                "unknown_field",
                400,
                "A part of the form is not known",
                "Beside `file` the form may have the parts `kind`, `notify` and `line_delay_ms_max`.",
            ),
            Self::InvalidField => about(
                "invalid_field",
                400,
                "A part of the form cannot be used",
                "A part is empty, given twice or malformed; `errors` names it.",
            ),
            Self::EmptyFile => about("empty_file", 400, "The file is empty", "The file holds no bytes."),
            Self::NotJsonl => about(
                "not_jsonl",
                400,
                "The file is not JSON lines",
                "No line of the first 1 MiB begins with `{`: one JSON object per line is expected.",
            ),
            Self::MalformedCompression => about(
                "malformed_compression",
                400,
                "The file cannot be unpacked",
                "The name says gzip or zstd, but the content is not, is cut short, or needs a window over 8 MiB.",
            ),
            Self::KeyRequired => about(
                "key_required",
                401,
                "A key is needed",
                "This server takes calls with an API key only.",
            ),
            Self::HostNotAllowed => about(
                "host_not_allowed",
                403,
                "The host name is not allowed",
                "This server does not answer for the host in the `Host` header; see the setting EH_ALLOWED_HOSTS.",
            ),
            Self::OriginNotAllowed => about(
                "origin_not_allowed",
                403,
                "The origin is not allowed",
                "A page of this origin may not call this server; see the setting EH_CORS_ORIGINS.",
            ),
            Self::UnknownPath => about(
                "unknown_path",
                404,
                "There is nothing here",
                "No resource has this path; /openapi.json lists those there are.",
            ),
            Self::UnknownJob => about("unknown_job", 404, "There is no such job", "No job has this id."),
            Self::UnknownProblem => about(
                "unknown_problem",
                404,
                "There is no such problem",
                "GET /problems lists the codes there are.",
            ),
            Self::MethodNotAllowed => about(
                "method_not_allowed",
                405,
                "The method is not allowed",
                "The resource exists but not for this method; the header `Allow` lists those it has.",
            ),
            Self::UploadStalled => about(
                "upload_stalled",
                408,
                "The upload stopped",
                "No byte of the upload arrived for too long, or next to none; nothing was kept.",
            ),
            Self::JobStateConflict => about(
                "job_state_conflict",
                409,
                "The state of the job forbids it",
                "A queued or processing job can be cancelled, a failed or cancelled one can be retried.",
            ),
            Self::FileTooLarge => about(
                "file_too_large",
                413,
                "The file is too large",
                "The file is larger, or unpacks to more, than this server takes.",
            ),
            Self::UnsupportedMediaType => about(
                "unsupported_media_type",
                415,
                "The media type is not understood",
                "The body is not of a media type, or in an encoding, that this resource takes.",
            ),
            Self::UnsupportedFileType => about(
                "unsupported_file_type",
                415,
                "The type of the file is not understood",
                "The file name must end in .jsonl, .ndjson, .json or .log, or one of these and .gz or .zst.",
            ),
            Self::UpgradeRequired => about(
                "upgrade_required",
                426,
                "This is a WebSocket",
                "The resource speaks WebSocket (RFC 6455, version 13) only.",
            ),
            Self::Internal => about(
                "internal",
                500,
                "Something went wrong here",
                "It is our fault, not yours. The log of the server has the cause under `request_id`.",
            ),
            Self::DatabaseUnavailable => about(
                "database_unavailable",
                503,
                "The database is away",
                "The database cannot be used just now; try again.",
            ),
            Self::StoreUnavailable => about(
                "store_unavailable",
                503,
                "The file store is away",
                "Files cannot be stored just now; nothing was kept; try again.",
            ),
            Self::UploadLost => about(
                "upload_lost",
                503,
                "The upload was lost",
                "The upload took so long without a sign of life that it was swept; nothing was kept; try again.",
            ),
            Self::TooBusy => about(
                "too_busy",
                503,
                "Too many uploads at once",
                "Other uploads keep this server busy; try again.",
            ),
            Self::StorageFull => about(
                "storage_full",
                507,
                "There is no room left",
                "The disk of the server is full; nothing was kept.",
            ),
        }
    }

    pub(crate) const fn retry_after_seconds(self) -> Option<u16> {
        match self.about().status {
            429 | 503 => Some(RETRY_AFTER_SECONDS),
            507 => Some(RETRY_AFTER_FULL_SECONDS),
            _ => None,
        }
    }

    /// The page that explains it.
    pub(crate) fn url(self) -> String {
        format!("/problems/{}", self.about().code)
    }

    /// What an answer that the framework made by itself amounts to.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            404 => Self::UnknownPath,
            405 => Self::MethodNotAllowed,
            408 => Self::UploadStalled,
            413 => Self::FileTooLarge,
            415 => Self::UnsupportedMediaType,
            400..=499 => Self::BadRequest,
            503 => Self::TooBusy,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_spelled_as_it_is_serialized() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.about().code);
        }
    }

    #[test]
    fn every_code_is_listed_once() {
        let listed: HashSet<_> = Code::ALL.into_iter().collect();
        assert_eq!(listed.len(), Code::ALL.len());
        assert_eq!(
            Code::StorageFull as usize + 1,
            Code::ALL.len(),
            "the last one of the enum"
        );
    }
}
