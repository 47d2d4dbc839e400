//! What rules look at.

use std::collections::HashSet;

use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use domain::event::{Event, EventType};
use domain::ids::{JobId, UserId};
use domain::intake::AHEAD_MICROS_MAX;
use domain::rules::{Happened, Stretch};
use domain::time::Timestamp;

use super::bound;
use crate::postgres::Tx;
use crate::postgres::jobs::time;
use crate::rows::rules::{HappenedRow, happened_in};
use crate::rows::{self, CountRow, UserRow};
use crate::statement::statement;
use crate::{EvidenceRows, Result};

/// A repeat may say another time than the event that is stored, so it is looked for where its key says, or its id. Held in the
/// order of ids, so that two units wait for each other in one direction only.
const MAKE_LIVE: &str = "
    WITH held AS MATERIALIZED (
        SELECT e.occurred_at, e.event_id
        FROM unnest($1, $2) AS g (event_id, stamped_at)
        LEFT JOIN event_keys k ON k.event_id = g.event_id
        JOIN events e ON e.event_id = g.event_id AND e.occurred_at = coalesce(k.occurred_at, g.stamped_at)
        WHERE NOT e.live
        ORDER BY e.event_id
        FOR UPDATE OF e)
    UPDATE events e SET live = true
    FROM held WHERE e.occurred_at = held.occurred_at AND e.event_id = held.event_id
    RETURNING uuid_send(e.event_id) AS event_id";

#[derive(QueryableByName)]
struct EventIdRow {
    #[diesel(sql_type = Binary)]
    event_id: Vec<u8>,
}

impl EvidenceRows for Tx<'_> {
    fn happened(
        &mut self,
        user: &UserId,
        types: &[EventType],
        stretch: &Stretch,
        rows_max: u32,
    ) -> Result<Option<Vec<Happened>>> {
        let found: Vec<HappenedRow> = statement(
            "SELECT body, live, uuid_send(job_id) AS job_id FROM events
             WHERE user_id = $1 AND occurred_at >= $2 AND occurred_at <= $3 AND event_type = ANY($4)
             LIMIT $5",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<Timestamptz, _>(bound(*stretch.start()))
        .bind::<Timestamptz, _>(bound(stretch.end().plus_micros(AHEAD_MICROS_MAX)))
        .bind::<Array<Text>, _>(names(types))
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
             WHERE user_id > $1 AND occurred_at >= $2 AND occurred_at <= $3 AND event_type = ANY($4)
             ORDER BY user_id LIMIT $5",
        )
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<Timestamptz, _>(bound(from))
        .bind::<Timestamptz, _>(bound(to.plus_micros(AHEAD_MICROS_MAX)))
        .bind::<Array<Text>, _>(names(types))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn make_live(&mut self, events: &[&Event]) -> Result<Vec<bool>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let ids = events.iter().map(|event| event.event_id.as_uuid());
        let stamps = events.iter().map(|event| event.event_id.stamped_at().map(time));
        let made: Vec<EventIdRow> = statement(MAKE_LIVE)
            .bind::<Array<SqlUuid>, _>(ids.collect::<Vec<_>>())
            .bind::<Array<Nullable<Timestamptz>>, _>(stamps.collect::<Vec<_>>())
            .load(self.connection)?;
        let made: HashSet<Vec<u8>> = made.into_iter().map(|row| row.event_id).collect();
        Ok(events
            .iter()
            .map(|event| made.contains(event.event_id.as_uuid().as_bytes().as_slice()))
            .collect())
    }

    fn has_ended(&mut self, job: JobId) -> Result<bool> {
        let open: CountRow = statement(
            "SELECT count(*) AS n FROM jobs WHERE job_id = $1 AND status IN ('receiving', 'queued', 'processing')",
        )
        .bind::<SqlUuid, _>(job.as_uuid())
        .get_result(self.connection)?;
        Ok(open.n == 0)
    }
}

fn names(types: &[EventType]) -> Vec<&str> {
    types.iter().map(EventType::as_str).collect()
}
