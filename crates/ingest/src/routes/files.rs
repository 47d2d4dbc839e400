//! Uploading a file.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use utoipa::ToSchema;

use super::parameters::UploadParams;
use crate::problem::Problem;
use crate::state::Shared;
use crate::views::{LineKindWord, UploadedView};
use crate::{hints, upload};

/// The form of an upload, for the API document; it is read part by part, never as a whole.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct UploadForm {
    /// One JSON object per line. Its name ends in .jsonl, .ndjson, .json or .log, or one of these and .gz or .zst.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the lines are; by default each is looked at.
    #[schema(nullable = false)]
    kind: Option<LineKindWord>,
    /// Whether what only this file causes is sent to people.
    #[schema(nullable = false)]
    notify: Option<bool>,
    /// Makes the work slow: the longest random delay per line, in milliseconds.
    #[schema(nullable = false, maximum = 1000)]
    line_delay_ms_max: Option<u32>,
}

/// Takes a file in, and queues the work on it.
///
/// The file streams to the store while it is checked, in bounded memory. When the answer comes it is stored for good
/// and its job exists. The options may also be given as query parameters.
#[utoipa::path(
    tag = "files",
    operation_id = "uploadFile",
    security(("key" = ["upload"])),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    params(UploadParams),
    responses(
        (status = 202, description = "It is stored, and its job is queued.", body = UploadedView,
            headers(("Location" = String, description = "The job."))),
        (status = 408, description = "The upload fell silent."),
        (status = 413, description = "The file is too large."),
        (status = 415, description = "It is no form, or no file of a type that is understood."),
        (status = 507, description = "The disk of the server is full."),
    )
)]
#[post("/api/v1/files/upload")]
pub(crate) async fn upload_file(
    request: HttpRequest,
    body: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    let (job, chunks) = upload::receive(&state, &request, body).await?;
    tracing::info!(
        job.id = %job.id,
        file_size_bytes = job.file_size_bytes,
        lines_total = job.progress.lines_total,
        chunks,
        "job.queued"
    );
    state
        .tasks
        .spawn(hints::publish(Arc::clone(&state.door.queue), job.id, chunks));
    let view = UploadedView::of(&job);
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, view.links.this().to_owned()))
        .json(view))
}
