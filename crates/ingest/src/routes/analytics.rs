//! How often what happened: counts, their course over time, and the most frequent values.

use actix_web::{HttpRequest, HttpResponse, get};
use domain::counts::{OTHER, Span};
use domain::date_range::{DateRange, DateRangeQuery, InvalidParameter};
use domain::event::{BUILT_IN, EventType};
use domain::time::Timestamp;
use domain::time_series::{Interval, borders};
use domain::zone::Zone;
use records::{Counts, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::{CountParams, SeriesParams, TopParams};
use crate::problem::{Code, FieldError, Problem};
use crate::query::{Query, plain_text};
use crate::state::{Shared, State};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How far a series goes back that has no start.
const HOURS_SERIES_DAYS: i64 = 7;
const DAYS_SERIES_DAYS: i64 = 90;
const TOP_DEFAULT: u32 = 10;
const TOP_MAX: u32 = 100;
const FIELD_CHARS_MAX: usize = 255;
/// The start, the end and the zone of a range.
const RANGE: [&str; 3] = ["start_date", "end_date", "tz"];
/// So many of the known types are named to whoever asks for another.
const TYPES_NAMED_MAX: usize = 100;

/// How many events there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventCount {
    #[schema(example = 12345)]
    total_events: u64,
}

/// From here on, and before there; null is open.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Range {
    #[schema(required, value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
}

impl From<Span> for Range {
    fn from(span: Span) -> Self {
        Self {
            start: span.start,
            end: span.end,
        }
    }
}

/// Counts over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimeSeries {
    range: Range,
    points: Vec<Point>,
}

/// An hour or a day; it ends where the next one begins.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimeSeriesPoint)]
pub(crate) struct Point {
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// By type; types without events are absent.
    #[schema(example = json!({"view": 12, "click": 3}))]
    counts: Counts,
}

/// The most frequent values of a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopValues {
    range: Range,
    items: Vec<ValueCount>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueCount {
    /// A text as it is; another value as its JSON text.
    #[schema(example = "/pricing")]
    value: String,
    count: u64,
}

/// How many events happened.
#[utoipa::path(
    tag = "analytics",
    operation_id = "countEvents",
    security(("key" = ["read"])),
    params(CountParams),
    responses((
        status = 200, description = "All of them, or those of one type.", body = EventCount,
        example = json!({"total_events": 12345}),
    ))
)]
#[get("/analytics/event-counts")]
pub(crate) async fn event_counts(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let counts = counts(&state, Query::of(&request)?).await?;
    Ok(HttpResponse::Ok().json(EventCount {
        total_events: counts.values().sum(),
    }))
}

/// How many events happened, by type; types without events are absent.
#[utoipa::path(
    tag = "analytics",
    operation_id = "countEventsByType",
    security(("key" = ["read"])),
    params(CountParams),
    responses((
        status = 200, description = "By type. Of types that are not built in, the first 1,000 are named, the others are `(other)`.",
        body = Counts, example = json!({"view": 123, "click": 45}),
    ))
)]
#[get("/analytics/event-counts-by-type")]
pub(crate) async fn event_counts_by_type(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(counts(&state, Query::of(&request)?).await?))
}

pub(crate) async fn counts(state: &State, mut query: Query) -> Result<Counts, Problem> {
    let range = read_range(&mut query, RANGE);
    let event_type = query.take("event_type", TYPE, read_type);
    query.finish()?;
    let wanted = event_type.clone();
    read_of_type(state, event_type, move |unit| unit.counts(range.span, wanted.as_ref())).await
}

/// How many events happened in each hour or day.
#[utoipa::path(
    tag = "analytics",
    operation_id = "countEventsOverTime",
    security(("key" = ["read"])),
    params(SeriesParams),
    responses((
        status = 200, description = "The points, in order; also those without events.", body = TimeSeries,
        example = json!({
            "range": {"start": "2026-05-28T00:00:00.000000Z", "end": "2026-05-30T00:00:00.000000Z"},
            "points": [
                {"start": "2026-05-28T00:00:00.000000Z", "counts": {"view": 12, "click": 3}},
                {"start": "2026-05-29T00:00:00.000000Z", "counts": {}},
            ],
        }),
    ))
)]
#[get("/api/v1/analytics/timeseries")]
pub(crate) async fn time_series(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let range = read_range(&mut query, RANGE);
    let event_type = query.take("event_type", TYPE, read_type);
    let interval = query.take("interval", "one of hour, day", |text| text.parse().ok());
    let (span, zone) = (closed(range.span, interval.unwrap_or(Interval::Day)), range.zone);
    let borders = series_borders(&mut query, span, interval.unwrap_or(Interval::Day), zone);
    query.finish()?;
    let (wanted, between) = (event_type.clone(), borders.clone());
    let counts = read_of_type(&state, event_type, move |unit| match between.as_slice() {
        [] => Ok(Vec::new()),
        borders => unit.count_series(borders, wanted.as_ref()),
    });
    let points = borders.into_iter().zip(counts.await?);
    Ok(HttpResponse::Ok().json(TimeSeries {
        range: Range::from(span),
        points: points.map(|(start, counts)| Point { start, counts }).collect(),
    }))
}

/// A series needs both ends.
fn closed(span: Span, interval: Interval) -> Span {
    let days = match interval {
        Interval::Hour => HOURS_SERIES_DAYS,
        Interval::Day => DAYS_SERIES_DAYS,
    };
    let now = || Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
    let end = span.end.unwrap_or_else(now);
    let start = span.start.unwrap_or(end.plus_micros(-days * DAY_MICROS));
    Span {
        start: Some(start),
        end: Some(end),
    }
}

fn series_borders(query: &mut Query, span: Span, interval: Interval, zone: Zone) -> Vec<Timestamp> {
    let Some((start, end)) = span.start.zip(span.end) else {
        return Vec::new();
    };
    borders(start..end, interval, zone).unwrap_or_else(|invalid| {
        refuse(query, invalid);
        Vec::new()
    })
}

/// The most frequent values of a member of the payload.
#[utoipa::path(
    tag = "analytics",
    operation_id = "listTopValues",
    security(("key" = ["read"])),
    params(TopParams),
    responses((
        status = 200, description = "The most frequent first.", body = TopValues,
        example = json!({"range": {"start": null, "end": null}, "items": [{"value": "/pricing", "count": 12}]}),
    ))
)]
#[get("/api/v1/analytics/top")]
pub(crate) async fn top_values(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let range = read_range(&mut query, RANGE);
    let event_type = query.require("event_type", TYPE, read_type);
    let field = query.require("field", "the name of a member of the payload", read_field);
    let limit = query.take("limit", format!("a number from 1 to {TOP_MAX}"), read_top);
    query.finish()?;
    let (Some(event_type), Some(field)) = (event_type, field) else {
        return Err(Problem::of(Code::InvalidParameter));
    };
    let (wanted, limit) = (event_type.clone(), limit.unwrap_or(TOP_DEFAULT));
    let top = read_of_type(&state, Some(event_type), move |unit| {
        unit.top_values(&wanted, &field, range.span, limit)
    });
    let items = top.await?.into_iter();
    Ok(HttpResponse::Ok().json(TopValues {
        range: Range::from(range.span),
        items: items.map(|(value, count)| ValueCount { value, count }).collect(),
    }))
}

fn read_field(text: &str) -> Option<String> {
    plain_text(text).filter(|text| text.chars().count() <= FIELD_CHARS_MAX)
}

fn read_top(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| text.parse().ok())
        .flatten()
        .filter(|limit| (1..=TOP_MAX).contains(limit))
}

/// The names are those of the parameters for the start, the end and the zone.
pub(super) fn read_range(query: &mut Query, names: [&'static str; 3]) -> DateRange {
    let [start_date, end_date, tz] = names.map(|name| query.take(name, "text", plain_text));
    let read = DateRange::read(DateRangeQuery {
        start_date: start_date.as_deref(),
        end_date: end_date.as_deref(),
        tz: tz.as_deref(),
    });
    read.unwrap_or_else(|invalid| {
        refuse_named(query, invalid, names);
        DateRange::default()
    })
}

/// `domain` knows the parameters as the fixed resources call them.
fn refuse_named(query: &mut Query, mut invalid: InvalidParameter, names: [&'static str; 3]) {
    for (known, name) in RANGE.into_iter().zip(names) {
        if invalid.parameter == known {
            invalid.parameter = name;
        }
        invalid.message = invalid.message.replace(known, name);
    }
    refuse(query, invalid);
}

fn refuse(query: &mut Query, invalid: InvalidParameter) {
    query.refuse(invalid.parameter.to_owned(), "malformed", invalid.message);
}

const TYPE: &str = "the name of an event type";

fn read_type(text: &str) -> Option<EventType> {
    text.parse().ok()
}

/// A type is built in or has been seen; any other is a mistake that a count of zero would hide.
async fn read_of_type<T: Send + 'static>(
    state: &State,
    event_type: Option<EventType>,
    mut work: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let unknown = event_type.filter(|event_type| !event_type.is_builtin() && event_type.as_str() != OTHER);
    let read = state.read_applied(move |unit| {
        if let Some(wanted) = &unknown {
            let seen = unit.seen_types()?;
            if !seen.contains(wanted) {
                return Ok(Err(seen));
            }
        }
        work(unit).map(Ok)
    });
    read.await?.map_err(|seen| unknown_type(&seen))
}

fn unknown_type(seen: &[EventType]) -> Problem {
    let built_in = BUILT_IN.iter().map(|built_in| built_in.name);
    let others = seen.iter().filter(|seen| !seen.is_builtin()).map(EventType::as_str);
    let named: Vec<_> = built_in.chain(others).take(TYPES_NAMED_MAX).collect();
    let message = format!("must be built in or have been seen: {}", named.join(", "));
    let detail = format!("the query parameter `event_type` {message}");
    Problem::new(Code::InvalidParameter, detail).with_errors(vec![FieldError::new("event_type", "malformed", message)])
}
