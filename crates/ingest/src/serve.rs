//! The server around the routes: its limits, its threads, and its end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use domain::time::Timestamp;
use records::Records;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::path::Paths;
use utoipa_actix_web::AppExt;

use crate::accept::Accept;
use crate::gate::{Gate, Keys, admit};
use crate::graphql::Schema;
use crate::live::Hub;
use crate::live::place::Places;
use crate::observe::observe;
use crate::readiness::{Parts, Readiness, Role};
use crate::routes::Methods;
use crate::state::{RULE_READERS_MAX, State};
use crate::stopping::Stopping;
use crate::storage::Storage;
use crate::streams::{Desk, Terms};
use crate::tasks::Tasks;
use crate::upload::ZSTD_DECODERS_MAX;
use crate::{Door, Probes, Settings, routes};

/// How long what is under way may take when the process ends.
const FINISH_SECONDS_MAX: u64 = 20;
/// The head of a request must arrive within this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// After an early answer the rest of a body is read and thrown away for so long, so that the client sees the answer.
const LINGER: Duration = Duration::from_secs(5);
/// Connections per thread.
const CONNECTIONS_MAX: usize = 10_000;
/// Each costs some tens of kibibytes if nobody reads it.
const JOB_SOCKETS_MAX: usize = 1_024;
/// Each costs some hundreds of kibibytes if nobody reads it. It is for people; a page without one asks instead.
const LIVE_SOCKETS_MAX: usize = 64;
const PROBE_THREADS: usize = 1;

/// What the resources need that every process serves.
pub(crate) struct ServiceState {
    pub(crate) readiness: Readiness,
    pub(crate) storage: Storage,
    pub(crate) metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

pub(crate) type Service = web::Data<ServiceState>;

/// Serves everything until `stop`; then refuses what is new and finishes what is under way.
pub async fn serve(door: Door, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let stopping = Stopping::new(stop);
    let service = service_of(
        door.parts(),
        Role::Ingest,
        &stopping,
        Storage::new(door.settings.data_dir.clone()),
        Arc::clone(&door.metrics),
    );
    let tasks = Tasks::here();
    let (gate, methods) = {
        let paths = crate::openapi().paths;
        let gate = gate_of(&door.settings, &listener, &paths, &door.records, &tasks).await?;
        (gate, Methods::of(&paths))
    };
    let state = web::Data::new(state_of(door, &stopping, tasks.clone()));
    let stop_data = web::Data::new(stopping.clone());
    let server = HttpServer::new(move || {
        let (app, _) = App::new()
            .into_utoipa_app()
            .configure(routes::configure)
            .split_for_parts();
        app.configure(routes::configure_pages)
            .configure(|config| routes::refuse_other_methods(config, &methods))
            .default_service(web::to(routes::unknown_path))
            .app_data(state.clone())
            .app_data(service.clone())
            .app_data(gate.clone())
            .app_data(stop_data.clone())
            .wrap(from_fn(admit))
            .wrap(from_fn(observe))
    });
    let server = server
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(LINGER)
        .max_connections(CONNECTIONS_MAX)
        .shutdown_timeout(FINISH_SECONDS_MAX)
        .disable_signals()
        .listen(listener)?
        .run();
    let ended = until_stopped(server, &stopping).await;
    tasks.finish().await;
    ended
}

/// Serves the probes and figures of a process that has no door.
pub async fn serve_probes(probes: Probes, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let stopping = Stopping::new(stop);
    let storage = Storage::new(probes.settings.data_dir.clone());
    let tasks = Tasks::here();
    let gate = gate_of(
        &probes.settings,
        &listener,
        &crate::openapi().paths,
        &probes.records,
        &tasks,
    )
    .await?;
    let parts = Parts {
        records: probes.records,
        queue: probes.queue,
        blobs: probes.blobs,
    };
    let service = service_of(parts, Role::Worker, &stopping, storage, probes.metrics);
    let stop_data = web::Data::new(stopping.clone());
    let server = HttpServer::new(move || {
        let (app, collected) = App::new()
            .into_utoipa_app()
            .configure(routes::configure_service)
            .split_for_parts();
        app.configure(|config| routes::refuse_other_methods(config, &Methods::of(&collected.paths)))
            .default_service(web::to(routes::unknown_path))
            .app_data(service.clone())
            .app_data(gate.clone())
            .app_data(stop_data.clone())
            .wrap(from_fn(admit))
            .wrap(from_fn(observe))
    });
    let server = server
        .workers(PROBE_THREADS)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(FINISH_SECONDS_MAX)
        .disable_signals()
        .listen(listener)?
        .run();
    let ended = until_stopped(server, &stopping).await;
    tasks.finish().await;
    ended
}

async fn gate_of(
    settings: &Settings,
    listener: &TcpListener,
    paths: &Paths,
    records: &Records,
    tasks: &Tasks,
) -> std::io::Result<web::Data<Gate>> {
    let keys = if settings.keys_required {
        Some(Keys::learned(paths, records.clone(), tasks.clone(), settings.key_trusted).await)
    } else {
        None
    };
    Ok(web::Data::new(Gate::new(settings, listener.local_addr()?, keys)))
}

fn state_of(door: Door, stopping: &Stopping, tasks: Tasks) -> State {
    let accept = Accept::new(Arc::clone(&door.queue), tasks.clone(), &door.settings);
    accept.feed().start(&*door.live, stopping.clone());
    State {
        hub: Hub::start(door.records.clone(), &*door.live, stopping.clone()),
        job_sockets: Places::new(JOB_SOCKETS_MAX),
        live_sockets: Places::new(LIVE_SOCKETS_MAX),
        graphql: Schema::new(),
        stopping: stopping.clone(),
        uploads: Arc::new(Semaphore::new(door.settings.uploads_at_once_max)),
        decoders: Semaphore::new(ZSTD_DECODERS_MAX),
        rule_readers: Arc::new(Semaphore::new(RULE_READERS_MAX)),
        accept,
        desk: Desk::new(door.records.clone(), tasks.clone(), Terms::of(&door.settings)),
        started_at: Timestamp::from_micros(chrono::Utc::now().timestamp_micros()),
        tasks,
        door,
    }
}

fn service_of(
    parts: Parts,
    role: Role,
    stopping: &Stopping,
    storage: Storage,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> Service {
    web::Data::new(ServiceState {
        readiness: Readiness::new(parts, role, stopping.clone()),
        storage,
        metrics,
    })
}

async fn until_stopped(server: Server, stopping: &Stopping) -> std::io::Result<()> {
    let handle = server.handle();
    let mut running = std::pin::pin!(server);
    tokio::select! {
        ended = &mut running => return ended,
        () = stopping.begins() => {}
    }
    let (ended, ()) = tokio::join!(running, handle.stop(true));
    ended
}
