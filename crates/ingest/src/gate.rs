//! Who may call at all: by which host name, from which pages, with which key; and the preflights of pages.

mod callers;
mod keys;
mod lookup;
mod memory;
mod needs;
mod shown;

use std::net::SocketAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use self::callers::Callers;
pub(crate) use self::keys::{KeyInUse, Keys};
use crate::problem::{Code, Problem};
use crate::settings::Settings;

const PREFLIGHT_SECONDS: &str = "600";
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const EXPOSED: &str = "x-request-id, location, retry-after";
const HEADERS_DEFAULT: HeaderValue = HeaderValue::from_static(
    "content-type, content-encoding, authorization, x-api-key, x-request-id, idempotency-key, \
     ce-specversion, ce-type, ce-source, ce-id, ce-time, ce-subject",
);
const ASKS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOWS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
/// What a page without an origin may do, one that was opened as a file or one in a sandbox: hand in events. Any site can
/// make such a page, so it may neither read nor change anything.
const OPEN_WITHOUT_ORIGIN: [&str; 4] = ["/", "/events", "/v1/event", "/v1/events"];
/// Of the sockets only those that show no more than one job whose id has to be known.
const JOB_SOCKETS: &str = "/ws/jobs/";
const NO_ORIGIN: &str = "null";

#[derive(Debug)]
pub(crate) struct Gate {
    callers: Callers,
    /// `None`: nobody is asked for one.
    keys: Option<Keys>,
}

impl Gate {
    pub(crate) fn new(settings: &Settings, bound: SocketAddr, keys: Option<Keys>) -> Self {
        Self {
            callers: Callers::new(settings, bound),
            keys,
        }
    }
}

pub(crate) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(gate) = request.app_data::<web::Data<Gate>>().cloned() else {
        return Ok(request.into_response(Problem::internal("no gate").into_response()));
    };
    if let Some(refused) = gate.refusal(&request) {
        return Ok(request.into_response(refused.into_response()));
    }
    let origin = gate.admitted_origin(&request);
    let mut answered = if origin.is_some() && is_preflight(&request) {
        // A browser asks first without its key.
        let response = preflight(&request);
        request.into_response(response)
    } else if let Err(refused) = gate.check_key(&request).await {
        request.into_response(refused.into_response())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    if let Some(origin) = origin {
        share(answered.response_mut(), origin);
    }
    Ok(answered)
}

impl Gate {
    fn refusal(&self, request: &ServiceRequest) -> Option<Problem> {
        let host = text_of(request, &header::HOST);
        if host.is_some_and(|host| !self.callers.admits_host(host)) {
            return Some(Problem::of(Code::HostNotAllowed));
        }
        let acts =
            !matches!(*request.method(), Method::GET | Method::HEAD) || request.headers().contains_key(header::UPGRADE);
        let foreign = request.headers().contains_key(header::ORIGIN) && self.admitted_origin(request).is_none();
        (acts && foreign).then(|| Problem::of(Code::OriginNotAllowed))
    }

    async fn check_key(&self, request: &ServiceRequest) -> Result<(), Problem> {
        match &self.keys {
            Some(keys) => keys.check(request).await,
            None => Ok(()),
        }
    }

    fn admitted_origin(&self, request: &ServiceRequest) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let name = origin.to_str().ok()?;
        let admitted = self.callers.admits_origin(name, text_of(request, &header::HOST))
            || (self.callers.loopback && name == NO_ORIGIN && needs_no_origin(request));
        admitted.then(|| origin.clone())
    }
}

/// Posting events, asking whether that is allowed, and watching a job whose id one knows.
fn needs_no_origin(request: &ServiceRequest) -> bool {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let posts = request.method() == Method::POST || asked.is_some_and(|method| method == "POST");
    let posts_events = posts && OPEN_WITHOUT_ORIGIN.contains(&request.path());
    let watches_a_job = request.headers().contains_key(header::UPGRADE) && request.path().starts_with(JOB_SOCKETS);
    posts_events || watches_a_job
}

fn text_of<'r>(request: &'r ServiceRequest, name: &HeaderName) -> Option<&'r str> {
    // What is no text is no name that we know either.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(request: &ServiceRequest) -> HttpResponse {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HEADERS_DEFAULT)))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS));
    if request.headers().contains_key(ASKS_PRIVATE_NETWORK) {
        response.insert_header((ALLOWS_PRIVATE_NETWORK, "true"));
    }
    response.finish()
}

/// Lets the page of this origin read the answer.
fn share(response: &mut HttpResponse, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
