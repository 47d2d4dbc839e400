//! The catalogue of problems: the words that `GET /problems` shows for each kind.

use serde::Serialize;
use utoipa::ToSchema;

use super::Code;

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
            Self::InvalidEventId => about(
                "invalid_event_id",
                400,
                "This is no event id",
                "An event id is a UUID in its usual form with hyphens.",
            ),
            Self::InvalidDeadLetterId => about(
                "invalid_dead_letter_id",
                400,
                "This is no id of a dead letter",
                "The id of a dead letter is a UUID in its usual form with hyphens.",
            ),
            Self::InvalidNotificationId => about(
                "invalid_notification_id",
                400,
                "This is no id of a notification",
                "The id of a notification is a UUID in its usual form with hyphens.",
            ),
            Self::InvalidId => about(
                "invalid_id",
                400,
                "An id in the path cannot be used",
                "Ids and slugs have 1 to 255 characters, none of them a control character, percent-encoded in UTF-8; `errors` names the part.",
            ),
            Self::InvalidJson => about(
                "invalid_json",
                400,
                "The body is not JSON",
                "The body, or a line of it, is not JSON; `detail` says where, and what is likely to be wrong.",
            ),
            Self::InvalidUtf8 => about(
                "invalid_utf8",
                400,
                "The body is not UTF-8",
                "Bodies are JSON in UTF-8.",
            ),
            Self::NotAnObject => about(
                "not_an_object",
                400,
                "The body is no object",
                "A JSON object is expected; several events are an array of objects, or one object per line.",
            ),
            Self::TooDeep => about(
                "too_deep",
                400,
                "The body nests too deep",
                "An object may nest 128 levels of objects and arrays.",
            ),
            Self::InvalidEvent => about(
                "invalid_event",
                400,
                "The event cannot be taken",
                "A field is missing or wrong; `errors` names each one as the client wrote it.",
            ),
            Self::NoValidEvent => about(
                "no_valid_event",
                400,
                "None of the events can be taken",
                "The body holds no valid event; `errors` says what is wrong with which item.",
            ),
            Self::TimestampInFuture => about(
                "timestamp_in_future",
                400,
                "The event lies in the future",
                "A timestamp is more than 24 hours ahead of the server's clock.",
            ),
            Self::InvalidBody => about(
                "invalid_body",
                400,
                "The body cannot be used",
                "A member of the body is unknown, missing or malformed; `errors` names each one.",
            ),
            Self::InvalidRule => about(
                "invalid_rule",
                400,
                "This is no rule",
                "The rule cannot be read; `errors` names each line and what is wrong there.",
            ),
            Self::InvalidQuery => about(
                "invalid_query",
                400,
                "The query cannot be run",
                "The GraphQL query is malformed, does not fit the schema, or asks for too much at once; as the protocol has it, \
                 the answer is a 200 whose `errors` have this code.",
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
                "It cannot be unpacked",
                "The name or the header says gzip or zstd, but the content is not, is cut short, or needs a window over 8 MiB.",
            ),
            Self::KeyRequired => about(
                "key_required",
                401,
                "A key is needed",
                "This server takes calls with an API key only: `Authorization: Bearer <key>`, or `X-Api-Key: <key>`. \
                 Who runs it can make one with `event-horizon keys create`.",
            ),
            Self::InvalidKey => about(
                "invalid_key",
                401,
                "The key is not good",
                "The key is malformed, unknown, revoked or expired, or there are two different ones; the log of the server says which.",
            ),
            Self::InvalidTicket => about(
                "invalid_ticket",
                401,
                "The ticket is not good",
                "A ticket opens one socket, the one that it was given for, within a minute; `POST /api/v1/tickets` gives another.",
            ),
            Self::KeyNotAllowed => about(
                "key_not_allowed",
                403,
                "The key may not do this",
                "A key does what its kind may, and one that is bound to origins only in their pages; `detail` says what is missing.",
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
            Self::UnknownEvent => about(
                "unknown_event",
                404,
                "There is no such event",
                "No stored event has this id.",
            ),
            Self::UnknownDeadLetter => about(
                "unknown_dead_letter",
                404,
                "There is no such dead letter",
                "No dead letter has this id; it may have been replayed or discarded.",
            ),
            Self::UnknownMovie => about(
                "unknown_movie",
                404,
                "There is no such movie",
                "No heartbeat of this movie has come.",
            ),
            Self::UnknownUser => about(
                "unknown_user",
                404,
                "There is no such user",
                "No heartbeat of this user has come.",
            ),
            Self::UnknownWatch => about(
                "unknown_watch",
                404,
                "She has not watched it",
                "No heartbeat of this user and this movie has come.",
            ),
            Self::UnknownNotification => about(
                "unknown_notification",
                404,
                "There is no such notification",
                "No notification has this id.",
            ),
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
            Self::BodyStalled => about(
                "body_stalled",
                408,
                "The body did not arrive",
                "The body took longer than a minute to arrive; nothing was kept.",
            ),
            Self::JobStateConflict => about(
                "job_state_conflict",
                409,
                "The state of the job forbids it",
                "A queued or processing job can be cancelled, a failed or cancelled one can be retried.",
            ),
            Self::NotificationStateConflict => about(
                "notification_state_conflict",
                409,
                "The state of the notification forbids it",
                "A delivered, failed or suppressed notification can be sent again; others are on their way or were withdrawn.",
            ),
            Self::StreamLimitReached => about(
                "stream_limit_reached",
                409,
                "The limit of streams is reached",
                "The user runs as many streams as she may; `streams` lists them. End one, wait for one, or start with `replace`.",
            ),
            Self::StreamReplaced => about(
                "stream_replaced",
                410,
                "The stream was replaced",
                "Another stream took its place: `replaced_by` says which. Stop playing.",
            ),
            Self::StreamEnded => about(
                "stream_ended",
                410,
                "The stream was ended",
                "Somebody else ended the stream. Stop playing.",
            ),
            Self::FileTooLarge => about(
                "file_too_large",
                413,
                "The file is too large",
                "The file is larger, or unpacks to more, than this server takes.",
            ),
            Self::BodyTooLarge => about(
                "body_too_large",
                413,
                "The body is too large",
                "Events may take 8 MiB, as they are sent and as they are unpacked; other bodies 64 KiB.",
            ),
            Self::EventTooLarge => about(
                "event_too_large",
                413,
                "The event is too large",
                "An event may take 64 KiB, as it is written.",
            ),
            Self::TooManyEvents => about(
                "too_many_events",
                413,
                "There are too many events",
                "A request may hold 10,000 events.",
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
            Self::QueueUnavailable => about(
                "queue_unavailable",
                503,
                "The queue is away",
                "The queue did not confirm in time; try again, with the `event_id` of the answer if there is one.",
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
                "Too much at once",
                "Other requests keep this server busy; nothing was kept; try again.",
            ),
            Self::StorageFull => about(
                "storage_full",
                507,
                "There is no room left",
                "The disk of the server is full; nothing was kept.",
            ),
        }
    }
}
