//! The shapes that clients see of events, of what became of a post of events, and of dead letters.

use domain::event::{Event, Verbatim};
use domain::ids::EventId;
use domain::intake::body::ItemError;
use domain::message::EventFrame;
use domain::stream_limit::Renewal;
use domain::time::Timestamp;
use records::DeadLetter;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accept::Accepted;
use crate::problem::{FieldError, item_errors};

/// Something that a user did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    event_id: Uuid,
    #[schema(example = "view", min_length = 1, max_length = 255)]
    event_type: String,
    #[schema(example = "u-17", min_length = 1, max_length = 255)]
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_id: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// As it was written.
    #[schema(value_type = serde_json::Value, example = json!({"url": "/pricing", "title": "Pricing"}))]
    payload: Verbatim,
    /// Members that stood beside the payload and play no part.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    extra: Option<Verbatim>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            event_id: event.event_id.as_uuid(),
            event_type: event.event_type.to_string(),
            user_id: event.user_id.to_string(),
            device_id: event.device_id.map(|device| device.to_string()),
            timestamp: event.timestamp,
            received_at: event.received_at,
            payload: event.payload,
            extra: event.extra,
        }
    }
}

/// What became of one item.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ItemStatus {
    Accepted,
    Rejected,
}

/// An event that is stored for good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Accepted)]
pub(crate) struct AcceptedView {
    event_id: Uuid,
    #[schema(inline)]
    status: ItemStatus,
    /// Whether its type is built in.
    known: bool,
    /// Of a heartbeat with a `stream_id`: what became of the lease of that stream. `unknown` is also said if the store did
    /// not answer in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false, value_type = Option<RenewalWord>)]
    stream: Option<&'static str>,
}

/// What became of a lease.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the words of `domain::stream_limit::Renewal`, for the API document"
)]
pub(crate) enum RenewalWord {
    Renewed,
    Replaced,
    Ended,
    Unknown,
}

impl AcceptedView {
    pub(crate) fn of(accepted: Accepted, renewal: Option<Renewal>) -> Self {
        Self {
            event_id: accepted.event_id.as_uuid(),
            status: ItemStatus::Accepted,
            known: accepted.known,
            stream: renewal.map(Renewal::as_str),
        }
    }
}

/// What became of several events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedSeveral)]
pub(crate) struct SeveralView {
    accepted: usize,
    rejected: usize,
    results: Vec<ItemView>,
}

/// One of several events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemResult)]
pub(crate) struct ItemView {
    /// From 0; blank lines are not counted.
    index: usize,
    #[schema(inline)]
    status: ItemStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    known: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(nullable = false)]
    errors: Vec<FieldError>,
}

/// Of one event, or of several.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PostedAnswer)]
#[serde(untagged)]
pub(crate) enum PostedView {
    One(AcceptedView),
    Several(SeveralView),
}

impl From<Vec<Result<Accepted, ItemError>>> for SeveralView {
    fn from(results: Vec<Result<Accepted, ItemError>>) -> Self {
        let accepted = results.iter().filter(|result| result.is_ok()).count();
        Self {
            accepted,
            rejected: results.len() - accepted,
            results: results.into_iter().enumerate().map(ItemView::of).collect(),
        }
    }
}

impl ItemView {
    fn of((index, result): (usize, Result<Accepted, ItemError>)) -> Self {
        match result {
            Ok(accepted) => Self {
                index,
                status: ItemStatus::Accepted,
                event_id: Some(accepted.event_id.as_uuid()),
                known: Some(accepted.known),
                errors: Vec::new(),
            },
            Err(error) => Self {
                index,
                status: ItemStatus::Rejected,
                event_id: None,
                known: None,
                errors: item_errors(error),
            },
        }
    }
}

/// A frame that could not be applied.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterView {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_id: Option<Uuid>,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    buried_at: Timestamp,
    /// What is in it, if that can be read and is one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event: Option<EventView>,
    frame_bytes: usize,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.as_uuid(),
            event_id: letter.event_id.map(EventId::as_uuid),
            reason: letter.reason,
            buried_at: letter.buried_at,
            event: only_event(&letter.frame).map(EventView::from),
            frame_bytes: letter.frame.len(),
        }
    }
}

fn only_event(frame: &[u8]) -> Option<Event> {
    let mut events = EventFrame::decode(frame).ok()?.events;
    if events.len() == 1 { events.pop() } else { None }
}
