//! The kinds of problems: what clients may branch on.

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
    InvalidEventId,
    InvalidDeadLetterId,
    InvalidNotificationId,
    InvalidId,
    InvalidJson,
    InvalidUtf8,
    NotAnObject,
    TooDeep,
    InvalidEvent,
    NoValidEvent,
    TimestampInFuture,
    InvalidBody,
    InvalidRule,
    InvalidQuery,
    MalformedMultipart,
    MissingFile,
    TooManyFiles,
    UnknownField,
    InvalidField,
    EmptyFile,
    NotJsonl,
    MalformedCompression,
    KeyRequired,
    InvalidKey,
    InvalidTicket,
    KeyNotAllowed,
    HostNotAllowed,
    OriginNotAllowed,
    UnknownPath,
    UnknownJob,
    UnknownEvent,
    UnknownDeadLetter,
    UnknownMovie,
    UnknownUser,
    UnknownWatch,
    UnknownNotification,
    UnknownProblem,
    MethodNotAllowed,
    UploadStalled,
    BodyStalled,
    JobStateConflict,
    NotificationStateConflict,
    StreamLimitReached,
    StreamReplaced,
    StreamEnded,
    FileTooLarge,
    BodyTooLarge,
    EventTooLarge,
    TooManyEvents,
    UnsupportedMediaType,
    UnsupportedFileType,
    UpgradeRequired,
    Internal,
    DatabaseUnavailable,
    QueueUnavailable,
    StoreUnavailable,
    UploadLost,
    TooBusy,
    StorageFull,
}

impl Code {
    pub(crate) const ALL: [Self; 62] = [
        Self::BadRequest,
        Self::InvalidParameter,
        Self::InvalidJobId,
        Self::InvalidEventId,
        Self::InvalidDeadLetterId,
        Self::InvalidNotificationId,
        Self::InvalidId,
        Self::InvalidJson,
        Self::InvalidUtf8,
        Self::NotAnObject,
        Self::TooDeep,
        Self::InvalidEvent,
        Self::NoValidEvent,
        Self::TimestampInFuture,
        Self::InvalidBody,
        Self::InvalidRule,
        Self::InvalidQuery,
        Self::MalformedMultipart,
        Self::MissingFile,
        Self::TooManyFiles,
        Self::UnknownField,
        Self::InvalidField,
        Self::EmptyFile,
        Self::NotJsonl,
        Self::MalformedCompression,
        Self::KeyRequired,
        Self::InvalidKey,
        Self::InvalidTicket,
        Self::KeyNotAllowed,
        Self::HostNotAllowed,
        Self::OriginNotAllowed,
        Self::UnknownPath,
        Self::UnknownJob,
        Self::UnknownEvent,
        Self::UnknownDeadLetter,
        Self::UnknownMovie,
        Self::UnknownUser,
        Self::UnknownWatch,
        Self::UnknownNotification,
        Self::UnknownProblem,
        Self::MethodNotAllowed,
        Self::UploadStalled,
        Self::BodyStalled,
        Self::JobStateConflict,
        Self::NotificationStateConflict,
        Self::StreamLimitReached,
        Self::StreamReplaced,
        Self::StreamEnded,
        Self::FileTooLarge,
        Self::BodyTooLarge,
        Self::EventTooLarge,
        Self::TooManyEvents,
        Self::UnsupportedMediaType,
        Self::UnsupportedFileType,
        Self::UpgradeRequired,
        Self::Internal,
        Self::DatabaseUnavailable,
        Self::QueueUnavailable,
        Self::StoreUnavailable,
        Self::UploadLost,
        Self::TooBusy,
        Self::StorageFull,
    ];

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
