//! Slots of streams, and what they have to tell.

use domain::event::Event;
use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ended, Lease};
use domain::time::Timestamp;

use crate::Result;

/// The slots of one user as they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSlots {
    /// Her own limit, where she has one.
    pub limit: Option<u32>,
    /// In the order of their starts; some may have run out.
    pub leases: Vec<Lease>,
    /// In the order in which they were noted.
    pub ended: Vec<Ended>,
}

pub trait SlotRows {
    /// The time of the store: the only clock of slots. It goes on within a unit.
    fn store_time(&mut self) -> Result<Timestamp>;
    /// Slots as they are, without a lock; the default for a user who never had any.
    fn slots(&mut self, user: &UserId) -> Result<UserSlots>;
    /// Holds the slots of a user until the end of the unit, and makes them if they are missing.
    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots>;
    /// Saves leases and endings of locked slots, and the events that tell of what happened.
    fn save_slots(&mut self, user: &UserId, slots: &UserSlots, news: &[Event]) -> Result<()>;
    /// One statement: renews the lease if it is live. The new end, where that is so.
    fn renew_lease(
        &mut self,
        user: &UserId,
        stream: &StreamId,
        lease: std::time::Duration,
    ) -> Result<Option<Timestamp>>;
    /// Sets a user's own limit, or takes it away.
    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()>;
    /// Users some of whose leases may have run out.
    fn users_with_expired_leases(&mut self, limit: u32) -> Result<Vec<UserId>>;
    /// Users with live leases, most streams first: for people who look.
    fn busiest_users(&mut self, limit: u32) -> Result<Vec<(UserId, u32)>>;
    /// How many leases are live.
    fn count_live_leases(&mut self) -> Result<u64>;

    /// Takes events out of the outbox that nobody else is taking, oldest first; with the unit they are gone.
    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>>;
}
