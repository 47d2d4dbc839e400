//! How far what was accepted has been applied.

use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use domain::time::Timestamp;

use super::bound;
use crate::postgres::Tx;
use crate::postgres::jobs::time;
use crate::rows::micros;
use crate::rows::rules::TimeRow;
use crate::statement::statement;
use crate::unit::WORKERS_KNOWN_FOR;
use crate::{Result, WatermarkRows};

impl WatermarkRows for Tx<'_> {
    fn note_watermark(&mut self, worker: &str, accepted_before: Timestamp) -> Result<()> {
        statement(
            "INSERT INTO watermarks (worker, accepted_before, seen_at) VALUES ($1, $2, clock_timestamp())
             ON CONFLICT (worker) DO UPDATE SET accepted_before = excluded.accepted_before, seen_at = excluded.seen_at",
        )
        .bind::<Text, _>(worker)
        .bind::<Timestamptz, _>(time(accepted_before))
        .execute(self.connection)?;
        statement("DELETE FROM watermarks WHERE seen_at < clock_timestamp() - $1 * interval '1 microsecond'")
            .bind::<BigInt, _>(micros(WORKERS_KNOWN_FOR))
            .execute(self.connection)?;
        Ok(())
    }

    fn forget_watermark(&mut self, worker: &str) -> Result<()> {
        statement("DELETE FROM watermarks WHERE worker = $1")
            .bind::<Text, _>(worker)
            .execute(self.connection)?;
        Ok(())
    }

    fn forget_watermarks(&mut self) -> Result<()> {
        statement("DELETE FROM watermarks").execute(self.connection)?;
        Ok(())
    }

    fn watermark(&mut self, alive_within: Duration, files_since: Timestamp) -> Result<Option<Timestamp>> {
        let applied: TimeRow = statement(
            "SELECT (extract(epoch FROM
                        CASE WHEN w.accepted_before IS NOT NULL THEN
                            least(w.accepted_before,
                                  (SELECT min(s.reached_at) FROM jobs j JOIN job_stages s ON s.job_id = j.job_id AND s.stage = 0
                                   WHERE j.status IN ('queued', 'processing') AND j.notify AND s.reached_at >= $2))
                        END) * 1000000)::bigint AS at
             FROM (SELECT min(accepted_before) AS accepted_before FROM watermarks
                   WHERE seen_at >= clock_timestamp() - $1 * interval '1 microsecond') w",
        )
        .bind::<BigInt, _>(micros(alive_within))
        .bind::<Timestamptz, _>(bound(files_since))
        .get_result(self.connection)?;
        Ok(applied.into())
    }
}
