//! Log entries of all files, searched.

use actix_web::{HttpRequest, HttpResponse, get};
use domain::ids::JobId;
use domain::log_entry::Level;
use domain::time::Timestamp;
use records::EntryFilter;
use validator::{Validate, ValidationError};

use super::parameters::SearchParams;
use crate::page::{Page, PageRequest};
use crate::problem::Problem;
use crate::query::{Query, plain_text};
use crate::state::Shared;
use crate::views::EntryView;

#[derive(Debug, Validate)]
#[validate(schema(function = "in_order", skip_on_field_errors = false))]
struct Search {
    level: Option<Level>,
    #[validate(length(max = 255, message = "must have at most 255 characters"))]
    service: Option<String>,
    #[validate(length(max = 255, message = "must have at most 255 characters"))]
    q: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    job_id: Option<JobId>,
}

fn in_order(search: &Search) -> Result<(), ValidationError> {
    match (search.start, search.end) {
        (Some(start), Some(end)) if end < start => {
            Err(ValidationError::new("end").with_message("must not be before `start`".into()))
        }
        _ => Ok(()),
    }
}

/// Log entries of all files: newest file first, last line first.
#[utoipa::path(
    tag = "logs",
    operation_id = "searchLogs",
    params(SearchParams),
    responses((status = 200, description = "A page of them.", body = Page<EntryView>))
)]
#[get("/api/v1/logs")]
pub(crate) async fn search_logs(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let search = Search::read(&mut query);
    let wanted = PageRequest::<(JobId, u64)>::read(&mut query);
    query.finish()?;
    let filter = search.filter(wanted.from, wanted.rows_max());
    let rows = state.read(move |unit| unit.entries(&filter)).await?;
    Ok(HttpResponse::Ok().json(wanted.page(rows, |row| (row.job_id, row.line_no), EntryView::of)))
}

impl Search {
    fn read(query: &mut Query) -> Self {
        const POINT: &str = "a point in time, as in 2026-05-01T00:00:00Z";
        let search = Self {
            level: query.take("level", "one of trace, debug, info, warn, error, fatal", read_level),
            service: query.take("service", "text", plain_text),
            q: query.take("q", "text", plain_text),
            start: query.take("start", POINT, read_point),
            end: query.take("end", POINT, read_point),
            job_id: query.take("job_id", "a UUID with hyphens", read_job_id),
        };
        query.check(&search);
        search
    }

    fn filter(self, before: Option<(JobId, u64)>, limit: u32) -> EntryFilter {
        EntryFilter {
            job_id: self.job_id,
            level: self.level,
            service: self.service,
            text: self.q,
            start: self.start,
            end: self.end,
            before,
            limit,
        }
    }
}

fn read_level(text: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.as_str() == text)
}

fn read_job_id(text: &str) -> Option<JobId> {
    const HYPHENATED_CHARS: usize = 36;
    uuid::Uuid::try_parse(text)
        .ok()
        .filter(|_| text.len() == HYPHENATED_CHARS)
        .map(JobId::new)
}

/// A `+` that nobody encoded arrives as a space.
fn read_point(text: &str) -> Option<Timestamp> {
    match text.split_once(['T', 't']) {
        Some((_, time)) if time.contains(' ') => Timestamp::parse(&text.replace(' ', "+")),
        _ => Timestamp::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_survives_a_client_that_does_not_encode() {
        assert_eq!(
            read_point("2026-05-01T02:00:00 02:00"),
            Timestamp::parse("2026-05-01T00:00:00Z")
        );
        assert!(read_point("2026-05-01T02:00:00 02:00").is_some());
        assert_eq!(read_point("yesterday"), None);
    }
}
