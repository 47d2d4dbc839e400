//! The canonical shape, and whatever differs from it only by an alias.

use super::envelope::Envelope;
use super::{Draft, reading};
use crate::events::FieldError;
use crate::json::Object;

pub(super) fn read(object: &Object<'_>) -> Result<Draft, Vec<FieldError>> {
    reading::draft(&Envelope::of(object))
}
