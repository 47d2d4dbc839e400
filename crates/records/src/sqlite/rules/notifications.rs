//! What is to be said, and whether it has arrived.

use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::{NotificationId, UserId};
use domain::notification::{Notification, NotificationState, Suppression};
use domain::time::Timestamp;

use crate::rows;
use crate::rows::rules::{NotificationRow, NotificationStateRow, Try};
use crate::sqlite::Tx;
use crate::statement::statement;
use crate::{NotificationFilter, NotificationRows, Result, Tried};

/// Notifications, and behind them which.
macro_rules! notifications {
    ($which:literal) => {
        concat!("SELECT * FROM notifications ", $which)
    };
}

impl NotificationRows for Tx<'_> {
    fn notifications_of(
        &mut self,
        user: &UserId,
        rule: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Notification>> {
        let found: Vec<NotificationRow> = statement(notifications!(
            "WHERE user_id = ?1 AND rule = ?2 AND cause_at >= ?3 AND cause_at <= ?4
             ORDER BY cause_at, cause"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<BigInt, _>(from.as_micros())
        .bind::<BigInt, _>(to.as_micros())
        .load(self.connection)?;
        rows::all(found)
    }

    fn put_notification(&mut self, notification: &Notification) -> Result<()> {
        statement(
            "INSERT OR REPLACE INTO notifications
                 (notification_id, rule, user_id, cause, cause_at, state, suppression, message, data, created_at, send_at,
                  attempts, next_try_at, delivered_at, last_error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )
        .bind::<Binary, _>(key(notification.id))
        .bind::<Text, _>(&notification.rule)
        .bind::<Text, _>(notification.user_id.as_str())
        .bind::<Binary, _>(notification.cause.as_uuid().as_bytes().as_slice())
        .bind::<BigInt, _>(notification.cause_at.as_micros())
        .bind::<Text, _>(notification.state.as_str())
        .bind::<Nullable<Text>, _>(notification.suppression.map(Suppression::as_str))
        .bind::<Text, _>(&notification.message)
        .bind::<Text, _>(notification.data.as_str())
        .bind::<BigInt, _>(notification.created_at.as_micros())
        .bind::<BigInt, _>(notification.send_at.as_micros())
        .bind::<Integer, _>(notification.attempts.cast_signed())
        .bind::<Nullable<BigInt>, _>(notification.next_try_at.map(Timestamp::as_micros))
        .bind::<Nullable<BigInt>, _>(notification.delivered_at.map(Timestamp::as_micros))
        .bind::<Nullable<Text>, _>(notification.last_error.as_deref())
        .execute(self.connection)?;
        Ok(())
    }

    fn notification(&mut self, id: NotificationId) -> Result<Option<Notification>> {
        let found: Option<NotificationRow> = statement(notifications!("WHERE notification_id = ?1"))
            .bind::<Binary, _>(key(id))
            .get_result(self.connection)
            .optional()?;
        found.map(Notification::try_from).transpose()
    }

    fn notifications(&mut self, filter: &NotificationFilter) -> Result<Vec<Notification>> {
        let (before, before_id) = filter
            .before
            .map_or_else(|| (i64::MAX, Vec::new()), |(at, id)| (at.as_micros(), key(id)));
        // Which index serves is decided before the values are known, so each way is a statement of its own.
        let in_state = filter.state.map_or("?1 IS NULL", |_| "state = ?1");
        let of_user = filter.user_id.as_ref().map_or("?2 IS NULL", |_| "user_id = ?2");
        let found: Vec<NotificationRow> = sql_query(format!(
            "{} WHERE {in_state} AND {of_user} AND (created_at, notification_id) < (?3, ?4)
             ORDER BY created_at DESC, notification_id DESC LIMIT ?5",
            notifications!("")
        ))
        .bind::<Nullable<Text>, _>(filter.state.map(NotificationState::as_str))
        .bind::<Nullable<Text>, _>(filter.user_id.as_ref().map(UserId::as_str))
        .bind::<BigInt, _>(before)
        .bind::<Binary, _>(before_id)
        .bind::<BigInt, _>(i64::from(filter.limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_notifications(&mut self) -> Result<Vec<(NotificationState, u64)>> {
        let counted: Vec<NotificationStateRow> =
            sql_query("SELECT state, count(*) AS notifications FROM notifications GROUP BY state")
                .load(self.connection)?;
        rows::all(counted)
    }

    fn take_deliveries(&mut self, now: Timestamp, lease: Duration, limit: u32) -> Result<Vec<Notification>> {
        let taken: Vec<NotificationRow> = sql_query(
            "UPDATE notifications SET attempts = attempts + 1, next_try_at = ?2
             WHERE notification_id IN
                 (SELECT notification_id FROM notifications
                  WHERE state = 'pending' AND next_try_at <= ?1 ORDER BY next_try_at LIMIT ?3)
             RETURNING *",
        )
        .bind::<BigInt, _>(now.as_micros())
        .bind::<BigInt, _>(now.plus(lease).as_micros())
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(taken)
    }

    fn note_tried(&mut self, id: NotificationId, attempt: u32, now: Timestamp, tried: &Tried) -> Result<bool> {
        let ended = Try::ended(tried, now);
        let noted = sql_query(
            "UPDATE notifications SET state = ?3, next_try_at = ?4, delivered_at = ?5, last_error = ?6
             WHERE notification_id = ?1 AND attempts = ?2 AND state = 'pending'",
        )
        .bind::<Binary, _>(key(id))
        .bind::<Integer, _>(attempt.cast_signed())
        .bind::<Text, _>(ended.state.as_str())
        .bind::<Nullable<BigInt>, _>(ended.next_try_at.map(Timestamp::as_micros))
        .bind::<Nullable<BigInt>, _>(ended.delivered_at.map(Timestamp::as_micros))
        .bind::<Nullable<Text>, _>(ended.error)
        .execute(self.connection)?;
        Ok(noted == 1)
    }

    fn resend(&mut self, id: NotificationId, now: Timestamp) -> Result<Option<bool>> {
        let pending_again = sql_query(
            "UPDATE notifications SET state = 'pending', suppression = NULL, attempts = 0, next_try_at = ?2,
                                      delivered_at = NULL, last_error = NULL
             WHERE notification_id = ?1 AND state IN ('delivered', 'failed', 'suppressed')",
        )
        .bind::<Binary, _>(key(id))
        .bind::<BigInt, _>(now.as_micros())
        .execute(self.connection)?;
        if pending_again == 1 {
            return Ok(Some(true));
        }
        Ok(self.notification(id)?.map(|_| false))
    }
}

fn key(id: NotificationId) -> Vec<u8> {
    id.as_uuid().as_bytes().to_vec()
}
