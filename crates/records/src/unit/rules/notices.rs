//! Notices: what the built-in receiver got.

use domain::time::Timestamp;

use crate::Result;

/// Something that the built-in receiver got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedNotice {
    pub received_at: Timestamp,
    pub idempotency_key: Option<String>,
    /// A JSON object, as it came.
    pub body: String,
}

/// So many notices are kept.
const NOTICES_KEPT_MAX: i64 = 10_000;
/// Older ones are forgotten with every so many that come: most of them cost one row.
const NOTICES_PER_CLEARING: i64 = 100;

/// Up to which number notices are to be forgotten, now that this one has come.
pub(crate) fn last_to_forget(notice_no: i64) -> Option<i64> {
    (notice_no % NOTICES_PER_CLEARING == 0).then_some(notice_no - NOTICES_KEPT_MAX)
}

pub trait NoticeRows {
    /// What the built-in receiver gets; of many only the newest are kept.
    fn receive(&mut self, notice: &ReceivedNotice) -> Result<()>;
    /// Newest first, those before `before`; with their numbers.
    fn received(&mut self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, ReceivedNotice)>>;
}
