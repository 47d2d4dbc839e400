//! What is to be said, and whether it has arrived.

use std::time::Duration;

use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::{NotificationId, UserId};
use domain::notification::{Notification, NotificationState, Suppression};
use domain::time::Timestamp;

use super::bound;
use crate::postgres::Tx;
use crate::postgres::jobs::time;
use crate::rows;
use crate::rows::rules::{NotificationRow, NotificationStateRow, Try};
use crate::statement::statement;
use crate::{NotificationFilter, NotificationRows, Result, Tried};

macro_rules! columns {
    () => {
        "uuid_send(n.notification_id) AS notification_id, n.rule, n.user_id, uuid_send(n.cause) AS cause,
         (extract(epoch FROM n.cause_at) * 1000000)::bigint AS cause_at, n.state, n.suppression, n.message, n.data,
         (extract(epoch FROM n.created_at) * 1000000)::bigint AS created_at,
         (extract(epoch FROM n.send_at) * 1000000)::bigint AS send_at, n.attempts,
         (extract(epoch FROM n.next_try_at) * 1000000)::bigint AS next_try_at,
         (extract(epoch FROM n.delivered_at) * 1000000)::bigint AS delivered_at, n.last_error"
    };
}

/// Notifications, and behind them which.
macro_rules! notifications {
    ($which:literal) => {
        concat!("SELECT ", columns!(), " FROM notifications n ", $which)
    };
}

/// Those that somebody else takes at the same time are passed over.
const TAKE: &str = concat!(
    "WITH due AS MATERIALIZED (
         SELECT notification_id FROM notifications
         WHERE state = 'pending' AND next_try_at <= $1 ORDER BY next_try_at LIMIT $3
         FOR UPDATE SKIP LOCKED)
     UPDATE notifications n SET attempts = n.attempts + 1, next_try_at = $2
     FROM due WHERE n.notification_id = due.notification_id
     RETURNING ",
    columns!()
);

impl NotificationRows for Tx<'_> {
    fn notifications_of(
        &mut self,
        user: &UserId,
        rule: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Notification>> {
        let found: Vec<NotificationRow> = statement(notifications!(
            "WHERE n.user_id = $1 AND n.rule = $2 AND n.cause_at >= $3 AND n.cause_at <= $4
             ORDER BY n.cause_at, n.cause"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<Timestamptz, _>(bound(from))
        .bind::<Timestamptz, _>(bound(to))
        .load(self.connection)?;
        rows::all(found)
    }

    fn put_notification(&mut self, notification: &Notification) -> Result<()> {
        statement(
            "INSERT INTO notifications
                 (notification_id, rule, user_id, cause, cause_at, state, suppression, message, data, created_at, send_at,
                  attempts, next_try_at, delivered_at, last_error)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (notification_id) DO UPDATE SET
                 cause_at = excluded.cause_at, state = excluded.state, suppression = excluded.suppression,
                 message = excluded.message, data = excluded.data, created_at = excluded.created_at,
                 send_at = excluded.send_at, attempts = excluded.attempts, next_try_at = excluded.next_try_at,
                 delivered_at = excluded.delivered_at, last_error = excluded.last_error",
        )
        .bind::<SqlUuid, _>(notification.id.as_uuid())
        .bind::<Text, _>(&notification.rule)
        .bind::<Text, _>(notification.user_id.as_str())
        .bind::<SqlUuid, _>(notification.cause.as_uuid())
        .bind::<Timestamptz, _>(time(notification.cause_at))
        .bind::<Text, _>(notification.state.as_str())
        .bind::<Nullable<Text>, _>(notification.suppression.map(Suppression::as_str))
        .bind::<Text, _>(&notification.message)
        .bind::<Text, _>(notification.data.as_str())
        .bind::<Timestamptz, _>(time(notification.created_at))
        .bind::<Timestamptz, _>(time(notification.send_at))
        .bind::<Integer, _>(notification.attempts.cast_signed())
        .bind::<Nullable<Timestamptz>, _>(notification.next_try_at.map(time))
        .bind::<Nullable<Timestamptz>, _>(notification.delivered_at.map(time))
        .bind::<Nullable<Text>, _>(notification.last_error.as_deref())
        .execute(self.connection)?;
        Ok(())
    }

    fn notification(&mut self, id: NotificationId) -> Result<Option<Notification>> {
        let found: Option<NotificationRow> = statement(notifications!("WHERE n.notification_id = $1"))
            .bind::<SqlUuid, _>(id.as_uuid())
            .get_result(self.connection)
            .optional()?;
        found.map(Notification::try_from).transpose()
    }

    fn notifications(&mut self, filter: &NotificationFilter) -> Result<Vec<Notification>> {
        let found: Vec<NotificationRow> = sql_query(notifications!(
            "
             WHERE ($1 IS NULL OR n.state = $1) AND ($2 IS NULL OR n.user_id = $2)
               AND ($3 IS NULL OR (n.created_at, n.notification_id) < ($3, $4))
             ORDER BY n.created_at DESC, n.notification_id DESC LIMIT $5"
        ))
        .bind::<Nullable<Text>, _>(filter.state.map(NotificationState::as_str))
        .bind::<Nullable<Text>, _>(filter.user_id.as_ref().map(UserId::as_str))
        .bind::<Nullable<Timestamptz>, _>(filter.before.map(|(at, _)| time(at)))
        .bind::<Nullable<SqlUuid>, _>(filter.before.map(|(_, id)| id.as_uuid()))
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
        let taken: Vec<NotificationRow> = statement(TAKE)
            .bind::<Timestamptz, _>(time(now))
            .bind::<Timestamptz, _>(time(now.plus(lease)))
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        rows::all(taken)
    }

    fn note_tried(&mut self, id: NotificationId, attempt: u32, now: Timestamp, tried: &Tried) -> Result<bool> {
        let ended = Try::ended(tried, now);
        let noted = sql_query(
            "UPDATE notifications SET state = $3, next_try_at = $4, delivered_at = $5, last_error = $6
             WHERE notification_id = $1 AND attempts = $2 AND state = 'pending'",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Integer, _>(attempt.cast_signed())
        .bind::<Text, _>(ended.state.as_str())
        .bind::<Nullable<Timestamptz>, _>(ended.next_try_at.map(time))
        .bind::<Nullable<Timestamptz>, _>(ended.delivered_at.map(time))
        .bind::<Nullable<Text>, _>(ended.error)
        .execute(self.connection)?;
        Ok(noted == 1)
    }

    fn resend(&mut self, id: NotificationId, now: Timestamp) -> Result<Option<bool>> {
        let pending_again = sql_query(
            "UPDATE notifications SET state = 'pending', suppression = NULL, attempts = 0, next_try_at = $2,
                                      delivered_at = NULL, last_error = NULL
             WHERE notification_id = $1 AND state IN ('delivered', 'failed', 'suppressed')",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Timestamptz, _>(time(now))
        .execute(self.connection)?;
        if pending_again == 1 {
            return Ok(Some(true));
        }
        Ok(self.notification(id)?.map(|_| false))
    }
}
