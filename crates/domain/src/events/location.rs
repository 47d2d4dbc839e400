//! `location`: where on earth a user was.

use super::{FieldError, Fields, number};
use crate::json::Object;

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Fields::of("payload", payload)
        .required("latitude", |raw| number(raw, -90.0..=90.0))
        .required("longitude", |raw| number(raw, -180.0..=180.0))
        .optional("accuracy", |raw| number(raw, 0.0..=f64::MAX))
        .done()
}
