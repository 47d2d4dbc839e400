//! What the built-in receiver got.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{RunQueryDsl, sql_query};

use crate::postgres::Tx;
use crate::postgres::jobs::time;
use crate::rows::rules::{NoticeNoRow, NoticeRow};
use crate::unit::last_to_forget;
use crate::{NoticeRows, ReceivedNotice, Result, rows};

impl NoticeRows for Tx<'_> {
    fn receive(&mut self, notice: &ReceivedNotice) -> Result<()> {
        let received: NoticeNoRow = sql_query(
            "INSERT INTO received_notices (received_at, idempotency_key, body) VALUES ($1, $2, $3) RETURNING notice_no",
        )
        .bind::<Timestamptz, _>(time(notice.received_at))
        .bind::<Nullable<Text>, _>(notice.idempotency_key.as_deref())
        .bind::<Text, _>(&notice.body)
        .get_result(self.connection)?;
        if let Some(last) = last_to_forget(received.notice_no) {
            sql_query("DELETE FROM received_notices WHERE notice_no <= $1")
                .bind::<BigInt, _>(last)
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn received(&mut self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, ReceivedNotice)>> {
        let found: Vec<NoticeRow> = sql_query(
            "SELECT notice_no, (extract(epoch FROM received_at) * 1000000)::bigint AS received_at, idempotency_key, body
             FROM received_notices WHERE notice_no < $1 ORDER BY notice_no DESC LIMIT $2",
        )
        .bind::<BigInt, _>(before.unwrap_or(i64::MAX))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}
