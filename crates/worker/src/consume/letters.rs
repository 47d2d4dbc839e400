//! Dead letters: what cannot be applied, kept as it can be published again.

use bytes::Bytes;
use domain::event::Event;
use domain::ids::DeadLetterId;
use domain::message::{EventFrame, Undecodable};
use domain::time::Timestamp;
use records::DeadLetter;

/// A reason is for people; some of the texts it is made of have no bound of their own.
const REASON_CHARS_MAX: usize = 1_000;

/// A whole frame that nobody can read.
pub(super) fn of_frame(frame: &Bytes, reason: &str, buried_at: Timestamp) -> DeadLetter {
    DeadLetter {
        id: DeadLetterId::of_frame(frame),
        frame: frame.to_vec(),
        event_id: None,
        reason: storable(reason),
        buried_at,
    }
}

/// One event, in a frame of its own.
pub(crate) fn of_event(event: &Event, reason: &str, buried_at: Timestamp) -> Result<DeadLetter, Undecodable> {
    let frame = EventFrame {
        events: vec![event.clone()],
    }
    .encode()?;
    Ok(DeadLetter {
        id: DeadLetterId::of_frame(&frame),
        frame,
        event_id: Some(event.event_id),
        reason: storable(reason),
        buried_at,
    })
}

/// Says that a letter is in the tables.
pub(crate) fn log(letter: &DeadLetter) {
    metrics::counter!("eh_dead_letters_buried_total").increment(1);
    let event_id = letter.event_id.map(tracing::field::display);
    tracing::error!(dead_letter.id = %letter.id, event.id = event_id, reason = letter.reason, "event.buried");
}

fn storable(reason: &str) -> String {
    reason
        .replace('\0', "\u{fffd}")
        .chars()
        .take(REASON_CHARS_MAX)
        .collect()
}
