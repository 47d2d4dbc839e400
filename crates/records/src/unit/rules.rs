//! Rules: whom to look at again, and when; what is to be said; and whether it has arrived.

mod evidence;
mod notices;
mod notifications;
mod wakes;
mod watermark;

pub(crate) use notices::last_to_forget;
pub(crate) use watermark::WORKERS_KNOWN_FOR;

pub use evidence::EvidenceRows;
pub use notices::{NoticeRows, ReceivedNotice};
pub use notifications::{NotificationFilter, NotificationRows, Tried};
pub(crate) use wakes::{CROWDS_MAX, LOOKED_AT_MAX};
pub use wakes::{Due, WAKES_OF_USER_MAX, WaitsFor, Wake, WakeRows};
pub use watermark::WatermarkRows;

/// All that rules need.
pub trait RuleRows: WakeRows + EvidenceRows + WatermarkRows + NotificationRows + NoticeRows {}

impl<T: WakeRows + EvidenceRows + WatermarkRows + NotificationRows + NoticeRows> RuleRows for T {}
