//! Rules: those in force, and what another one would have said.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use domain::counts::Span;
use domain::event::Verbatim;
use domain::rules::{Rule, RuleError};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::analytics::{Range, read_range};
use super::parameters::DryRunParams;
use crate::dry_run::{self, Findings, Said};
use crate::events::is_taken_for_json;
use crate::problem::{Code, FieldError, Problem};
use crate::query::Query;
use crate::small_body::SmallBody;
use crate::state::{Shared, State};

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How far a dry run goes back that has no start.
const DRY_RUN_DAYS: i64 = 7;
const TOML: [&str; 2] = ["application/toml", "text/x-toml"];

/// The rules in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleList {
    items: Vec<RuleView>,
}

/// A rule in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(crate) struct RuleView {
    #[schema(example = "training-completed")]
    name: String,
    /// `duration`, `absence` or `concurrency`.
    #[schema(value_type = String, example = "duration")]
    kind: &'static str,
    /// As it was written, every default filled in.
    #[schema(value_type = Object)]
    rule: Verbatim,
}

impl From<&Rule> for RuleView {
    fn from(rule: &Rule) -> Self {
        Self {
            name: rule.name().to_owned(),
            kind: rule.kind(),
            rule: rule.as_json(),
        }
    }
}

/// The rules in force.
#[utoipa::path(
    tag = "rules",
    operation_id = "listRules",
    security(("key" = ["read"])),
    responses((status = 200, description = "In the order of their file.", body = RuleList, example = json!({"items": [{
        "name": "no-training-after-launch", "kind": "absence",
        "rule": {
            "name": "no-training-after-launch", "kind": "absence", "after": "app_launch",
            "unless": ["training_program_started"], "within": "10m", "message": "Ready when you are: start your training now."
        }
    }]})))
)]
#[get("/api/v1/rules")]
pub(crate) async fn list(request: HttpRequest, state: Shared) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let items = state.door.settings.rules.all().iter().map(RuleView::from).collect();
    Ok(HttpResponse::Ok().json(RuleList { items }))
}

/// What a rule would have said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// Where the causes were looked for.
    range: Range,
    /// How many messages there are.
    count: usize,
    /// The first 100 of them.
    items: Vec<SaidView>,
    /// Whether everything was looked at: a dry run ends after 5 s, or after 10,000 looks at a user and a day.
    complete: bool,
}

/// A message that would have been sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DryRunMessage)]
pub(crate) struct SaidView {
    user_id: String,
    cause_event_id: Uuid,
    /// When the cause happened.
    #[schema(value_type = String, format = DateTime)]
    cause_at: Timestamp,
    message: String,
    #[schema(value_type = Object)]
    data: Verbatim,
}

impl From<Said> for SaidView {
    fn from(said: Said) -> Self {
        Self {
            user_id: said.user_id.to_string(),
            cause_event_id: said.cause.as_uuid(),
            cause_at: said.cause_at,
            message: said.implied.message,
            data: said.implied.data,
        }
    }
}

impl DryRun {
    fn of(span: Span, findings: Findings) -> Self {
        Self {
            range: Range::from(span),
            count: findings.count,
            items: findings.shown.into_iter().map(SaidView::from).collect(),
            complete: findings.complete,
        }
    }
}

/// What a rule would have said between two points in time. Nothing is kept, and nothing is sent.
///
/// The body is one rule as a file of rules has it, or the same as a JSON object.
#[utoipa::path(
    tag = "rules",
    operation_id = "dryRunRule",
    security(("key" = ["read"])),
    params(DryRunParams),
    request_body(content(
        (Object = "application/json", example = json!({
            "name": "no-training", "kind": "absence", "after": "app_launch", "unless": ["training_program_started"],
            "within": "10m", "message": "Ready when you are."
        })),
        (String = "application/toml", example = "name = \"no-training\"\nkind = \"absence\"\nafter = \"app_launch\"\nunless = [\"training_program_started\"]\nwithin = \"10m\"\nmessage = \"Ready when you are.\"\n"),
    )),
    responses(
        (status = 200, description = "What it would have said.", body = DryRun, example = json!({
            "range": {"start": "2026-05-28T00:00:00.000000Z", "end": "2026-05-29T00:00:00.000000Z"}, "count": 1,
            "items": [{
                "user_id": "foo2", "cause_event_id": "019e6e2f-7d3b-7b41-8c5e-1f2a3b4c5d6e",
                "cause_at": "2026-05-28T10:00:00.000000Z", "message": "Ready when you are.", "data": {}
            }],
            "complete": true
        })),
        (status = 400, description = "It is no rule, and `errors` says in which line and why; or a parameter is malformed."),
        (status = 408, description = "The body did not arrive within a minute."),
        (status = 413, description = "The body is larger than 64 KiB."),
        (status = 415, description = "The media type or the packing of the body is not understood."),
    )
)]
#[post("/api/v1/rules/dry-run")]
pub(crate) async fn try_out(
    request: HttpRequest,
    payload: web::Payload,
    state: Shared,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let range = read_range(&mut query, ["start", "end", "tz"]);
    query.finish()?;
    let body = SmallBody::of_media(&state.accept, &request, payload, may_be_a_rule).await?;
    let rule = read(&state, body).await?;
    let end = range.span.end.unwrap_or_else(now);
    let start = range.span.start.unwrap_or(end.plus_micros(-DRY_RUN_DAYS * DAY_MICROS));
    let findings = dry_run::run(&state, rule, start, end).await?;
    let span = Span {
        start: Some(start),
        end: Some(end),
    };
    Ok(HttpResponse::Ok().json(DryRun::of(span, findings)))
}

/// Beside the threads that answer: a text may be made so that reading it takes long.
async fn read(state: &State, body: SmallBody) -> Result<Rule, Problem> {
    let reader = Arc::clone(&state.rule_readers).acquire_owned().await;
    let reader = reader.map_err(Problem::internal)?;
    let reading = web::block(move || {
        let _reader = reader;
        Rule::parse(&body.text()?).map_err(|errors| invalid_rule(&errors))
    });
    reading.await.map_err(Problem::internal)?
}

fn may_be_a_rule(media: &str) -> bool {
    is_taken_for_json(media) || TOML.iter().any(|toml| media.eq_ignore_ascii_case(toml))
}

fn invalid_rule(errors: &[RuleError]) -> Problem {
    let detail: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let named = |error: &RuleError| FieldError::new(format!("line {}", error.line), "malformed", error.reason.clone());
    Problem::new(Code::InvalidRule, detail.join("; ")).with_errors(errors.iter().map(named).collect())
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}
