//! What rules look at.

use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{RunQueryDsl, sql_query};
use domain::event::{Event, EventType};
use domain::ids::{JobId, UserId};
use domain::intake::AHEAD_MICROS_MAX;
use domain::rules::{Happened, Stretch};
use domain::time::Timestamp;

use crate::rows::rules::{HappenedRow, happened_in};
use crate::rows::{self, CountRow, UserRow};
use crate::sqlite::Tx;
use crate::sqlite::jobs::key;
use crate::statement::statement;
use crate::{EvidenceRows, Result};

impl EvidenceRows for Tx<'_> {
    fn happened(
        &mut self,
        user: &UserId,
        types: &[EventType],
        stretch: &Stretch,
        rows_max: u32,
    ) -> Result<Option<Vec<Happened>>> {
        let found: Vec<HappenedRow> = statement(
            "SELECT body, live, job_id FROM events
             WHERE user_id = ?1 AND occurred_at >= ?2 AND occurred_at <= ?3
               AND event_type IN (SELECT value FROM json_each(?4))
             LIMIT ?5",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<BigInt, _>(stretch.start().as_micros())
        .bind::<BigInt, _>(stretch.end().plus_micros(AHEAD_MICROS_MAX).as_micros())
        .bind::<Text, _>(names(types))
        .bind::<BigInt, _>(i64::from(rows_max) + 1)
        .load(self.connection)?;
        happened_in(found, stretch, rows_max)
    }

    fn users_with(
        &mut self,
        types: &[EventType],
        from: Timestamp,
        to: Timestamp,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> = sql_query(
            "SELECT DISTINCT user_id FROM events
             WHERE user_id > ?1 AND occurred_at >= ?2 AND occurred_at <= ?3
               AND event_type IN (SELECT value FROM json_each(?4))
             ORDER BY user_id LIMIT ?5",
        )
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<BigInt, _>(from.as_micros())
        .bind::<BigInt, _>(to.plus_micros(AHEAD_MICROS_MAX).as_micros())
        .bind::<Text, _>(names(types))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn make_live(&mut self, events: &[&Event]) -> Result<Vec<bool>> {
        let make = |event: &&Event| {
            let made = statement("UPDATE events SET live = true WHERE event_id = ?1 AND NOT live")
                .bind::<Binary, _>(event.event_id.as_uuid().as_bytes().as_slice())
                .execute(self.connection)?;
            Ok(made == 1)
        };
        events.iter().map(make).collect()
    }

    fn has_ended(&mut self, job: JobId) -> Result<bool> {
        let open: CountRow = statement(
            "SELECT count(*) AS n FROM jobs WHERE job_id = ?1 AND status IN ('receiving', 'queued', 'processing')",
        )
        .bind::<Binary, _>(key(job))
        .get_result(self.connection)?;
        Ok(open.n == 0)
    }
}

/// As one value, for a statement that is the same for any number of types.
fn names(types: &[EventType]) -> String {
    serde_json::Value::from_iter(types.iter().map(EventType::as_str)).to_string()
}
