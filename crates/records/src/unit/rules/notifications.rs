//! Notifications: what is to be said, and whether it has arrived.

use std::time::Duration;

use domain::ids::{NotificationId, UserId};
use domain::notification::{Notification, NotificationState};
use domain::time::Timestamp;

use crate::Result;

/// Which notifications, newest first.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    pub state: Option<NotificationState>,
    pub user_id: Option<UserId>,
    pub before: Option<(Timestamp, NotificationId)>,
    pub limit: u32,
}

/// How a try to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    Delivered,
    /// It is tried again then.
    Again {
        at: Timestamp,
        error: String,
    },
    Failed {
        error: String,
    },
}

pub trait NotificationRows {
    /// The notifications of a locked user and a rule whose causes happened in a stretch, both ends included.
    fn notifications_of(
        &mut self,
        user: &UserId,
        rule: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Notification>>;
    /// Writes a notification of a locked user, new or in place of the one with its id. One that is pending needs a next try.
    fn put_notification(&mut self, notification: &Notification) -> Result<()>;
    fn notification(&mut self, id: NotificationId) -> Result<Option<Notification>>;
    fn notifications(&mut self, filter: &NotificationFilter) -> Result<Vec<Notification>>;
    /// States in which there is none are absent.
    fn count_notifications(&mut self) -> Result<Vec<(NotificationState, u64)>>;

    /// Takes notifications that are to be tried now, with one attempt more; nobody else gets them for so long.
    fn take_deliveries(&mut self, now: Timestamp, lease: Duration, limit: u32) -> Result<Vec<Notification>>;
    /// Notes how an attempt ended; false: it is not the latest one any more.
    fn note_tried(&mut self, id: NotificationId, attempt: u32, now: Timestamp, tried: &Tried) -> Result<bool>;
    /// Makes a notification pending again that is delivered, failed or suppressed; its attempts begin anew. `None`: there is no
    /// such one; false: its state forbids it.
    fn resend(&mut self, id: NotificationId, now: Timestamp) -> Result<Option<bool>>;
}
