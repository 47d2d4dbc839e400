//! The server as a whole, for the console and for whoever operates it: how it does now, and what happens as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::time::Timestamp;
use domain::watch_time::PositionUnit;
use queue::Lane;
use records::{Class, Replica, Unit};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::jobs::not_a_handshake;
use super::parameters::SocketParams;
use super::tickets;
use crate::Settings;
use crate::live::feed::Counters;
use crate::live::onlooker;
use crate::problem::Problem;
use crate::query::Query;
use crate::readiness::{Parts, Report};
use crate::serve::Service;
use crate::state::{Shared, State};
use crate::storage::StorageView;

/// A figure that does not come in time is left out: the page is for bad days too.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

/// A process that has been silent for longer is not shown: those that live say so every five seconds.
const ALIVE_WITHIN: Duration = Duration::from_secs(20);

/// How the server is and how it does.
#[derive(Serialize, ToSchema)]
#[schema(as = System)]
pub(crate) struct SystemView {
    version: String,
    /// What the backends are, in words.
    mode: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When this process began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[serde(flatten)]
    readiness: Report,
    queue: Vec<LaneView>,
    /// How many; null while the database is away.
    #[schema(required)]
    dead_letters: Option<u64>,
    /// How many by status; empty while the database is away.
    jobs: BTreeMap<&'static str, u64>,
    /// Processes that are alive, this one among them; null while the database is away.
    #[schema(required)]
    replicas: Option<Vec<ReplicaView>>,
    storage: StorageView,
    connections: Vec<ConnectionsView>,
    counters: Counters,
    /// Those that the door knows; none of them is a secret.
    settings: Vec<SettingView>,
}

/// What waits in a lane of the queue.
#[derive(Serialize, ToSchema)]
#[schema(as = QueueLane)]
pub(crate) struct LaneView {
    #[schema(value_type = String, example = "events")]
    lane: &'static str,
    /// Null while the queue is away.
    #[schema(required)]
    frames: Option<u64>,
    /// Null if none waits, or if nobody knows.
    #[schema(required)]
    oldest_age_seconds: Option<f64>,
}

/// A process that is alive.
#[derive(Serialize, ToSchema)]
#[schema(as = Replica)]
pub(crate) struct ReplicaView {
    /// As it stands in the log and in the tables.
    name: String,
    /// As what it was started: `serve` (everything), `ingest` or `worker`.
    #[schema(example = "worker")]
    role: String,
    version: String,
    /// What the computer is called that it runs on.
    #[schema(required)]
    host: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Its last sign of life: there is one every five seconds.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// How many chunks of files it works on at once; null if it works on none.
    #[schema(required)]
    slots: Option<u32>,
    /// How many of these it had taken then.
    #[schema(required)]
    slots_taken: Option<u32>,
}

/// Connections to the database, by what they are for.
#[derive(Serialize, ToSchema)]
#[schema(as = Connections)]
pub(crate) struct ConnectionsView {
    #[schema(value_type = String, example = "reads")]
    class: &'static str,
    used: u32,
    max: u32,
}

/// A setting and its value.
#[derive(Serialize, ToSchema)]
#[schema(as = Setting)]
pub(crate) struct SettingView {
    #[schema(value_type = String, example = "EH_STREAM_LIMIT")]
    name: &'static str,
    #[schema(example = "3")]
    value: String,
}

/// Version, mode, health of all parts, what waits, dead letters, processes, storage, counters and settings.
#[utoipa::path(
    tag = "service",
    operation_id = "getSystem",
    security(("key" = ["read"])),
    responses((status = 200, description = "Also when parts of it are down.", body = SystemView))
)]
#[get("/api/v1/system")]
pub(crate) async fn show(request: HttpRequest, state: Shared, service: Service) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    let parts = service.readiness.parts();
    let (readiness, queue, dead_letters, jobs, replicas, storage) = tokio::join!(
        service.readiness.report(),
        lanes(parts),
        looked_up(parts, |unit| unit.count_dead_letters()),
        looked_up(parts, |unit| unit.count_by_status()),
        looked_up(parts, |unit| unit.replicas(ALIVE_WITHIN)),
        service.storage.report(parts),
    );
    let jobs = jobs.unwrap_or_default().into_iter();
    let counters = state.accept.feed().counters();
    Ok(HttpResponse::Ok().json(SystemView {
        version: state.door.settings.version.clone(),
        mode: state.door.settings.mode.clone(),
        at: counters.at,
        started_at: state.started_at,
        readiness,
        queue,
        dead_letters,
        jobs: jobs.map(|(status, jobs)| (status.as_str(), jobs)).collect(),
        replicas: replicas.map(|alive| alive.into_iter().map(ReplicaView::of).collect()),
        storage,
        connections: connections(&state),
        counters,
        settings: settings(&state.door.settings),
    }))
}

impl ReplicaView {
    fn of((replica, seen_at): (Replica, Timestamp)) -> Self {
        Self {
            name: replica.name,
            role: replica.role,
            version: replica.version,
            host: replica.host,
            started_at: replica.started_at,
            seen_at,
            slots: replica.slots.map(|slots| slots.all),
            slots_taken: replica.slots.map(|slots| slots.taken),
        }
    }
}

async fn lanes(parts: &Parts) -> Vec<LaneView> {
    let mut views = Vec::with_capacity(Lane::ALL.len());
    for lane in Lane::ALL {
        let backlog = timeout(LOOK_DEADLINE, parts.queue.backlog(lane)).await;
        let backlog = backlog.ok().and_then(Result::ok);
        views.push(LaneView {
            lane: lane.name(),
            frames: backlog.map(|backlog| backlog.frames),
            oldest_age_seconds: backlog
                .and_then(|backlog| backlog.oldest_age)
                .map(|age| age.as_secs_f64()),
        });
    }
    views
}

async fn looked_up<T: Send + 'static>(
    parts: &Parts,
    look: impl FnMut(&mut dyn Unit) -> records::Result<T> + Send + 'static,
) -> Option<T> {
    let found = parts.records.within(Class::Reads, LOOK_DEADLINE, look).await;
    found
        .inspect_err(|error| tracing::debug!(error = %error, "system.figure_unknown"))
        .ok()
}

fn connections(state: &State) -> Vec<ConnectionsView> {
    let pools = state.door.records.pool_use().into_iter();
    pools
        .map(|(class, used, max)| ConnectionsView {
            class: class.as_str(),
            used,
            max,
        })
        .collect()
}

fn settings(settings: &Settings) -> Vec<SettingView> {
    let list = |names: &[String]| names.join(", ");
    let unit = match settings.position_unit {
        PositionUnit::Seconds => "seconds",
        PositionUnit::Milliseconds => "milliseconds",
    };
    let values = [
        ("EH_ALLOWED_HOSTS", list(&settings.allowed_hosts)),
        ("EH_API_KEYS_REQUIRED", settings.keys_required.to_string()),
        ("EH_CORS_ORIGINS", list(&settings.cors_origins)),
        ("EH_LINE_DELAY_MAX_MS", settings.line_delay_ms_max.to_string()),
        ("EH_STREAM_LEASE_SECONDS", settings.stream_lease.as_secs().to_string()),
        ("EH_STREAM_LIMIT", settings.stream_limit.to_string()),
        ("EH_UPLOAD_BYTES_MAX", settings.upload_bytes_max.to_string()),
        ("EH_WATCH_UNIT", unit.to_owned()),
    ];
    values.map(|(name, value)| SettingView { name, value }).into()
}

/// Follows everything (WebSocket): what the console shows as it happens.
///
/// Text frames, each a `LiveFrame`: `events` that were accepted by this process, or stored out of files (of these some, and
/// how many more there were), `jobs` that moved, `counters` once a second, and `missed` where news were lost. Long payloads are cut. What the client sends is ignored, but its answers to
/// pings say that it reads. Who takes frames too slowly is closed with 1012, and finds what it missed in the lists.
#[utoipa::path(
    tag = "service",
    operation_id = "followAll",
    security(("key" = ["read"]), ("ticket" = [])),
    params(SocketParams),
    responses(
        (status = 101, description = "The connection is a WebSocket now."),
        (status = 426, description = "The request is no WebSocket handshake."),
        (status = 503, description = "There are too many such sockets."),
    )
)]
#[get("/ws/live")]
pub(crate) async fn follow(request: HttpRequest, state: Shared, body: web::Payload) -> Result<HttpResponse, Problem> {
    tickets::pass_over(&request)?;
    let (response, session, messages) = actix_ws::handle(&request, body).map_err(|_| not_a_handshake())?;
    let response = state.live_sockets.seat(response)?;
    let frames = state.accept.feed().listen();
    actix_web::rt::spawn(onlooker::run(session, messages, frames, state.stopping.clone()));
    Ok(response)
}
