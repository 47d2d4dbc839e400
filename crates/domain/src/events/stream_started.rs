//! `stream_started`: a player was given a slot.

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
