//! One decision, or many in one unit: slots are held, the store is asked for the time, and what changed is saved.

use std::collections::BTreeMap;

use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ending, Renewal, Started};
use domain::time::Timestamp;
use records::{Result, Unit, UserSlots};
use tokio::time::Instant;

use super::kept::Kept;
use super::{Running, Terms, Wish};

/// What somebody wants of a user's slots.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Start(Wish),
    End {
        stream_id: StreamId,
        how: Ending,
    },
    /// Starts nothing.
    Renew(StreamId),
}

/// Until when somebody waits for it. Whoever has given up is to hold nothing.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) wanted: Wanted,
    pub(super) until: Instant,
}

#[derive(Clone, Debug)]
pub(super) enum Decided {
    Start(Started, Running),
    /// Whether it ran until now.
    End(bool),
    Renew(Renewal),
}

impl Asked {
    /// Nothing where nobody waits any more.
    fn of(&self, kept: &mut Kept, now: Timestamp) -> Option<Decided> {
        if self.until <= Instant::now() {
            return None;
        }
        Some(match &self.wanted {
            Wanted::Start(wish) => {
                let started = kept.start(wish, now);
                Decided::Start(started, kept.running())
            }
            Wanted::End { stream_id, how } => Decided::End(kept.end(stream_id, how, now)),
            Wanted::Renew(stream_id) => Decided::Renew(kept.renew(stream_id, now)),
        })
    }
}

/// Decides about all that is asked of one user, in order; waits for her slots if somebody else holds them, unless a look at
/// them is enough.
pub(super) fn alone(unit: &mut dyn Unit, user: &UserId, asks: &[Asked], terms: Terms) -> Result<Vec<Option<Decided>>> {
    let decide = |kept: &mut Kept, now| asks.iter().map(|asked| asked.of(kept, now)).collect();
    // What changes nothing needs no lock. Of a refusal: leases that are live after they were read were live together at that
    // moment, so it would have been refused then. Players that all ask again and again do not queue for the row.
    let mut seen = Kept::of(unit.slots(user)?, terms);
    let decided = decide(&mut seen, unit.store_time()?);
    if seen.is_unchanged() {
        return Ok(decided);
    }
    let mut kept = Kept::of(unit.lock_slots(user)?, terms);
    // Asked with the lock in hand: while we waited for it, time went on.
    let decided = decide(&mut kept, unit.store_time()?);
    if let Some(changed) = kept.changes(user) {
        unit.save_slots(&[changed])?;
    }
    Ok(decided)
}

/// Decides about all whose slots nobody else holds, in the order in which they came; waits for none of the others. So nobody
/// is late because of a stranger.
pub(super) fn together(unit: &mut dyn Unit, asks: &[(UserId, Asked)], terms: Terms) -> Result<Vec<Option<Decided>>> {
    let mut kept = hold(unit, asks, terms)?;
    let now = unit.store_time()?;
    let decided = asks
        .iter()
        .map(|(user, asked)| asked.of(kept.get_mut(user)?, now))
        .collect();
    let changed: Vec<_> = kept.into_iter().filter_map(|(user, kept)| kept.changes(user)).collect();
    if !changed.is_empty() {
        unit.save_slots(&changed)?;
    }
    Ok(decided)
}

/// What is held of these users' slots. Those of a user who never had any are made, if she is to have one now.
fn hold<'a>(unit: &mut dyn Unit, asks: &'a [(UserId, Asked)], terms: Terms) -> Result<BTreeMap<&'a UserId, Kept>> {
    let users = |of: &dyn Fn(&UserId, &Asked) -> bool| {
        let mut users: Vec<_> = asks
            .iter()
            .filter(|(user, asked)| of(user, asked))
            .map(|(user, _)| user.clone())
            .collect();
        users.sort_unstable();
        users.dedup();
        users
    };
    let mut held: BTreeMap<UserId, UserSlots> = unit.lock_free_slots(&users(&|_, _| true))?.into_iter().collect();
    let missing = users(&|user, asked| matches!(asked.wanted, Wanted::Start(_)) && !held.contains_key(user));
    if !missing.is_empty() {
        let made = unit.make_slots(&missing)?;
        held.extend(made.into_iter().map(|user| (user, UserSlots::default())));
    }
    let kept = |(user, _): &'a (UserId, Asked)| Some((user, Kept::of(held.remove(user)?, terms)));
    Ok(asks.iter().filter_map(kept).collect())
}
