//! The query parameters of the resources as the API document shows them; `crate::query` reads them.

#![expect(dead_code, reason = "only their descriptions are used")]

use utoipa::IntoParams;

use crate::views::{JobStatusWord, LevelWord, LineKindWord};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadParams {
    /// As the part of that name.
    #[param(inline, nullable = false)]
    kind: Option<LineKindWord>,
    /// As the part of that name.
    #[param(nullable = false)]
    notify: Option<bool>,
    /// As the part of that name.
    #[param(minimum = 0, maximum = 1000, nullable = false)]
    line_delay_ms_max: Option<u32>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only those in this state.
    #[param(inline, nullable = false)]
    status: Option<JobStatusWord>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{32}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// Only those of this level.
    #[param(inline, nullable = false)]
    level: Option<LevelWord>,
    /// Only those of this service.
    #[param(min_length = 1, max_length = 255, nullable = false)]
    service: Option<String>,
    /// Only those whose message contains this, in any case.
    #[param(min_length = 1, max_length = 255, nullable = false)]
    q: Option<String>,
    /// From this point in time on, RFC 3339.
    #[param(min_length = 1, nullable = false, example = "2026-05-01T00:00:00Z")]
    start: Option<String>,
    /// Before this point in time, RFC 3339.
    #[param(min_length = 1, nullable = false, example = "2026-06-01T00:00:00Z")]
    end: Option<String>,
    /// Only those of this file.
    #[param(nullable = false)]
    job_id: Option<uuid::Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{32}[0-7][0-9a-f]{15}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinePageParams {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-7][0-9a-f]{15}$", nullable = false)]
    cursor: Option<String>,
}
