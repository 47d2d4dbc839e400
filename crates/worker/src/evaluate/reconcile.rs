//! What is implied now against what was found before: which messages change by that, and when somebody must look again.
//! Nothing is loaded or saved here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::ids::{EventId, JobId, NotificationId, UserId};
use domain::notification::{Notification, NotificationState, Suppression};
use domain::rules::{Implied, Judgement, Verdict};
use domain::time::Timestamp;
use records::{WaitsFor, Wake};

#[cfg(test)]
mod tests;

/// When it is looked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    /// All that was accepted before this has been applied; `None`: nobody can say.
    pub(super) watermark: Option<Timestamp>,
    /// What was due before this has waited for the watermark for long enough.
    pub(super) patience_ended: Timestamp,
    pub(super) grace: Duration,
    /// Files that more events may come from.
    pub(super) open_jobs: &'a BTreeSet<JobId>,
}

/// Who is looked at, by which rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) rule: &'a str,
    pub(super) user_id: &'a UserId,
}

/// What was found before, about the causes that were judged and no others.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) notifications: Vec<Notification>,
    /// The wakes that are held here, and so are done with this look.
    pub(super) held: Vec<Wake>,
    /// Others that stand, each a reason of its own to look.
    pub(super) others: Vec<Wake>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) notifications: Vec<Notification>,
    pub(super) put: Vec<Wake>,
    pub(super) drop: Vec<EventId>,
}

/// When to look again at a cause.
#[derive(Clone, Copy, Debug)]
struct Timer {
    cause_at: Timestamp,
    due_at: Timestamp,
    waits_for: WaitsFor,
}

pub(super) fn reconcile(about: About<'_>, judgements: Vec<Judgement>, found: Found, moment: Moment<'_>) -> Changes {
    let mut changes = Changes::default();
    let mut stored: BTreeMap<EventId, Notification> = found
        .notifications
        .into_iter()
        .map(|notification| (notification.cause, notification))
        .collect();
    let mut timers = BTreeMap::new();
    for judgement in judgements {
        let cause = judgement.cause;
        let (notification, timer) = settle(about, judgement, stored.remove(&cause), moment);
        changes.notifications.extend(notification);
        timers.extend(timer.map(|timer| (cause, timer)));
    }
    changes.notifications.extend(stored.into_values().filter_map(withdrawn));
    changes.set(about, timers, &found.held, &found.others, moment.now);
    changes
}

impl Changes {
    /// Wakes that are held here become timers or go. Another wake is never dropped or moved back: it may stand for an event
    /// that was not looked at yet, and whoever comes by it sets the timer anew. One that seems to have no purpose any more is
    /// moved forward to now, and goes when it was looked at.
    fn set(
        &mut self,
        about: About<'_>,
        mut timers: BTreeMap<EventId, Timer>,
        held: &[Wake],
        others: &[Wake],
        now: Timestamp,
    ) {
        for wake in held {
            match timers.remove(&wake.cause) {
                Some(timer) => self.put.push(timer.wake(about, wake.cause)),
                None => self.drop.push(wake.cause),
            }
        }
        for wake in others {
            match timers.remove(&wake.cause) {
                Some(timer) if timer.comes_after(wake) => {}
                Some(timer) => self.put.push(timer.wake(about, wake.cause)),
                None if wake.due_at > now => self.put.push(Wake {
                    due_at: now,
                    waits_for: WaitsFor::Nothing,
                    ..wake.clone()
                }),
                None => {}
            }
        }
        self.put
            .extend(timers.into_iter().map(|(cause, timer)| timer.wake(about, cause)));
    }
}

impl Timer {
    fn wake(self, about: About<'_>, cause: EventId) -> Wake {
        Wake {
            rule: about.rule.to_owned(),
            cause,
            user_id: about.user_id.clone(),
            cause_at: self.cause_at,
            due_at: self.due_at,
            waits_for: self.waits_for,
        }
    }

    fn comes_after(self, wake: &Wake) -> bool {
        let may_be_late = matches!(wake.waits_for, WaitsFor::Job(_)) && self.waits_for != wake.waits_for;
        wake.due_at <= self.due_at && !may_be_late
    }
}

/// What one judgement does to the message of its cause, if anything, and when it must be judged again.
fn settle(
    about: About<'_>,
    judgement: Judgement,
    stored: Option<Notification>,
    moment: Moment<'_>,
) -> (Option<Notification>, Option<Timer>) {
    if stored.as_ref().is_some_and(is_final) {
        return (None, None);
    }
    let Judgement {
        cause,
        cause_at,
        verdict,
    } = judgement;
    let timer = |due_at, waits_for| Timer {
        cause_at,
        due_at,
        waits_for,
    };
    let implied = match verdict {
        Verdict::Pending { due_at } => {
            return (stored.and_then(withdrawn), Some(timer(due_at, WaitsFor::Nothing)));
        }
        Verdict::Implied(implied) => implied,
    };
    let send_at = implied.since.plus(moment.grace);
    let stage = stage(&implied, send_at, moment);
    let (state, suppression) = stage.state();
    let after = Notification {
        id: NotificationId::of(about.rule, about.user_id, cause),
        rule: about.rule.to_owned(),
        user_id: about.user_id.clone(),
        cause,
        cause_at,
        state,
        suppression,
        message: implied.message,
        data: implied.data,
        created_at: stored.as_ref().map_or(moment.now, |stored| stored.created_at),
        send_at,
        attempts: 0,
        next_try_at: matches!(stage, Stage::Released).then_some(moment.now),
        delivered_at: None,
        last_error: None,
    };
    let timer = match stage {
        Stage::Held(waits_for) => Some(timer(send_at, waits_for)),
        Stage::Released | Stage::Suppressed(_) => None,
    };
    (Some(after).filter(|after| stored.as_ref() != Some(after)), timer)
}

/// How far a message has come that is implied.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Held(WaitsFor),
    Released,
    Suppressed(Suppression),
}

fn stage(implied: &Implied, send_at: Timestamp, moment: Moment<'_>) -> Stage {
    if !implied.live {
        return Stage::Suppressed(Suppression::Imported);
    }
    if let Some(job) = implied.jobs.iter().find(|job| moment.open_jobs.contains(job)) {
        return Stage::Held(WaitsFor::Job(*job));
    }
    if moment.now < send_at {
        return Stage::Held(WaitsFor::Watermark);
    }
    if moment.watermark.is_some_and(|applied_before| applied_before >= send_at) {
        return Stage::Released;
    }
    if send_at < moment.patience_ended {
        return Stage::Suppressed(Suppression::Backlog);
    }
    Stage::Held(WaitsFor::Watermark)
}

impl Stage {
    const fn state(self) -> (NotificationState, Option<Suppression>) {
        match self {
            Self::Held(_) => (NotificationState::Held, None),
            Self::Released => (NotificationState::Pending, None),
            Self::Suppressed(reason) => (NotificationState::Suppressed, Some(reason)),
        }
    }
}

/// Whether nothing that comes later changes it: it has left the house, or it will not.
fn is_final(notification: &Notification) -> bool {
    match notification.state {
        NotificationState::Held | NotificationState::Withdrawn => false,
        NotificationState::Suppressed => notification.suppression != Some(Suppression::Imported),
        NotificationState::Pending | NotificationState::Delivered | NotificationState::Failed => true,
    }
}

/// What becomes of a message that is not implied any more; `None`: it stays as it is.
fn withdrawn(notification: Notification) -> Option<Notification> {
    if is_final(&notification) || notification.state == NotificationState::Withdrawn {
        return None;
    }
    Some(Notification {
        state: NotificationState::Withdrawn,
        suppression: None,
        ..notification
    })
}
