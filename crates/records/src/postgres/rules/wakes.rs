//! Wakes, found at the oldest end of what may be taken.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{RunQueryDsl, sql_query};
use domain::ids::{EventId, JobId, UserId};
use domain::rules::Stretch;
use domain::time::Timestamp;

use super::bound;
use crate::postgres::Tx;
use crate::postgres::jobs::time;
use crate::rows::UserRow;
use crate::rows::rules::{WaitingRow, WakeRow, waits_for};
use crate::statement::statement;
use crate::unit::{CROWDS_MAX, LOOKED_AT_MAX};
use crate::{Due, Result, WAKES_OF_USER_MAX, Wake, WakeRows, rows};

/// Wakes, and behind them which.
macro_rules! wakes {
    ($which:literal) => {
        concat!("
    SELECT w.rule, uuid_send(w.cause) AS cause, w.user_id, (extract(epoch FROM w.cause_at) * 1000000)::bigint AS cause_at,
           (extract(epoch FROM w.due_at) * 1000000)::bigint AS due_at, w.waits_for_watermark,
           uuid_send(w.job_id) AS job_id
    FROM wakes w", $which)
    };
}

/// `instead` is what becomes of a wake that is there already.
macro_rules! writing {
    ($instead:literal) => {
        concat!(
            "INSERT INTO wakes (rule, cause, user_id, cause_at, due_at, waits_for_watermark, job_id)
             SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (rule, cause) DO UPDATE SET ",
            $instead
        )
    };
}

/// So many wakes are looked at for each one that is wanted: some are of users whom others hold.
const LOOKED_AT_PER_WAKE: u32 = 4;

/// A look at no more than few from the oldest end of each index; from one file to the next it is one step, however many wakes
/// wait for each. Its parameters: now, the last settled time, how many wakes to look at, and whose are passed over.
const DUE: &str = "
     WITH RECURSIVE files (job_id) AS (
         (SELECT job_id FROM wakes WHERE job_id IS NOT NULL ORDER BY job_id LIMIT 1)
         UNION ALL
         SELECT (SELECT w.job_id FROM wakes w WHERE w.job_id > files.job_id ORDER BY w.job_id LIMIT 1)
         FROM files WHERE files.job_id IS NOT NULL),
     ended AS (
         SELECT job_id FROM files
         WHERE job_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM jobs j
                           WHERE j.job_id = files.job_id AND j.status IN ('receiving', 'queued', 'processing'))),
     due AS MATERIALIZED (
         (SELECT rule, cause, user_id, due_at FROM wakes
          WHERE job_id IS NULL AND NOT waits_for_watermark AND due_at <= $1 AND user_id <> ALL($4)
          ORDER BY due_at LIMIT $3)
         UNION ALL
         (SELECT rule, cause, user_id, due_at FROM wakes
          WHERE job_id IS NULL AND waits_for_watermark AND due_at <= $2 AND user_id <> ALL($4)
          ORDER BY due_at LIMIT $3)
         UNION ALL
         (SELECT of_file.* FROM ended CROSS JOIN LATERAL (
              SELECT rule, cause, user_id, due_at FROM wakes
              WHERE job_id = ended.job_id AND due_at <= $1 AND user_id <> ALL($4)
              ORDER BY due_at LIMIT $3) of_file
          LIMIT $3)
         ORDER BY due_at LIMIT $3)";

/// Behind the look: the users, tried one after the other until there are enough. The table is part of what a user is locked by:
/// users of another schema are others.
const HOLD: &str = ",
     fair AS MATERIALIZED (
         SELECT rule, cause, user_id
         FROM (SELECT due.*, row_number() OVER (PARTITION BY user_id ORDER BY due_at) AS place FROM due) placed
         WHERE place <= $6
         ORDER BY due_at),
     held AS MATERIALIZED (
         SELECT rule, cause FROM fair
         WHERE pg_try_advisory_xact_lock(hashtextextended(user_id, 'wakes'::regclass::oid::bigint)) LIMIT $5)";

/// At last the rows, as they are now: whoever had the user before may have changed them since the look. Two more parameters: how
/// many wakes to hold, and how many of one user.
pub(crate) fn due_wakes_query() -> String {
    format!(
        "{DUE}{HOLD}
         {} JOIN held USING (rule, cause)
         WHERE w.due_at <= CASE WHEN w.waits_for_watermark THEN $2 ELSE $1 END
         ORDER BY w.due_at
         FOR UPDATE OF w SKIP LOCKED",
        wakes!("")
    )
}

impl WakeRows for Tx<'_> {
    fn insert_wakes(&mut self, wakes: &[Wake]) -> Result<()> {
        if wakes.is_empty() {
            return Ok(());
        }
        self.write_wakes(
            wakes,
            writing!(
                "due_at = excluded.due_at, waits_for_watermark = excluded.waits_for_watermark, job_id = excluded.job_id
             WHERE excluded.due_at < wakes.due_at"
            ),
        )
    }

    fn due_wakes(&mut self, due: Due) -> Result<Vec<Wake>> {
        let held = self.wakes_due_among(due.limit.saturating_mul(LOOKED_AT_PER_WAKE), due, &[])?;
        if due.room_beside(&held) == 0 {
            return Ok(held);
        }
        let mut held = self.wakes_due_among(LOOKED_AT_MAX, due, &[])?;
        let mut passed_over = Vec::new();
        for _ in 0..CROWDS_MAX {
            let limit = due.room_beside(&held);
            let crowds = if limit == 0 {
                Vec::new()
            } else {
                self.crowds_among(LOOKED_AT_MAX, due, &passed_over)?
            };
            if crowds.is_empty() {
                break;
            }
            passed_over.extend(crowds);
            passed_over.extend(held.iter().map(|wake| wake.user_id.clone()));
            held.extend(self.wakes_due_among(LOOKED_AT_MAX, Due { limit, ..due }, &passed_over)?);
        }
        Ok(held)
    }

    fn more_due_wakes(
        &mut self,
        user: &UserId,
        rule: &str,
        stretch: &Stretch,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Wake>> {
        let found: Vec<WakeRow> = statement(wakes!(
            " WHERE w.user_id = $1 AND w.rule = $2 AND w.cause_at >= $3 AND w.cause_at <= $4 AND w.due_at <= $5
               AND w.job_id IS NULL AND NOT w.waits_for_watermark
             ORDER BY w.cause_at LIMIT $6
             FOR UPDATE OF w SKIP LOCKED"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<Timestamptz, _>(bound(*stretch.start()))
        .bind::<Timestamptz, _>(bound(*stretch.end()))
        .bind::<Timestamptz, _>(bound(now))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn wakes_of(&mut self, user: &UserId, rule: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Wake>> {
        let found: Vec<WakeRow> = statement(wakes!(
            " WHERE w.user_id = $1 AND w.rule = $2 AND w.cause_at >= $3 AND w.cause_at <= $4
             ORDER BY w.cause_at, w.cause"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<Timestamptz, _>(bound(from))
        .bind::<Timestamptz, _>(bound(to))
        .load(self.connection)?;
        rows::all(found)
    }

    fn timers_before(
        &mut self,
        user: &UserId,
        rule: &str,
        before: Timestamp,
        due_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<Wake>> {
        let found: Vec<WakeRow> = statement(wakes!(
            " WHERE w.user_id = $1 AND w.rule = $2 AND w.cause_at < $3 AND w.due_at > $4
               AND w.job_id IS NULL AND NOT w.waits_for_watermark
             ORDER BY w.cause_at DESC, w.cause LIMIT $5"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<Timestamptz, _>(bound(before))
        .bind::<Timestamptz, _>(bound(due_after))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn put_wake(&mut self, wake: &Wake) -> Result<()> {
        self.write_wakes(
            std::slice::from_ref(wake),
            writing!(
                "user_id = excluded.user_id, cause_at = excluded.cause_at, due_at = excluded.due_at,
             waits_for_watermark = excluded.waits_for_watermark, job_id = excluded.job_id"
            ),
        )
    }

    fn drop_wakes(&mut self, rule: &str, causes: &[EventId]) -> Result<()> {
        if causes.is_empty() {
            return Ok(());
        }
        statement("DELETE FROM wakes WHERE rule = $1 AND cause = ANY($2)")
            .bind::<Text, _>(rule)
            .bind::<Array<SqlUuid>, _>(causes.iter().map(|cause| cause.as_uuid()).collect::<Vec<_>>())
            .execute(self.connection)?;
        Ok(())
    }

    fn wakes_waiting(&mut self) -> Result<(u64, Option<Timestamp>)> {
        let waiting: WaitingRow = sql_query(
            "SELECT count(*) AS wakes, (extract(epoch FROM min(due_at)) * 1000000)::bigint AS due_at FROM wakes",
        )
        .get_result(self.connection)?;
        Ok(waiting.into())
    }
}

impl Tx<'_> {
    /// Users who have many of the wakes that are looked at, if these are so many that others may lie behind them.
    fn crowds_among(&mut self, looked_at: u32, due: Due, passed_over: &[UserId]) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> = sql_query(format!(
            "{DUE}
             SELECT user_id FROM due GROUP BY user_id
             HAVING count(*) > $5 AND (SELECT count(*) FROM due) >= $3"
        ))
        .bind::<Timestamptz, _>(bound(due.now))
        .bind::<Timestamptz, _>(bound(due.last_settled()))
        .bind::<BigInt, _>(i64::from(looked_at))
        .bind::<Array<Text>, _>(passed_over.iter().map(UserId::as_str).collect::<Vec<_>>())
        .bind::<BigInt, _>(i64::from(WAKES_OF_USER_MAX))
        .load(self.connection)?;
        rows::all(found)
    }

    fn wakes_due_among(&mut self, looked_at: u32, due: Due, passed_over: &[UserId]) -> Result<Vec<Wake>> {
        let held: Vec<WakeRow> = sql_query(due_wakes_query())
            .bind::<Timestamptz, _>(bound(due.now))
            .bind::<Timestamptz, _>(bound(due.last_settled()))
            .bind::<BigInt, _>(i64::from(looked_at))
            .bind::<Array<Text>, _>(passed_over.iter().map(UserId::as_str).collect::<Vec<_>>())
            .bind::<BigInt, _>(i64::from(due.limit))
            .bind::<BigInt, _>(i64::from(WAKES_OF_USER_MAX))
            .load(self.connection)?;
        rows::all(held)
    }

    fn write_wakes(&mut self, wakes: &[Wake], write: &'static str) -> Result<()> {
        let (for_watermark, jobs): (Vec<_>, Vec<_>) = wakes.iter().map(waits_for).unzip();
        let times = |of: fn(&Wake) -> Timestamp| wakes.iter().map(|wake| time(of(wake))).collect::<Vec<_>>();
        statement(write)
            .bind::<Array<Text>, _>(wakes.iter().map(|wake| wake.rule.as_str()).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(wakes.iter().map(|wake| wake.cause.as_uuid()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(wakes.iter().map(|wake| wake.user_id.as_str()).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(times(|wake| wake.cause_at))
            .bind::<Array<Timestamptz>, _>(times(|wake| wake.due_at))
            .bind::<Array<Bool>, _>(for_watermark)
            .bind::<Array<Nullable<SqlUuid>>, _>(
                jobs.into_iter().map(|job| job.map(JobId::as_uuid)).collect::<Vec<_>>(),
            )
            .execute(self.connection)?;
        Ok(())
    }
}
