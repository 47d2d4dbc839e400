//! Events, each stored once.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::event::{Event, EventType};
use domain::ids::{EventId, UserId};
use domain::time::Timestamp;

use super::Tx;
use super::counts::QUARTER;
use super::event_months::partition;
use super::jobs::time;
use crate::months::Month;
use crate::rows::{self, CountRow, EventCountRow, EventRow};
use crate::statement::statement;
use crate::{EventFilter, EventRows, Origin, Result};

/// How many events, or keys of events, are forgotten in one transaction where they cannot be forgotten by month.
const FORGOTTEN_AT_ONCE_MAX: i64 = 5_000;

impl EventRows for Tx<'_> {
    fn insert_new(&mut self, events: &[Event], origin: Origin) -> Result<Vec<bool>> {
        self.insert_new_events(events, origin)
    }

    fn event(&mut self, id: EventId) -> Result<Option<Event>> {
        let found: Option<EventRow> = statement(
            "SELECT body FROM events
             WHERE event_id = $1 AND occurred_at = coalesce((SELECT occurred_at FROM event_keys WHERE event_id = $1), $2)",
        )
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Nullable<Timestamptz>, _>(id.stamped_at().map(time))
        .get_result(self.connection)
        .optional()?;
        found.map(Event::try_from).transpose()
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = sql_query(
            "SELECT body FROM events
             WHERE ($1 IS NULL OR user_id = $1)
               AND ($2 IS NULL OR event_type = $2)
               AND ($3 IS NULL OR occurred_at >= $3)
               AND ($4 IS NULL OR occurred_at < $4)
               AND ($5 IS NULL OR (occurred_at, event_id) < ($5, $6))
             ORDER BY occurred_at DESC, event_id DESC
             LIMIT $7",
        )
        .bind::<Nullable<Text>, _>(filter.user_id.as_ref().map(UserId::as_str))
        .bind::<Nullable<Text>, _>(filter.event_type.as_ref().map(EventType::as_str))
        .bind::<Nullable<Timestamptz>, _>(filter.span.start.map(time))
        .bind::<Nullable<Timestamptz>, _>(filter.span.end.map(time))
        .bind::<Nullable<Timestamptz>, _>(filter.before.map(|(at, _)| time(at)))
        .bind::<Nullable<SqlUuid>, _>(filter.before.map(|(_, id)| id.as_uuid()))
        .bind::<BigInt, _>(i64::from(filter.limit))
        .load(self.connection)?;
        rows::all(found)
    }

    /// Whole months where there are months: no row is touched and nothing is left to be cleaned up. Keys go last, so that as
    /// long as an event is kept its id is known.
    fn forget_events_before(&mut self, cut: Timestamp) -> Result<bool> {
        let first_kept = Month::of(cut);
        if self.forget_past_events(first_kept)? {
            return Ok(true);
        }
        for month in self.event_months_before(first_kept)? {
            if self.forget_month_of_events(month)? {
                return Ok(true);
            }
        }
        self.forget_event_keys(first_kept)
    }
}

impl Tx<'_> {
    fn forget_past_events(&mut self, first_kept: Month) -> Result<bool> {
        let before = first_kept.begins_at();
        let forgotten: Vec<EventCountRow> = sql_query(format!(
            "WITH forgotten AS (
                 DELETE FROM events_past WHERE (occurred_at, event_id) IN
                     (SELECT occurred_at, event_id FROM events_past
                      WHERE occurred_at < $1 ORDER BY occurred_at, event_id LIMIT $2)
                 RETURNING occurred_at, event_type)
             SELECT (extract(epoch FROM {QUARTER}) * 1000000)::bigint AS place, event_type, count(*) AS events
             FROM forgotten GROUP BY 1, 2"
        ))
        .bind::<Timestamptz, _>(time(before))
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE_MAX)
        .load(self.connection)?;
        if forgotten.is_empty() {
            return Ok(false);
        }
        self.forget_counts(&rows::all(forgotten)?, before)?;
        Ok(true)
    }

    /// Empties its table; the table stays, for events that come late. Truncating waits for units that write into it, and their
    /// counts come with their rows, so after it all counts of the month are of rows that are gone.
    fn forget_month_of_events(&mut self, month: Month) -> Result<bool> {
        let table = partition(month);
        let held: CountRow = sql_query(format!("SELECT count(*) AS n FROM (SELECT 1 FROM {table} LIMIT 1) one"))
            .get_result(self.connection)?;
        if held.n == 0 {
            return Ok(false);
        }
        sql_query(format!("TRUNCATE {table}")).execute(self.connection)?;
        statement("DELETE FROM event_counts WHERE quarter >= $1 AND quarter < $2")
            .bind::<Timestamptz, _>(time(month.begins_at()))
            .bind::<Timestamptz, _>(time(month.next().begins_at()))
            .execute(self.connection)?;
        tracing::info!(partition = table, "events.forgotten");
        Ok(true)
    }

    fn forget_event_keys(&mut self, first_kept: Month) -> Result<bool> {
        let forgotten = statement(
            "DELETE FROM event_keys WHERE event_id IN
                 (SELECT k.event_id FROM event_keys k
                  WHERE k.occurred_at < $1
                    AND NOT EXISTS (SELECT 1 FROM events e
                                    WHERE e.occurred_at < $1 AND e.occurred_at = k.occurred_at AND e.event_id = k.event_id)
                  LIMIT $2)",
        )
        .bind::<Timestamptz, _>(time(first_kept.begins_at()))
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE_MAX)
        .execute(self.connection)?;
        Ok(forgotten > 0)
    }
}
