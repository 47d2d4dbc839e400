//! GraphQL: one address for queries, and a page to try them on.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use async_graphql::Variables;
use domain::json::Raw;
use utoipa::ToSchema;

use super::console;
use crate::console::graphql_page;
use crate::graphql::Asked;
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::small_body::{Members, SmallBody};
use crate::state::Shared;

const QUERY: &str = "query";

/// A query.
#[derive(ToSchema)]
#[schema(as = GraphqlQuery)]
#[expect(dead_code, reason = "for the API document; `read` reads it")]
pub(crate) struct QueryBody {
    #[schema(max_length = 16384, example = "{ eventCounts { totalEvents } }")]
    query: String,
    /// The values of its variables.
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// Which of its operations, if there are several.
    operation_name: Option<String>,
    /// Passed over.
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What was found.
#[derive(ToSchema)]
#[schema(as = GraphqlAnswer)]
#[expect(dead_code, reason = "for the API document")]
pub(crate) struct AnswerBody {
    /// Under the names of the fields; a field that failed is null, and so is all of a query that was not run.
    #[schema(required)]
    data: Option<serde_json::Map<String, serde_json::Value>>,
    /// What failed; absent if nothing did. `extensions.code` is a code from `/problems`.
    errors: Option<Vec<serde_json::Value>>,
}

/// Answers a GraphQL query.
///
/// As the protocol has it, a query that is malformed, unknown to the schema or too large is a 200 with `errors` too.
/// One request takes one query, of up to 16 KiB, 300 fields and 10 fields in each other.
#[utoipa::path(
    tag = "graphql",
    operation_id = "askGraphql",
    security(("key" = ["read"])),
    request_body(content = QueryBody, description = "One query.", example = json!({
        "query": "query ($id: ID!) { job(jobId: $id) { status } }",
        "variables": {"id": "01978b2e-0000-7000-8000-000000000001"},
    })),
    responses(
        (status = 200, description = "What was found, and what failed.", body = AnswerBody, example = json!({
            "data": {"job": {"status": "completed"}}
        })),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
    )
)]
#[post("/graphql")]
pub(crate) async fn ask(request: HttpRequest, payload: web::Payload, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let asked = read(&body.text()?)?;
    let answer = state.graphql.answer(asked, state.clone()).await;
    Ok(HttpResponse::Ok().json(answer))
}

fn read(text: &str) -> Result<Asked, Problem> {
    if text.starts_with('[') {
        return Err(Problem::new(
            Code::NotAnObject,
            "one request takes one query, not a list of them",
        ));
    }
    let mut members = Members::of(text)?;
    let query = members.require(QUERY, string);
    let operation_name = members.take("operationName", string);
    let variables = members.take("variables", variables);
    members.take("extensions", |_| Ok(()));
    members.finish()?;
    Ok(Asked {
        query: query.unwrap_or_default(),
        variables: variables.unwrap_or_default(),
        operation_name,
    })
}

fn string(raw: Raw<'_>) -> Result<String, String> {
    serde_json::from_str(raw.get()).map_err(|_| "must be a string".to_owned())
}

fn variables(raw: Raw<'_>) -> Result<Variables, String> {
    let variables: Option<serde_json::Map<_, _>> = serde_json::from_str(raw.get()).ok();
    let variables = variables.ok_or_else(|| "must be an object".to_owned())?;
    Ok(Variables::from_json(variables.into()))
}

/// The schema; to browsers, a page to try queries on.
#[utoipa::path(
    tag = "graphql",
    operation_id = "showGraphql",
    security(()),
    responses((
        status = 200, description = "The schema in its own language; to browsers, the page.",
        content((String = "text/plain"), (String = "text/html")),
    ))
)]
#[get("/graphql")]
pub(crate) async fn show(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut parameters = Query::of(&request)?;
    parameters.take(QUERY, "sent in the body of a POST: an address takes no query", refuse);
    parameters.finish()?;
    if console::wants_page(&request) {
        return Ok(console::page_of(graphql_page()));
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::VARY, "Accept"))
        .body(state.graphql.text()))
}

fn refuse(_: &str) -> Option<()> {
    None
}
