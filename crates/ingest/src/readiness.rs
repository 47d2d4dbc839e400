//! Whether this process can do its main work, part by part, without asking the parts more than once a second.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use blobs::Blobs;
use queue::Queue;
use records::Records;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::stopping::Stopping;

const PART_DEADLINE: Duration = Duration::from_secs(1);
const KEPT_FOR: Duration = Duration::from_secs(1);

/// What has to be up for the main work of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes events: the queue is enough.
    Ingest,
    /// Works on files: nothing goes without the tables.
    Worker,
}

/// The backends of a process.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) blobs: Arc<dyn Blobs>,
}

/// How this process does.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(crate) struct Report {
    /// `ready`, or `degraded` if a part is down, or `stopping`.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// By name: `database`, `queue`, `store`.
    #[schema(value_type = std::collections::HashMap<String, PartReport>)]
    pub(crate) parts: BTreeMap<&'static str, PartReport>,
    #[serde(skip)]
    pub(crate) can_work: bool,
}

/// How one part does.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Part)]
pub(crate) struct PartReport {
    /// `up` or `down`.
    #[schema(value_type = String)]
    status: &'static str,
    /// How long it took to answer, or to be given up.
    latency_ms: u64,
}

pub(crate) struct Readiness {
    parts: Parts,
    role: Role,
    stopping: Stopping,
    latest: Mutex<Option<(Instant, Report)>>,
}

impl Readiness {
    pub(crate) fn new(parts: Parts, role: Role, stopping: Stopping) -> Self {
        Self {
            parts,
            role,
            stopping,
            latest: Mutex::new(None),
        }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Whoever comes while the parts are being asked waits for that answer.
    pub(crate) async fn report(&self) -> Report {
        let mut latest = self.latest.lock().await;
        let mut report = match &*latest {
            Some((at, report)) if at.elapsed() < KEPT_FOR => report.clone(),
            _ => {
                let report = self.look().await;
                *latest = Some((Instant::now(), report.clone()));
                report
            }
        };
        if self.stopping.has_begun() {
            report.status = "stopping";
            report.can_work = false;
        }
        report
    }

    async fn look(&self) -> Report {
        let Parts { records, queue, blobs } = &self.parts;
        let (database, queue, store) = tokio::join!(
            look_at("database", records.check(PART_DEADLINE)),
            look_at("queue", queue.check()),
            look_at("store", blobs.check()),
        );
        let needed = match self.role {
            Role::Ingest => &queue,
            Role::Worker => &database,
        };
        let can_work = needed.is_up();
        let all_up = [&database, &queue, &store].into_iter().all(PartReport::is_up);
        let parts = BTreeMap::from([("database", database), ("queue", queue), ("store", store)]);
        Report {
            status: if all_up { "ready" } else { "degraded" },
            parts,
            can_work,
        }
    }
}

impl PartReport {
    fn is_up(&self) -> bool {
        self.status == "up"
    }
}

async fn look_at<E: Display>(part: &'static str, check: impl Future<Output = Result<(), E>>) -> PartReport {
    let began = Instant::now();
    let outcome = timeout(PART_DEADLINE, check).await;
    let up = matches!(outcome, Ok(Ok(())));
    if let Ok(Err(error)) = outcome {
        tracing::warn!(part, error = %error, "readiness.part_down");
    } else if !up {
        tracing::warn!(part, error = "no answer in time", "readiness.part_down");
    }
    let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    PartReport {
        status: if up { "up" } else { "down" },
        latency_ms,
    }
}
