//! The shapes that clients see of notifications, and of what the built-in receiver got.

use domain::event::Verbatim;
use domain::notification::{Body, Notification, Suppression};
use domain::time::Timestamp;
use records::ReceivedNotice;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a notification stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = NotificationState)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the words of `domain::notification::NotificationState`, for the API document"
)]
pub(crate) enum NotificationStateWord {
    Held,
    Pending,
    Delivered,
    Failed,
    Suppressed,
    Withdrawn,
}

/// Why a notification is not sent.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Suppression)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the words of `domain::notification::Suppression`, for the API document"
)]
pub(crate) enum SuppressionWord {
    Imported,
    Backlog,
}

/// A notification: what its receiver gets, and what became of it.
#[derive(ToSchema)]
#[schema(as = Notification)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NotificationSchema {
    notification_id: Uuid,
    #[schema(example = "training-completed")]
    rule: String,
    #[schema(min_length = 1, max_length = 255)]
    user_id: String,
    message: String,
    /// What the message was made of.
    #[schema(value_type = Object)]
    data: (),
    /// The event that is the reason for it.
    cause_event_id: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    state: NotificationStateWord,
    /// Of a suppressed one: `imported`, only events of a file imply it that was not uploaded with `notify=true`;
    /// `backlog`, older events waited for so long that nobody can say whether it is true.
    #[schema(required)]
    suppression: Option<SuppressionWord>,
    /// Until then it is held.
    #[schema(format = DateTime)]
    send_at: String,
    /// How often its delivery was begun.
    #[schema(minimum = 0)]
    attempts: u32,
    /// While it is pending.
    #[schema(required, format = DateTime)]
    next_try_at: Option<String>,
    #[schema(required, format = DateTime)]
    delivered_at: Option<String>,
    #[schema(required)]
    last_error: Option<String>,
}

#[derive(Debug)]
pub(crate) struct NotificationView(Notification);

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        Self(notification)
    }
}

impl Serialize for NotificationView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(flatten)]
            body: Body<'a>,
            state: &'static str,
            suppression: Option<Suppression>,
            send_at: Timestamp,
            attempts: u32,
            next_try_at: Option<Timestamp>,
            delivered_at: Option<Timestamp>,
            last_error: Option<&'a str>,
        }
        let notification = &self.0;
        let shown = Shown {
            body: Body::of(notification),
            state: notification.state.as_str(),
            suppression: notification.suppression,
            send_at: notification.send_at,
            attempts: notification.attempts,
            next_try_at: notification.next_try_at,
            delivered_at: notification.delivered_at,
            last_error: notification.last_error.as_deref(),
        };
        shown.serialize(serializer)
    }
}

/// The receiver has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Received {
    pub(crate) received: bool,
}

/// Something that the built-in receiver got.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceivedNotice)]
pub(crate) struct NoticeView {
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The header `Idempotency-Key`.
    #[schema(required)]
    idempotency_key: Option<String>,
    /// As it came.
    #[schema(value_type = Object)]
    body: Verbatim,
}

impl From<ReceivedNotice> for NoticeView {
    fn from(notice: ReceivedNotice) -> Self {
        // It was JSON when it came; a page is not lost for a row that is not.
        let body = RawValue::from_string(notice.body).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            received_at: notice.received_at,
            idempotency_key: notice.idempotency_key,
            body: body.into(),
        }
    }
}
