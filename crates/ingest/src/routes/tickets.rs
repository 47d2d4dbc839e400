//! Tickets: what opens a socket where a browser cannot show a key.

use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, post, web};
use domain::api_key::{KeyKind, Secret};
use domain::ids::JobId;
use domain::json::Raw;
use domain::time::Timestamp;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::Serialize;
use utoipa::ToSchema;

use crate::gate::KeyInUse;
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::small_body::{Members, SmallBody};
use crate::state::{Shared, hyphenated};

/// From the answer to the handshake.
const TICKET_LASTS: Duration = Duration::from_secs(60);

/// Which socket is to be opened.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct NewTicket {
    /// The job to follow; without one it is `/ws/live`.
    #[schema(nullable = false)]
    job_id: Option<uuid::Uuid>,
}

/// Opens one socket, once.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub(crate) struct TicketView {
    /// Goes into the address of the socket: `?ticket=…`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    ticket: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Gives a ticket for a socket: for browsers, which can send no key with the handshake of one.
///
/// With `job_id` it opens `/ws/jobs/{job_id}`, else `/ws/live`, which takes a key of the kind `read`. It is good for one
/// connection within a minute, at any replica. Where keys are not required it is given all the same, and needs not be shown.
#[utoipa::path(
    tag = "keys",
    operation_id = "giveTicket",
    security(("key" = ["upload"]), ("key" = ["read"])),
    request_body(content = Option<NewTicket>, example = json!({"job_id": "01978b2e-0000-7000-8000-000000000001"})),
    responses(
        (status = 201, description = "Given.", body = TicketView, example = json!({
            "ticket": "2f6c1b0e9d8a7c5b4e3f2a1d0c9b8a7f6e5d4c3b2a190817263544536271809f",
            "expires_at": "2026-05-28T10:01:00.000000Z"
        })),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/tickets")]
pub(crate) async fn give(request: HttpRequest, payload: web::Payload, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let body = SmallBody::json(&state.accept, &request, payload).await?;
    let text = body.text()?;
    let mut members = Members::of(&text)?;
    let job = members.take("job_id", read_job);
    members.finish()?;
    check_key(&request, job)?;
    let ticket = new_ticket()?;
    let hash = ticket.hash();
    let given = state.change(move |unit| unit.give_ticket(&hash, job, TICKET_LASTS));
    let expires_at = given.await?;
    Ok(HttpResponse::Created().json(TicketView {
        ticket: ticket.reveal().to_owned(),
        expires_at,
    }))
}

/// Of a socket: a ticket may stand in its address, and the gate has looked at it.
pub(super) fn pass_over(request: &HttpRequest) -> Result<(), Problem> {
    let mut query = Query::of(request)?;
    query.take("ticket", "a ticket", |_| Some(()));
    query.finish()
}

fn read_job(raw: Raw<'_>) -> Result<JobId, String> {
    let text: Option<String> = serde_json::from_str(raw.get()).ok();
    let id = text.as_deref().and_then(hyphenated);
    id.map(JobId::new)
        .ok_or_else(|| "must be a UUID with hyphens".to_owned())
}

/// Who only uploads follows jobs, and nothing else.
fn check_key(request: &HttpRequest, job: Option<JobId>) -> Result<(), Problem> {
    let kind = request.extensions().get::<KeyInUse>().map(|key| key.kind);
    if job.is_none() && kind == Some(KeyKind::Upload) {
        let detail = "a key of the kind `upload` gets tickets for the socket of a job only: name it in `job_id`";
        return Err(Problem::new(Code::KeyNotAllowed, detail));
    }
    Ok(())
}

fn new_ticket() -> Result<Secret, Problem> {
    let mut random = [0; 32];
    OsRng.try_fill_bytes(&mut random).map_err(Problem::internal)?;
    Ok(Secret::new(random))
}
