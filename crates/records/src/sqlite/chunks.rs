//! Chunks: who works on which, and how far they are.

use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Bool, Integer, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::JobId;

use super::Tx;
use super::jobs::{key, now_micros};
use crate::rows::{ClaimRow, CountRow, OpenWorkRow, micros, signed};
use crate::statement::statement;
use crate::{Advance, ChunkRows, Claim, Lease, OpenWork, Result};

impl ChunkRows for Tx<'_> {
    fn open_work(&mut self, but_not: &[JobId]) -> Result<Option<OpenWork>> {
        let but_not: Vec<String> = but_not
            .iter()
            .map(|id| format!("x'{}'", id.as_uuid().simple()))
            .collect();
        let row: Option<OpenWorkRow> = sql_query(format!(
            "SELECT c.job_id, c.chunk_no
             FROM chunks c
             JOIN jobs j ON j.job_id = c.job_id
             LEFT JOIN (SELECT job_id, count(*) AS chunks FROM chunks
                        WHERE NOT done AND lease_until > ?1 GROUP BY job_id) held ON held.job_id = c.job_id
             WHERE NOT c.done AND j.status IN ('queued', 'processing') AND c.job_id NOT IN ({})
               AND (c.lease_until IS NULL OR c.lease_until <= ?1)
             ORDER BY coalesce(held.chunks, 0), j.claimed_at NULLS FIRST, c.job_id, c.chunk_no
             LIMIT 1",
            but_not.join(", ")
        ))
        .bind::<BigInt, _>(now_micros())
        .get_result(self.connection)
        .optional()?;
        row.map(OpenWork::try_from).transpose()
    }

    fn evict_expired(&mut self) -> Result<()> {
        // A process that is frozen inside a transaction freezes the file for everybody; nobody else can end it.
        Ok(())
    }

    fn end_leases(&mut self) -> Result<()> {
        statement("UPDATE chunks SET lease_until = NULL WHERE NOT done AND lease_until IS NOT NULL")
            .execute(self.connection)?;
        Ok(())
    }

    fn claim(&mut self, work: OpenWork, worker: &str, lease: Duration) -> Result<Option<Claim>> {
        let row: Option<ClaimRow> = sql_query(
            "UPDATE chunks SET epoch = epoch + 1, idle_claims = idle_claims + 1, worker = ?3,
                               lease_until = ?4
             WHERE job_id = ?1 AND chunk_no = ?2 AND NOT done
               AND (lease_until IS NULL OR lease_until <= ?5)
             RETURNING epoch, next_byte, byte_to, next_line, idle_claims, trying_line",
        )
        .bind::<Binary, _>(key(work.job_id))
        .bind::<Integer, _>(work.chunk_no.cast_signed())
        .bind::<Text, _>(worker)
        .bind::<BigInt, _>(now_micros() + micros(lease))
        .bind::<BigInt, _>(now_micros())
        .get_result(self.connection)
        .optional()?;
        Ok(row.map(|row| row.of(work)))
    }

    fn hold(&mut self, lease: &Lease) -> Result<bool> {
        self.of_lease("UPDATE chunks SET worker = worker WHERE {lease}", lease)
    }

    fn advance(&mut self, lease: &Lease, step: &Advance, lease_for: Duration) -> Result<()> {
        statement(
            "UPDATE chunks SET next_byte = ?4, next_line = ?5, done = ?6, idle_claims = 0, trying_line = NULL,
                               lease_until = CASE WHEN ?6 THEN NULL ELSE ?7 END,
                               lines_ingested = lines_ingested + ?8, lines_rejected = lines_rejected + ?9,
                               lines_duplicate = lines_duplicate + ?10, events_applied = events_applied + ?11,
                               rejects_kept = rejects_kept + ?12, entry_bytes = entry_bytes + ?13
             WHERE job_id = ?1 AND chunk_no = ?2 AND epoch = ?3",
        )
        .bind::<Binary, _>(key(lease.job_id))
        .bind::<Integer, _>(lease.chunk_no.cast_signed())
        .bind::<Integer, _>(lease.epoch.cast_signed())
        .bind::<BigInt, _>(signed(step.next_byte))
        .bind::<BigInt, _>(signed(step.next_line))
        .bind::<Bool, _>(step.done)
        .bind::<BigInt, _>(now_micros() + micros(lease_for))
        .bind::<BigInt, _>(signed(step.counts.ingested))
        .bind::<BigInt, _>(signed(step.counts.rejected))
        .bind::<BigInt, _>(signed(step.counts.duplicate))
        .bind::<BigInt, _>(signed(step.counts.events_applied))
        .bind::<BigInt, _>(signed(step.rejects_kept))
        .bind::<BigInt, _>(signed(step.entry_bytes))
        .execute(self.connection)?;
        Ok(())
    }

    fn try_line(&mut self, lease: &Lease, line_no: u64) -> Result<bool> {
        self.of_lease(
            &format!("UPDATE chunks SET trying_line = {line_no} WHERE {{lease}}"),
            lease,
        )
    }

    fn release(&mut self, lease: &Lease) -> Result<()> {
        let released = "UPDATE chunks SET lease_until = NULL, worker = NULL, trying_line = NULL,
                                          idle_claims = max(idle_claims - 1, 0)
                        WHERE {lease}";
        self.of_lease(released, lease).map(drop)
    }

    fn abandon(&mut self, lease: &Lease) -> Result<()> {
        self.of_lease(
            "UPDATE chunks SET lease_until = NULL, worker = NULL WHERE {lease}",
            lease,
        )
        .map(drop)
    }

    fn chunks_left(&mut self, id: JobId) -> Result<u64> {
        self.count_of("SELECT count(*) AS n FROM chunks WHERE job_id = ?1 AND NOT done", id)
    }

    fn rejects_kept(&mut self, id: JobId) -> Result<u64> {
        self.count_of(
            "SELECT coalesce(sum(rejects_kept), 0) AS n FROM chunks WHERE job_id = ?1",
            id,
        )
    }
}

impl Tx<'_> {
    /// Runs a statement on the chunk of a lease; whether the lease is still its owner's.
    fn of_lease(&mut self, statement: &str, lease: &Lease) -> Result<bool> {
        let owned = "job_id = ?1 AND chunk_no = ?2 AND epoch = ?3 AND NOT done";
        let rows = sql_query(statement.replace("{lease}", owned))
            .bind::<Binary, _>(key(lease.job_id))
            .bind::<Integer, _>(lease.chunk_no.cast_signed())
            .bind::<Integer, _>(lease.epoch.cast_signed())
            .execute(self.connection)?;
        Ok(rows == 1)
    }

    fn count_of(&mut self, query: &str, id: JobId) -> Result<u64> {
        let row: CountRow = sql_query(query)
            .bind::<Binary, _>(key(id))
            .get_result(self.connection)?;
        Ok(row.n.cast_unsigned())
    }
}
