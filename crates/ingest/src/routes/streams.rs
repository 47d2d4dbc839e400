//! Streams: which of a user's players may run, and how many.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ending, LIMIT_MAX, Started};
use utoipa::ToSchema;
use uuid::Uuid;

use super::parameters::EndStreamParams;
use crate::path::{StreamPath, UserPath};
use crate::problem::{Problem, gone, limit_reached};
use crate::query::Query;
use crate::small_body::{Members, SmallBody, id, number_to};
use crate::state::{Shared, State};
use crate::streams::{self, Wish};
use crate::views::{LimitView, StartedView, StreamsView};

/// What is to run. All of it may be left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NewStream {
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "big-buck-bunny")]
    slug: Option<String>,
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "ipad-3")]
    device: Option<String>,
    /// The client's own name of the stream: the same start again is the same stream.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    stream_id: Option<String>,
    /// The stream whose place it takes, if that one runs.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    replace: Option<String>,
}

/// What is to run under the name in the path. All of it may be left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NamedStream {
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "big-buck-bunny")]
    slug: Option<String>,
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "ipad-3")]
    device: Option<String>,
    /// The stream whose place it takes, if that one runs.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    replace: Option<String>,
}

/// How many streams a user may run at once.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NewLimit {
    #[schema(minimum = 0, maximum = 1000, example = 5)]
    limit: u32,
}

/// Starts a stream.
///
/// It runs until `expires_at` unless it is renewed: every `renew_every_seconds`, by the same start with its `stream_id`, by
/// `PUT`, or by a heartbeat with its `stream_id`. Never do more run than the limit says.
#[utoipa::path(
    tag = "streams",
    operation_id = "startStream",
    security(("key" = ["write"])),
    params(("user" = String, Path, description = "Who watches.")),
    request_body(content = Option<NewStream>, example = json!({"slug": "big-buck-bunny", "device": "ipad-3"})),
    responses(
        (status = 201, description = "It may run.", body = StartedView, example = json!({
            "stream_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "user": "u-17", "slug": "big-buck-bunny", "device": "ipad-3",
            "started_at": "2026-05-28T10:00:00.000000Z", "expires_at": "2026-05-28T10:01:00.000000Z",
            "renew_every_seconds": 20, "active": 1, "limit": 3
        })),
        (status = 200, description = "It runs already, and has its lease for longer now.", body = StartedView),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 409, description = "The limit is reached: `limit`, `active`, and the `streams` that run."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/v1/users/{user}/streams")]
pub(crate) async fn start(
    request: HttpRequest,
    user: UserPath,
    payload: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let text = body.text()?;
    let mut members = Members::of(&text)?;
    let named = members.take("stream_id", id);
    let read = |stream_id| read_wish(members, stream_id, false);
    let wish = match named {
        Some(stream_id) => read(stream_id)?,
        None => read(new_stream_id()?)?,
    };
    answer(&state, user.0, wish).await
}

/// Starts or renews a stream under the client's own name.
///
/// A stream that somebody else ended stays ended: its player learns by whom, and stops.
#[utoipa::path(
    tag = "streams",
    operation_id = "putStream",
    security(("key" = ["write"])),
    params(
        ("user" = String, Path, description = "Who watches."),
        ("stream_id" = String, Path, description = "The stream, as its client calls it."),
    ),
    request_body(content = Option<NamedStream>, example = json!({"slug": "big-buck-bunny", "device": "ipad-3"})),
    responses(
        (status = 201, description = "It may run.", body = StartedView, example = json!({
            "stream_id": "ipad-3-1", "user": "u-17", "slug": "big-buck-bunny", "device": "ipad-3",
            "started_at": "2026-05-28T10:00:00.000000Z", "expires_at": "2026-05-28T10:01:00.000000Z",
            "renew_every_seconds": 20, "active": 1, "limit": 3
        })),
        (status = 200, description = "It runs, and has its lease for longer now.", body = StartedView),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 409, description = "The limit is reached: `limit`, `active`, and the `streams` that run."),
        (status = 410, description = "Somebody else ended it: `stream_replaced` says in `replaced_by` who took its place, `stream_ended` that an operator ended it."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[put("/v1/users/{user}/streams/{stream_id}")]
pub(crate) async fn start_or_renew(
    request: HttpRequest,
    user: UserPath,
    stream: StreamPath,
    payload: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let wish = read_wish(Members::of(&body.text()?)?, stream.0, true)?;
    answer(&state, user.0, wish).await
}

fn read_wish(mut members: Members<'_>, stream_id: StreamId, may_be_renewal: bool) -> Result<Wish, Problem> {
    let wish = Wish {
        stream_id,
        slug: members.take("slug", id),
        device: members.take("device", id),
        replace: members.take("replace", id),
        may_be_renewal,
    };
    members.finish()?;
    Ok(wish)
}

fn new_stream_id() -> Result<StreamId, Problem> {
    Uuid::now_v7().to_string().parse().map_err(Problem::internal)
}

async fn answer(state: &State, user: UserId, wish: Wish) -> Result<HttpResponse, Problem> {
    let stream_id = wish.stream_id.clone();
    let (started, running) = streams::start(state, user.clone(), wish).await?;
    let mut answer = match started {
        Started::Granted => HttpResponse::Created(),
        Started::Renewed => HttpResponse::Ok(),
        Started::Denied => return Err(limit_reached(&running)),
        Started::Gone(ending) => return Err(gone(ending)),
    };
    let lease = running
        .lease(&stream_id)
        .ok_or_else(|| Problem::internal("a stream runs without a lease"))?;
    let lasts = state.door.settings.stream_lease;
    Ok(answer.json(StartedView::of(&user, lease, &running, lasts)))
}

/// Ends a stream. What does not run stays as it ended.
#[utoipa::path(
    tag = "streams",
    operation_id = "endStream",
    security(("key" = ["write"])),
    params(
        ("user" = String, Path, description = "Who watches."),
        ("stream_id" = String, Path, description = "As its start answered it."),
        EndStreamParams,
    ),
    responses(
        (status = 204, description = "It does not run (any more)."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[delete("/v1/users/{user}/streams/{stream_id}")]
pub(crate) async fn end(
    request: HttpRequest,
    user: UserPath,
    stream: StreamPath,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let by_operator = query.take("by", "operator", |text| (text == "operator").then_some(()));
    query.finish()?;
    let how = by_operator.map_or(Ending::ByItself, |()| Ending::ByOperator);
    streams::end(&state, user.0, stream.0, how).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a user runs.
#[utoipa::path(
    tag = "streams",
    operation_id = "listStreams",
    security(("key" = ["read"])),
    params(("user" = String, Path, description = "Who watches; of a user who was never seen nothing runs.")),
    responses((status = 200, description = "In the order of the starts.", body = StreamsView, example = json!({
        "user": "u-17", "active": 1, "limit": 3, "streams": [{
            "stream_id": "ipad-3-1", "slug": "big-buck-bunny", "device": "ipad-3",
            "started_at": "2026-05-28T10:00:00.000000Z", "expires_at": "2026-05-28T10:01:00.000000Z"
        }]
    })))
)]
#[get("/v1/users/{user}/streams")]
pub(crate) async fn list(request: HttpRequest, user: UserPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let running = streams::running(&state, user.0.clone()).await?;
    Ok(HttpResponse::Ok().json(StreamsView::of(&user.0, &running)))
}

/// Gives a user a limit of her own. A lower one ends nothing that runs.
#[utoipa::path(
    tag = "streams",
    operation_id = "setStreamLimit",
    security(("key" = ["admin"])),
    params(("user" = String, Path, description = "Who watches.")),
    request_body(content = NewLimit, example = json!({"limit": 5})),
    responses(
        (status = 200, description = "It holds from now on.", body = LimitView, example = json!({"user": "u-17", "limit": 5})),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[put("/v1/users/{user}/stream-limit")]
pub(crate) async fn set_limit(
    request: HttpRequest,
    user: UserPath,
    payload: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let text = body.text()?;
    let mut members = Members::of(&text)?;
    let limit = members.require("limit", number_to(LIMIT_MAX));
    members.finish()?;
    streams::set_limit(&state, user.0.clone(), limit).await?;
    Ok(HttpResponse::Ok().json(LimitView {
        user: user.0.to_string(),
        limit: limit.unwrap_or_default(),
    }))
}

/// Takes a user's own limit away; the usual one holds again.
#[utoipa::path(
    tag = "streams",
    operation_id = "dropStreamLimit",
    security(("key" = ["admin"])),
    params(("user" = String, Path, description = "Who watches.")),
    responses(
        (status = 204, description = "She has none (any more)."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[delete("/v1/users/{user}/stream-limit")]
pub(crate) async fn drop_limit(request: HttpRequest, user: UserPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    streams::set_limit(&state, user.0, None).await?;
    Ok(HttpResponse::NoContent().finish())
}
