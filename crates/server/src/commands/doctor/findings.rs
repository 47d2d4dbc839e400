//! What the backends say, and what of it nobody can explain.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::counts::Span;
use domain::job::JobStatus;
use domain::notification::NotificationState;
use domain::time::Timestamp;
use queue::{Backlog, Lane, Queue};
use records::{Class, CountDifference, Records, Unit, WatchDifference};

/// To compare every roll-up with its rows takes its time where there are many.
const READ_DEADLINE: Duration = Duration::from_secs(600);
/// So many differences are shown; one is enough to be unexplained.
const DIFFERENCES_MAX: u32 = 20;

/// What each part says, or why it says nothing.
pub(super) struct Findings {
    pub(super) tables: Result<Tables, String>,
    pub(super) queue: Result<Waiting, String>,
}

pub(super) enum Tables {
    /// Of an older version: these migrations are missing.
    Outdated(Vec<String>),
    Current(Kept),
}

/// What the tables hold, all at one moment.
pub(super) struct Kept {
    pub(super) events_counted: u64,
    pub(super) differences: Vec<CountDifference>,
    pub(super) dead_letters: u64,
    pub(super) jobs: Vec<(JobStatus, u64)>,
    pub(super) watch_differences: Vec<WatchDifference>,
    pub(super) wakes: Wakes,
    pub(super) notifications: Vec<(NotificationState, u64)>,
}

/// Users who are to be looked at by rules, now or later.
pub(super) struct Wakes {
    pub(super) waiting: u64,
    /// For how long the first of them is due.
    pub(super) overdue: Option<Duration>,
}

/// Frames that nobody has taken yet.
pub(super) struct Waiting {
    pub(super) events: Backlog,
    pub(super) hints: Backlog,
}

impl Findings {
    pub(super) async fn gather(records: &Records, queue: &dyn Queue) -> Self {
        let (tables, queue) = tokio::join!(Tables::look(records), Waiting::look(queue));
        Self { tables, queue }
    }

    /// In sentences, one for each.
    pub(super) fn unexplained(&self) -> Vec<String> {
        let of_tables = match &self.tables {
            Ok(Tables::Outdated(missing)) => vec![format!(
                "{} migrations are missing ({}): run `event-horizon migrate`",
                missing.len(),
                missing.join(", ")
            )],
            Ok(Tables::Current(kept)) => kept.unexplained(),
            Err(error) => vec![format!("the tables cannot be read: {error}")],
        };
        let of_queue = self.queue.as_ref().err();
        let of_queue = of_queue.map(|error| format!("the queue does not answer: {error}"));
        of_tables.into_iter().chain(of_queue).collect()
    }
}

impl Tables {
    async fn look(records: &Records) -> Result<Self, String> {
        let asked = records.clone();
        let missing = tokio::task::spawn_blocking(move || asked.pending_migrations())
            .await
            .map_err(|panic| panic.to_string())?
            .map_err(|error| error.to_string())?;
        if !missing.is_empty() {
            return Ok(Self::Outdated(missing));
        }
        let kept = records.within(Class::Background, READ_DEADLINE, Kept::read).await;
        kept.map(Self::Current).map_err(|error| error.to_string())
    }
}

impl Kept {
    fn read(unit: &mut dyn Unit) -> records::Result<Self> {
        Ok(Self {
            events_counted: unit.counts(Span::default(), None)?.values().sum(),
            differences: unit.count_differences(DIFFERENCES_MAX)?,
            dead_letters: unit.count_dead_letters()?,
            jobs: unit.count_by_status()?,
            watch_differences: unit.watch_differences(DIFFERENCES_MAX)?,
            wakes: Wakes::read(unit)?,
            notifications: unit.count_notifications()?,
        })
    }

    fn unexplained(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.dead_letters > 0 {
            sentences.push(format!(
                "{} dead letters hold events that were taken and are not stored: GET /api/v1/dead-letters tells why; each can \
                 be replayed or discarded",
                self.dead_letters
            ));
        }
        if !self.differences.is_empty() {
            sentences.push("the counts are not those of the stored events: a defect, please report it".to_owned());
        }
        if !self.watch_differences.is_empty() {
            sentences.push(
                "the watch time of movies or users is not the sum of its parts: a defect, please report it; `event-horizon \
                 recompute` puts it right"
                    .to_owned(),
            );
        }
        sentences
    }
}

impl Wakes {
    fn read(unit: &mut dyn Unit) -> records::Result<Self> {
        let (waiting, first_due) = unit.wakes_waiting()?;
        Ok(Self {
            waiting,
            overdue: first_due.and_then(since),
        })
    }
}

/// `None`: it lies ahead.
fn since(at: Timestamp) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    now.checked_sub(Duration::from_micros(at.as_micros().try_into().ok()?))
}

impl Waiting {
    async fn look(queue: &dyn Queue) -> Result<Self, String> {
        let of = async |lane| queue.backlog(lane).await.map_err(|lost| lost.to_string());
        Ok(Self {
            events: of(Lane::Events).await?,
            hints: of(Lane::Hints).await?,
        })
    }
}
