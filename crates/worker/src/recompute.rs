//! Builds watch time anew from the stored heartbeats, while others go on with it.
//!
//! A pair is folded again under its lock, and its totals move by the difference, as they do for every heartbeat. Then each
//! total is held and made the sum of its pairs: who moved a pair before has moved the total, or waits for it.

use std::time::Duration;

use domain::ids::UserId;
use domain::watch_time::{Delta, Pair};
use records::{Class, Records, Result, Unit};

use self::movie::rebuild_movie;
use crate::Effects;
use crate::apply::watch_time::stored::refold;
use crate::apply::watch_time::totals::Moves;

mod movie;

/// So many names are looked up at once.
const PAGE: u32 = 1_000;

/// So many are rebuilt in one transaction, which appliers may wait for.
const PAIRS_AT_ONCE: usize = 16;
const MOVIES_AT_ONCE: usize = 1;
const USERS_AT_ONCE: usize = 64;

/// A movie that everybody saw takes its time.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// How far it is: so many were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecomputeStep {
    Pairs(u64),
    Movies(u64),
    Users(u64),
}

/// What was looked at, and what of it was not as it should have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    pub seen: u64,
    pub changed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recomputed {
    pub pairs: Rebuilt,
    pub movies: Rebuilt,
    pub users: Rebuilt,
}

/// Makes every state what its stored heartbeats come to, and every total the sum of its states. It may be ended at any
/// instant and begun again.
pub async fn recompute(records: &Records, effects: &Effects, progress: impl Fn(RecomputeStep)) -> Result<Recomputed> {
    let effects = effects.clone();
    let pairs = Kind {
        list: |unit, after, limit| unit.all_pairs(after, limit),
        rebuild: move |unit: &mut dyn Unit, pairs: &[Pair]| rebuild_pairs(unit, &effects, pairs),
        at_once: PAIRS_AT_ONCE,
        step: RecomputeStep::Pairs,
    };
    let movies = Kind {
        list: |unit, after, limit| unit.all_movies(after, limit),
        rebuild: |unit: &mut dyn Unit, slugs: &[_]| count(slugs, |slug| rebuild_movie(unit, slug)),
        at_once: MOVIES_AT_ONCE,
        step: RecomputeStep::Movies,
    };
    let users = Kind {
        list: |unit, after, limit| unit.all_users(after, limit),
        rebuild: |unit: &mut dyn Unit, users: &[_]| count(users, |user| rebuild_user(unit, user)),
        at_once: USERS_AT_ONCE,
        step: RecomputeStep::Users,
    };
    Ok(Recomputed {
        pairs: pairs.rebuild(records, &progress).await?,
        movies: movies.rebuild(records, &progress).await?,
        users: users.rebuild(records, &progress).await?,
    })
}

/// In order, those behind one; at most so many.
type List<K> = fn(&mut dyn Unit, Option<&K>, u32) -> Result<Vec<K>>;

/// Something that there are many of, which are rebuilt some at a time.
struct Kind<K, R> {
    list: List<K>,
    /// How many of these were changed.
    rebuild: R,
    at_once: usize,
    step: fn(u64) -> RecomputeStep,
}

impl<K, R> Kind<K, R>
where
    K: Clone + Send + 'static,
    R: Fn(&mut dyn Unit, &[K]) -> Result<u64> + Clone + Send + 'static,
{
    async fn rebuild(&self, records: &Records, progress: &impl Fn(RecomputeStep)) -> Result<Rebuilt> {
        let mut rebuilt = Rebuilt::default();
        let mut last = None;
        loop {
            let list = self.list;
            let page = records
                .within(Class::Background, DEADLINE, move |unit| list(unit, last.as_ref(), PAGE))
                .await?;
            for some in page.chunks(self.at_once) {
                let (rebuild, some) = (self.rebuild.clone(), some.to_vec());
                rebuilt.seen += some.len() as u64;
                rebuilt.changed += records
                    .within(Class::Background, DEADLINE, move |unit| rebuild(unit, &some))
                    .await?;
                progress((self.step)(rebuilt.seen));
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return Ok(rebuilt);
            }
        }
    }
}

fn rebuild_pairs(unit: &mut dyn Unit, effects: &Effects, pairs: &[Pair]) -> Result<u64> {
    let states = unit.lock_pairs(pairs)?;
    let (mut rebuilt, mut moves, mut changed) = (Vec::with_capacity(pairs.len()), Moves::default(), 0);
    for (pair, before) in pairs.iter().zip(states) {
        let after = refold(unit, effects, pair)?;
        moves.add(pair, Delta::between(&before, &after), &before, &after);
        changed += u64::from(after != before);
        rebuilt.push((pair.clone(), after));
    }
    // Those that did not change too: what is kept beside a state, to be summed, may be wrong.
    unit.save_pairs(&rebuilt)?;
    moves.save(unit)?;
    Ok(changed)
}

fn rebuild_user(unit: &mut dyn Unit, user: &UserId) -> Result<bool> {
    let before = unit.user_totals(user)?;
    unit.sum_user_totals(user)?;
    Ok(unit.user_totals(user)? != before)
}

fn count<K>(all: &[K], mut rebuild: impl FnMut(&K) -> Result<bool>) -> Result<u64> {
    all.iter().map(|one| Ok(u64::from(rebuild(one)?))).sum()
}
