//! What machines ask: whether the process lives, whether it can work, and its figures; and the first page.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::console;
use crate::gauges;
use crate::problem::Problem;
use crate::query::Query;
use crate::readiness::Report;
use crate::serve::Service;
use crate::state::Shared;

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    #[schema(value_type = String, example = "alive")]
    status: &'static str,
}

/// Whether the process lives; it asks nobody else.
#[utoipa::path(
    tag = "service",
    operation_id = "livez",
    security(()),
    responses((status = 200, description = "It does.", body = Alive))
)]
#[get("/livez")]
pub(crate) async fn livez(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    Ok(HttpResponse::Ok().json(Alive { status: "alive" }))
}

/// Whether the process can do its main work, and how its parts do.
///
/// Degraded is still 200 as long as events can be taken.
#[utoipa::path(
    tag = "service",
    operation_id = "readyz",
    security(()),
    responses(
        (status = 200, description = "It can work.", body = Report),
        (status = 503, description = "It cannot, or is on its way out.", body = Report),
    )
)]
#[get("/readyz")]
pub(crate) async fn readyz(request: HttpRequest, service: Service) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let report = service.readiness.report().await;
    let mut answer = if report.can_work {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    if !report.can_work {
        answer.insert_header((header::RETRY_AFTER, "5"));
    }
    Ok(answer.json(report))
}

/// Figures for Prometheus.
#[utoipa::path(
    tag = "service",
    operation_id = "metrics",
    security(("key" = ["read"])),
    responses((status = 200, description = "In the text format.", body = String, content_type = "text/plain"))
)]
#[get("/metrics")]
pub(crate) async fn metrics(request: HttpRequest, service: Service) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    gauges::refresh(service.readiness.parts(), &service.storage).await;
    Ok(HttpResponse::Ok().content_type(METRICS_TYPE).body((service.metrics)()))
}

/// Where to go from here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Index {
    #[schema(value_type = String)]
    name: &'static str,
    version: String,
    mode: String,
    links: IndexLinks,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IndexLinks)]
pub(crate) struct IndexLinks {
    #[schema(value_type = String)]
    docs: &'static str,
    #[schema(value_type = String)]
    openapi: &'static str,
    #[schema(value_type = String)]
    events: &'static str,
    #[schema(value_type = String)]
    movies: &'static str,
    #[schema(value_type = String)]
    dead_letters: &'static str,
    #[schema(value_type = String)]
    jobs: &'static str,
    #[schema(value_type = String)]
    logs: &'static str,
    #[schema(value_type = String)]
    notifications: &'static str,
    #[schema(value_type = String)]
    rules: &'static str,
    #[schema(value_type = String)]
    problems: &'static str,
    #[schema(value_type = String)]
    system: &'static str,
    #[schema(value_type = String)]
    demo: &'static str,
}

const LINKS: IndexLinks = IndexLinks {
    docs: "/docs/",
    openapi: "/openapi.json",
    events: "/v1/events",
    movies: "/v1/movies",
    dead_letters: "/api/v1/dead-letters",
    jobs: "/api/v1/jobs",
    logs: "/api/v1/logs",
    notifications: "/api/v1/notifications",
    rules: "/api/v1/rules",
    problems: "/problems",
    system: "/api/v1/system",
    demo: "/demo/",
};

/// What this is, and where its resources are.
#[utoipa::path(
    tag = "service",
    operation_id = "index",
    security(()),
    responses((
        status = 200, description = "Its name and links; to browsers, the console.",
        content((Index = "application/json"), (String = "text/html")),
    ))
)]
#[get("/")]
pub(crate) async fn index(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    if console::wants_page(&request) {
        return Ok(console::page());
    }
    Query::none(&request)?;
    let settings = &state.door.settings;
    let (version, mode) = (settings.version.clone(), settings.mode.clone());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::VARY, "Accept"));
    Ok(answer.json(Index {
        name: "Event Horizon",
        version,
        mode,
        links: LINKS,
    }))
}
