//! Takes posted events in: from the bytes of a request to what is told about each event once it is durable.

mod body;
mod wrapping;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpRequest, web};
use domain::events::FieldError;
use domain::intake::body::{ItemError, read_body};
use domain::intake::{self, Draft, analytics, cloud_event};

pub(crate) use self::body::ARRIVAL_MAX;
pub(crate) use self::wrapping::{is_taken_for_json, media_type};

use self::body::Body;
use self::wrapping::Wrapping;
use crate::accept::{Accept, Batch, Room};
use crate::problem::{Code, Problem, invalid_event, none_valid};
use crate::query::Query;
use crate::state::Shared;
use crate::streams;
use crate::views::{AcceptedView, PostedView};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Whatever is larger would keep the other connections of its thread waiting while it is read.
const READ_AT_ONCE_BYTES_MAX: usize = 256 << 10;

/// Which events a resource takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// One or several, of any shape.
    Any,
    /// One of the analytics types.
    Analytics,
}

/// What the request turned out to hold.
enum Posted {
    One(Draft),
    Several(Batch),
}

/// What every thread may read a request with.
struct Request {
    taking: Taking,
    wrapping: Wrapping,
    body: Body,
    key: Option<String>,
}

pub(crate) async fn receive(
    state: &Shared,
    request: &HttpRequest,
    payload: web::Payload,
    taking: Taking,
) -> Result<PostedView, Problem> {
    Query::none(request)?;
    let accept = &state.accept;
    let received = Request {
        taking,
        wrapping: Wrapping::of(request.headers())?,
        key: idempotency_key(request.headers())?,
        body: Body::receive(accept, request, payload).await?,
    };
    let (posted, room) = if received.body.unpacked_bytes_max() > READ_AT_ONCE_BYTES_MAX {
        let state = state.clone();
        let reading = web::block(move || received.read(&state.accept));
        reading.await.map_err(Problem::internal)??
    } else {
        received.read(accept)?
    };
    Ok(match posted {
        Posted::One(draft) => PostedView::One(hand_over(state, draft, room).await?),
        Posted::Several(batch) => PostedView::Several(accept.several(batch, room).await?.into()),
    })
}

/// The lease of a heartbeat's stream is renewed beside the hand-over: whatever comes of the one, the other goes on.
async fn hand_over(state: &Shared, draft: Draft, room: Room) -> Result<AcceptedView, Problem> {
    let event = state.accept.stamp_one(draft)?;
    let renewal = async {
        let stream = streams::stream_of(&event)?;
        Some(streams::renew(state, event.user_id.clone(), stream).await)
    };
    let (accepted, renewal) = tokio::join!(state.accept.one(&event, room), renewal);
    Ok(AcceptedView::of(accepted?, renewal))
}

impl Request {
    fn read(mut self, accept: &Accept) -> Result<(Posted, Room), Problem> {
        self.body.unpack(accept)?;
        let posted = match self.read_body()? {
            intake::body::Body::One(item) => Posted::One(self.only(item).inspect_err(|_| accept.note_rejected(1))?),
            intake::body::Body::Several(_) if self.is_for_one() => return Err(self.only_one_allowed()),
            intake::body::Body::Several(items) => Posted::Several(some_valid(accept.batch(items)?)?),
        };
        Ok((posted, self.body.room))
    }

    fn read_body(&self) -> Result<intake::body::Body, Problem> {
        const NO_DATA: &[u8] = b"{}";
        let bytes = &*self.body.bytes;
        let read = match (&self.wrapping, self.taking) {
            (Wrapping::Structured, Taking::Any) => read_body(bytes, intake::read),
            (Wrapping::Structured, Taking::Analytics) => read_body(bytes, analytics::read_any),
            (Wrapping::Binary(attributes), taking) => {
                let data = if bytes.is_empty() { NO_DATA } else { bytes };
                let attributes = || attributes.iter().map(|(name, text)| (name.as_str(), text.as_str()));
                match taking {
                    Taking::Any => read_body(data, |data| cloud_event::binary(attributes(), data)),
                    Taking::Analytics => read_body(data, |data| analytics::binary(attributes(), data)),
                }
            }
        };
        Ok(read?)
    }

    fn is_for_one(&self) -> bool {
        self.taking == Taking::Analytics || matches!(self.wrapping, Wrapping::Binary(_))
    }

    fn only_one_allowed(&self) -> Problem {
        let detail = match self.wrapping {
            Wrapping::Structured => "this resource takes one object; /v1/events takes several",
            Wrapping::Binary(_) => "the data of a CloudEvent must be one object",
        };
        Problem::new(Code::NotAnObject, detail)
    }

    /// A key that came beside the event names it, unless it has an id of its own.
    fn only(&self, item: Result<Draft, ItemError>) -> Result<Draft, Problem> {
        let draft = item?;
        let Some(key) = &self.key else { return Ok(draft) };
        draft
            .or_client_id(key)
            .map_err(|invalid| invalid_event(vec![FieldError::invalid("Idempotency-Key", invalid.to_string())]))
    }
}

/// The standard puts the key in double quotes, most clients do not: they mean the same.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| {
        let error = FieldError::invalid("Idempotency-Key", "must be UTF-8");
        invalid_event(vec![error])
    })?;
    let text = text.trim_ascii();
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Ok(Some(inside.unwrap_or(text).to_owned()))
}

fn some_valid(batch: Batch) -> Result<Batch, Problem> {
    if batch.results.iter().any(Result::is_ok) {
        return Ok(batch);
    }
    Err(none_valid(batch.results.into_iter().filter_map(Result::err).collect()))
}
