//! The slots of a user on their way from the store and back.

use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ending, Renewal, Slots, Start, Started};
use domain::time::Timestamp;
use records::{ChangedSlots, UserSlots};

use super::{Running, Terms, Wish};

pub(super) struct Kept {
    own_limit: Option<u32>,
    limit: usize,
    slots: Slots,
    change: Change,
}

/// What is to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Nothing,
    LongerLeases,
    Everything,
}

impl Kept {
    pub(super) fn of(kept: UserSlots, terms: Terms) -> Self {
        let own = kept.limit.and_then(|limit| usize::try_from(limit).ok());
        Self {
            own_limit: kept.limit,
            limit: own.unwrap_or(terms.limit),
            slots: Slots::of(kept.leases, kept.ended, terms.lease),
            change: Change::Nothing,
        }
    }

    /// After a refusal there is nothing to save: what ran out meanwhile is found by the sweeper too.
    pub(super) fn start(&mut self, wish: &Wish, now: Timestamp) -> Started {
        let start = Start {
            stream_id: &wish.stream_id,
            slug: wish.slug.as_ref(),
            device: wish.device.as_ref(),
            replace: wish.replace.as_ref(),
            may_be_renewal: wish.may_be_renewal,
        };
        let started = self.slots.start(start, self.limit, now);
        self.note(match started {
            Started::Granted => Change::Everything,
            Started::Renewed => Change::LongerLeases,
            Started::Denied | Started::Gone(_) => Change::Nothing,
        });
        started
    }

    /// Whether it ran until now.
    pub(super) fn end(&mut self, stream_id: &StreamId, how: &Ending, now: Timestamp) -> bool {
        let ended = self.slots.end(stream_id, how.clone(), now);
        self.note(if ended { Change::Everything } else { Change::Nothing });
        ended
    }

    pub(super) fn renew(&mut self, stream_id: &StreamId, now: Timestamp) -> Renewal {
        let renewal = self.slots.renew(stream_id, now);
        self.note(match renewal {
            Renewal::Renewed => Change::LongerLeases,
            Renewal::Replaced | Renewal::Ended | Renewal::Unknown => Change::Nothing,
        });
        renewal
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.change == Change::Nothing
    }

    fn note(&mut self, change: Change) {
        self.change = self.change.max(change);
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.slots.expire(now);
    }

    pub(super) fn running(&self) -> Running {
        Running {
            leases: self.slots.leases().to_vec(),
            limit: self.limit,
        }
    }

    /// What is to be saved, with the events that tell of what happened.
    pub(super) fn changes(mut self, user: &UserId) -> Option<ChangedSlots> {
        if self.is_unchanged() {
            return None;
        }
        let changed = ChangedSlots::of(user, self.own_limit, &mut self.slots);
        Some(ChangedSlots {
            // Others may have run out meanwhile.
            only_renewed: self.change == Change::LongerLeases && changed.news.is_empty(),
            ..changed
        })
    }
}
