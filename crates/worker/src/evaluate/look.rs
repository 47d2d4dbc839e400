//! One look at one user by one rule: what is read for it, and what it leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::ids::{JobId, UserId};
use domain::notification::Notification;
use domain::rules::{Circumstances, Happened, Judgement, Rule, Rules, Stretch, Verdict};
use domain::time::Timestamp;
use records::{Result, Unit, WaitsFor, Wake};

use super::Clock;
use super::reconcile::{About, Changes, Found, Moment, reconcile};
use super::stretches::merged;
use crate::Settings;

mod parts;

use parts::Part;

/// So many timers that lie far back are looked at at once, the nearest first.
const TIMERS_MAX: usize = 100;

/// Whoever has so many wakes that are held may have many more, of which so many are looked at in one go.
const MANY: usize = 25;
const HELD_MAX: usize = 1_000;
const HELD_MAX_IN_SQL: u32 = 1_000;

/// So many events around a cause are looked at. Nobody trains or launches so often within the window of a rule: it is a
/// program that does, and it is told nothing.
const HAPPENED_MAX: u32 = 10_000;

/// What is the same for everybody who is looked at in one transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    rules: &'a Rules,
    stream_limit: usize,
    grace: Duration,
    clock: Clock,
    watermark: Option<Timestamp>,
}

impl<'a> Look<'a> {
    pub(super) fn new(settings: &'a Settings, clock: Clock, watermark: Option<Timestamp>) -> Self {
        Self {
            rules: &settings.effects.rules,
            stream_limit: settings.streams.limit,
            grace: settings.notify.grace,
            clock,
            watermark,
        }
    }

    /// Looks at a locked user because of these wakes; which messages changed by it.
    pub(super) fn at(
        self,
        unit: &mut dyn Unit,
        user_id: &UserId,
        rule: &str,
        wakes: Vec<Wake>,
    ) -> Result<Vec<Notification>> {
        let about = About { rule, user_id };
        match self.rules.named(rule) {
            Some(rule) => Looking::begin(self, unit, about, rule)?.look(wakes),
            None => self.forget(unit, about, wakes),
        }
    }

    /// The rule is in force no more, and implies nothing.
    fn forget(self, unit: &mut dyn Unit, about: About<'_>, wakes: Vec<Wake>) -> Result<Vec<Notification>> {
        let mut changed = Vec::new();
        for wake in wakes {
            let found = Found {
                notifications: unit.notifications_of(about.user_id, about.rule, wake.cause_at, wake.cause_at)?,
                held: vec![wake],
                others: Vec::new(),
            };
            let changes = reconcile(about, Vec::new(), found, self.moment(&BTreeSet::new()));
            changed.extend(save(unit, about, changes)?);
        }
        Ok(changed)
    }

    const fn moment(self, open_jobs: &BTreeSet<JobId>) -> Moment<'_> {
        Moment {
            now: self.clock.now,
            watermark: self.watermark,
            patience_ended: self.clock.patience_ended,
            grace: self.grace,
            open_jobs,
        }
    }
}

struct Looking<'a> {
    look: Look<'a>,
    unit: &'a mut dyn Unit,
    about: About<'a>,
    rule: &'a Rule,
    circumstances: Circumstances,
    changed: Vec<Notification>,
}

impl<'a> Looking<'a> {
    fn begin(look: Look<'a>, unit: &'a mut dyn Unit, about: About<'a>, rule: &'a Rule) -> Result<Self> {
        let own_limit = if rule.asks_for_stream_limit() {
            unit.slots(about.user_id)?.limit
        } else {
            None
        };
        let circumstances = Circumstances {
            now: look.clock.now,
            stream_limit: own_limit.map_or(look.stream_limit, |limit| limit as usize),
        };
        Ok(Self {
            look,
            unit,
            about,
            rule,
            circumstances,
            changed: Vec::new(),
        })
    }

    fn look(mut self, mut held: Vec<Wake>) -> Result<Vec<Notification>> {
        if held.len() >= MANY {
            self.hold_more(&mut held)?;
        }
        let stretches = self.stretches(&held);
        let mut others = self.other_wakes(&stretches, &held)?;
        let far = self.far_timers(&stretches, &held)?;
        let (parts, seen) = self.judge_to_the_end(stretches)?;
        for Part { stretch, judgements } in parts {
            let lies_within = |wake: &mut Wake| stretch.contains(&wake.cause_at);
            let found = Found {
                notifications: self.notifications(&stretch)?,
                held: held.extract_if(.., lies_within).collect(),
                others: others.extract_if(.., lies_within).collect(),
            };
            self.reconcile(judgements, found)?;
        }
        if let Some(far) = far {
            self.hurry(far, seen)?;
        }
        Ok(self.changed)
    }

    fn stretches(&self, held: &[Wake]) -> Vec<Stretch> {
        merged(held.iter().map(|wake| self.rule.causes_near(wake.cause_at)).collect())
    }

    /// Whoever has many wakes may have thousands, and almost the same would be read for each portion of them. So one look serves
    /// all that are due near those that are held.
    fn hold_more(&mut self, held: &mut Vec<Wake>) -> Result<()> {
        let (About { rule, user_id }, now) = (self.about, self.look.clock.now);
        let mut known: BTreeSet<_> = held.iter().map(|wake| wake.cause).collect();
        while held.len() < HELD_MAX {
            let before = held.len();
            for stretch in self.stretches(held) {
                if held.len() >= HELD_MAX {
                    break;
                }
                let more = self
                    .unit
                    .more_due_wakes(user_id, rule, &stretch, now, HELD_MAX_IN_SQL)?;
                held.extend(more.into_iter().filter(|wake| known.insert(wake.cause)));
            }
            if held.len() == before {
                break;
            }
        }
        Ok(())
    }

    /// The wakes of causes that these may have an influence on.
    fn other_wakes(&mut self, stretches: &[Stretch], held: &[Wake]) -> Result<Vec<Wake>> {
        let mut others = Vec::new();
        for stretch in stretches {
            others.extend(self.wakes(*stretch.start(), *stretch.end())?);
        }
        let held: BTreeSet<_> = held.iter().map(|wake| wake.cause).collect();
        others.retain(|wake| !held.contains(&wake.cause));
        Ok(others)
    }

    /// A timer can be set off from any distance.
    fn far_timers(&mut self, stretches: &[Stretch], held: &[Wake]) -> Result<Option<FarTimers>> {
        if !self.rule.waits_for_time() {
            return Ok(None);
        }
        let latest = held.iter().max_by_key(|wake| wake.cause_at).cloned();
        let Some(latest) = latest else { return Ok(None) };
        let before = *self.rule.causes_near(latest.cause_at).start();
        // Near a wake that is held lie no more than two timers of others, and those are looked at there.
        let limit = TIMERS_MAX + 2 * held.len();
        let About { rule, user_id } = self.about;
        let now = self.look.clock.now;
        let sql_limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut timers = self.unit.timers_before(user_id, rule, before, now, sql_limit)?;
        let are_all = timers.len() < limit;
        timers.retain(|timer| !stretches.iter().any(|stretch| stretch.contains(&timer.cause_at)));
        Ok(Some(FarTimers {
            latest,
            timers,
            are_all,
        }))
    }

    /// Timers whose causes lie far back may have been set off by what is seen now. Those that were not stay as they are. Where
    /// there are more of them, the next look goes on: as long as some are set off, so that it comes to an end.
    fn hurry(&mut self, far: FarTimers, mut seen: Vec<Happened>) -> Result<()> {
        let FarTimers {
            latest,
            timers,
            are_all,
        } = far;
        let times = timers.iter().map(|timer| timer.cause_at);
        let (Some(first), Some(last)) = (times.clone().min(), times.clone().max()) else {
            return Ok(());
        };
        for evidence in merged(times.map(|at| self.rule.evidence_for(&(at..=at))).collect()) {
            // Where not everything can be looked at the wall clock decides.
            let Some(events) = self.happened(&evidence)? else {
                return Ok(());
            };
            seen.extend(events);
        }
        let mut timers: BTreeMap<_, _> = timers.into_iter().map(|timer| (timer.cause, timer)).collect();
        let mut found = Found::default();
        let mut judgements = self.judge(&(first..=last), &seen);
        judgements.retain(|judgement| !is_pending(judgement) && timers.contains_key(&judgement.cause));
        if judgements.is_empty() {
            return Ok(());
        }
        for Judgement { cause, cause_at, .. } in &judgements {
            let notifications = self.notifications(&(*cause_at..=*cause_at))?;
            let of_cause = notifications.into_iter().filter(|told| told.cause == *cause);
            found.notifications.extend(of_cause);
            found.others.extend(timers.remove(cause));
        }
        self.reconcile(judgements, found)?;
        if are_all {
            return Ok(());
        }
        self.unit.put_wake(&Wake {
            due_at: self.look.clock.now,
            waits_for: WaitsFor::Nothing,
            ..latest
        })
    }

    fn reconcile(&mut self, judgements: Vec<Judgement>, found: Found) -> Result<()> {
        let open_jobs = self.open_jobs(&judgements)?;
        let changes = reconcile(self.about, judgements, found, self.look.moment(&open_jobs));
        let changed = save(self.unit, self.about, changes)?;
        self.changed.extend(changed);
        Ok(())
    }

    /// The files from which more may come that matters for a message.
    fn open_jobs(&mut self, judgements: &[Judgement]) -> Result<BTreeSet<JobId>> {
        let mut jobs = BTreeSet::new();
        for judgement in judgements {
            if let Verdict::Implied(implied) = &judgement.verdict
                && implied.live
            {
                jobs.extend(&implied.jobs);
            }
        }
        let mut open = BTreeSet::new();
        for job in jobs {
            if !self.unit.has_ended(job)? {
                open.insert(job);
            }
        }
        Ok(open)
    }

    fn judge(&self, causes: &Stretch, events: &[Happened]) -> Vec<Judgement> {
        self.rule.judge(causes, events, self.circumstances)
    }

    /// `None`: too much.
    fn happened(&mut self, stretch: &Stretch) -> Result<Option<Vec<Happened>>> {
        let types = self.rule.types();
        self.unit.happened(self.about.user_id, types, stretch, HAPPENED_MAX)
    }

    fn wakes(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Wake>> {
        self.unit.wakes_of(self.about.user_id, self.about.rule, from, to)
    }

    fn notifications(&mut self, causes: &Stretch) -> Result<Vec<Notification>> {
        let About { rule, user_id } = self.about;
        self.unit
            .notifications_of(user_id, rule, *causes.start(), *causes.end())
    }
}

/// Timers that lie far before the wakes that are held, which may be the nearest of many.
struct FarTimers {
    /// The latest of the wakes that are held: it is looked at again where these are not all.
    latest: Wake,
    timers: Vec<Wake>,
    are_all: bool,
}

const fn is_pending(judgement: &Judgement) -> bool {
    matches!(judgement.verdict, Verdict::Pending { .. })
}

fn save(unit: &mut dyn Unit, about: About<'_>, changes: Changes) -> Result<Vec<Notification>> {
    for notification in &changes.notifications {
        unit.put_notification(notification)?;
    }
    for wake in &changes.put {
        unit.put_wake(wake)?;
    }
    unit.drop_wakes(about.rule, &changes.drop)?;
    Ok(changes.notifications)
}
