//! The API document: collected from the routes that are served, completed with what holds for all of them.

use actix_web::App;
use utoipa::OpenApi;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa_actix_web::AppExt;

use crate::live::feed::LiveFrame;
use crate::problem::{self, ProblemBody};
use crate::routes;
use crate::views::FrameView;

const PROBLEM_SCHEMA: &str = "Problem";

/// How operations name what opens them; the gate goes by it.
pub(crate) const KEY_SCHEME: &str = "key";
pub(crate) const TICKET_SCHEME: &str = "ticket";

const KEY_WORDS: &str = "An API key, also taken as `X-Api-Key: <key>`. Where the server requires keys, an operation needs one of a kind that \
                         it names: `write` (events and streams), `upload` (files and their jobs), `read`; `admin` may do everything, \
                         and alone what names no kind.";
const TICKET_WORDS: &str = "A ticket of `POST /api/v1/tickets`: for one socket, once, within a minute.";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Event Horizon",
        description = "What people do in an app and what the app writes about itself: taken in, kept, answered for.\n\n\
                       Every answer carries `x-request-id`. Every error is `application/problem+json` with a `code` \
                       from the list at `/problems`. \
                       Lists come in pages: follow `next_cursor` until it is null.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "events", description = "What users do: posted, and read back."),
        (name = "watch time", description = "How long what was watched, by whom, and where to go on."),
        (name = "streams", description = "Which players of a user may run at once."),
        (name = "analytics", description = "How often what happened."),
        (name = "graphql", description = "Several answers in one request."),
        (name = "dead letters", description = "What could not be applied."),
        (name = "files", description = "Files on their way in."),
        (name = "jobs", description = "The work on an uploaded file."),
        (name = "logs", description = "What was read out of the files."),
        (name = "notifications", description = "What users are told, and whether it has arrived."),
        (name = "rules", description = "What must have happened for a user to be told something."),
        (name = "keys", description = "Coming in."),
        (name = "service", description = "About the server itself."),
    ),
    components(schemas(ProblemBody, FrameView, LiveFrame)),
)]
struct Base;

/// The document of everything that is served.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, collected) = App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(routes::configure)
        .split_for_parts();
    complete(collected)
}

/// The same as text, indented.
pub(crate) fn text() -> String {
    openapi().to_pretty_json().unwrap_or_default() + "\n"
}

/// What every operation can answer: bad parameters, no key, a foreign host, a defect of ours, an outage.
const EVERYWHERE: [(&str, &str); 5] = [
    ("400", "A parameter or the request is malformed; `errors` names what."),
    ("401", "This server needs a key, or the one that was shown is not good."),
    (
        "403",
        "The host name or the origin is not allowed, or the key may not do this.",
    ),
    ("500", "A defect; the log has the cause."),
    ("503", "A part that is needed is away; try again after `Retry-After`."),
];

fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        operations.into_iter().flatten().for_each(complete_operation);
    }
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(KEY_SCHEME, key_scheme());
    components.add_security_scheme(TICKET_SCHEME, ticket_scheme());
    document
}

fn key_scheme() -> SecurityScheme {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let scheme = scheme.bearer_format("eh_<kind>_<id>_<secret>");
    SecurityScheme::Http(scheme.description(Some(KEY_WORDS)).build())
}

fn ticket_scheme() -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(
        TICKET_SCHEME,
        TICKET_WORDS,
    )))
}

fn complete_operation(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, words) in EVERYWHERE {
        let absent = || RefOr::T(ResponseBuilder::new().description(words).build());
        responses.entry(status.to_owned()).or_insert_with(absent);
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            complete_response(status, response);
        }
    }
}

/// Errors without a body of their own have the one shape.
fn complete_response(status: &str, response: &mut Response) {
    if status.starts_with(['4', '5']) && response.content.is_empty() {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(PROBLEM_SCHEMA)))
            .build();
        response
            .content
            .insert(problem::MEDIA_TYPE.to_owned(), RefOr::T(content));
    }
    if matches!(status, "503" | "507") {
        response.headers.insert(
            "Retry-After".to_owned(),
            header_of(Type::Integer, "When to try again, in seconds."),
        );
    }
    response.headers.insert(
        "x-request-id".to_owned(),
        header_of(Type::String, "The id of the request, as it stands in the log."),
    );
}

fn header_of(kind: Type, words: &str) -> RefOr<Header> {
    let mut header = Header::new(Object::with_type(kind));
    header.description = Some(words.to_owned());
    RefOr::T(header)
}
