//! Events: taken in, and read back.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use domain::counts::Span;
use domain::event::EventType;
use domain::ids::{EventId, UserId};
use domain::time::Timestamp;
use records::EventFilter;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::parameters::EventParams;
use crate::events::{Taking, receive};
use crate::page::{Page, PageRequest};
use crate::problem::{Code, Problem};
use crate::query::{POINT, Query, read_point};
use crate::state::{EventPath, Shared};
use crate::views::{AcceptedView, EventView, PostedView};

/// An event as clients write it. Older names are understood too: `type`, `user`, `time`, `time_stamp`; so are the heartbeat
/// `{"user","slug","at"}` and CloudEvents 1.0.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NewEvent {
    /// A UUID is kept, any other id is made into one. The same id again is the same event.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    event_id: Option<String>,
    /// A built-in type, whose payload is checked, or any other.
    #[schema(example = "view", min_length = 1, max_length = 255)]
    event_type: String,
    #[schema(example = "u-17", min_length = 1, max_length = 255)]
    user_id: String,
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    device_id: Option<String>,
    /// When it happened: RFC 3339, `YYYY-MM-DD HH:MM:SS` in UTC, or an epoch number; else it is the time of receipt.
    #[schema(nullable = false, example = "2026-05-28T10:00:00.123456Z")]
    timestamp: Option<String>,
    /// Where there is none, the members that have no other part are the payload.
    #[schema(nullable = false, value_type = Option<Object>, example = json!({"url": "/pricing", "title": "Pricing"}))]
    payload: Option<()>,
}

/// One event, or several.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum NewEvents {
    One(NewEvent),
    Several(Vec<NewEvent>),
}

/// Takes events in, one or several, in any understood shape.
///
/// When the answer comes, every accepted event is durable. One object is answered as one; an array or one object per line
/// as several, and an invalid item costs its neighbours nothing. The media type is a hint: a body without one, or of
/// `text/plain`, `application/octet-stream` or `application/x-www-form-urlencoded`, is read as JSON too. The body may be
/// packed (`Content-Encoding: gzip` or `zstd`). The header `Idempotency-Key` names a single event that has no id of its own.
#[utoipa::path(
    tag = "events",
    operation_id = "postEvents",
    security(("key" = ["write"])),
    request_body(content(
        (NewEvents = "application/json", examples(
            ("view" = (summary = "a view", value = json!({"event_type": "view", "user_id": "u-17", "payload": {"url": "/pricing"}}))),
            ("heartbeat" = (summary = "a heartbeat of a player", value = json!({"user": "u-17", "slug": "big-buck-bunny", "at": 42.5}))),
            ("several" = (summary = "several", value = json!([
                {"event_type": "view", "user_id": "u-17", "payload": {"url": "/"}},
                {"event_type": "click", "user_id": "u-17", "timestamp": "2026-05-28T10:00:00Z", "payload": {"text": "Buy"}}
            ]))),
        )),
        (String = "application/x-ndjson", example = "{\"event_type\":\"view\",\"user_id\":\"u-17\",\"payload\":{\"url\":\"/\"}}\n"),
        (NewEvents = "application/cloudevents+json", example = json!({
            "specversion": "1.0", "type": "click", "source": "/web", "id": "1", "subject": "u-17", "data": {"text": "Buy"}
        })),
        (NewEvents = "application/cloudevents-batch+json", example = json!([{
            "specversion": "1.0", "type": "click", "source": "/web", "id": "1", "subject": "u-17", "data": {"text": "Buy"}
        }])),
    )),
    responses(
        (status = 202, description = "What became of it: of one event, or of several.", body = PostedView, examples(
            ("one" = (value = json!({"event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "status": "accepted", "known": true}))),
            ("several" = (value = json!({"accepted": 1, "rejected": 1, "results": [
                {"index": 0, "status": "accepted", "event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "known": true},
                {"index": 1, "status": "rejected", "errors": [
                    {"field": "payload.url", "code": "missing_field", "message": "is required"}
                ]}
            ]}))),
        )),
        (status = 400, description = "It cannot be read, or no event in it is valid; `errors` names what."),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body, the event, or the number of events is too large."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 503, description = "The queue did not confirm in time, or too much is under way. A single event is answered with the `event_id` it was given: sent again with it, it is the same event."),
    )
)]
#[post("/v1/events")]
pub(crate) async fn post_events(
    request: HttpRequest,
    body: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    accept_any(request, body, state).await
}

/// The same as `POST /v1/events`.
#[utoipa::path(
    tag = "events",
    operation_id = "postEvent",
    security(("key" = ["write"])),
    request_body(content = NewEvents, example = json!({"user": "u-17", "slug": "big-buck-bunny", "at": 42.5})),
    responses(
        (status = 202, description = "What became of it.", body = PostedView,
            example = json!({"event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "status": "accepted", "known": true})),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body, the event, or the number of events is too large."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
    )
)]
#[post("/v1/event")]
pub(crate) async fn post_event(
    request: HttpRequest,
    body: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    accept_any(request, body, state).await
}

/// The same as `POST /v1/events`.
#[utoipa::path(
    tag = "events",
    operation_id = "postToRoot",
    security(("key" = ["write"])),
    request_body(content = NewEvents, example = json!({"user": "u-17", "slug": "big-buck-bunny", "at": 42.5})),
    responses(
        (status = 202, description = "What became of it.", body = PostedView,
            example = json!({"event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "status": "accepted", "known": true})),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body, the event, or the number of events is too large."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
    )
)]
#[post("/")]
pub(crate) async fn post_to_root(
    request: HttpRequest,
    body: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    accept_any(request, body, state).await
}

async fn accept_any(request: HttpRequest, body: web::Payload, state: Shared) -> Result<HttpResponse, Problem> {
    let posted = receive(&state, &request, body, Taking::Any).await?;
    Ok(HttpResponse::Accepted().json(posted))
}

/// An event of the analytics shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NewAnalyticsEvent {
    #[schema(example = "u-17", min_length = 1, max_length = 255)]
    user_id: String,
    #[schema(inline)]
    event_type: AnalyticsType,
    /// `view` needs `url`, `location` needs `latitude` and `longitude`.
    #[schema(value_type = Object, example = json!({"url": "/pricing", "title": "Pricing"}))]
    payload: (),
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the words of `domain::intake::analytics::TYPES`, for the API document"
)]
pub(crate) enum AnalyticsType {
    View,
    Click,
    Location,
}

/// Takes one event of the analytics shape, strictly.
///
/// The server makes `event_id` and `timestamp`; what the body says under these names is ignored. A CloudEvent of these
/// types is taken too, with its own id and time.
#[utoipa::path(
    tag = "events",
    operation_id = "postAnalyticsEvent",
    security(("key" = ["write"])),
    request_body(content(
        (NewAnalyticsEvent = "application/json", example = json!({"user_id": "u-17", "event_type": "view", "payload": {"url": "/pricing"}})),
        (NewAnalyticsEvent = "application/cloudevents+json", example = json!({
            "specversion": "1.0", "type": "click", "source": "/web", "id": "1", "data": {"user_id": "u-17", "text": "Buy"}
        })),
    )),
    responses(
        (status = 202, description = "It is durable.", body = AcceptedView,
            example = json!({"event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "status": "accepted", "known": true})),
        (status = 400, description = "It cannot be read or is not valid; `errors` names what."),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body or the event is too large."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 503, description = "The queue did not confirm in time, or too much is under way. The answer names the `event_id` that the event was given."),
    )
)]
#[post("/events")]
pub(crate) async fn post_analytics_event(
    request: HttpRequest,
    body: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    let posted = receive(&state, &request, body, Taking::Analytics).await?;
    Ok(HttpResponse::Accepted().json(posted))
}

/// One event.
#[utoipa::path(
    tag = "events",
    operation_id = "getEvent",
    security(("key" = ["read"])),
    params(("event_id" = uuid::Uuid, Path, description = "As the answer to its post has it.")),
    responses(
        (status = 200, description = "As it is stored.", body = EventView, example = json!({
            "event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "event_type": "view", "user_id": "u-17", "device_id": "ipad-3",
            "timestamp": "2026-05-28T10:00:00.123456Z", "received_at": "2026-05-28T10:00:00.321000Z",
            "payload": {"url": "/pricing", "title": "Pricing"}
        })),
        (status = 404, description = "There is no such event."),
    )
)]
#[get("/v1/events/{event_id}")]
pub(crate) async fn show(request: HttpRequest, path: EventPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let event = state.read_applied(move |unit| unit.event(path.0)).await?;
    let event = event.ok_or_else(|| Problem::of(Code::UnknownEvent))?;
    Ok(HttpResponse::Ok().json(EventView::from(event)))
}

/// Events, newest first: by when they happened.
#[utoipa::path(
    tag = "events",
    operation_id = "listEvents",
    security(("key" = ["read"])),
    params(EventParams),
    responses((status = 200, description = "A page of them.", body = Page<EventView>, example = json!({
        "items": [{
            "event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "event_type": "view", "user_id": "u-17",
            "timestamp": "2026-05-28T10:00:00.123456Z", "received_at": "2026-05-28T10:00:00.321000Z",
            "payload": {"url": "/pricing", "title": "Pricing"}
        }],
        "next_cursor": null
    })))
)]
#[get("/v1/events")]
pub(crate) async fn list(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let search = Search::read(&mut query);
    let wanted = PageRequest::<(Timestamp, EventId)>::read(&mut query);
    query.finish()?;
    let filter = search.filter(wanted.from, wanted.rows_max());
    let events = state.read_applied(move |unit| unit.events(&filter)).await?;
    Ok(HttpResponse::Ok().json(wanted.page(events, |event| (event.timestamp, event.event_id), EventView::from)))
}

#[derive(Debug, Validate)]
#[validate(schema(function = "in_order", skip_on_field_errors = false))]
struct Search {
    user_id: Option<UserId>,
    event_type: Option<EventType>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

fn in_order(search: &Search) -> Result<(), ValidationError> {
    super::in_order(search.start, search.end)
}

impl Search {
    fn read(query: &mut Query) -> Self {
        const ID: &str = "1 to 255 characters, none of them a control character";
        let search = Self {
            user_id: query.take("user_id", ID, |text| text.parse().ok()),
            event_type: query.take("event_type", ID, |text| text.parse().ok()),
            start: query.take("start", POINT, read_point),
            end: query.take("end", POINT, read_point),
        };
        query.check(&search);
        search
    }

    fn filter(self, before: Option<(Timestamp, EventId)>, limit: u32) -> EventFilter {
        EventFilter {
            user_id: self.user_id,
            event_type: self.event_type,
            span: Span {
                start: self.start,
                end: self.end,
            },
            before,
            limit,
        }
    }
}
