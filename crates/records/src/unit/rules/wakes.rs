//! Wakes: who is to be looked at again by which rule, and when.

use domain::ids::{EventId, JobId, UserId};
use domain::rules::Stretch;
use domain::time::Timestamp;

use crate::Result;

/// So many wakes of one user are held at once, however many are due: nobody waits behind one user alone.
pub const WAKES_OF_USER_MAX: u32 = 50;

/// So many of the longest due wakes are looked at to find those of other users, where a few users have almost all of them. Whoever
/// fills even that is passed over, and the look begins again behind.
pub(crate) const LOOKED_AT_MAX: u32 = 20_000;
/// So often.
pub(crate) const CROWDS_MAX: usize = 10;

/// A reason to look at a user again: an event that a rule names, now; or its time has run out, later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    pub rule: String,
    pub cause: EventId,
    pub user_id: UserId,
    /// When the cause happened.
    pub cause_at: Timestamp,
    pub due_at: Timestamp,
    pub waits_for: WaitsFor,
}

/// What else must be so before a wake that is due may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    Nothing,
    /// All that was accepted before it was due must have been applied.
    Watermark,
    /// The file must be done, or given up.
    Job(JobId),
}

/// What may be taken now.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub now: Timestamp,
    /// All that was accepted before this has been applied; `None`: nobody can say.
    pub watermark: Option<Timestamp>,
    /// What waits for the watermark is taken all the same if it was due before this.
    pub patience_ended: Timestamp,
    pub limit: u32,
}

impl Due {
    /// The last due time at which a wake that waits for the watermark may be taken. It is one border, so that whatever waits
    /// beyond it is never looked at.
    pub(crate) fn last_settled(self) -> Timestamp {
        let out_of_patience = self.patience_ended.plus_micros(-1);
        self.watermark
            .map_or(out_of_patience, |watermark| watermark.max(out_of_patience))
            .min(self.now)
    }

    /// How many more may be held.
    pub(crate) fn room_beside(self, held: &[Wake]) -> u32 {
        self.limit.saturating_sub(u32::try_from(held.len()).unwrap_or(u32::MAX))
    }
}

pub trait WakeRows {
    /// Distinct, sorted by rule and cause. Of a wake that is there already the earlier due time stands, with what it waits for.
    fn insert_wakes(&mut self, wakes: &[Wake]) -> Result<()>;
    /// Holds wakes that are due, longest due first, and their users, until the end of the unit. Users whom somebody else holds
    /// are left out: whoever holds a user may write all of the user's wakes, and nobody waits for anybody. No more than
    /// [`WAKES_OF_USER_MAX`] are of one user.
    fn due_wakes(&mut self, due: Due) -> Result<Vec<Wake>>;
    /// Holds more wakes of a locked user and a rule that wait for nothing and are due, whose causes happened in a stretch, both
    /// ends included. Those that somebody writes at this moment are left out, and those that are held already are among them.
    fn more_due_wakes(
        &mut self,
        user: &UserId,
        rule: &str,
        stretch: &Stretch,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Wake>>;
    /// The wakes of a locked user and a rule whose causes happened in a stretch, both ends included, by the time of the cause.
    fn wakes_of(&mut self, user: &UserId, rule: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Wake>>;
    /// The timers of a locked user and a rule that wait for nothing but their time, which comes after `due_after`: those whose
    /// causes happened before `before`, the nearest first.
    fn timers_before(
        &mut self,
        user: &UserId,
        rule: &str,
        before: Timestamp,
        due_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<Wake>>;
    /// Writes a wake of a locked user anew, in place of the one with its rule and cause.
    fn put_wake(&mut self, wake: &Wake) -> Result<()>;
    fn drop_wakes(&mut self, rule: &str, causes: &[EventId]) -> Result<()>;
    /// How many wakes there are, and when the longest due one was due. Every row is read: for people who look.
    fn wakes_waiting(&mut self) -> Result<(u64, Option<Timestamp>)>;
}
