//! A message to somebody, from the first reason for it until it has arrived or was given up.

mod retry;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Verbatim;
use crate::ids::{EventId, NotificationId, UserId};
use crate::time::Timestamp;

pub use retry::{RETRY_AFTER_MAX, RETRY_PAUSES, Retry};

/// Why a text is not the word for something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownWord {
    #[error("a state is one of held, pending, delivered, failed, suppressed, withdrawn")]
    State,
    #[error("a reason is one of imported, backlog")]
    Suppression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    /// It is implied, but events that are still on their way may speak against it.
    Held,
    /// It is final and wants to be delivered.
    Pending,
    Delivered,
    /// Every try failed.
    Failed,
    /// It would have been sent, but was not meant to be: see the reason.
    Suppressed,
    /// It was implied for a moment only.
    Withdrawn,
}

impl NotificationState {
    pub const ALL: [Self; 6] = [
        Self::Held,
        Self::Pending,
        Self::Delivered,
        Self::Failed,
        Self::Suppressed,
        Self::Withdrawn,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether somebody who asks for it may have it sent once more, or after all.
    pub const fn can_resend(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Suppressed)
    }
}

impl fmt::Display for NotificationState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for NotificationState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut states = Self::ALL.into_iter();
        states.find(|state| state.as_str() == text).ok_or(UnknownWord::State)
    }
}

/// Why a message is not sent although it is implied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suppression {
    /// Only events of a file imply it that was not uploaded with `notify=true`.
    Imported,
    /// Older events were waiting for so long that nobody can say whether it is true.
    Backlog,
}

impl Suppression {
    pub const ALL: [Self; 2] = [Self::Imported, Self::Backlog];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Backlog => "backlog",
        }
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Suppression {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut reasons = Self::ALL.into_iter();
        reasons
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownWord::Suppression)
    }
}

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub id: NotificationId,
    pub rule: String,
    pub user_id: UserId,
    pub cause: EventId,
    /// When the cause happened.
    pub cause_at: Timestamp,
    pub state: NotificationState,
    pub suppression: Option<Suppression>,
    pub message: String,
    pub data: Verbatim,
    pub created_at: Timestamp,
    /// Until then it is held.
    pub send_at: Timestamp,
    /// How often its delivery was begun.
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    pub next_try_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// What is told of a message: whoever it is delivered to gets this and nothing else, and every list of messages begins with it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Body<'a> {
    notification_id: NotificationId,
    rule: &'a str,
    user_id: &'a UserId,
    message: &'a str,
    data: &'a Verbatim,
    cause_event_id: EventId,
    created_at: Timestamp,
}

impl<'a> Body<'a> {
    pub fn of(notification: &'a Notification) -> Self {
        Self {
            notification_id: notification.id,
            rule: &notification.rule,
            user_id: &notification.user_id,
            message: &notification.message,
            data: &notification.data,
            cause_event_id: notification.cause,
            created_at: notification.created_at,
        }
    }
}
