//! Notifications: looked at, sent again; and the built-in receiver, where they arrive unless somebody names another.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use domain::ids::{NotificationId, UserId};
use domain::notification::NotificationState;
use domain::time::Timestamp;
use records::{NotificationFilter, ReceivedNotice, Unit};

use super::parameters::{LinePageParams, NotificationParams};
use crate::events::IDEMPOTENCY_KEY;
use crate::page::{Page, PageRequest};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::small_body::{SmallBody, object};
use crate::state::{NotificationPath, Shared};
use crate::views::{NoticeView, NotificationSchema, NotificationView, Received};

const STATE: &str = "one of held, pending, delivered, failed, suppressed, withdrawn";
const USER: &str = "1 to 255 characters, none of them a control character";
const KEY_CHARS_MAX: usize = 255;

/// Takes a notification in, as anybody's receiver would: any object.
#[utoipa::path(
    tag = "notifications",
    operation_id = "receiveNotification",
    security(("key" = ["write"])),
    request_body(content = Object, example = json!({
        "notification_id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "rule": "training-completed", "user_id": "foo1",
        "message": "Congratulations on your daily training dose: 36 minutes!",
        "data": {"minutes": 36, "seconds": 2178, "program": {"id": "p-1", "title": "Legs"}},
        "cause_event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "created_at": "2026-05-28T10:36:18.000000Z"
    })),
    responses(
        (status = 202, description = "It is kept; of many only the newest are.", body = Received, example = json!({"received": true})),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/v1/notify")]
pub(crate) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let text = body.text()?;
    object(&text)?;
    let notice = ReceivedNotice {
        received_at: now(),
        idempotency_key: key_in(request.headers()),
        body: text.into_owned(),
    };
    state.change(move |unit| unit.receive(&notice)).await?;
    Ok(HttpResponse::Accepted().json(Received { received: true }))
}

/// Only shown, never judged: what is no text is no key, and nobody reads a long one.
fn key_in(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(&IDEMPOTENCY_KEY)?.to_str().ok()?;
    Some(key.chars().take(KEY_CHARS_MAX).collect())
}

/// What the built-in receiver got, newest first.
#[utoipa::path(
    tag = "notifications",
    operation_id = "listReceived",
    security(("key" = ["read"])),
    params(LinePageParams),
    responses((status = 200, description = "A page of it.", body = Page<NoticeView>, example = json!({
        "items": [{
            "received_at": "2026-05-28T10:36:23.100000Z", "idempotency_key": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57",
            "body": {"notification_id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "rule": "training-completed"}
        }],
        "next_cursor": null
    })))
)]
#[get("/v1/notify")]
pub(crate) async fn list_received(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let wanted = PageRequest::<u64>::read(&mut query);
    query.finish()?;
    // A cursor holds no more than a row can.
    let before = wanted.from.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let rows_max = wanted.rows_max();
    let notices = state.read(move |unit| unit.received(before, rows_max)).await?;
    let place = |(number, _): &(i64, ReceivedNotice)| number.unsigned_abs();
    Ok(HttpResponse::Ok().json(wanted.page(notices, place, |(_, notice)| NoticeView::from(notice))))
}

/// Notifications, newest first.
#[utoipa::path(
    tag = "notifications",
    operation_id = "listNotifications",
    security(("key" = ["read"])),
    params(NotificationParams),
    responses((status = 200, description = "A page of them.", body = Page<NotificationSchema>))
)]
#[get("/api/v1/notifications")]
pub(crate) async fn list(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let in_state: Option<NotificationState> = query.take("state", STATE, |text| text.parse().ok());
    let user_id: Option<UserId> = query.take("user_id", USER, |text| text.parse().ok());
    let wanted = PageRequest::<(Timestamp, NotificationId)>::read(&mut query);
    query.finish()?;
    let filter = NotificationFilter {
        state: in_state,
        user_id,
        before: wanted.from,
        limit: wanted.rows_max(),
    };
    let notifications = state.read(move |unit| unit.notifications(&filter)).await?;
    let page = wanted.page(
        notifications,
        |notification| (notification.created_at, notification.id),
        NotificationView::from,
    );
    Ok(HttpResponse::Ok().json(page))
}

/// One notification.
#[utoipa::path(
    tag = "notifications",
    operation_id = "getNotification",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "As the list has it.")),
    responses(
        (status = 200, description = "What it says, and what became of it.", body = NotificationSchema, example = json!({
            "notification_id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "rule": "training-completed", "user_id": "foo1",
            "message": "Congratulations on your daily training dose: 36 minutes!",
            "data": {"minutes": 36, "seconds": 2178, "program": {"id": "p-1", "title": "Legs"}},
            "cause_event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "created_at": "2026-05-28T10:36:18.000000Z",
            "state": "delivered", "suppression": null, "send_at": "2026-05-28T10:36:23.000000Z", "attempts": 1,
            "next_try_at": null, "delivered_at": "2026-05-28T10:36:23.100000Z", "last_error": null
        })),
        (status = 404, description = "There is no such notification."),
    )
)]
#[get("/api/v1/notifications/{id}")]
pub(crate) async fn show(request: HttpRequest, path: NotificationPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let notification = state.read(move |unit| unit.notification(path.0)).await?;
    let notification = notification.ok_or_else(|| Problem::of(Code::UnknownNotification))?;
    Ok(HttpResponse::Ok().json(NotificationView::from(notification)))
}

/// Sends a notification again that was delivered, has failed or was suppressed. Its key stays the same.
#[utoipa::path(
    tag = "notifications",
    operation_id = "resendNotification",
    security(("key" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "As the list has it.")),
    responses(
        (status = 202, description = "It is pending again.", body = NotificationSchema),
        (status = 404, description = "There is no such notification."),
        (status = 409, description = "It is on its way, or was withdrawn."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/notifications/{id}/resend")]
pub(crate) async fn resend(
    request: HttpRequest,
    path: NotificationPath,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let at = now();
    let resent = state.change(move |unit: &mut dyn Unit| {
        let resent = unit.resend(path.0, at)?;
        Ok(resent.zip(unit.notification(path.0)?))
    });
    let (resent, notification) = resent.await?.ok_or_else(|| Problem::of(Code::UnknownNotification))?;
    if !resent {
        let detail = format!(
            "the notification is {} and cannot be sent again",
            notification.state.as_str()
        );
        return Err(Problem::new(Code::NotificationStateConflict, detail));
    }
    tracing::info!(notification.id = %path.0, "notification.resent");
    Ok(HttpResponse::Accepted().json(NotificationView::from(notification)))
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}
