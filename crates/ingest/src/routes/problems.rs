//! The catalogue of problems, for people who follow the `type` of one.

use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{About, Code, Problem};
use crate::query::Query;

/// All kinds of problems.
#[derive(Serialize, ToSchema)]
pub(crate) struct Catalogue {
    items: Vec<About>,
}

/// Every kind of problem that this API answers with.
#[utoipa::path(
    tag = "service",
    operation_id = "listProblems",
    security(()),
    responses((status = 200, description = "All of them.", body = Catalogue))
)]
#[get("/problems")]
pub(crate) async fn list(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    Ok(HttpResponse::Ok().json(Catalogue {
        items: Code::ALL.map(Code::about).to_vec(),
    }))
}

/// One kind of problem: what the `type` of a problem refers to.
#[utoipa::path(
    tag = "service",
    operation_id = "getProblem",
    security(()),
    params(("code" = String, Path, description = "The `code` of a problem.", example = "not_jsonl", min_length = 1)),
    responses(
        (status = 200, description = "What it means.", body = About),
        (status = 404, description = "There is no such code."),
    )
)]
#[get("/problems/{code}")]
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let wanted = request.match_info().query("code");
    let found = Code::ALL
        .map(Code::about)
        .into_iter()
        .find(|about| about.code == wanted);
    found
        .map(|about| HttpResponse::Ok().json(about))
        .ok_or_else(|| Problem::of(Code::UnknownProblem))
}
