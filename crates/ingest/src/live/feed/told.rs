//! An event as the console's sockets are told of it: what is long is cut, so that no frame is.

use domain::event::{Event, Verbatim};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// More than a line of the console shows; the whole event can be asked for.
const SHOWN_BYTES_MAX: usize = 1 << 10;

/// Something that a user did, short enough to be told to everybody who looks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveEvent)]
pub(crate) struct ToldEvent {
    event_id: Uuid,
    event_type: String,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_id: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(super) received_at: Timestamp,
    /// As it was written; of a long one the beginning, as a text.
    #[schema(value_type = serde_json::Value)]
    payload: Shown,
    /// Members that stood beside the payload; left out if they are long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    extra: Option<Verbatim>,
    /// Whether there is more of it than is told: the whole is at `/v1/events/{event_id}`.
    truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Whole(Verbatim),
    Beginning(String),
}

impl ToldEvent {
    pub(super) fn of(event: &Event) -> Self {
        let payload = Shown::of(&event.payload);
        let extra = event.extra.as_ref().filter(|extra| is_short(extra)).cloned();
        Self {
            event_id: event.event_id.as_uuid(),
            event_type: event.event_type.to_string(),
            user_id: event.user_id.to_string(),
            device_id: event.device_id.as_ref().map(ToString::to_string),
            timestamp: event.timestamp,
            received_at: event.received_at,
            truncated: matches!(payload, Shown::Beginning(_)) || extra.is_some() != event.extra.is_some(),
            payload,
            extra,
        }
    }

    pub(super) fn written_bytes(&self) -> usize {
        serde_json::to_string(self).map_or(0, |text| text.len())
    }
}

impl Shown {
    fn of(payload: &Verbatim) -> Self {
        if is_short(payload) {
            return Self::Whole(payload.clone());
        }
        let text = payload.as_str();
        Self::Beginning(text[..text.floor_char_boundary(SHOWN_BYTES_MAX)].to_owned())
    }
}

fn is_short(text: &Verbatim) -> bool {
    text.as_str().len() <= SHOWN_BYTES_MAX
}
