//! What is in some frames: read, and brought into the order in which it can be applied.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use domain::event::Event;
use domain::message::EventFrame;
use domain::time::Timestamp;
use records::DeadLetter;

use super::letters;

#[derive(Debug, Default)]
pub(super) struct Content {
    /// Distinct, sorted by id; of several with one id the first stands.
    pub(super) events: Vec<Event>,
    /// Those that stood behind one with the same id.
    pub(super) repeated: u64,
    pub(super) unreadable: Vec<DeadLetter>,
}

pub(super) fn read(frames: &[Bytes], now: Timestamp) -> Content {
    let mut content = Content::default();
    for frame in frames {
        match decode(frame) {
            Ok(frame) => content.events.extend(frame.events),
            Err(reason) => content.unreadable.push(letters::of_frame(frame, &reason, now)),
        }
    }
    let in_all = content.events.len();
    // The sort is stable, which is what lets the first stand.
    content.events.sort_by_key(|event| event.event_id);
    content.events.dedup_by_key(|event| event.event_id);
    content.repeated = (in_all - content.events.len()) as u64;
    content
}

fn decode(frame: &Bytes) -> Result<EventFrame, String> {
    caught(|| EventFrame::decode(frame))?.map_err(|error| error.to_string())
}

/// Makes a panic a failure like another: here it is content that goes wrong, and the content is what has to go.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| format!("a panic: {}", text_of(&*panic)))
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
