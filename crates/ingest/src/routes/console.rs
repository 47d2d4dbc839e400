//! Pages for people: the console, and the demo that sends events from a browser.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};

use crate::console::{self, File};
use crate::problem::{Code, Problem};

/// Nothing but our own files and calls, and nothing written into the pages.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                           connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";
/// Under a name that changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_EACH_TIME: &str = "no-cache";

/// Browsers ask for pages by name; programs take whatever there is.
pub(crate) fn wants_page(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

pub(crate) fn page() -> HttpResponse {
    page_of(console::index())
}

pub(crate) fn page_of(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((header::CACHE_CONTROL, ASK_EACH_TIME))
        .insert_header((header::VARY, HeaderValue::from_static("Accept")))
        .body(text)
}

#[get("/console/{build}/{file:.*}")]
pub(crate) async fn asset(path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (build, file) = path.into_inner();
    answer(console::asset(&build, &file), FOR_EVER)
}

#[get("/demo")]
pub(crate) async fn demo_root() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/demo/"))
        .finish()
}

/// The demo's names never change: a service worker is known by its own.
#[get("/demo/{file:.*}")]
pub(crate) async fn demo(path: web::Path<String>) -> Result<HttpResponse, Problem> {
    answer(console::demo(&path), ASK_EACH_TIME)
}

fn answer(file: Option<&File>, kept: &'static str) -> Result<HttpResponse, Problem> {
    let file = file.ok_or_else(|| Problem::of(Code::UnknownPath))?;
    Ok(HttpResponse::Ok()
        .content_type(file.media_type())
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((header::CACHE_CONTROL, kept))
        .body(file.bytes().into_owned()))
}
