//! `training_program_started`, `_finished` and `_cancelled`: the three say which program.

use super::{FieldError, Fields, id, present, text};
use crate::json::{self, Object};

pub fn check(payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    let Some(program) = present(payload, "program") else {
        return Err(vec![FieldError::missing("payload.program.id")]);
    };
    let Some(program) = json::object(program) else {
        return Err(vec![FieldError::invalid("payload.program", "must be an object")]);
    };
    Fields::of("payload.program", &program)
        .required("id", id)
        .optional("title", text)
        .done()
}
