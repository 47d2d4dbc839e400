//! Who may call at all: the host names we answer for, the origins whose pages may call, and their preflights.

use std::net::{IpAddr, SocketAddr};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use crate::problem::{Code, Problem};
use crate::settings::Settings;

/// Containers on the same machine call their host by this name.
const CONTAINER_HOST: &str = "host.docker.internal";
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
/// What machines look at; it holds nothing of the users.
const OPEN_WITHOUT_KEY: [&str; 2] = ["/livez", "/readyz"];

#[derive(Debug)]
pub(crate) struct Gate {
    loopback: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
    keys_required: bool,
}

impl Gate {
    pub(crate) fn new(settings: &Settings, bound: SocketAddr) -> Self {
        let loopback = bound.ip().is_loopback();
        let hosts = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
        let origins = settings
            .cors_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Self {
            loopback,
            hosts: hosts.collect(),
            origins,
            keys_required: settings.keys_required,
        }
    }

    /// A name that somebody else's name server made up for our address is not ours. An address is nobody's name, so
    /// where we are meant to be reached from elsewhere any address will do: health checks know us by no other.
    fn admits_host(&self, host: &str) -> bool {
        let name = host_name(host);
        let by_address = !self.loopback && name.parse::<IpAddr>().is_ok();
        by_address || is_loopback_name(&name) || name == CONTAINER_HOST || self.hosts.contains(&name)
    }

    /// A page may call if it is ours, if it was allowed, or if all of this is on one machine.
    fn admits_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.iter().any(|known| known == "*" || *known == origin) {
            return true;
        }
        let Some((_, origin_host)) = origin.split_once("://") else {
            return false;
        };
        let own = host.is_some_and(|host| host.eq_ignore_ascii_case(origin_host));
        own || (self.loopback && is_loopback_name(&host_name(origin_host)))
    }
}

/// Without port, brackets, trailing dot and capitals.
fn host_name(host: &str) -> String {
    let host = host.trim();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
    } else if gate.lacks_key(&request) {
        request.into_response(key_required().into_response())
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
        if host.is_some_and(|host| !self.admits_host(host)) {
            return Some(Problem::of(Code::HostNotAllowed));
        }
        let acts =
            !matches!(*request.method(), Method::GET | Method::HEAD) || request.headers().contains_key(header::UPGRADE);
        let foreign = request.headers().contains_key(header::ORIGIN) && self.admitted_origin(request).is_none();
        (acts && foreign).then(|| Problem::of(Code::OriginNotAllowed))
    }

    fn lacks_key(&self, request: &ServiceRequest) -> bool {
        self.keys_required && !OPEN_WITHOUT_KEY.contains(&request.path())
    }

    fn admitted_origin(&self, request: &ServiceRequest) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let name = origin.to_str().ok()?;
        let admitted = self.admits_origin(name, text_of(request, &header::HOST))
            || (self.loopback && name == NO_ORIGIN && needs_no_origin(request));
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

fn key_required() -> Problem {
    Problem::of(Code::KeyRequired).with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(bound: &str, hosts: &[&str], origins: &[&str]) -> Gate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let settings = Settings {
            allowed_hosts: owned(hosts),
            cors_origins: owned(origins),
            ..Settings::default()
        };
        Gate::new(&settings, bound.parse().unwrap())
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_answered() {
        let gate = gate("127.0.0.1:8000", &["Box.Example"], &[]);
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "a.localhost",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8000",
            "localhost.",
            "box.example:80",
        ] {
            assert!(gate.admits_host(host), "{host}");
        }
        assert!(gate.admits_host("host.docker.internal:8000"));
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:8000",
            "",
            "127.0.0.1.evil.example",
            "[::2]",
        ] {
            assert!(!gate.admits_host(host), "{host}");
        }
    }

    #[test]
    fn elsewhere_names_need_a_list_and_addresses_do_not() {
        let without_list = gate("0.0.0.0:8000", &[], &[]);
        for host in [
            "10.0.0.7:8000",
            "[2001:db8::7]:8000",
            "localhost:8000",
            "host.docker.internal",
        ] {
            assert!(without_list.admits_host(host), "{host}");
        }
        assert!(!without_list.admits_host("any.example"));
        assert!(gate("0.0.0.0:8000", &["one.example"], &[]).admits_host("10.0.0.7"));
        assert!(!gate("0.0.0.0:8000", &["one.example"], &[]).admits_host("any.example"));
        assert!(gate("0.0.0.0:8000", &["one.example"], &[]).admits_host("localhost"));
    }

    #[test]
    fn origins_are_ours_allowed_or_local() {
        let local = gate("127.0.0.1:8000", &[], &[]);
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"] {
            assert!(local.admits_origin(origin, Some("localhost:8000")), "{origin}");
        }
        for origin in [
            "http://evil.example",
            "http://localhost.evil.example",
            "",
            "file",
            "null",
        ] {
            assert!(!local.admits_origin(origin, Some("localhost:8000")), "{origin}");
        }
        let public = gate("0.0.0.0:8000", &[], &["https://App.example/"]);
        assert!(public.admits_origin("https://app.example", None));
        assert!(public.admits_origin("https://self.example:8000", Some("self.example:8000")));
        for origin in ["http://localhost", "http://app.example"] {
            assert!(!public.admits_origin(origin, Some("self.example:8000")), "{origin}");
        }
    }
}
