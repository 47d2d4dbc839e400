//! Evaluation: whoever was woken is looked at, and what is to be said to her is made, held, taken back or let go.
//!
//! An evaluator holds some wakes that are due and their users, reads what happened around them, and compares what that
//! implies with what was found before. All of it is one transaction, so whoever vanishes leaves the wakes to another one.
//! It does not matter who looks first and how often: the same events imply the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::UserId;
use domain::notification::{Notification, NotificationState, Suppression};
use domain::time::Timestamp;
use records::{Class, Due, Unit, WAKES_OF_USER_MAX, WaitsFor, Wake};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::look::Look;
use crate::bell::Bell;
use crate::consume::without_panic;
use crate::{Settings, Worker, now};

mod look;
mod reconcile;
mod stretches;

/// Where several processes or connections can write at once.
const EVALUATORS: usize = 2;

/// So many wakes are looked at in one transaction: short enough to let others in.
const WAKES_MAX: u32 = 200;

/// How often is looked for wakes that nobody here announced, and for those whose time has come.
const POLL: Duration = Duration::from_millis(200);

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A wake that cannot be looked at alone is left for so long, so that it does not keep others waiting.
const DEFERRED: Duration = Duration::from_secs(60);

/// Longer than a broker takes to see that a worker is gone and to give its frames to others.
const ALIVE_WITHIN: Duration = Duration::from_secs(30);

const DEADLINE: Duration = Duration::from_secs(30);

/// Evaluates side by side until it is told to stop.
pub(crate) async fn run(worker: Arc<Worker>, bells: Bells, stop: CancellationToken) {
    let mut evaluators = JoinSet::new();
    let side_by_side = if worker.settings.alone { 1 } else { EVALUATORS };
    for _ in 0..side_by_side {
        evaluators.spawn(Evaluator::new(Arc::clone(&worker), bells.clone()).run(stop.clone()));
    }
    evaluators.join_all().await;
}

/// What an evaluator hears, and what it rings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bells {
    pub(crate) wakes: Bell,
    pub(crate) deliveries: Bell,
}

struct Evaluator {
    worker: Arc<Worker>,
    bells: Bells,
    /// How many wakes are held at once: fewer where something fails.
    limit: u32,
    /// Since when it could look at everything that was due. Nothing is given up before its patience has passed since then.
    looking_since: Timestamp,
}

impl Evaluator {
    fn new(worker: Arc<Worker>, bells: Bells) -> Self {
        Self {
            worker,
            bells,
            limit: WAKES_MAX,
            looking_since: now(),
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.round().await {
                Ok(tally) => {
                    // A user who has so many may have more.
                    let is_full = tally.wakes >= self.limit.min(WAKES_OF_USER_MAX);
                    self.limit = self.limit.saturating_mul(2).min(WAKES_MAX);
                    tally.say(&self.bells);
                    if is_full {
                        continue;
                    }
                    POLL
                }
                Err(error) => {
                    tracing::warn!(%error, wakes = self.limit, "evaluation.failed");
                    // One bad wake keeps nobody from looking at the others.
                    if error.is_passing() {
                        self.looking_since = now();
                    }
                    self.bisect(&error).await;
                    PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.bells.wakes.heard_within(pause) => {}
            }
        }
    }

    async fn round(&self) -> records::Result<Tally> {
        let (worker, limit, looking_since) = (Arc::clone(&self.worker), self.limit, self.looking_since);
        let evaluate = move |unit: &mut dyn Unit| {
            without_panic(|| {
                evaluate(
                    unit,
                    &worker.settings,
                    Clock::of(&worker.settings, looking_since),
                    limit,
                )
            })
        };
        let records = &self.worker.records;
        records.within(Class::Background, DEADLINE, evaluate).await
    }

    /// Holds ever fewer wakes until the one that fails is alone, and leaves that one for later.
    async fn bisect(&mut self, error: &records::Error) {
        if error.is_passing() {
            return;
        }
        if self.limit > 1 {
            self.limit /= 2;
            return;
        }
        let (worker, looking_since) = (Arc::clone(&self.worker), self.looking_since);
        let defer = move |unit: &mut dyn Unit| defer_first(unit, Clock::of(&worker.settings, looking_since));
        let deferred = self.worker.records.within(Class::Background, DEADLINE, defer).await;
        match deferred {
            Ok(wakes) => {
                for Wake { rule, cause, .. } in &wakes {
                    tracing::error!(rule, event.id = %cause, "wake.deferred");
                }
            }
            Err(error) => tracing::warn!(%error, "wake.not_deferred"),
        }
    }
}

/// The times that decide what may be looked at.
#[derive(Clone, Copy, Debug)]
struct Clock {
    now: Timestamp,
    /// What was due before this, or was accepted with a file, has been waited for long enough. A file is never the reason
    /// that a message is suppressed: it holds back only what became due after its acceptance, and so no longer than itself.
    patience_ended: Timestamp,
}

impl Clock {
    fn of(settings: &Settings, looking_since: Timestamp) -> Self {
        let now = now();
        let patience_ended = now.minus(settings.notify.patience);
        // What was due while nobody looked has not waited in vain yet.
        let has_looked_for_long = looking_since <= patience_ended;
        Self {
            now,
            patience_ended: if has_looked_for_long {
                patience_ended
            } else {
                Timestamp::from_micros(0)
            },
        }
    }

    const fn due(self, watermark: Option<Timestamp>, limit: u32) -> Due {
        Due {
            now: self.now,
            watermark,
            patience_ended: self.patience_ended,
            limit,
        }
    }
}

/// One transaction of an evaluator, which holds the wakes and their users from the first statement to the last. The watermark
/// is read before them: what it says was applied before is seen by all that is read later.
fn evaluate(unit: &mut dyn Unit, settings: &Settings, clock: Clock, limit: u32) -> records::Result<Tally> {
    let watermark = unit.watermark(ALIVE_WITHIN, clock.patience_ended)?;
    let wakes = unit.due_wakes(clock.due(watermark, limit))?;
    let mut tally = Tally {
        wakes: u32::try_from(wakes.len()).unwrap_or(u32::MAX),
        ..Tally::default()
    };
    let look = Look::new(settings, clock, watermark);
    for ((user_id, rule), wakes) in by_user_and_rule(wakes) {
        for notification in look.at(unit, &user_id, &rule, wakes)? {
            tally.add(&notification);
        }
    }
    Ok(tally)
}

fn defer_first(unit: &mut dyn Unit, clock: Clock) -> records::Result<Vec<Wake>> {
    let watermark = unit.watermark(ALIVE_WITHIN, clock.patience_ended)?;
    let wakes = unit.due_wakes(clock.due(watermark, 1))?;
    for wake in &wakes {
        unit.put_wake(&Wake {
            due_at: clock.now.plus(DEFERRED),
            waits_for: WaitsFor::Nothing,
            ..wake.clone()
        })?;
    }
    Ok(wakes)
}

fn by_user_and_rule(wakes: Vec<Wake>) -> BTreeMap<(UserId, String), Vec<Wake>> {
    let mut groups = BTreeMap::<_, Vec<Wake>>::new();
    for wake in wakes {
        groups
            .entry((wake.user_id.clone(), wake.rule.clone()))
            .or_default()
            .push(wake);
    }
    groups
}

/// What came of a transaction; said when it is committed.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    wakes: u32,
    released: u64,
    withdrawn: u64,
    imported: u64,
    backlog: u64,
}

impl Tally {
    fn add(&mut self, notification: &Notification) {
        let counted = match (notification.state, notification.suppression) {
            (NotificationState::Pending, _) => &mut self.released,
            (NotificationState::Withdrawn, _) => &mut self.withdrawn,
            (NotificationState::Suppressed, Some(Suppression::Imported)) => &mut self.imported,
            (NotificationState::Suppressed, Some(Suppression::Backlog)) => &mut self.backlog,
            _ => return,
        };
        *counted += 1;
    }

    fn say(self, bells: &Bells) {
        let outcomes = [
            ("released", self.released),
            ("withdrawn", self.withdrawn),
            ("suppressed_imported", self.imported),
            ("suppressed_backlog", self.backlog),
        ];
        for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("eh_notifications_total", "outcome" => outcome).increment(count);
        }
        if self.backlog > 0 {
            tracing::error!(notifications = self.backlog, "notifications.suppressed_by_backlog");
        }
        if self.released > 0 {
            bells.deliveries.ring();
        }
    }
}
