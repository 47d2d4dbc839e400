//! Rows of the built-in receiver.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::time::Timestamp;

use crate::{Error, ReceivedNotice, Result};

#[derive(QueryableByName)]
pub(crate) struct NoticeRow {
    #[diesel(sql_type = BigInt)]
    notice_no: i64,
    #[diesel(sql_type = BigInt)]
    received_at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    idempotency_key: Option<String>,
    #[diesel(sql_type = Text)]
    body: String,
}

impl TryFrom<NoticeRow> for (i64, ReceivedNotice) {
    type Error = Error;

    fn try_from(row: NoticeRow) -> Result<Self> {
        let notice = ReceivedNotice {
            received_at: Timestamp::from_micros(row.received_at),
            idempotency_key: row.idempotency_key,
            body: row.body,
        };
        Ok((row.notice_no, notice))
    }
}

#[derive(QueryableByName)]
pub(crate) struct NoticeNoRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) notice_no: i64,
}
