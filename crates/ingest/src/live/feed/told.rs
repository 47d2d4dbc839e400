//! An event as the console's sockets are told of it.

use domain::event::Verbatim;
use domain::ids::JobId;
use domain::message::EventSample;
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

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
    payload: Verbatim,
    /// Members that stood beside the payload; left out if they are long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    extra: Option<Verbatim>,
    /// Whether there is more of it than is told: the whole is at `/v1/events/{event_id}`.
    truncated: bool,
    /// The uploaded file that it stood in; absent if it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    job_id: Option<Uuid>,
}

impl ToldEvent {
    pub(super) fn of(sample: EventSample, job_id: Option<JobId>) -> Self {
        Self {
            event_id: sample.event_id.as_uuid(),
            event_type: sample.event_type.to_string(),
            user_id: sample.user_id.to_string(),
            device_id: sample.device_id.map(|device| device.to_string()),
            timestamp: sample.timestamp,
            received_at: sample.received_at,
            payload: sample.payload,
            extra: sample.extra,
            truncated: sample.truncated,
            job_id: job_id.map(JobId::as_uuid),
        }
    }

    pub(super) fn written_bytes(&self) -> usize {
        serde_json::to_string(self).map_or(0, |text| text.len())
    }
}
