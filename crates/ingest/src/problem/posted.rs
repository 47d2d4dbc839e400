//! What is wrong with posted events, as problems: of the body as a whole, of the only event, of one among several.

use domain::events;
use domain::intake::body::{BodyError, ItemError};

use super::{Code, FieldError, Problem};

/// So many errors one problem lists.
const ERRORS_LISTED_MAX: usize = 1_000;

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match &error {
            BodyError::InvalidUtf8 { .. } => Code::InvalidUtf8,
            BodyError::Empty | BodyError::InvalidJson(_) => Code::InvalidJson,
            BodyError::NotAnObject(_) => Code::NotAnObject,
            BodyError::TooDeep => Code::TooDeep,
            BodyError::TooManyItems => Code::TooManyEvents,
        };
        Self::new(code, error.to_string())
    }
}

/// Of the only event of a request.
impl From<ItemError> for Problem {
    fn from(error: ItemError) -> Self {
        match error {
            ItemError::Fields(errors) => invalid_event(errors),
            other => Self::new(code_of(&other), other.to_string()),
        }
    }
}

fn code_of(error: &ItemError) -> Code {
    match error {
        ItemError::InvalidJson(_) => Code::InvalidJson,
        ItemError::NotAnObject(_) => Code::NotAnObject,
        ItemError::TooDeep => Code::TooDeep,
        ItemError::TooLong { .. } => Code::EventTooLarge,
        ItemError::Fields(_) => Code::InvalidEvent,
    }
}

pub(crate) fn invalid_event(errors: Vec<events::FieldError>) -> Problem {
    let in_future = |error: &events::FieldError| error.code == events::FieldCode::TimestampInFuture;
    let code = if errors.iter().any(in_future) {
        Code::TimestampInFuture
    } else {
        Code::InvalidEvent
    };
    let detail: Vec<_> = errors.iter().map(ToString::to_string).collect();
    Problem::new(code, detail.join("; ")).with_errors(errors.into_iter().map(FieldError::from).collect())
}

/// Of one event among several.
pub(crate) fn item_errors(error: ItemError) -> Vec<FieldError> {
    match error {
        ItemError::Fields(errors) => errors.into_iter().map(FieldError::from).collect(),
        other => vec![FieldError::new("", code_of(&other).about().code, other.to_string())],
    }
}

/// Of a request with several events of which none can be taken.
pub(crate) fn none_valid(items: Vec<ItemError>) -> Problem {
    let detail = match items.len() {
        0 => "there are no events in the body".to_owned(),
        1 => "the only event in the body is not valid".to_owned(),
        count => format!("none of the {count} events in the body is valid"),
    };
    let of_item = |(index, item)| {
        item_errors(item).into_iter().map(move |error| FieldError {
            index: Some(index),
            ..error
        })
    };
    let errors = items.into_iter().enumerate().flat_map(of_item);
    Problem::new(Code::NoValidEvent, detail).with_errors(errors.take(ERRORS_LISTED_MAX).collect())
}
