//! `stream_ended`: a player gave its slot back, or lost it.

use super::{FieldError, Fields, id, text};
use crate::json::Object;

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .required("stream_id", id)
        .optional("slug", id)
        .optional("device", text)
        .optional("reason", text)
        .done()
}
