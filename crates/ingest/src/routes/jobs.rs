//! Jobs: what became of an uploaded file, and how it can be moved.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use domain::ids::JobId;
use domain::job::{Job, JobStatus};
use records::{Transition, Unit};

use super::parameters::{ListParams, SocketParams};
use super::tickets;
use crate::page::{Page, PageRequest};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::state::{JobPath, Shared, State};
use crate::views::JobView;
use crate::{hints, live};

const STATUS: &str = "one of queued, processing, completed, failed, cancelled";

/// One job.
#[utoipa::path(
    tag = "jobs",
    operation_id = "getJob",
    security(("key" = ["upload"]), ("key" = ["read"])),
    params(("job_id" = uuid::Uuid, Path, description = "As the upload answered it.")),
    responses(
        (status = 200, description = "Where it stands.", body = JobView),
        (status = 404, description = "There is no such job."),
    )
)]
#[get("/api/v1/jobs/{job_id}")]
pub(crate) async fn show(request: HttpRequest, path: JobPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let job = find(&state, path.0).await?;
    Ok(HttpResponse::Ok().json(job.ok_or_else(|| Problem::of(Code::UnknownJob))?))
}

pub(crate) async fn find(state: &State, id: JobId) -> Result<Option<JobView>, Problem> {
    let job = state.read(move |unit| unit.job(id)).await?;
    Ok(job.map(JobView::of))
}

/// All jobs, newest first.
#[utoipa::path(
    tag = "jobs",
    operation_id = "listJobs",
    security(("key" = ["read"])),
    params(ListParams),
    responses((status = 200, description = "A page of them.", body = Page<JobView>))
)]
#[get("/api/v1/jobs")]
pub(crate) async fn list(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(page(&state, Query::of(&request)?).await?))
}

pub(crate) async fn page(state: &State, mut query: Query) -> Result<Page<JobView>, Problem> {
    let status: Option<JobStatus> = query.take("status", STATUS, |text| text.parse().ok());
    let wanted = PageRequest::<JobId>::read(&mut query);
    query.finish()?;
    let (before, rows_max) = (wanted.from, wanted.rows_max());
    let jobs = state.read(move |unit| unit.jobs(status, before, rows_max)).await?;
    Ok(wanted.page(jobs, |job| job.id, JobView::of))
}

/// Ends a job that is queued or being processed.
///
/// What was ingested so far stays; a retry goes on from there.
#[utoipa::path(
    tag = "jobs",
    operation_id = "cancelJob",
    security(("key" = ["upload"])),
    params(("job_id" = uuid::Uuid, Path, description = "As the upload answered it.")),
    responses(
        (status = 202, description = "It is cancelled.", body = JobView),
        (status = 404, description = "There is no such job."),
        (status = 409, description = "It has ended already."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/jobs/{job_id}/cancel")]
pub(crate) async fn cancel(request: HttpRequest, path: JobPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let moved = state.change(move |unit| unit.cancel(path.0)).await?;
    let job = moved_job(moved, "cancelled")?;
    tracing::info!(job.id = %job.id, "job.cancelled");
    Ok(accepted(&state, job))
}

/// Begins a failed or cancelled job again, from its checkpoint.
#[utoipa::path(
    tag = "jobs",
    operation_id = "retryJob",
    security(("key" = ["upload"])),
    params(("job_id" = uuid::Uuid, Path, description = "As the upload answered it.")),
    responses(
        (status = 202, description = "It is queued again.", body = JobView),
        (status = 404, description = "There is no such job."),
        (status = 409, description = "It has neither failed nor was it cancelled."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/jobs/{job_id}/retry")]
pub(crate) async fn retry(request: HttpRequest, path: JobPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let (moved, chunks_left) = state.change(move |unit| retry_and_count(unit, path.0)).await?;
    let job = moved_job(moved, "retried")?;
    tracing::info!(job.id = %job.id, chunks_left, "job.retried");
    state
        .tasks
        .spawn(hints::publish(Arc::clone(&state.door.queue), job.id, chunks_left));
    Ok(accepted(&state, job))
}

fn retry_and_count(unit: &mut dyn Unit, id: JobId) -> records::Result<(Transition, u64)> {
    let moved = unit.retry(id)?;
    let chunks_left = unit.chunks_left(id)?;
    Ok((moved, chunks_left))
}

fn moved_job(moved: Transition, wish: &str) -> Result<Job, Problem> {
    match moved {
        Transition::Done(job) => Ok(*job),
        Transition::Unknown => Err(Problem::of(Code::UnknownJob)),
        Transition::Refused(status) => Err(Problem::new(
            Code::JobStateConflict,
            format!("the job is {status} and cannot be {wish}"),
        )),
    }
}

fn accepted(state: &State, job: Job) -> HttpResponse {
    hints::announce(&*state.door.live, &job.progress);
    HttpResponse::Accepted().json(JobView::of(job))
}

/// Follows a job (WebSocket).
///
/// The first frame is a snapshot, then comes progress, then one terminal frame, then the server closes with 1000; of a
/// job that has ended only the terminal frame is sent. Each frame is a text frame with a `ProgressFrame`, whose `version`
/// only grows. What the client sends is ignored.
#[utoipa::path(
    tag = "jobs",
    operation_id = "watchJob",
    security(("key" = ["upload"]), ("key" = ["read"]), ("ticket" = [])),
    params(("job_id" = uuid::Uuid, Path, description = "As the upload answered it."), SocketParams),
    responses(
        (status = 101, description = "The connection is a WebSocket now."),
        (status = 404, description = "There is no such job."),
        (status = 426, description = "The request is no WebSocket handshake."),
        (status = 503, description = "A part that is needed is away, or there are too many such sockets; try again after `Retry-After`."),
    )
)]
#[get("/ws/jobs/{job_id}")]
pub(crate) async fn watch(
    request: HttpRequest,
    path: JobPath,
    state: Shared,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    tickets::pass_over(&request)?;
    let known = state
        .read(move |unit| unit.progress(path.0))
        .await?
        .ok_or_else(|| Problem::of(Code::UnknownJob))?;
    let (response, session, messages) = actix_ws::handle(&request, body).map_err(|_| not_a_handshake())?;
    let response = state.job_sockets.seat(response)?;
    let updates = state.hub.watch(known);
    actix_web::rt::spawn(live::session::run(session, messages, updates, state.stopping.clone()));
    Ok(response)
}

pub(crate) fn not_a_handshake() -> Problem {
    Problem::of(Code::UpgradeRequired)
        .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .with_header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}
