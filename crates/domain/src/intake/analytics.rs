//! The analytics shape of `POST /events`, the one door that is strict: three types, and the server stamps id and time.

use super::envelope::Envelope;
use super::{Draft, cloud_event, reading};
use crate::events::FieldError;
use crate::json::{self, Object};

/// The types that this door takes.
pub const TYPES: [&str; 3] = ["view", "click", "location"];

/// Reads what this door takes: its own shape, or a CloudEvent of its types, which keeps its id and time.
pub fn read_any(object: &Object<'_>) -> Result<Draft, Vec<FieldError>> {
    if cloud_event::is_meant(object) {
        cloud_event::structured(object, check_cloud_event)
    } else {
        read(object)
    }
}

/// Reads a CloudEvent in binary mode, as [`cloud_event::binary`] does.
pub fn binary<'h>(
    attributes: impl Iterator<Item = (&'h str, &'h str)>,
    data: &Object<'_>,
) -> Result<Draft, Vec<FieldError>> {
    cloud_event::of_headers(attributes, data, check_cloud_event)
}

pub fn read(object: &Object<'_>) -> Result<Draft, Vec<FieldError>> {
    let mut envelope = Envelope::of(object);
    none_of([check_user(&envelope), check_type(&envelope), check_payload(&envelope)])?;
    envelope.ignore_id_and_time();
    reading::draft(&envelope)
}

fn check_cloud_event(envelope: &Envelope<'_, '_>) -> Result<(), Vec<FieldError>> {
    none_of([check_user(envelope), check_type(envelope)])
}

fn none_of<const N: usize>(checks: [Option<FieldError>; N]) -> Result<(), Vec<FieldError>> {
    let errors: Vec<FieldError> = checks.into_iter().flatten().collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn check_user(envelope: &Envelope<'_, '_>) -> Option<FieldError> {
    let Some(user) = &envelope.user_id else {
        return Some(FieldError::missing("user_id"));
    };
    match json::text(user.raw) {
        Some(text) if !text.trim().is_empty() => None,
        Some(_) => Some(FieldError::invalid(user.name, "must not be empty")),
        None => Some(FieldError::invalid(user.name, "must be a string")),
    }
}

fn check_type(envelope: &Envelope<'_, '_>) -> Option<FieldError> {
    let Some(event_type) = &envelope.event_type else {
        return Some(FieldError::missing("event_type"));
    };
    match json::text(event_type.raw) {
        Some(text) if TYPES.contains(&text.as_ref()) => None,
        _ => Some(FieldError::invalid(
            event_type.name,
            format!("must be one of {}", TYPES.join(", ")),
        )),
    }
}

fn check_payload(envelope: &Envelope<'_, '_>) -> Option<FieldError> {
    match &envelope.payload {
        None => Some(FieldError::missing("payload")),
        Some(payload) if !payload.raw.get().starts_with('{') => {
            Some(FieldError::invalid("payload", "must be an object"))
        }
        Some(_) => None,
    }
}
