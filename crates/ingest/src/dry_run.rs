//! What a rule would have said between two points in time: judged as it would be in force, and neither kept nor sent.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{EventId, UserId};
use domain::rules::{Circumstances, Happened, Implied, Judgement, Rule, Stretch, Verdict};
use domain::time::Timestamp;
use records::Unit;

use crate::problem::Problem;
use crate::state::State;

/// Whoever asks waits no longer than for any other read.
const DRY_RUN_MAX: Duration = Duration::from_secs(5);
/// So many users are looked at, each one once for every day.
const LOOKS_MAX: usize = 10_000;
/// So many messages are shown; the others are counted.
const SHOWN_MAX: usize = 100;
const USERS_PER_UNIT: u32 = 100;
/// The causes of so long a time are judged at once: a rule judges them alike however they are cut, and a user's day is
/// hardly ever too much to hold.
const STEP_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// So many events around them are looked at, of each user.
const HAPPENED_MAX: u32 = 10_000;

/// A message that would have been sent.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) user_id: UserId,
    pub(crate) cause: EventId,
    pub(crate) cause_at: Timestamp,
    pub(crate) implied: Implied,
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) count: usize,
    pub(crate) shown: Vec<Said>,
    /// Whether everybody was looked at.
    pub(crate) complete: bool,
}

impl Findings {
    fn add(&mut self, found: Vec<Said>) {
        self.count += found.len();
        let room = SHOWN_MAX - self.shown.len();
        self.shown.extend(found.into_iter().take(room));
    }
}

/// What was found with some users.
struct Looked {
    said: Vec<Said>,
    users: usize,
    last: Option<UserId>,
}

/// Looks for the causes from `start` on and before `end`.
pub(crate) async fn run(state: &State, rule: Rule, start: Timestamp, end: Timestamp) -> Result<Findings, Problem> {
    let (rule, until) = (Arc::new(rule), Instant::now() + DRY_RUN_MAX);
    let (mut findings, mut looks) = (Findings::default(), 0);
    state.caught_up().await;
    for causes in steps(start, end) {
        let mut after = None;
        loop {
            if looks >= LOOKS_MAX || Instant::now() >= until {
                return Ok(findings);
            }
            let (rule, causes, limit) = (Arc::clone(&rule), causes.clone(), state.door.settings.stream_limit);
            let read = state.read(move |unit| look(unit, &rule, &causes, after.as_ref(), limit, until));
            let looked = read.await?;
            findings.add(looked.said);
            looks += looked.users;
            after = looked.last;
            if after.is_none() {
                break;
            }
        }
    }
    findings.complete = true;
    Ok(findings)
}

fn steps(start: Timestamp, end: Timestamp) -> impl Iterator<Item = Stretch> {
    let next = |from: &Timestamp| Some(from.plus_micros(STEP_MICROS));
    let begins = iter::successors(Some(start), next).take_while(move |from| *from < end);
    begins.map(move |from| from..=from.plus_micros(STEP_MICROS).min(end).plus_micros(-1))
}

/// Looks at the next users after one; there is a last one only if others may follow.
fn look(
    unit: &mut dyn Unit,
    rule: &Rule,
    causes: &Stretch,
    after: Option<&UserId>,
    stream_limit: usize,
    until: Instant,
) -> records::Result<Looked> {
    let users = unit.users_with(rule.types(), *causes.start(), *causes.end(), after, USERS_PER_UNIT)?;
    let may_follow = users.len() == USERS_PER_UNIT as usize;
    let (mut said, mut last) = (Vec::new(), None);
    for (user, looked) in users.iter().zip(1..) {
        said.extend(said_to(unit, rule, causes, user, stream_limit)?);
        let out_of_time = Instant::now() >= until && looked < users.len();
        if out_of_time {
            last = Some(user.clone());
            break;
        }
    }
    let last = last.or_else(|| users.last().filter(|_| may_follow).cloned());
    Ok(Looked {
        said,
        users: users.len(),
        last,
    })
}

fn said_to(
    unit: &mut dyn Unit,
    rule: &Rule,
    causes: &Stretch,
    user: &UserId,
    stream_limit: usize,
) -> records::Result<Vec<Said>> {
    let evidence = rule.evidence_for(causes);
    // A rule in force tells such a user nothing either.
    let Some(happened) = unit.happened(user, rule.types(), &evidence, HAPPENED_MAX)? else {
        return Ok(Vec::new());
    };
    let own = if rule.asks_for_stream_limit() {
        unit.slots(user)?.limit.and_then(|limit| usize::try_from(limit).ok())
    } else {
        None
    };
    let circumstances = Circumstances {
        now: Timestamp::from_micros(chrono::Utc::now().timestamp_micros()),
        stream_limit: own.unwrap_or(stream_limit),
    };
    let said = judged(rule, causes, &happened, circumstances).into_iter();
    let said = said.filter_map(|judgement| match judgement.verdict {
        Verdict::Implied(implied) => Some(Said {
            user_id: user.clone(),
            cause: judgement.cause,
            cause_at: judgement.cause_at,
            implied,
        }),
        Verdict::Pending { .. } => None,
    });
    Ok(said.collect())
}

/// A rule in force waits after a late receipt, as of a file of last year. Here such a cause is judged at once, provided that
/// its time has passed by the clock.
fn judged(rule: &Rule, causes: &Stretch, happened: &[Happened], circumstances: Circumstances) -> Vec<Judgement> {
    let judged = rule.judge(causes, happened, circumstances);
    let due = judged.iter().filter_map(|judgement| match judgement.verdict {
        Verdict::Pending { due_at } => Some(due_at),
        Verdict::Implied(_) => None,
    });
    let Some(all_due) = due.max() else {
        return judged;
    };
    let later = Circumstances {
        now: all_due,
        ..circumstances
    };
    let has_passed = |cause_at| *rule.evidence_for(&(cause_at..=cause_at)).end() <= circumstances.now;
    let mut judged = rule.judge(causes, happened, later);
    judged.retain(|judgement| match &judgement.verdict {
        Verdict::Implied(implied) => implied.since <= circumstances.now || has_passed(judgement.cause_at),
        Verdict::Pending { .. } => false,
    });
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cover_the_range_without_overlap() {
        let at = Timestamp::from_micros;
        let of = |end| steps(at(10), at(end)).map(|step| (step.start().as_micros(), step.end().as_micros()));
        assert_eq!(of(10).count(), 0);
        assert_eq!(of(11).collect::<Vec<_>>(), [(10, 10)]);
        assert_eq!(of(10 + STEP_MICROS).collect::<Vec<_>>(), [(10, 9 + STEP_MICROS)]);
        assert_eq!(
            of(11 + STEP_MICROS).collect::<Vec<_>>(),
            [(10, 9 + STEP_MICROS), (10 + STEP_MICROS, 10 + STEP_MICROS)]
        );
    }
}
