//! Watch time: one state per user and movie.

use domain::event::Event;
use domain::ids::{EventId, Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Pair, WatchState};

use crate::Result;

pub trait WatchRows {
    /// Heartbeats that happened before this move nothing any more, for the stored ones are being forgotten. It stands until
    /// the end of the unit, so it is asked for before pairs are locked.
    fn watch_edge(&mut self) -> Result<Option<Timestamp>>;
    /// An edge never moves back. Waits for the units that go by the one before.
    fn move_watch_edge(&mut self, edge: Timestamp) -> Result<()>;

    /// Holds these pairs until the end of the unit, and makes those that are missing; they come sorted and distinct. Their
    /// states, in the same order.
    fn lock_pairs(&mut self, pairs: &[Pair]) -> Result<Vec<WatchState>>;
    /// Saves states of locked pairs, which are distinct.
    fn save_pairs(&mut self, states: &[(Pair, WatchState)]) -> Result<()>;

    /// The stored heartbeats of a pair by time and id, those after `after`.
    fn heartbeats_of(&mut self, pair: &Pair, after: Option<(Timestamp, EventId)>, limit: u32) -> Result<Vec<Event>>;
    /// Where a pair is folded from; the default where nothing was forgotten.
    fn watch_base(&mut self, pair: &Pair) -> Result<WatchState>;
    /// Saves the base of a locked pair. Its state is to be saved with it.
    fn save_watch_base(&mut self, pair: &Pair, base: &WatchState) -> Result<()>;
    /// Pairs that have folded heartbeats from before the edge which are in no base yet. What was stored and came too late
    /// to be folded asks for none.
    fn pairs_to_settle(&mut self, edge: Timestamp, limit: u32) -> Result<Vec<Pair>>;

    /// `None`, as everywhere, for a pair without heartbeats.
    fn watch_state(&mut self, pair: &Pair) -> Result<Option<WatchState>>;
    /// Most recently watched first, by the time of the newest heartbeat and then by slug, those behind `before`.
    fn movies_of_user(
        &mut self,
        user: &UserId,
        before: Option<(Timestamp, Slug)>,
        limit: u32,
    ) -> Result<Vec<(Slug, WatchState)>>;
    fn states_of_movie(&mut self, slug: &Slug, after: Option<&UserId>, limit: u32)
    -> Result<Vec<(UserId, WatchState)>>;
    /// Every pair that has a state or stored heartbeats, sorted, those after `after`.
    fn all_pairs(&mut self, after: Option<&Pair>, limit: u32) -> Result<Vec<Pair>>;
}
