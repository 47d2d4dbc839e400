//! The lines of one file: those that were taken as log entries and those that were not.

use actix_web::http::header::{Accept, Header, QualityItem};
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use domain::ids::JobId;
use futures_util::{Stream, stream};
use records::{Reject, Unit};

use super::parameters::LinePageParams;
use crate::page::{LIMIT_MAX, Page, PageRequest};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::state::{JobPath, Shared};
use crate::views::{EntryView, RejectView};

const NDJSON: &str = "application/x-ndjson";

/// The lines of a file that were not taken, in the order of the file.
///
/// With `Accept: application/x-ndjson` all of them, one JSON object per line, else a page.
#[utoipa::path(
    tag = "jobs",
    operation_id = "listRejects",
    security(("key" = ["upload"]), ("key" = ["read"])),
    params(
        ("job_id" = uuid::Uuid, Path, description = "As the upload answered it."),
        LinePageParams,
    ),
    responses(
        (status = 200, description = "A page of them, or all.", content(
            (Page<RejectView> = "application/json"),
            (String = "application/x-ndjson", example = "{\"line\":3,\"code\":\"invalid_json\",…}\n{\"line\":7,…}\n"),
        )),
        (status = 404, description = "There is no such job."),
    )
)]
#[get("/api/v1/jobs/{job_id}/rejects")]
pub(crate) async fn rejects(request: HttpRequest, path: JobPath, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let wanted = PageRequest::<u64>::read(&mut query);
    query.finish()?;
    let whole = prefers_ndjson(&request);
    let after = wanted.from.unwrap_or(0);
    let rows_max = if whole { LIMIT_MAX } else { wanted.rows_max() };
    let rows = state
        .read(move |unit| rejects_of(unit, path.0, after, rows_max))
        .await?;
    let rows = rows.ok_or_else(|| Problem::of(Code::UnknownJob))?;
    if whole {
        return Ok(HttpResponse::Ok()
            .content_type(NDJSON)
            .streaming(all_rejects(state, path.0, rows)));
    }
    Ok(HttpResponse::Ok().json(wanted.page(rows, |row| row.line_no, RejectView::of)))
}

fn rejects_of(unit: &mut dyn Unit, id: JobId, after: u64, limit: u32) -> records::Result<Option<Vec<Reject>>> {
    match unit.progress(id)? {
        Some(_) => Ok(Some(unit.rejects_of(id, after, limit)?)),
        None => Ok(None),
    }
}

/// Page by page, so that the size of the list is no matter. A page that cannot be read cuts the connection: the client
/// sees that something is missing.
fn all_rejects(state: Shared, id: JobId, first: Vec<Reject>) -> impl Stream<Item = Result<Bytes, Problem>> {
    stream::try_unfold(Some(first), move |rows| {
        let state = state.clone();
        async move {
            let Some(rows) = rows else { return Ok(None) };
            let Some(last) = rows.last().map(|row| row.line_no) else {
                return Ok(None);
            };
            let full = u32::try_from(rows.len()).is_ok_and(|count| count >= LIMIT_MAX);
            let page = ndjson(rows)?;
            let next = if full {
                Some(state.read(move |unit| unit.rejects_of(id, last, LIMIT_MAX)).await?)
            } else {
                None
            };
            Ok(Some((page, next)))
        }
    })
}

fn ndjson(rows: Vec<Reject>) -> Result<Bytes, Problem> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, &RejectView::of(row)).map_err(Problem::internal)?;
        text.push(b'\n');
    }
    Ok(Bytes::from(text))
}

fn prefers_ndjson(request: &HttpRequest) -> bool {
    let Ok(accept) = Accept::parse(request) else {
        return false;
    };
    let quality = |wanted: &str| {
        let named = accept.0.iter().filter(|item| item.item.essence_str() == wanted);
        named.map(|QualityItem { quality, .. }| *quality).max()
    };
    let json = quality("application/json");
    quality(NDJSON)
        .max(quality("application/ndjson"))
        .is_some_and(|ndjson| json.is_none_or(|json| ndjson > json))
}

/// The lines of a file that were read as log entries, in the order of the file.
#[utoipa::path(
    tag = "jobs",
    operation_id = "listEntries",
    security(("key" = ["read"])),
    params(
        ("job_id" = uuid::Uuid, Path, description = "As the upload answered it."),
        LinePageParams,
    ),
    responses(
        (status = 200, description = "A page of them.", body = Page<EntryView>),
        (status = 404, description = "There is no such job."),
    )
)]
#[get("/api/v1/jobs/{job_id}/entries")]
pub(crate) async fn entries(request: HttpRequest, path: JobPath, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let wanted = PageRequest::<u64>::read(&mut query);
    query.finish()?;
    let (after, rows_max) = (wanted.from.unwrap_or(0), wanted.rows_max());
    let read = state.read(move |unit| match unit.progress(path.0)? {
        Some(_) => Ok(Some(unit.entries_of(path.0, after, rows_max)?)),
        None => Ok(None),
    });
    let rows = read.await?.ok_or_else(|| Problem::of(Code::UnknownJob))?;
    Ok(HttpResponse::Ok().json(wanted.page(rows, |row| row.line_no, EntryView::of)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn ndjson_is_sent_to_those_who_ask_for_it() {
        let prefers =
            |accept: &str| prefers_ndjson(&TestRequest::get().insert_header(("accept", accept)).to_http_request());
        assert!(prefers("application/x-ndjson"));
        assert!(prefers("application/x-ndjson, application/json;q=0.5"));
        assert!(prefers("application/ndjson, */*;q=0.1"));
        assert!(!prefers("application/json, application/x-ndjson;q=0.5"));
        assert!(!prefers("*/*"));
        assert!(!prefers_ndjson(&TestRequest::get().to_http_request()));
    }
}
