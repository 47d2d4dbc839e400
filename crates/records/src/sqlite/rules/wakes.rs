//! Wakes, found at the oldest end of what may be taken.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{RunQueryDsl, sql_query};
use domain::ids::{EventId, JobId, UserId};
use domain::rules::Stretch;
use domain::time::Timestamp;

use crate::rows;
use crate::rows::rules::{JobIdRow, WaitingRow, WakeRow, waits_for};
use crate::sqlite::Tx;
use crate::sqlite::jobs::key;
use crate::statement::statement;
use crate::unit::{CROWDS_MAX, LOOKED_AT_MAX};
use crate::{Due, Result, WAKES_OF_USER_MAX, Wake, WakeRows};

/// Wakes, and behind them which.
macro_rules! wakes {
    ($which:literal) => {
        concat!(
            "SELECT rule, cause, user_id, cause_at, due_at, waits_for_watermark, job_id FROM wakes",
            $which
        )
    };
}

// As the indexes say it, or they are not found.
const AT_ONCE: &str = "job_id IS NULL AND NOT waits_for_watermark";
const AFTER_WATERMARK: &str = "job_id IS NULL AND waits_for_watermark";
const AFTER_FILE: &str = "job_id = ?4";

/// Files that have ended and have wakes that are due. From one file to the next it is one step in the index, however many wakes
/// wait for each.
const ENDED_FILES: &str = "
    WITH RECURSIVE files (job_id) AS (
        SELECT min(job_id) FROM wakes WHERE job_id IS NOT NULL
        UNION ALL
        SELECT (SELECT min(w.job_id) FROM wakes w WHERE w.job_id > files.job_id) FROM files WHERE files.job_id IS NOT NULL)
    SELECT job_id FROM files
    WHERE job_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM jobs j
                      WHERE j.job_id = files.job_id AND j.status IN ('receiving', 'queued', 'processing'))
      AND EXISTS (SELECT 1 FROM wakes w WHERE w.job_id = files.job_id AND w.due_at <= ?1)
    LIMIT ?2";

/// One row, in a statement that is always the same, so that the connection prepares it once.
struct NewWake<'a> {
    wake: &'a Wake,
    cause: [u8; 16],
    job_id: Option<Vec<u8>>,
    waits_for_watermark: bool,
    cause_at: i64,
    due_at: i64,
}

impl<'a> NewWake<'a> {
    fn of(wake: &'a Wake) -> Self {
        let (waits_for_watermark, job) = waits_for(wake);
        Self {
            wake,
            cause: wake.cause.as_uuid().into_bytes(),
            job_id: job.map(key),
            waits_for_watermark,
            cause_at: wake.cause_at.as_micros(),
            due_at: wake.due_at.as_micros(),
        }
    }
}

impl QueryId for NewWake<'_> {
    type QueryId = NewWake<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for NewWake<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO wakes (rule, cause, user_id, cause_at, due_at, waits_for_watermark, job_id) VALUES (",
        );
        out.push_bind_param::<Text, _>(&self.wake.rule)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.cause.as_slice())?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.wake.user_id.as_str())?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.cause_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.due_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.waits_for_watermark)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Binary>, _>(&self.job_id)?;
        out.push_sql(
            ") ON CONFLICT (rule, cause) DO UPDATE SET due_at = excluded.due_at,
                   waits_for_watermark = excluded.waits_for_watermark, job_id = excluded.job_id
               WHERE excluded.due_at < wakes.due_at",
        );
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for NewWake<'_> {}

impl WakeRows for Tx<'_> {
    fn insert_wakes(&mut self, wakes: &[Wake]) -> Result<()> {
        for wake in wakes {
            NewWake::of(wake).execute(self.connection)?;
        }
        Ok(())
    }

    fn due_wakes(&mut self, due: Due) -> Result<Vec<Wake>> {
        let found = self.wakes_due_among(due.limit, due, &[])?;
        let is_all = due.room_beside(&found) > 0;
        let wakes = fair(found, due.limit);
        if is_all || due.room_beside(&wakes) == 0 {
            return Ok(wakes);
        }
        let (mut held, mut passed_over) = (Vec::new(), Vec::new());
        for _ in 0..=CROWDS_MAX {
            let found = self.wakes_due_among(LOOKED_AT_MAX, due, &passed_over)?;
            let is_all = found.len() < usize::try_from(LOOKED_AT_MAX).unwrap_or(usize::MAX);
            held.extend(fair(found, due.room_beside(&held)));
            if is_all || due.room_beside(&held) == 0 {
                break;
            }
            passed_over = users_of(&held);
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
            " WHERE user_id = ?1 AND rule = ?2 AND cause_at >= ?3 AND cause_at <= ?4 AND due_at <= ?5
               AND job_id IS NULL AND NOT waits_for_watermark
             ORDER BY cause_at LIMIT ?6"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<BigInt, _>(stretch.start().as_micros())
        .bind::<BigInt, _>(stretch.end().as_micros())
        .bind::<BigInt, _>(now.as_micros())
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn wakes_of(&mut self, user: &UserId, rule: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Wake>> {
        let found: Vec<WakeRow> = statement(wakes!(
            " WHERE user_id = ?1 AND rule = ?2 AND cause_at >= ?3 AND cause_at <= ?4 ORDER BY cause_at, cause"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<BigInt, _>(from.as_micros())
        .bind::<BigInt, _>(to.as_micros())
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
            " WHERE user_id = ?1 AND rule = ?2 AND cause_at < ?3 AND due_at > ?4
               AND job_id IS NULL AND NOT waits_for_watermark
             ORDER BY cause_at DESC, cause LIMIT ?5"
        ))
        .bind::<Text, _>(user.as_str())
        .bind::<Text, _>(rule)
        .bind::<BigInt, _>(before.as_micros())
        .bind::<BigInt, _>(due_after.as_micros())
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn put_wake(&mut self, wake: &Wake) -> Result<()> {
        self.drop_wakes(&wake.rule, &[wake.cause])?;
        NewWake::of(wake).execute(self.connection)?;
        Ok(())
    }

    fn drop_wakes(&mut self, rule: &str, causes: &[EventId]) -> Result<()> {
        for cause in causes {
            statement("DELETE FROM wakes WHERE rule = ?1 AND cause = ?2")
                .bind::<Text, _>(rule)
                .bind::<Binary, _>(cause.as_uuid().as_bytes().as_slice())
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn wakes_waiting(&mut self) -> Result<(u64, Option<Timestamp>)> {
        let waiting: WaitingRow =
            sql_query("SELECT count(*) AS wakes, min(due_at) AS due_at FROM wakes").get_result(self.connection)?;
        Ok(waiting.into())
    }
}

fn users_of(wakes: &[Wake]) -> Vec<UserId> {
    let users: BTreeSet<&UserId> = wakes.iter().map(|wake| &wake.user_id).collect();
    users.into_iter().cloned().collect()
}

/// The longest due of these that are not too many of one user.
fn fair(mut wakes: Vec<Wake>, limit: u32) -> Vec<Wake> {
    wakes.sort_by_key(|wake| wake.due_at);
    let mut of_user: HashMap<UserId, u32> = HashMap::new();
    wakes.retain(|wake| {
        let taken = of_user.entry(wake.user_id.clone()).or_default();
        *taken += 1;
        *taken <= WAKES_OF_USER_MAX
    });
    wakes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    wakes
}

impl Tx<'_> {
    fn wakes_due_among(&mut self, looked_at: u32, due: Due, passed_over: &[UserId]) -> Result<Vec<Wake>> {
        let passed_over = serde_json::Value::from_iter(passed_over.iter().map(UserId::as_str)).to_string();
        let mut wakes = self.wakes_due(AT_ONCE, due.now, looked_at, &passed_over)?;
        wakes.extend(self.wakes_due(AFTER_WATERMARK, due.last_settled(), looked_at, &passed_over)?);
        let due = Due {
            limit: looked_at,
            ..due
        };
        wakes.extend(self.wakes_after_files(due, &passed_over)?);
        wakes.sort_by_key(|wake| wake.due_at);
        wakes.truncate(usize::try_from(looked_at).unwrap_or(usize::MAX));
        Ok(wakes)
    }

    fn wakes_due(&mut self, which: &str, until: Timestamp, limit: u32, passed_over: &str) -> Result<Vec<Wake>> {
        let found: Vec<WakeRow> = sql_query(due_query(which))
            .bind::<BigInt, _>(until.as_micros())
            .bind::<BigInt, _>(i64::from(limit))
            .bind::<Text, _>(passed_over)
            .load(self.connection)?;
        rows::all(found)
    }

    /// File by file, the oldest first, until there are enough.
    fn wakes_after_files(&mut self, due: Due, passed_over: &str) -> Result<Vec<Wake>> {
        let ended: Vec<JobIdRow> = sql_query(ENDED_FILES)
            .bind::<BigInt, _>(due.now.as_micros())
            .bind::<BigInt, _>(i64::from(due.limit))
            .load(self.connection)?;
        let mut found: Vec<WakeRow> = Vec::new();
        for job in rows::all::<_, JobId>(ended)? {
            let room = i64::from(due.limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if room <= 0 {
                break;
            }
            let of_file: Vec<WakeRow> = sql_query(due_query(AFTER_FILE))
                .bind::<BigInt, _>(due.now.as_micros())
                .bind::<BigInt, _>(room)
                .bind::<Text, _>(passed_over)
                .bind::<Binary, _>(key(job))
                .load(self.connection)?;
            found.extend(of_file);
        }
        rows::all(found)
    }
}

fn due_query(which: &str) -> String {
    format!(
        "{} WHERE {which} AND due_at <= ?1 AND user_id NOT IN (SELECT value FROM json_each(?3)) ORDER BY due_at LIMIT ?2",
        wakes!("")
    )
}

#[cfg(test)]
mod tests {
    use diesel::QueryableByName;

    use super::*;
    use crate::Class;
    use crate::adapter::Adapter;

    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    fn plan(sqlite: &crate::sqlite::Sqlite, query: &str) -> String {
        let steps: Vec<Step> = sqlite
            .write(Class::Background, |connection| {
                Ok(sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(connection)?)
            })
            .unwrap();
        let steps: Vec<String> = steps.into_iter().map(|step| step.detail).collect();
        steps.join("; ")
    }

    /// However many must wait for their time, the watermark or a file.
    #[test]
    fn no_wake_that_must_wait_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = crate::sqlite::Sqlite::open(&folder.path().join("test.db")).unwrap();
        sqlite.migrate().unwrap();
        for (which, index) in [(AT_ONCE, "wakes_at_once"), (AFTER_WATERMARK, "wakes_after_watermark")] {
            let plan = plan(&sqlite, &due_query(which));
            assert!(
                plan.starts_with(&format!("SEARCH wakes USING INDEX {index} (due_at<?);")),
                "{plan}"
            );
        }
        let of_file = plan(&sqlite, &due_query(AFTER_FILE));
        assert!(
            of_file.starts_with("SEARCH wakes USING INDEX wakes_after_file (job_id=? AND due_at<?);"),
            "{of_file}"
        );
        let ended = plan(&sqlite, ENDED_FILES);
        assert!(!ended.contains("SCAN wakes") && !ended.contains("SCAN w "), "{ended}");
    }
}
