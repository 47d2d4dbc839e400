//! The shape of the app: its training program lies flat beside the envelope and moves into `payload.program`.

use super::envelope::{Envelope, Member, compose};
use super::{Draft, reading};
use crate::events::{FieldError, present};
use crate::json::Object;

const PROGRAM_ID: &str = "training_program_id";
const PROGRAM_TITLE: &str = "training_program_title";

/// Where the fields come to lie, and what the app calls them: its errors use its own names.
const NAMES: [(&str, &str); 2] = [
    ("payload.program.id", PROGRAM_ID),
    ("payload.program.title", PROGRAM_TITLE),
];

pub(super) fn read(object: &Object<'_>) -> Option<Result<Draft, Vec<FieldError>>> {
    let is_flat = [PROGRAM_ID, PROGRAM_TITLE]
        .iter()
        .any(|name| present(object, name).is_some());
    let mut envelope = Envelope::of(object);
    if !is_flat || !envelope.payload_lacks("program") {
        return None;
    }
    move_program(&mut envelope);
    Some(reading::draft(&envelope))
}

fn move_program(envelope: &mut Envelope<'_, '_>) {
    let id = envelope.take(PROGRAM_ID).map(|member| Member { name: "id", ..member });
    let title = envelope.take(PROGRAM_TITLE).map(|member| Member {
        name: "title",
        ..member
    });
    let program = compose(id.into_iter().chain(title));
    envelope.add_to_payload("program", program);
    envelope.name_fields(&NAMES);
}
