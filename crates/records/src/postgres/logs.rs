//! Log entries and the lines that were not taken.

use std::io;

use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{ExecuteCopyFromDsl, OptionalExtension, QueryableByName, RunQueryDsl, copy_from, sql_query};
use domain::ids::JobId;
use domain::time::Timestamp;

use super::Tx;
use super::copy::BinaryRows;
use super::jobs::time;
use crate::months::Month;
use crate::rows::{self, EntryRow, RejectRow, signed};
use crate::{Entries, EntryFilter, Error, LogRows, Reject, Result, StoredEntry};

diesel::table! {
    log_entries (job_id, line_no) {
        job_id -> Uuid,
        line_no -> BigInt,
        occurred_at -> Nullable<Timestamptz>,
        level -> Nullable<SmallInt>,
        level_original -> Nullable<Text>,
        message -> Nullable<Text>,
        service -> Nullable<Text>,
        attributes -> Text,
    }
}

/// Also without any sweep in between, files and events of the next months find their place.
pub(super) const MONTHS_AHEAD: usize = 3;

const MONTHS_LOCK: i64 = 0x4d4f_4e54_4853;

#[derive(QueryableByName)]
struct PartitionRow {
    #[diesel(sql_type = Text)]
    name: String,
}

fn partition(month: Month) -> String {
    format!("log_entries_{month}")
}

const ENTRY_COLUMNS: i16 = 8;

const COPY_MESSAGE_BYTES: usize = 64 * 1024;

const ENTRIES: &str = "SELECT uuid_send(job_id) AS job_id, line_no,
                              (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_at,
                              level, level_original, message, service, attributes
                       FROM log_entries";

impl LogRows for Tx<'_> {
    fn prepare_months(&mut self, now: Timestamp) -> Result<()> {
        // `IF NOT EXISTS` does not save two sessions from each other that begin at the same time.
        sql_query(format!("SELECT pg_advisory_xact_lock({MONTHS_LOCK})")).execute(self.connection)?;
        Month::of(now).and_next(MONTHS_AHEAD).try_for_each(|month| {
            let (name, from, to) = (partition(month), month.first_job_id(), month.next().first_job_id());
            sql_query(format!(
                "CREATE TABLE IF NOT EXISTS {name} PARTITION OF log_entries FOR VALUES FROM ('{from}') TO ('{to}')"
            ))
            .execute(self.connection)?;
            Ok::<_, Error>(())
        })?;
        self.prepare_event_months(now)
    }

    /// One month at a time, as a whole: no row is touched and nothing is left to be cleaned up.
    fn forget_entries_before(&mut self, cut: Timestamp) -> Result<bool> {
        let month = Month::of(cut);
        let oldest: Option<PartitionRow> = sql_query(
            "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = to_regclass('log_entries') AND c.relname < $1 ORDER BY c.relname LIMIT 1",
        )
        .bind::<Text, _>(partition(month))
        .get_result(self.connection)
        .optional()?;
        let Some(PartitionRow { name }) = oldest else {
            return Ok(false);
        };
        sql_query(format!("DROP TABLE {name}")).execute(self.connection)?;
        sql_query("UPDATE chunks SET entry_bytes = 0 WHERE job_id < $1 AND entry_bytes > 0")
            .bind::<SqlUuid, _>(month.first_job_id())
            .execute(self.connection)?;
        tracing::info!(partition = name, "log_entries.forgotten");
        Ok(true)
    }

    fn insert_entries(&mut self, id: JobId, entries: &Entries) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        copy_from(log_entries::table)
            .from_raw_data(log_entries::table, |out| {
                write_entries(out, id, entries).map_err(|error| diesel::result::Error::SerializationError(error.into()))
            })
            .with_format(diesel::pg::CopyFormat::Binary)
            .execute(self.connection)?;
        Ok(())
    }

    fn insert_rejects(&mut self, id: JobId, rejects: &[Reject]) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let numbers = |of: fn(&Reject) -> u64| rejects.iter().map(|reject| signed(of(reject))).collect::<Vec<_>>();
        sql_query(
            "INSERT INTO line_rejects (job_id, line_no, byte_offset, code, field, message, raw)
             SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7)",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Array<BigInt>, _>(numbers(|reject| reject.line_no))
        .bind::<Array<BigInt>, _>(numbers(|reject| reject.byte_offset))
        .bind::<Array<Text>, _>(rejects.iter().map(|reject| reject.code.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(rejects.iter().map(|reject| reject.field.as_deref()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rejects.iter().map(|reject| reject.message.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rejects.iter().map(|reject| reject.raw.as_str()).collect::<Vec<_>>())
        .execute(self.connection)?;
        Ok(())
    }

    fn entries_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<StoredEntry>> {
        let found: Vec<EntryRow> = sql_query(format!(
            "{ENTRIES} WHERE job_id = $1 AND line_no > $2 ORDER BY line_no LIMIT $3"
        ))
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<BigInt, _>(signed(after_line))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn entries(&mut self, filter: &EntryFilter) -> Result<Vec<StoredEntry>> {
        let (before_job, before_line) = filter
            .before
            .map_or((uuid::Uuid::max(), 0), |(id, line)| (id.as_uuid(), line));
        let found: Vec<EntryRow> = sql_query(format!(
            "{ENTRIES}
             WHERE (job_id, line_no) < ($1, $2)
               AND ($3 IS NULL OR job_id = $3)
               AND ($4 IS NULL OR level = $4)
               AND ($5 IS NULL OR service = $5)
               AND ($6 IS NULL OR strpos(lower(message), lower($6)) > 0)
               AND ($7 IS NULL OR occurred_at >= $7)
               AND ($8 IS NULL OR occurred_at < $8)
             ORDER BY job_id DESC, line_no DESC
             LIMIT $9"
        ))
        .bind::<SqlUuid, _>(before_job)
        .bind::<BigInt, _>(signed(before_line))
        .bind::<Nullable<SqlUuid>, _>(filter.job_id.map(JobId::as_uuid))
        .bind::<Nullable<SmallInt>, _>(filter.level.map(i16::from))
        .bind::<Nullable<Text>, _>(filter.service.as_deref())
        .bind::<Nullable<Text>, _>(filter.text.as_deref())
        .bind::<Nullable<Timestamptz>, _>(filter.start.map(time))
        .bind::<Nullable<Timestamptz>, _>(filter.end.map(time))
        .bind::<BigInt, _>(i64::from(filter.limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn rejects_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<Reject>> {
        let found: Vec<RejectRow> = sql_query(
            "SELECT line_no, byte_offset, code, field, message, raw FROM line_rejects
             WHERE job_id = $1 AND line_no > $2 ORDER BY line_no LIMIT $3",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<BigInt, _>(signed(after_line))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}

fn write_entries(out: &mut dyn io::Write, id: JobId, entries: &Entries) -> io::Result<()> {
    // Every write to the connection is a message of its own.
    let mut copy = BinaryRows::begin(io::BufWriter::with_capacity(COPY_MESSAGE_BYTES, out))?;
    for entry in entries.iter() {
        copy.row(ENTRY_COLUMNS)?;
        copy.uuid(id.as_uuid())?;
        copy.bigint(signed(entry.line_no))?;
        copy.time_or_null(entry.timestamp)?;
        copy.smallint_or_null(entry.level.map(i16::from))?;
        copy.text_or_null(entry.level_original)?;
        copy.text_or_null(entry.message)?;
        copy.text_or_null(entry.service)?;
        copy.text(entry.attributes)?;
    }
    copy.end()
}
