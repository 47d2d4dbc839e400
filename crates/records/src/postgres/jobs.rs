//! Jobs and their stages.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::JobId;
use domain::job::{Job, JobError, JobStatus, Progress, Stage};
use domain::time::Timestamp;

use super::Tx;
use crate::rows::{self, BlobRow, JobRow, StatusCountRow, StatusRow, known, signed};
use crate::statement::statement;
use crate::{JobRows, NewJob, Received, Result};

macro_rules! micros {
    ($column:literal) => {
        concat!("(extract(epoch FROM ", $column, ") * 1000000)::bigint")
    };
}

/// A job with its stages and the sums over its chunks; a condition on `j` follows.
const JOBS: &str = concat!(
    "SELECT uuid_send(j.job_id) AS job_id, j.status, j.run, j.file_name, j.file_size_bytes, j.sha256, j.blob_key,
            j.blob_version, j.line_kind, j.notify, j.line_delay_ms_max, j.request_id, j.lines_total, j.error_code,
            j.error_detail, ",
    micros!("j.created_at"),
    " AS created_at, ",
    micros!("j.started_at"),
    " AS started_at, ",
    micros!("j.completed_at"),
    " AS completed_at,
            (SELECT string_agg(s.stage || ':' || ",
    micros!("s.reached_at"),
    ", ',' ORDER BY s.stage) FROM job_stages s WHERE s.job_id = j.job_id) AS stages, sums.*
     FROM jobs j
     CROSS JOIN LATERAL (
         SELECT coalesce(sum(c.lines_ingested), 0)::bigint AS lines_ingested,
                coalesce(sum(c.lines_rejected), 0)::bigint AS lines_rejected,
                coalesce(sum(c.lines_duplicate), 0)::bigint AS lines_duplicate,
                coalesce(sum(c.events_applied), 0)::bigint AS events_applied,
                coalesce(sum(c.entry_bytes), 0)::bigint AS entry_bytes
         FROM chunks c WHERE c.job_id = j.job_id
     ) sums
     WHERE j.status <> 'receiving' AND "
);

impl JobRows for Tx<'_> {
    fn create_receiving(&mut self, job: &NewJob) -> Result<()> {
        statement(
            "INSERT INTO jobs (job_id, status, file_name, blob_key, line_kind, notify, line_delay_ms_max, request_id,
                               created_at)
             VALUES ($1, 'receiving', $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind::<SqlUuid, _>(job.id.as_uuid())
        .bind::<Text, _>(&job.file_name)
        .bind::<Text, _>(&job.blob_key)
        .bind::<Text, _>(job.options.kind.as_str())
        .bind::<Bool, _>(job.options.notify)
        .bind::<Integer, _>(job.options.line_delay_ms_max.cast_signed())
        .bind::<Text, _>(&job.request_id)
        .bind::<Timestamptz, _>(time(job.created_at))
        .execute(self.connection)?;
        Ok(())
    }

    fn keep_receiving(&mut self, id: JobId) -> Result<bool> {
        let kept = statement("UPDATE jobs SET alive_at = clock_timestamp() WHERE job_id = $1 AND status = 'receiving'")
            .bind::<SqlUuid, _>(id.as_uuid())
            .execute(self.connection)?;
        Ok(kept == 1)
    }

    fn queue_received(&mut self, id: JobId, received: &Received) -> Result<Option<Job>> {
        let queued = statement(
            "UPDATE jobs SET status = 'queued', file_name = $2, file_size_bytes = $3, sha256 = $4, blob_version = $5,
                             lines_total = $6, line_kind = $7, notify = $8, line_delay_ms_max = $9
             WHERE job_id = $1 AND status = 'receiving'",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
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
        let column =
            |of: fn(&domain::job::Chunk) -> u64| received.chunks.iter().map(|c| signed(of(c))).collect::<Vec<_>>();
        statement(
            "INSERT INTO chunks (job_id, chunk_no, byte_from, byte_to, first_line, next_byte, next_line)
             SELECT $1, c.chunk_no, c.byte_from, c.byte_to, c.first_line, c.byte_from, c.first_line
             FROM unnest($2, $3, $4, $5) AS c (chunk_no, byte_from, byte_to, first_line)",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Array<BigInt>, _>(column(|chunk| chunk.no.into()))
        .bind::<Array<BigInt>, _>(column(|chunk| chunk.byte_from))
        .bind::<Array<BigInt>, _>(column(|chunk| chunk.byte_to))
        .bind::<Array<BigInt>, _>(column(|chunk| chunk.first_line))
        .execute(self.connection)?;
        self.reach(id, &[Stage::Queued])?;
        self.job(id)
    }

    fn drop_receiving(&mut self, id: JobId) -> Result<()> {
        statement("DELETE FROM jobs WHERE job_id = $1 AND status = 'receiving'")
            .bind::<SqlUuid, _>(id.as_uuid())
            .execute(self.connection)?;
        Ok(())
    }

    fn take_abandoned(&mut self, silent_for: Duration) -> Result<Vec<(JobId, String)>> {
        let taken: Vec<BlobRow> = statement(
            "DELETE FROM jobs
             WHERE status = 'receiving' AND alive_at < clock_timestamp() - $1 * interval '1 microsecond'
             RETURNING uuid_send(job_id) AS job_id, blob_key",
        )
        .bind::<BigInt, _>(rows::micros(silent_for))
        .load(self.connection)?;
        taken
            .into_iter()
            .map(|row| Ok((rows::job_id(&row.job_id)?, row.blob_key)))
            .collect()
    }

    fn job(&mut self, id: JobId) -> Result<Option<Job>> {
        let row: Option<JobRow> = sql_query(format!("{JOBS} j.job_id = $1"))
            .bind::<SqlUuid, _>(id.as_uuid())
            .get_result(self.connection)
            .optional()?;
        row.map(Job::try_from).transpose()
    }

    fn jobs(&mut self, status: Option<JobStatus>, before: Option<JobId>, limit: u32) -> Result<Vec<Job>> {
        let condition = if status.is_some() { "j.status = $3" } else { "$3 = ''" };
        let found: Vec<JobRow> = sql_query(format!(
            "{JOBS} j.job_id < $1 AND {condition} ORDER BY j.job_id DESC LIMIT $2"
        ))
        .bind::<SqlUuid, _>(before.map_or(uuid::Uuid::max(), JobId::as_uuid))
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
        let known: Vec<BlobRow> =
            statement("SELECT uuid_send(job_id) AS job_id, blob_key FROM jobs WHERE blob_key = ANY($1)")
                .bind::<Array<Text>, _>(keys)
                .load(self.connection)?;
        Ok(known.into_iter().map(|row| row.blob_key).collect())
    }

    fn without_open_chunks(&mut self) -> Result<Vec<JobId>> {
        let found: Vec<BlobRow> = statement(
            "SELECT uuid_send(j.job_id) AS job_id, j.blob_key FROM jobs j
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
             WHERE job_id = $1",
            "UPDATE chunks SET idle_claims = 0, trying_line = NULL WHERE job_id = $1 AND NOT done",
            "DELETE FROM job_stages WHERE job_id = $1 AND stage = 100",
        ];
        self.each(&statements, id)
    }

    fn forget_lines(&mut self, id: JobId) -> Result<()> {
        let statements = [
            "UPDATE chunks SET done = false, next_byte = byte_from, next_line = first_line, lines_ingested = 0,
                               lines_rejected = 0, lines_duplicate = 0, events_applied = 0, rejects_kept = 0,
                               entry_bytes = 0
             WHERE job_id = $1",
            "DELETE FROM log_entries WHERE job_id = $1",
            "DELETE FROM line_rejects WHERE job_id = $1",
        ];
        self.each(&statements, id)
    }

    fn lock_job(&mut self, id: JobId) -> Result<Option<JobStatus>> {
        let row: Option<StatusRow> =
            statement("SELECT status FROM jobs WHERE job_id = $1 AND status <> 'receiving' FOR UPDATE")
                .bind::<SqlUuid, _>(id.as_uuid())
                .get_result(self.connection)
                .optional()?;
        row.map(|row| known("status", &row.status)).transpose()
    }

    fn begin(&mut self, id: JobId) -> Result<()> {
        statement(
            "UPDATE jobs SET status = 'processing', started_at = coalesce(started_at, clock_timestamp()),
                             claimed_at = clock_timestamp()
             WHERE job_id = $1 AND status IN ('queued', 'processing')",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .execute(self.connection)?;
        self.reach(id, &[Stage::Started])
    }

    fn end(&mut self, id: JobId, status: JobStatus, error: Option<&JobError>) -> Result<()> {
        statement(
            "UPDATE jobs SET status = $2, completed_at = clock_timestamp(), error_code = nullif($3, ''),
                             error_detail = nullif($4, '')
             WHERE job_id = $1",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(status.as_str())
        .bind::<Text, _>(error.map_or("", |error| error.code.as_str()))
        .bind::<Text, _>(error.map_or("", |error| error.detail.as_str()))
        .execute(self.connection)?;
        // Whoever still works on one of its chunks has lost the right to.
        statement(
            "UPDATE chunks SET epoch = epoch + 1, worker = NULL, lease_until = NULL WHERE job_id = $1 AND NOT done",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .execute(self.connection)?;
        self.reach(id, &[Stage::Ended(status)])
    }

    fn reach(&mut self, id: JobId, stages: &[Stage]) -> Result<()> {
        let codes: Vec<i16> = stages.iter().map(|stage| stage.code()).collect();
        statement(
            "INSERT INTO job_stages (job_id, stage) SELECT $1, stage FROM unnest($2) AS s (stage) ORDER BY stage
             ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Array<SmallInt>, _>(codes)
        .execute(self.connection)?;
        Ok(())
    }
}

impl Tx<'_> {
    /// Runs statements that know nothing but the job.
    fn each(&mut self, statements: &[&str], id: JobId) -> Result<()> {
        for statement in statements {
            sql_query(*statement)
                .bind::<SqlUuid, _>(id.as_uuid())
                .execute(self.connection)?;
        }
        Ok(())
    }
}

pub(super) fn time(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.as_micros()).unwrap_or(DateTime::UNIX_EPOCH)
}
