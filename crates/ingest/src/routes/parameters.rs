//! The query parameters of the resources as the API document shows them; `crate::query` reads them.

#![expect(dead_code, reason = "only their descriptions are used")]

use utoipa::{IntoParams, ToSchema};

use crate::views::{JobStatusWord, LevelWord, LineKindWord, NotificationStateWord};

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
pub(crate) struct SocketParams {
    /// Instead of a key, where the server requires one: a `ticket` of `POST /api/v1/tickets`. Elsewhere it is passed over.
    #[param(min_length = 1, nullable = false)]
    ticket: Option<String>,
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

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Only those of this user.
    #[param(min_length = 1, max_length = 255, nullable = false)]
    user_id: Option<String>,
    /// Only those of this type.
    #[param(min_length = 1, max_length = 255, nullable = false, example = "view")]
    event_type: Option<String>,
    /// From this point in time on, RFC 3339.
    #[param(min_length = 1, nullable = false, example = "2026-05-01T00:00:00Z")]
    start: Option<String>,
    /// Before this point in time, RFC 3339.
    #[param(min_length = 1, nullable = false, example = "2026-06-01T00:00:00Z")]
    end: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{48}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventPageParams {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{48}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountParams {
    /// Only those of this type: a built-in one or one that has been seen.
    #[param(min_length = 1, max_length = 255, nullable = false, example = "view")]
    event_type: Option<String>,
    /// From here on: a date, from its first moment, or a time.
    #[param(min_length = 1, nullable = false, example = "2026-05-01")]
    start_date: Option<String>,
    /// Until here: a date, with all of its day, or a time, which itself is not in the range.
    #[param(min_length = 1, nullable = false, example = "2026-05-31")]
    end_date: Option<String>,
    /// The zone of dates, and of times without an offset: a name of the IANA database. Without it UTC.
    #[param(min_length = 1, nullable = false, example = "Europe/Berlin")]
    tz: Option<String>,
}

/// How long the points of a series are: the words of `domain::time_series::Interval`.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IntervalWord {
    Hour,
    Day,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeriesParams {
    /// Hours or days, as the clocks of `tz` show them; without it days.
    #[param(inline, nullable = false)]
    interval: Option<IntervalWord>,
    /// Only those of this type: a built-in one or one that has been seen.
    #[param(min_length = 1, max_length = 255, nullable = false, example = "view")]
    event_type: Option<String>,
    /// From here on: a date or a time. Without it 7 days before the end for hours, 90 for days.
    #[param(min_length = 1, nullable = false, example = "2026-05-01")]
    start_date: Option<String>,
    /// Until here: a date, with all of its day, or a time. Without it now.
    #[param(min_length = 1, nullable = false, example = "2026-05-31")]
    end_date: Option<String>,
    /// The zone of dates, of times without an offset, and of the points: a name of the IANA database. Without it UTC.
    #[param(min_length = 1, nullable = false, example = "Europe/Berlin")]
    tz: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopParams {
    /// Of this type: a built-in one or one that has been seen.
    #[param(min_length = 1, max_length = 255, example = "view")]
    event_type: String,
    /// The member of the payload.
    #[param(min_length = 1, max_length = 255, example = "url")]
    field: String,
    /// How many values at most; without it 10.
    #[param(minimum = 1, maximum = 100, nullable = false)]
    limit: Option<u32>,
    /// From here on: a date, from its first moment, or a time.
    #[param(min_length = 1, nullable = false, example = "2026-05-01")]
    start_date: Option<String>,
    /// Until here: a date, with all of its day, or a time, which itself is not in the range.
    #[param(min_length = 1, nullable = false, example = "2026-05-31")]
    end_date: Option<String>,
    /// The zone of dates, and of times without an offset: a name of the IANA database. Without it UTC.
    #[param(min_length = 1, nullable = false, example = "Europe/Berlin")]
    tz: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WatchPageParams {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{18,2056}$", nullable = false)]
    cursor: Option<String>,
}

/// By what a leaderboard is ordered.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderWord {
    WatchTime,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeaderboardParams {
    /// The one order there is.
    #[param(inline, nullable = false)]
    order: Option<OrderWord>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{18,2056}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RetentionParams {
    /// How many buckets at most, as far as the widest of them allow; without it 100.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    buckets: Option<u32>,
}

/// Who may end a stream beside its own client.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndedByWord {
    Operator,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndStreamParams {
    /// Without it its own client ended it. What an operator ended stays ended: its player hears 410 at its next renewal.
    #[param(inline, nullable = false)]
    by: Option<EndedByWord>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NotificationParams {
    /// Only those in this state.
    #[param(inline, nullable = false)]
    state: Option<NotificationStateWord>,
    /// Only those to this user.
    #[param(min_length = 1, max_length = 255, nullable = false)]
    user_id: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{48}$", nullable = false)]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRunParams {
    /// Causes from here on: a date, from its first moment, or a time. Without it 7 days before the end.
    #[param(min_length = 1, nullable = false, example = "2026-05-01")]
    start: Option<String>,
    /// Until here: a date, with all of its day, or a time. Without it now.
    #[param(min_length = 1, nullable = false, example = "2026-05-31")]
    end: Option<String>,
    /// The zone of dates, and of times without an offset: a name of the IANA database. Without it UTC.
    #[param(min_length = 1, nullable = false, example = "Europe/Berlin")]
    tz: Option<String>,
}
