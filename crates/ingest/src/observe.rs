//! What happens to every request: an id, one log line, its metrics; and one shape for every error, a panic included.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use domain::api_key::KeyId;
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use crate::gate::KeyInUse;
use crate::problem::{self, Code, Problem};
use crate::stopping::Stopping;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_CHARS_MAX: usize = 128;
/// The path of a request, as far as the log keeps it.
const LOGGED_PATH_CHARS_MAX: usize = 512;
/// Probes come every few seconds: their lines are for those who look for them.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The id of the request at hand.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// As it was given to this request on its way in.
    pub(crate) fn of(request: &HttpRequest) -> String {
        request
            .extensions()
            .get::<Self>()
            .map_or_else(String::new, |id| id.0.clone())
    }

    /// The client's own if it can be shown, else a new one.
    fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
        let usable =
            |id: &&str| (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        Self(
            given
                .filter(usable)
                .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
        )
    }
}

/// What is known of a request when it arrives and needed when it is answered.
struct Arrival {
    id: RequestId,
    method: Method,
    path: String,
    at: Instant,
    stopping: bool,
}

pub(crate) async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let arrival = Arrival::of(&request);
    request.extensions_mut().insert(arrival.id.clone());
    answer_head_like_get(&mut request);
    let span = tracing::info_span!("request", request.id = %arrival.id.0);
    let outcome = AssertUnwindSafe(next.call(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let _entered = span.entered();
    match outcome {
        Ok(Ok(answered)) => {
            let route = answered.request().match_pattern();
            let (request, response) = answered.map_into_boxed_body().into_parts();
            let key = request.extensions().get::<KeyInUse>().map(|key| key.id);
            let response = arrival.finish(response, route.as_deref(), key);
            Ok(ServiceResponse::new(request, response))
        }
        Ok(Err(error)) => Err(arrival.fail(Problem::internal(error))),
        Err(panic) => Err(arrival.fail(Problem::internal(format!("panic: {}", words_of(&*panic))))),
    }
}

/// Whoever answers GET answers HEAD; the server leaves the body out by itself.
fn answer_head_like_get(request: &mut ServiceRequest) {
    if request.method() == Method::HEAD && !request.headers().contains_key(header::UPGRADE) {
        request.head_mut().method = Method::GET;
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

impl Arrival {
    fn of(request: &ServiceRequest) -> Self {
        let stopping = request
            .app_data::<web::Data<Stopping>>()
            .is_some_and(|stopping| stopping.has_begun());
        Self {
            id: RequestId::from_headers(request.headers()),
            method: request.method().clone(),
            path: request.path().chars().take(LOGGED_PATH_CHARS_MAX).collect(),
            at: Instant::now(),
            stopping,
        }
    }

    /// For answers that have lost their request: the framework sends what the error holds.
    fn fail(&self, problem: Problem) -> actix_web::Error {
        let words = problem.to_string();
        InternalError::from_response(words, self.finish(problem.into_response(), None, None)).into()
    }

    fn finish(&self, response: HttpResponse, route: Option<&str>, key: Option<KeyId>) -> HttpResponse {
        let mut response = self.in_one_shape(response);
        self.add_headers(&mut response);
        self.measure(response.status(), route.unwrap_or("unmatched"));
        self.log(&response, key);
        response
    }

    /// Errors that the framework made by itself get our shape too.
    fn in_one_shape(&self, mut response: HttpResponse) -> HttpResponse {
        let ours = response.extensions_mut().remove::<Problem>();
        match ours.or_else(|| foreign_problem(&response)) {
            Some(problem) => self.render(response, &problem),
            None => response,
        }
    }

    fn render(&self, mut response: HttpResponse, problem: &Problem) -> HttpResponse {
        if let Some(cause) = problem.cause() {
            tracing::error!(request.id = %self.id.0, code = problem.code().about().code, cause, "http.failed");
        }
        let body = serde_json::to_vec(&problem.body(&self.id.0)).unwrap_or_default();
        *response.status_mut() = problem.status();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.set_body(BoxBody::new(body))
    }

    fn add_headers(&self, response: &mut HttpResponse) {
        let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.id.0) {
            headers.insert(REQUEST_ID, id);
        }
        let defaults = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ];
        for (name, value) in defaults {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        if self.stopping && !upgraded {
            response
                .head_mut()
                .set_connection_type(actix_web::http::ConnectionType::Close);
        }
    }

    fn measure(&self, status: StatusCode, route: &str) {
        let (method, route) = (label_of(&self.method), route.to_owned());
        let labels = [
            ("method", method.to_owned()),
            ("route", route.clone()),
            ("status", status.as_str().to_owned()),
        ];
        metrics::counter!("eh_http_requests_total", &labels).increment(1);
        metrics::histogram!("eh_http_request_seconds", "method" => method, "route" => route).record(self.at.elapsed());
    }

    fn log(&self, response: &HttpResponse, key: Option<KeyId>) {
        let duration_ms = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let bytes = match response.body().size() {
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::None => Some(0),
            BodySize::Stream => None,
        };
        let (method, path, status, id) = (
            self.method.as_str(),
            self.path.as_str(),
            response.status().as_u16(),
            &self.id.0,
        );
        let key = key.map(tracing::field::display);
        if PROBES.contains(&path) {
            tracing::debug!(method, path, status, duration_ms, bytes, request.id = %id, key.id = key, "http.request");
        } else {
            tracing::info!(method, path, status, duration_ms, bytes, request.id = %id, key.id = key, "http.request");
        }
    }
}

/// A resource may answer an error status with JSON of its own, as readiness does; all else comes from the framework.
fn foreign_problem(response: &HttpResponse) -> Option<Problem> {
    let status = response.status();
    let own = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media| media == "application/json");
    if own || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let code = Code::of_status(status.as_u16());
    Some(match response.error() {
        Some(error) if status.is_client_error() => Problem::new(code, error.to_string()),
        Some(error) => Problem::of(code).because(error),
        None => Problem::of(code),
    })
}

/// Clients may invent methods; labels are a closed list.
fn label_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use actix_web::body::to_bytes;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test as calls};

    use super::*;

    fn id_for(given: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static(given));
        RequestId::from_headers(&headers).0
    }

    async fn broken() -> HttpResponse {
        panic!("a secret")
    }

    async fn refused_by_the_framework() -> Result<HttpResponse, actix_web::Error> {
        Err(actix_web::error::ErrorPayloadTooLarge("too much"))
    }

    async fn answer_of(path: &str) -> (StatusCode, serde_json::Value) {
        let app = App::new()
            .route("/broken", web::get().to(broken))
            .route("/refused", web::get().to(refused_by_the_framework))
            .wrap(from_fn(observe));
        let app = calls::init_service(app).await;
        let request = calls::TestRequest::get()
            .uri(path)
            .insert_header((REQUEST_ID, "mine"))
            .to_request();
        let response = match calls::try_call_service(&app, request).await {
            Ok(answered) => answered.into_parts().1,
            Err(error) => error.error_response(),
        };
        assert_eq!(response.headers().get(REQUEST_ID).unwrap(), "mine");
        assert_eq!(
            response.headers().get(header::CONTENT_TYPE).unwrap(),
            problem::MEDIA_TYPE
        );
        let (status, body) = (response.status(), to_bytes(response.into_body()).await.unwrap());
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn a_panic_is_a_problem_without_its_words() {
        let (status, problem) = answer_of("/broken").await;
        assert_eq!((status.as_u16(), &problem["code"]), (500, &"internal".into()));
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }

    #[actix_web::test]
    async fn errors_of_the_framework_get_the_one_shape() {
        let (status, problem) = answer_of("/refused").await;
        assert_eq!(
            (status.as_u16(), &problem["code"], &problem["detail"]),
            (413, &"file_too_large".into(), &"too much".into())
        );
        let (status, problem) = answer_of("/nothing").await;
        assert_eq!((status.as_u16(), &problem["code"]), (404, &"unknown_path".into()));
    }

    #[derive(Clone, Debug, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[actix_web::test]
    async fn a_request_is_one_line_and_its_cause_another() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        answer_of("/nothing").await;
        answer_of("/broken").await;
        drop(guard);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let logged: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let messages: Vec<_> = logged
            .iter()
            .map(|line| line["fields"]["message"].as_str().unwrap())
            .collect();
        assert_eq!(messages, ["http.request", "http.failed", "http.request"]);
        assert!(
            logged.iter().all(|line| line["fields"]["request.id"] == "mine"),
            "{text}"
        );
        assert_eq!(
            (&logged[0]["fields"]["status"], &logged[0]["fields"]["path"]),
            (&404.into(), &"/nothing".into())
        );
        assert_eq!(logged[1]["fields"]["cause"], "panic: a secret");
    }

    #[test]
    fn a_request_id_is_kept_if_it_can_be_shown() {
        assert_eq!(id_for("abc/7:x"), "abc/7:x");
        for useless in ["", "a b", "ab\tc"] {
            let id = id_for(useless);
            assert!(Uuid::parse_str(&id).is_ok(), "{useless:?} became {id:?}");
        }
        let long: &'static str = String::from_utf8(vec![b'x'; REQUEST_ID_CHARS_MAX + 1]).unwrap().leak();
        assert_ne!(id_for(long), long);
        assert_eq!(id_for(&long[1..]), &long[1..]);
    }
}
