//! Rows of what rules wait for, look at and say.

mod evidence;
mod notices;
mod notifications;
mod wakes;

pub(crate) use evidence::{HappenedRow, JobIdRow, TimeRow, happened_in};
pub(crate) use notices::{NoticeNoRow, NoticeRow};
pub(crate) use notifications::{NotificationRow, NotificationStateRow, Try};
pub(crate) use wakes::{WaitingRow, WakeRow, waits_for};
