//! Log entries and the lines that were not taken.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};
use diesel::sqlite::Sqlite;
use domain::ids::JobId;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::key;
use crate::months::Month;
use crate::rows::{self, EntryRow, RejectRow, signed};
use crate::statement::statement;
use crate::{Entries, Entry, EntryFilter, LogRows, Reject, Result, StoredEntry};

diesel::table! {
    log_entries (job_id, line_no) {
        job_id -> Binary,
        line_no -> BigInt,
        occurred_at -> Nullable<BigInt>,
        level -> Nullable<SmallInt>,
        level_original -> Nullable<Text>,
        message -> Nullable<Text>,
        service -> Nullable<Text>,
        attributes -> Text,
    }
}

diesel::table! {
    line_rejects (job_id, line_no) {
        job_id -> Binary,
        line_no -> BigInt,
        byte_offset -> BigInt,
        code -> Text,
        field -> Nullable<Text>,
        message -> Text,
        raw -> Text,
    }
}

/// Rows of one insert. Beyond this the parameters cost as much as the statements saved.
const BATCH_ROWS: usize = 50;

#[derive(Default, Insertable)]
#[diesel(table_name = log_entries, treat_none_as_default_value = false)]
struct EntryToInsert<'a> {
    job_id: &'a [u8],
    line_no: i64,
    occurred_at: Option<i64>,
    level: Option<i16>,
    level_original: Option<&'a str>,
    message: Option<&'a str>,
    service: Option<&'a str>,
    attributes: &'a str,
}

impl<'a> EntryToInsert<'a> {
    fn of(job_id: &'a [u8], entry: &Entry<'a>) -> Self {
        Self {
            job_id,
            line_no: signed(entry.line_no),
            occurred_at: entry.timestamp.map(Timestamp::as_micros),
            level: entry.level.map(i16::from),
            level_original: entry.level_original,
            message: entry.message,
            service: entry.service,
            attributes: entry.attributes,
        }
    }

    /// All but the job's id.
    fn bind_rest<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.line_no)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.occurred_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<SmallInt>, _>(&self.level)?;
        for text in [&self.level_original, &self.message, &self.service] {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(text)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.attributes)
    }
}

/// A full batch. Its statement is always the same, so that the connection prepares it once.
struct Batch<'a>([EntryToInsert<'a>; BATCH_ROWS]);

impl QueryId for Batch<'_> {
    type QueryId = Batch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for Batch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // The unit fails with the statement. Without `OR FAIL` each page would be copied first, to undo the statement alone.
        out.push_sql(
            "INSERT OR FAIL INTO log_entries (job_id, line_no, occurred_at, level, level_original, message, service, attributes)
             VALUES (",
        );
        for (n, row) in self.0.iter().enumerate() {
            match n {
                0 => out.push_bind_param::<Binary, _>(&row.job_id)?,
                // All rows are of one job: its id is bound once.
                _ => out.push_sql("), (?1"),
            }
            row.bind_rest(out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for Batch<'_> {}

const ENTRIES: &str = "SELECT * FROM log_entries";

/// How many entries are forgotten in one transaction.
const FORGOTTEN_AT_ONCE_MAX: i64 = 5_000;

impl LogRows for Tx<'_> {
    fn prepare_months(&mut self, _now: Timestamp) -> Result<()> {
        // One table holds all of them.
        Ok(())
    }

    fn forget_entries_before(&mut self, cut: Timestamp) -> Result<bool> {
        let first_kept = Month::of(cut).first_job_id().as_bytes().to_vec();
        let forgotten = statement(
            "DELETE FROM log_entries WHERE (job_id, line_no) IN
                 (SELECT job_id, line_no FROM log_entries WHERE job_id < ?1 ORDER BY job_id, line_no LIMIT ?2)",
        )
        .bind::<Binary, _>(&first_kept)
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE_MAX)
        .execute(self.connection)?;
        if forgotten == 0 {
            return Ok(false);
        }
        statement("UPDATE chunks SET entry_bytes = 0 WHERE job_id < ?1 AND entry_bytes > 0")
            .bind::<Binary, _>(&first_kept)
            .execute(self.connection)?;
        Ok(true)
    }

    fn insert_entries(&mut self, id: JobId, entries: &Entries) -> Result<()> {
        let job_id = key(id);
        let mut rows = entries.iter().map(|entry| EntryToInsert::of(&job_id, &entry));
        for _ in 0..entries.len() / BATCH_ROWS {
            let batch = Batch(std::array::from_fn(|_| rows.next().unwrap_or_default()));
            batch.execute(self.connection)?;
        }
        for row in rows {
            diesel::insert_into(log_entries::table)
                .values(row)
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn insert_rejects(&mut self, id: JobId, rejects: &[Reject]) -> Result<()> {
        let job_id = key(id);
        for reject in rejects {
            diesel::insert_into(line_rejects::table)
                .values((
                    line_rejects::job_id.eq(&job_id),
                    line_rejects::line_no.eq(signed(reject.line_no)),
                    line_rejects::byte_offset.eq(signed(reject.byte_offset)),
                    line_rejects::code.eq(reject.code.as_str()),
                    line_rejects::field.eq(reject.field.as_deref()),
                    line_rejects::message.eq(&reject.message),
                    line_rejects::raw.eq(&reject.raw),
                ))
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn entries_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<StoredEntry>> {
        let found: Vec<EntryRow> = sql_query(format!(
            "{ENTRIES} WHERE job_id = ?1 AND line_no > ?2 ORDER BY line_no LIMIT ?3"
        ))
        .bind::<Binary, _>(key(id))
        .bind::<BigInt, _>(signed(after_line))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn entries(&mut self, filter: &EntryFilter) -> Result<Vec<StoredEntry>> {
        let (before_job, before_line) = filter
            .before
            .map_or_else(|| (vec![u8::MAX; 16], 0), |(id, line)| (key(id), line));
        let found: Vec<EntryRow> = sql_query(format!(
            "{ENTRIES}
             WHERE (job_id, line_no) < (?1, ?2)
               AND (?3 IS NULL OR job_id = ?3)
               AND (?4 IS NULL OR level = ?4)
               AND (?5 IS NULL OR service = ?5)
               AND (?6 IS NULL OR instr(lower(message), lower(?6)) > 0)
               AND (?7 IS NULL OR occurred_at >= ?7)
               AND (?8 IS NULL OR occurred_at < ?8)
             ORDER BY job_id DESC, line_no DESC
             LIMIT ?9"
        ))
        .bind::<Binary, _>(before_job)
        .bind::<BigInt, _>(signed(before_line))
        .bind::<Nullable<Binary>, _>(filter.job_id.map(key))
        .bind::<Nullable<SmallInt>, _>(filter.level.map(i16::from))
        .bind::<Nullable<Text>, _>(filter.service.as_deref())
        .bind::<Nullable<Text>, _>(filter.text.as_deref())
        .bind::<Nullable<BigInt>, _>(filter.start.map(Timestamp::as_micros))
        .bind::<Nullable<BigInt>, _>(filter.end.map(Timestamp::as_micros))
        .bind::<BigInt, _>(i64::from(filter.limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn rejects_of(&mut self, id: JobId, after_line: u64, limit: u32) -> Result<Vec<Reject>> {
        let found: Vec<RejectRow> = statement(
            "SELECT line_no, byte_offset, code, field, message, raw FROM line_rejects
             WHERE job_id = ?1 AND line_no > ?2 ORDER BY line_no LIMIT ?3",
        )
        .bind::<Binary, _>(key(id))
        .bind::<BigInt, _>(signed(after_line))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}
