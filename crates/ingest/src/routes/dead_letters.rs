//! Frames that could not be applied: looked at, sent again, discarded.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use bytes::Bytes;
use domain::ids::DeadLetterId;
use domain::message::EventFrame;
use domain::time::Timestamp;
use queue::{Frame, Lane, Refused};
use records::{DeadLetter, Unit};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::parameters::EventPageParams;
use crate::accept::ACCEPT_DEADLINE;
use crate::page::{Page, PageRequest};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::state::{DeadLetterPath, Shared};
use crate::views::DeadLetterView;

/// All dead letters, newest first.
#[utoipa::path(
    tag = "dead letters",
    operation_id = "listDeadLetters",
    security(("key" = ["read"])),
    params(EventPageParams),
    responses((status = 200, description = "A page of them.", body = Page<DeadLetterView>, example = json!({
        "items": [{
            "id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "reason": "not a message: expected value at line 1 column 1",
            "buried_at": "2026-05-28T10:00:01.000000Z", "frame_bytes": 1
        }],
        "next_cursor": null
    })))
)]
#[get("/api/v1/dead-letters")]
pub(crate) async fn list(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let wanted = PageRequest::<(Timestamp, DeadLetterId)>::read(&mut query);
    query.finish()?;
    let (before, rows_max) = (wanted.from, wanted.rows_max());
    let letters = state
        .read_applied(move |unit| unit.dead_letters(before, rows_max))
        .await?;
    Ok(HttpResponse::Ok().json(wanted.page(letters, |letter| (letter.buried_at, letter.id), DeadLetterView::from)))
}

/// One dead letter.
#[utoipa::path(
    tag = "dead letters",
    operation_id = "getDeadLetter",
    security(("key" = ["read"])),
    params(("id" = Uuid, Path, description = "As the list has it.")),
    responses(
        (status = 200, description = "Why it was buried, and what is in it.", body = DeadLetterView, example = json!({
            "id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e",
            "reason": "the table refused it", "buried_at": "2026-05-28T10:00:01.000000Z",
            "event": {
                "event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e", "event_type": "click", "user_id": "u-17",
                "timestamp": "2026-05-28T10:00:00.123456Z", "received_at": "2026-05-28T10:00:00.321000Z", "payload": {}
            },
            "frame_bytes": 312
        })),
        (status = 404, description = "There is no such dead letter."),
    )
)]
#[get("/api/v1/dead-letters/{id}")]
pub(crate) async fn show(request: HttpRequest, path: DeadLetterPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let letter = state.read_applied(move |unit| unit.dead_letter(path.0)).await?;
    let letter = letter.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(DeadLetterView::from(letter)))
}

/// A dead letter that is on its way again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    id: Uuid,
    #[schema(value_type = String, example = "replayed")]
    status: &'static str,
}

/// Sends a dead letter again, and forgets it once the queue has it.
///
/// What still cannot be applied is buried again under the same id.
#[utoipa::path(
    tag = "dead letters",
    operation_id = "replayDeadLetter",
    security(("key" = ["admin"])),
    params(("id" = Uuid, Path, description = "As the list has it.")),
    responses(
        (status = 202, description = "The queue has it.", body = Replayed,
            example = json!({"id": "7c4b0c1e-3b0a-5d5e-9d33-0b6f8f0f1f57", "status": "replayed"})),
        (status = 404, description = "There is no such dead letter."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/dead-letters/{id}/replay")]
pub(crate) async fn replay(request: HttpRequest, path: DeadLetterPath, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let refused = Arc::new(OnceLock::new());
    let (queue, tasks) = (Arc::clone(&state.door.queue), state.tasks.clone());
    let publish = move |frame| tasks.wait_for(queue.publish(Lane::Events, frame, ACCEPT_DEADLINE));
    let noted = Arc::clone(&refused);
    let replayed = state
        .change(move |unit| replay_in(unit, path.0, &publish, &noted))
        .await;
    if let Some(refused) = refused.get() {
        return Err(Problem::of(Code::QueueUnavailable).because(refused));
    }
    if !replayed? {
        return Err(unknown());
    }
    tracing::info!(dead_letter.id = %path.0, "event.replayed");
    Ok(HttpResponse::Accepted().json(Replayed {
        id: path.0.as_uuid(),
        status: "replayed",
    }))
}

/// Forgets before it publishes, and keeps the letter after all if the queue refuses: forgotten later, it could take
/// the letter with it that a fast worker has buried again.
fn replay_in(
    unit: &mut dyn Unit,
    id: DeadLetterId,
    publish: &impl Fn(Frame) -> Result<(), Refused>,
    noted: &OnceLock<Refused>,
) -> records::Result<bool> {
    let Some(letter) = unit.dead_letter(id)? else {
        return Ok(false);
    };
    if !unit.forget_dead_letter(id)? {
        return Ok(false);
    }
    publish(frame_of(letter)).map_err(|refused| {
        let error = records::Error::Unavailable(refused.to_string());
        // The first one counts; a later try cannot find the queue better.
        let _ = noted.set(refused);
        error
    })?;
    Ok(true)
}

fn frame_of(letter: DeadLetter) -> Frame {
    let events = EventFrame::decode(&letter.frame).map_or(1, |frame| frame.events.len());
    Frame {
        body: Bytes::from(letter.frame),
        items: u32::try_from(events).unwrap_or(u32::MAX),
    }
}

/// Discards a dead letter.
#[utoipa::path(
    tag = "dead letters",
    operation_id = "discardDeadLetter",
    security(("key" = ["admin"])),
    params(("id" = Uuid, Path, description = "As the list has it.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is no such dead letter."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[delete("/api/v1/dead-letters/{id}")]
pub(crate) async fn discard(
    request: HttpRequest,
    path: DeadLetterPath,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    if !state.change(move |unit| unit.forget_dead_letter(path.0)).await? {
        return Err(unknown());
    }
    tracing::info!(dead_letter.id = %path.0, "event.discarded");
    Ok(HttpResponse::NoContent().finish())
}

fn unknown() -> Problem {
    Problem::of(Code::UnknownDeadLetter)
}
