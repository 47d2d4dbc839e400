//! Evidence: what rules look at.

use domain::event::{Event, EventType};
use domain::ids::{JobId, UserId};
use domain::rules::{Happened, Stretch};
use domain::time::Timestamp;

use crate::Result;

pub trait EvidenceRows {
    /// What happened to a user of these types in a stretch of time, by the time that rules go by. `None`: too much. More than
    /// `rows_max` events would have to be read, those of the day behind the stretch included: their clocks may be ahead.
    fn happened(
        &mut self,
        user: &UserId,
        types: &[EventType],
        stretch: &Stretch,
        rows_max: u32,
    ) -> Result<Option<Vec<Happened>>>;
    /// Users to whom something of these types happened in a stretch of time, sorted, those after `after`. Some may be among
    /// them whose clock was wrong, and to whom it happened up to a day beyond the stretch.
    fn users_with(
        &mut self,
        types: &[EventType],
        from: Timestamp,
        to: Timestamp,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>>;
    /// Stored events that came with a file only and come live now; which of them became live by that. Distinct, sorted by id.
    fn make_live(&mut self, events: &[&Event]) -> Result<Vec<bool>>;
    /// Whether a job has come to an end, or does not exist.
    fn has_ended(&mut self, job: JobId) -> Result<bool>;
}
