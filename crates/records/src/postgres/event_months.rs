//! The months that events lie in: one table each, and one for all the time before the first.

use diesel::sql_types::Text;
use diesel::{OptionalExtension, QueryableByName, RunQueryDsl, sql_query};
use domain::time::Timestamp;

use super::Tx;
use super::logs::MONTHS_AHEAD;
use crate::months::Month;
use crate::{Error, Result};

const PAST: &str = "events_past";

#[derive(QueryableByName)]
struct PartitionRow {
    #[diesel(sql_type = Text)]
    month: String,
}

/// The tables of months, as the months that are in their names.
const MONTHS: &str = "SELECT substr(c.relname::text, length('events_') + 1) AS month
                      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                      WHERE i.inhparent = to_regclass('events') AND c.relname <> 'events_past'";

impl Tx<'_> {
    /// Goes on where it ended, so that no month is left out, however long nobody came.
    pub(super) fn prepare_event_months(&mut self, now: Timestamp) -> Result<()> {
        let last = Month::of(now).and_next(MONTHS_AHEAD).last().unwrap_or(Month::of(now));
        let newest: Option<PartitionRow> = sql_query(format!("{MONTHS} ORDER BY month DESC LIMIT 1"))
            .get_result(self.connection)
            .optional()?;
        let first = match newest {
            Some(newest) => month(&newest)?.next(),
            None => {
                let first = Month::of(now);
                self.create_partition(PAST, "MINVALUE", &bound(first))?;
                first
            }
        };
        let missing = std::iter::successors(Some(first), |month| Some(month.next()));
        missing
            .take_while(|month| month.begins_at() <= last.begins_at())
            .try_for_each(|month| self.create_partition(&partition(month), &bound(month), &bound(month.next())))
    }

    fn create_partition(&mut self, name: &str, from: &str, to: &str) -> Result<()> {
        sql_query(format!(
            "CREATE TABLE {name} PARTITION OF events FOR VALUES FROM ({from}) TO ({to})"
        ))
        .execute(self.connection)?;
        Ok(())
    }

    /// Those before this one, oldest first.
    pub(super) fn event_months_before(&mut self, first_kept: Month) -> Result<Vec<Month>> {
        let older: Vec<PartitionRow> = sql_query(format!("{MONTHS} AND c.relname < $1 ORDER BY month"))
            .bind::<Text, _>(partition(first_kept))
            .load(self.connection)?;
        older.iter().map(month).collect()
    }
}

pub(super) fn partition(month: Month) -> String {
    format!("events_{month}")
}

fn bound(month: Month) -> String {
    format!("'{}'", month.begins_at())
}

fn month(row: &PartitionRow) -> Result<Month> {
    row.month.parse().map_err(|_| {
        Error::Broken(format!(
            "a table events_{} stands where one of a month is expected",
            row.month
        ))
    })
}
