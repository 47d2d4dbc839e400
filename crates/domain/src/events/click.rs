//! `click`: something on a page was clicked.

use super::{FieldError, Fields, text};
use crate::json::Object;

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .optional("element_id", text)
        .optional("text", text)
        .optional("xpath", text)
        .done()
}
