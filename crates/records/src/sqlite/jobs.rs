//! Jobs and their stages.

use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Bool, Integer, SmallInt, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::JobId;
use domain::job::{Job, JobError, JobStatus, Progress, Stage};

use super::Tx;
use crate::rows::{self, BlobRow, JobRow, StatusCountRow, StatusRow, known, signed};
use crate::statement::statement;
use crate::{JobRows, NewJob, Received, Result};

/// A job with its stages and the sums over its chunks; a condition on `j` follows.
const JOBS: &str = "
    SELECT j.*,
           (SELECT group_concat(stage || ':' || reached_at)
            FROM (SELECT stage, reached_at FROM job_stages s WHERE s.job_id = j.job_id ORDER BY stage)) AS stages,
           (SELECT coalesce(sum(lines_ingested), 0) FROM chunks c WHERE c.job_id = j.job_id) AS lines_ingested,
           (SELECT coalesce(sum(lines_rejected), 0) FROM chunks c WHERE c.job_id = j.job_id) AS lines_rejected,
           (SELECT coalesce(sum(lines_duplicate), 0) FROM chunks c WHERE c.job_id = j.job_id) AS lines_duplicate,
           (SELECT coalesce(sum(events_applied), 0) FROM chunks c WHERE c.job_id = j.job_id) AS events_applied,
           (SELECT coalesce(sum(entry_bytes), 0) FROM chunks c WHERE c.job_id = j.job_id) AS entry_bytes
    FROM jobs j
    WHERE j.status <> 'receiving' AND ";

impl JobRows for Tx<'_> {
    fn create_receiving(&mut self, job: &NewJob) -> Result<()> {
        statement(
            "INSERT INTO jobs (job_id, status, file_name, blob_key, line_kind, notify, line_delay_ms_max, request_id,
                               created_at, alive_at)
             VALUES (?1, 'receiving', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .bind::<Binary, _>(key(job.id))
        .bind::<Text, _>(&job.file_name)
        .bind::<Text, _>(&job.blob_key)
        .bind::<Text, _>(job.options.kind.as_str())
        .bind::<Bool, _>(job.options.notify)
        .bind::<Integer, _>(job.options.line_delay_ms_max.cast_signed())
        .bind::<Text, _>(&job.request_id)
        .bind::<BigInt, _>(job.created_at.as_micros())
        .bind::<BigInt, _>(now_micros())
        .execute(self.connection)?;
        Ok(())
    }

    fn keep_receiving(&mut self, id: JobId) -> Result<bool> {
        let kept = statement("UPDATE jobs SET alive_at = ?2 WHERE job_id = ?1 AND status = 'receiving'")
            .bind::<Binary, _>(key(id))
            .bind::<BigInt, _>(now_micros())
            .execute(self.connection)?;
        Ok(kept == 1)
    }

    fn queue_received(&mut self, id: JobId, received: &Received) -> Result<Option<Job>> {
        let queued = statement(
            "UPDATE jobs SET status = 'queued', file_name = ?2, file_size_bytes = ?3, sha256 = ?4, blob_version = ?5,
                             lines_total = ?6, line_kind = ?7, notify = ?8, line_delay_ms_max = ?9
             WHERE job_id = ?1 AND status = 'receiving'",
        )
        .bind::<Binary, _>(key(id))
        .bind::<Text, _>(&received.file_name)
        .bind::<BigInt, _>(signed(received.file_size_bytes))
        .bind::<Text, _>(&received.sha256)
        .bind::<Text, _>(&received.blob_version)
        .bind::<BigInt, _>(signed(received.lines_total))
        .bind::<Text, _>(received.options.kind.as_str())
        .bind::<Bool, _>(received.options.notify)
        .bind::<Integer, _>(received.options.line_delay_ms_max.cast_signed())
        .execute(self.connection)?;
        if queued == 0 {
            return Ok(None);
        }
        for chunk in &received.chunks {
            statement(
                "INSERT INTO chunks (job_id, chunk_no, byte_from, byte_to, first_line, next_byte, next_line)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?5)",
            )
            .bind::<Binary, _>(key(id))
            .bind::<Integer, _>(chunk.no.cast_signed())
            .bind::<BigInt, _>(signed(chunk.byte_from))
            .bind::<BigInt, _>(signed(chunk.byte_to))
            .bind::<BigInt, _>(signed(chunk.first_line))
            .execute(self.connection)?;
        }
        self.reach(id, &[Stage::Queued])?;
        self.job(id)
    }

    fn drop_receiving(&mut self, id: JobId) -> Result<()> {
        statement("DELETE FROM jobs WHERE job_id = ?1 AND status = 'receiving'")
            .bind::<Binary, _>(key(id))
            .execute(self.connection)?;
        Ok(())
    }

    fn take_abandoned(&mut self, silent_for: Duration) -> Result<Vec<(JobId, String)>> {
        let taken: Vec<BlobRow> = statement(
            "DELETE FROM jobs
             WHERE status = 'receiving' AND alive_at < ?1
             RETURNING job_id, blob_key",
        )
        .bind::<BigInt, _>(now_micros() - rows::micros(silent_for))
        .load(self.connection)?;
        taken
            .into_iter()
            .map(|row| Ok((rows::job_id(&row.job_id)?, row.blob_key)))
            .collect()
    }

    fn job(&mut self, id: JobId) -> Result<Option<Job>> {
        let row: Option<JobRow> = sql_query(format!("{JOBS} j.job_id = ?1"))
            .bind::<Binary, _>(key(id))
            .get_result(self.connection)
            .optional()?;
        row.map(Job::try_from).transpose()
    }

    fn jobs(&mut self, status: Option<JobStatus>, before: Option<JobId>, limit: u32) -> Result<Vec<Job>> {
        let condition = if status.is_some() { "j.status = ?3" } else { "?3 = ''" };
        let found: Vec<JobRow> = sql_query(format!(
            "{JOBS} j.job_id < ?1 AND {condition} ORDER BY j.job_id DESC LIMIT ?2"
        ))
        .bind::<Binary, _>(before.map_or_else(|| vec![u8::MAX; 16], key))
        .bind::<BigInt, _>(i64::from(limit))
        .bind::<Text, _>(status.map_or("", JobStatus::as_str))
        .load(self.connection)?;
        rows::all(found)
    }

    fn progress(&mut self, id: JobId) -> Result<Option<Progress>> {
        Ok(self.job(id)?.map(|job| job.progress))
    }

    fn count_by_status(&mut self) -> Result<Vec<(JobStatus, u64)>> {
        let counted: Vec<StatusCountRow> =
            statement("SELECT status, count(*) AS jobs FROM jobs WHERE status <> 'receiving' GROUP BY status")
                .load(self.connection)?;
        rows::all(counted)
    }

    fn known_blobs(&mut self, keys: &[String]) -> Result<Vec<String>> {
        let mut known = Vec::new();
        for blob_key in keys {
            let found: Vec<BlobRow> = statement("SELECT job_id, blob_key FROM jobs WHERE blob_key = ?1")
                .bind::<Text, _>(blob_key)
                .load(self.connection)?;
            known.extend(found.into_iter().map(|row| row.blob_key));
        }
        Ok(known)
    }

    fn without_open_chunks(&mut self) -> Result<Vec<JobId>> {
        let found: Vec<BlobRow> = statement(
            "SELECT j.job_id, j.blob_key FROM jobs j
             WHERE j.status IN ('queued', 'processing')
               AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = j.job_id AND NOT c.done)",
        )
        .load(self.connection)?;
        found.into_iter().map(|row| rows::job_id(&row.job_id)).collect()
    }

    fn requeue(&mut self, id: JobId) -> Result<()> {
        let statements = [
            "UPDATE jobs SET status = 'queued', run = run + 1, completed_at = NULL, error_code = NULL,
                             error_detail = NULL
             WHERE job_id = ?1",
            "UPDATE chunks SET idle_claims = 0, trying_line = NULL WHERE job_id = ?1 AND NOT done",
            "DELETE FROM job_stages WHERE job_id = ?1 AND stage = 100",
        ];
        self.each(&statements, id)
    }

    fn forget_lines(&mut self, id: JobId) -> Result<()> {
        let statements = [
            "UPDATE chunks SET done = false, next_byte = byte_from, next_line = first_line, lines_ingested = 0,
                               lines_rejected = 0, lines_duplicate = 0, events_applied = 0, rejects_kept = 0,
                               entry_bytes = 0
             WHERE job_id = ?1",
            "DELETE FROM log_entries WHERE job_id = ?1",
            "DELETE FROM line_rejects WHERE job_id = ?1",
        ];
        self.each(&statements, id)
    }

    fn lock_job(&mut self, id: JobId) -> Result<Option<JobStatus>> {
        let row: Option<StatusRow> = statement("SELECT status FROM jobs WHERE job_id = ?1 AND status <> 'receiving'")
            .bind::<Binary, _>(key(id))
            .get_result(self.connection)
            .optional()?;
        row.map(|row| known("status", &row.status)).transpose()
    }

    fn begin(&mut self, id: JobId) -> Result<()> {
        statement(
            "UPDATE jobs SET status = 'processing', started_at = coalesce(started_at, ?2), claimed_at = ?2
             WHERE job_id = ?1 AND status IN ('queued', 'processing')",
        )
        .bind::<Binary, _>(key(id))
        .bind::<BigInt, _>(now_micros())
        .execute(self.connection)?;
        self.reach(id, &[Stage::Started])
    }

    fn end(&mut self, id: JobId, status: JobStatus, error: Option<&JobError>) -> Result<()> {
        statement(
            "UPDATE jobs SET status = ?2, completed_at = ?5, error_code = nullif(?3, ''),
                             error_detail = nullif(?4, '')
             WHERE job_id = ?1",
        )
        .bind::<Binary, _>(key(id))
        .bind::<Text, _>(status.as_str())
        .bind::<Text, _>(error.map_or("", |error| error.code.as_str()))
        .bind::<Text, _>(error.map_or("", |error| error.detail.as_str()))
        .bind::<BigInt, _>(now_micros())
        .execute(self.connection)?;
        // Whoever still works on one of its chunks has lost the right to.
        statement(
            "UPDATE chunks SET epoch = epoch + 1, worker = NULL, lease_until = NULL WHERE job_id = ?1 AND NOT done",
        )
        .bind::<Binary, _>(key(id))
        .execute(self.connection)?;
        self.reach(id, &[Stage::Ended(status)])
    }

    fn reach(&mut self, id: JobId, stages: &[Stage]) -> Result<()> {
        for stage in stages {
            statement("INSERT OR IGNORE INTO job_stages (job_id, stage, reached_at) VALUES (?1, ?2, ?3)")
                .bind::<Binary, _>(key(id))
                .bind::<SmallInt, _>(stage.code())
                .bind::<BigInt, _>(now_micros())
                .execute(self.connection)?;
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// Runs statements that know nothing but the job.
    fn each(&mut self, statements: &[&str], id: JobId) -> Result<()> {
        for statement in statements {
            sql_query(*statement)
                .bind::<Binary, _>(key(id))
                .execute(self.connection)?;
        }
        Ok(())
    }
}

/// A job's id as it is stored.
pub(super) fn key(id: JobId) -> Vec<u8> {
    id.as_uuid().as_bytes().to_vec()
}

/// This process is the only one whose clock matters to its file.
pub(super) fn now_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
