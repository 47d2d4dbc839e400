//! Every HTTP error there is: one enum, one shape (RFC 9457), one place that decides the status.

mod about;
mod code;
mod members;
mod posted;
mod streams;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use domain::events;
use domain::ids::EventId;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use about::About;
pub(crate) use code::Code;
pub(crate) use posted::{invalid_event, item_errors, none_valid};
pub(crate) use streams::{gone, limit_reached};

use members::Members;

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What is wrong with one field, parameter or part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Which item of a request with several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) index: Option<usize>,
    /// The name of the parameter, part or member; empty if it is about the whole.
    pub(crate) field: Cow<'static, str>,
    /// `unknown`, `missing`, `empty`, `repeated` or `malformed`; of an event `missing_field`, `invalid_field` or `timestamp_in_future`,
    /// or why it cannot be read at all.
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
}

/// An error as the client sees it, with what only the log gets.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Option<Box<Members>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// The body of every answer that is an error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where this kind of problem is explained.
    #[serde(rename = "type")]
    #[schema(example = "/problems/unknown_job")]
    kind: String,
    #[schema(value_type = String)]
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened this time.
    detail: String,
    code: Code,
    /// The `x-request-id` of the answer, as it stands in the log.
    request_id: String,
    /// What was wrong with which field; empty if it is about none.
    errors: Vec<FieldError>,
    #[serde(flatten)]
    members: Members,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    /// A problem whose kind says it all.
    pub(crate) fn of(code: Code) -> Self {
        Self::new(code, code.about().explanation)
    }

    /// A defect: the client learns that there was one, the log learns which.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        Self::of(Code::Internal).because(cause)
    }

    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    pub(crate) fn with_event_id(mut self, event_id: EventId) -> Self {
        self.members.get_or_insert_default().event_id = Some(event_id);
        self
    }

    fn with_members(mut self, members: Members) -> Self {
        self.members = Some(Box::new(members));
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.about().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What the log should know and the client should not.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Status and headers; the body is written when the request id is at hand.
    pub(crate) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status());
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        if let Some(seconds) = self.code.retry_after_seconds() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }

    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        let about = self.code.about();
        ProblemBody {
            kind: self.code.url(),
            title: about.title,
            status: about.status,
            detail: self.detail.clone().into_owned(),
            code: self.code,
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
            members: self.members.as_deref().cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
impl ProblemBody {
    pub(crate) fn errors_for_test(&self) -> Vec<(String, String)> {
        self.errors
            .iter()
            .map(|error| (error.field.to_string(), error.code.to_string()))
            .collect()
    }
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            index: None,
            field: field.into(),
            code: Cow::Borrowed(code),
            message: message.into(),
        }
    }
}

impl From<events::FieldError> for FieldError {
    fn from(error: events::FieldError) -> Self {
        Self::new(error.field, error.code.as_str(), error.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.about().code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.clone().into_response()
    }
}

impl From<records::Error> for Problem {
    fn from(error: records::Error) -> Self {
        let code = match &error {
            records::Error::Unavailable(_) | records::Error::Contended(_) | records::Error::TimedOut(_) => {
                Code::DatabaseUnavailable
            }
            records::Error::Full(_) => Code::StorageFull,
            records::Error::Broken(_) => Code::Internal,
        };
        Self::of(code).because(error)
    }
}

impl From<blobs::Error> for Problem {
    fn from(error: blobs::Error) -> Self {
        let code = match &error {
            blobs::Error::Full => Code::StorageFull,
            blobs::Error::Unreachable(_) | blobs::Error::Refused(_) => Code::StoreUnavailable,
            blobs::Error::Gone | blobs::Error::Changed | blobs::Error::Incomplete => Code::Internal,
        };
        Self::of(code).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_suggested_where_it_helps() {
        for code in Code::ALL {
            let response = Problem::of(code).into_response();
            let suggested = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(
                suggested,
                matches!(response.status().as_u16(), 429 | 503 | 507),
                "{code:?}"
            );
        }
    }

    #[test]
    fn internals_are_for_the_log() {
        let problem = Problem::from(records::Error::Broken("no such table: jobs".to_owned()));
        let shown = serde_json::to_string(&problem.body("r-1")).unwrap();
        assert!(!shown.contains("table"), "{shown}");
        assert_eq!(problem.cause(), Some("the database refused: no such table: jobs"));
    }

    #[test]
    fn the_shape_is_the_published_one() {
        let problem =
            Problem::new(Code::InvalidParameter, "limit").with_errors(vec![FieldError::new("limit", "empty", "m")]);
        let shown = serde_json::to_value(problem.body("r-1")).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/invalid_parameter", "title": "A parameter cannot be used", "status": 400,
            "detail": "limit",
            "code": "invalid_parameter", "request_id": "r-1",
            "errors": [{"field": "limit", "code": "empty", "message": "m"}],
        });
        assert_eq!(shown, expected);
    }
}
