//! Slots of streams, and what they have to tell.

use domain::event::Event;
use domain::ids::UserId;
use domain::stream_limit::{Ended, Lease, Slots};
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

/// Slots of a user that were decided about, and the events that tell of what happened.
#[derive(Clone, Debug)]
pub struct ChangedSlots {
    pub user_id: UserId,
    pub slots: UserSlots,
    pub news: Vec<Event>,
    /// Leases became longer and nothing else happened: when to look at them stays as it was, so that no index is touched.
    pub only_renewed: bool,
}

impl ChangedSlots {
    /// All of what was decided, whoever decided it.
    pub fn of(user: &UserId, limit: Option<u32>, slots: &mut Slots) -> Self {
        let news = slots.take_news();
        Self {
            user_id: user.clone(),
            slots: UserSlots {
                limit,
                leases: slots.leases().to_vec(),
                ended: slots.ended().to_vec(),
            },
            news: news.iter().map(|news| news.event(user)).collect(),
            only_renewed: false,
        }
    }
}

pub trait SlotRows {
    /// The time of the store: the only clock of slots. It goes on within a unit.
    fn store_time(&mut self) -> Result<Timestamp>;
    /// Slots as they are, without a lock; the default for a user who never had any.
    fn slots(&mut self, user: &UserId) -> Result<UserSlots>;
    /// Holds the slots of a user until the end of the unit, and makes them if they are missing.
    fn lock_slots(&mut self, user: &UserId) -> Result<UserSlots>;
    /// Holds the slots of those users, sorted and distinct, who have some that nobody else holds; waits for nobody.
    fn lock_free_slots(&mut self, users: &[UserId]) -> Result<Vec<(UserId, UserSlots)>>;
    /// Makes slots for those users, sorted and distinct, who never had any, and holds them.
    fn make_slots(&mut self, users: &[UserId]) -> Result<Vec<UserId>>;
    /// Saves leases and endings of locked slots, each user's once, and the events that tell of what happened.
    fn save_slots(&mut self, changed: &[ChangedSlots]) -> Result<()>;
    /// Sets a user's own limit, or takes it away.
    fn set_stream_limit(&mut self, user: &UserId, limit: Option<u32>) -> Result<()>;
    /// Users some of whose leases may have run out.
    fn users_with_expired_leases(&mut self, limit: u32) -> Result<Vec<UserId>>;
    /// How many leases are live.
    fn count_live_leases(&mut self) -> Result<u64>;

    /// Takes events out of the outbox that nobody else is taking, oldest first; with the unit they are gone.
    fn take_news(&mut self, limit: u32) -> Result<Vec<Event>>;
}
