//! How far what was accepted has been applied.

use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use domain::time::Timestamp;

use crate::rows::micros;
use crate::rows::rules::TimeRow;
use crate::sqlite::Tx;
use crate::sqlite::jobs::now_micros;
use crate::statement::statement;
use crate::unit::WORKERS_KNOWN_FOR;
use crate::{Result, WatermarkRows};

impl WatermarkRows for Tx<'_> {
    fn note_watermark(&mut self, worker: &str, accepted_before: Timestamp) -> Result<()> {
        statement("INSERT OR REPLACE INTO watermarks (worker, accepted_before, seen_at) VALUES (?1, ?2, ?3)")
            .bind::<Text, _>(worker)
            .bind::<BigInt, _>(accepted_before.as_micros())
            .bind::<BigInt, _>(now_micros())
            .execute(self.connection)?;
        statement("DELETE FROM watermarks WHERE seen_at < ?1")
            .bind::<BigInt, _>(now_micros() - micros(WORKERS_KNOWN_FOR))
            .execute(self.connection)?;
        Ok(())
    }

    fn forget_watermark(&mut self, worker: &str) -> Result<()> {
        statement("DELETE FROM watermarks WHERE worker = ?1")
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
            "SELECT min(w.accepted_before,
                        coalesce((SELECT min(s.reached_at) FROM jobs j JOIN job_stages s ON s.job_id = j.job_id AND s.stage = 0
                                  WHERE j.status IN ('queued', 'processing') AND j.notify AND s.reached_at >= ?2),
                                 w.accepted_before)) AS at
             FROM (SELECT min(accepted_before) AS accepted_before FROM watermarks WHERE seen_at >= ?1) w",
        )
        .bind::<BigInt, _>(now_micros() - micros(alive_within))
        .bind::<BigInt, _>(files_since.as_micros())
        .get_result(self.connection)?;
        Ok(applied.into())
    }
}
