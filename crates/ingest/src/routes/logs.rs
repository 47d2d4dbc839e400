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
use crate::query::{POINT, Query, plain_text, read_point};
use crate::state::{Shared, hyphenated};
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
    super::in_order(search.start, search.end)
}

/// Log entries of all files: newest file first, last line first.
#[utoipa::path(
    tag = "logs",
    operation_id = "searchLogs",
    security(("key" = ["read"])),
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
        let search = Self {
            level: query.take("level", "one of trace, debug, info, warn, error, fatal", read_level),
            service: query.take("service", "text", plain_text),
            q: query.take("q", "text", plain_text),
            start: query.take("start", POINT, read_point),
            end: query.take("end", POINT, read_point),
            job_id: query.take("job_id", "a UUID with hyphens", |text| hyphenated(text).map(JobId::new)),
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
