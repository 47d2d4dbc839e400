//! Rows of notifications.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use domain::ids::{EventId, NotificationId};
use domain::notification::{Notification, NotificationState};
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::rows::{known, uuid};
use crate::{Error, Result, Tried};

#[derive(QueryableByName)]
pub(crate) struct NotificationRow {
    #[diesel(sql_type = Binary)]
    notification_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    rule: String,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = Binary)]
    cause: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    cause_at: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    suppression: Option<String>,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Text)]
    data: String,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = BigInt)]
    send_at: i64,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    next_try_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    delivered_at: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    last_error: Option<String>,
}

impl TryFrom<NotificationRow> for Notification {
    type Error = Error;

    fn try_from(row: NotificationRow) -> Result<Self> {
        let data = RawValue::from_string(row.data)
            .map_err(|error| Error::Broken(format!("the data of a notification are kept as no JSON: {error}")))?;
        Ok(Self {
            id: NotificationId::new(uuid("a notification", &row.notification_id)?),
            rule: row.rule,
            user_id: known("user", &row.user_id)?,
            cause: EventId::new(uuid("an event", &row.cause)?),
            cause_at: Timestamp::from_micros(row.cause_at),
            state: known("state", &row.state)?,
            suppression: row
                .suppression
                .as_deref()
                .map(|word| known("reason", word))
                .transpose()?,
            message: row.message,
            data: data.into(),
            created_at: Timestamp::from_micros(row.created_at),
            send_at: Timestamp::from_micros(row.send_at),
            attempts: row.attempts.cast_unsigned(),
            next_try_at: row.next_try_at.map(Timestamp::from_micros),
            delivered_at: row.delivered_at.map(Timestamp::from_micros),
            last_error: row.last_error,
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct NotificationStateRow {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    notifications: i64,
}

impl TryFrom<NotificationStateRow> for (NotificationState, u64) {
    type Error = Error;

    fn try_from(row: NotificationStateRow) -> Result<Self> {
        Ok((known("state", &row.state)?, row.notifications.cast_unsigned()))
    }
}

/// What a notification is after a try.
pub(crate) struct Try<'a> {
    pub(crate) state: NotificationState,
    pub(crate) next_try_at: Option<Timestamp>,
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) error: Option<&'a str>,
}

impl<'a> Try<'a> {
    pub(crate) fn ended(tried: &'a Tried, now: Timestamp) -> Self {
        match tried {
            Tried::Delivered => Self {
                state: NotificationState::Delivered,
                next_try_at: None,
                delivered_at: Some(now),
                error: None,
            },
            Tried::Again { at, error } => Self {
                state: NotificationState::Pending,
                next_try_at: Some(*at),
                delivered_at: None,
                error: Some(error),
            },
            Tried::Failed { error } => Self {
                state: NotificationState::Failed,
                next_try_at: None,
                delivered_at: None,
                error: Some(error),
            },
        }
    }
}
