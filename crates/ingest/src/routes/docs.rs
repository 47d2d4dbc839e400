//! The API document, and pages that show it, without anything from elsewhere.

use std::sync::{Arc, LazyLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use utoipa_swagger_ui::Config;

use crate::openapi;
use crate::problem::{Code, Problem};
use crate::query::Query;

/// Nothing but our own files; the styles that Swagger UI writes into its elements are the one exception.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::text);

/// This document.
#[utoipa::path(
    tag = "service",
    operation_id = "openapi",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value, content_type = "application/json"))
)]
#[get("/openapi.json")]
pub(crate) async fn document(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(DOCUMENT.as_str()))
}

#[get("/docs")]
pub(crate) async fn ui_root() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

#[get("/docs/{file:.*}")]
pub(crate) async fn ui(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let config = Arc::new(Config::from("/openapi.json").try_it_out_enabled(true));
    let found = utoipa_swagger_ui::serve(&file, config).map_err(Problem::internal)?;
    let page = found.ok_or_else(|| Problem::of(Code::UnknownPath))?;
    Ok(HttpResponse::Ok()
        .content_type(page.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .body(page.bytes.into_owned()))
}
