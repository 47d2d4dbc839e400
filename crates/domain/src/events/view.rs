//! `view`: a page was looked at.

use super::{FieldError, Fields, text, text_not_blank};
use crate::json::Object;

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .required("url", text_not_blank)
        .optional("title", text)
        .done()
}
