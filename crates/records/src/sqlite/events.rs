//! Events, each stored once.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::counts::QUARTER_MICROS;
use domain::event::{Event, EventType};
use domain::ids::{EventId, UserId};
use domain::time::Timestamp;

use super::Tx;
use super::jobs::key;
use crate::months::Month;
use crate::rows::{self, EventCountRow, EventRow};
use crate::statement::statement;
use crate::{EventFilter, EventRows, Origin, Result};

/// How many events are forgotten in one transaction.
const FORGOTTEN_AT_ONCE_MAX: i64 = 5_000;

/// One row. Its statement is always the same, so that the connection prepares it once; and it says of each row whether it was
/// new, which a statement of many rows tells only in return for all their ids.
struct NewRow<'a> {
    event_id: &'a [u8],
    occurred_at: i64,
    event_type: &'a str,
    user_id: &'a str,
    slug: Option<&'a str>,
    job_id: Option<&'a [u8]>,
    live: bool,
    body: String,
}

impl QueryId for NewRow<'_> {
    type QueryId = NewRow<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for NewRow<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO events (event_id, occurred_at, event_type, user_id, slug, job_id, live, body) VALUES (",
        );
        out.push_bind_param::<Binary, _>(self.event_id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.occurred_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.event_type)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.user_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.slug)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Binary>, _>(&self.job_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.live)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.body)?;
        out.push_sql(") ON CONFLICT DO NOTHING");
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for NewRow<'_> {}

impl EventRows for Tx<'_> {
    fn insert_new(&mut self, events: &[Event], origin: Origin) -> Result<Vec<bool>> {
        let job_id = origin.job_id.map(key);
        let insert = |event: &Event| {
            let id = event.event_id.as_uuid();
            let row = NewRow {
                event_id: id.as_bytes(),
                occurred_at: event.timestamp.as_micros(),
                event_type: event.event_type.as_str(),
                user_id: event.user_id.as_str(),
                slug: rows::watched(event),
                job_id: job_id.as_deref(),
                live: origin.live,
                body: rows::body(event)?,
            };
            Ok(row.execute(self.connection)? == 1)
        };
        events.iter().map(insert).collect()
    }

    fn event(&mut self, id: EventId) -> Result<Option<Event>> {
        let found: Option<EventRow> = statement("SELECT body FROM events WHERE event_id = ?1")
            .bind::<Binary, _>(id.as_uuid().as_bytes().as_slice())
            .get_result(self.connection)
            .optional()?;
        found.map(Event::try_from).transpose()
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Vec<Event>> {
        let (before, before_id) = filter.before.map_or_else(
            || (i64::MAX, Vec::new()),
            |(at, id)| (at.as_micros(), id.as_uuid().as_bytes().to_vec()),
        );
        // Which index serves is decided before the values are known, so the two ways are two statements.
        let of_user = filter.user_id.as_ref().map_or("?1 IS NULL", |_| "user_id = ?1");
        let found: Vec<EventRow> = sql_query(format!(
            "SELECT body FROM events
             WHERE {of_user} AND (?2 IS NULL OR event_type = ?2) AND occurred_at >= ?3 AND occurred_at < ?4
               AND (occurred_at, event_id) < (?5, ?6)
             ORDER BY occurred_at DESC, event_id DESC LIMIT ?7"
        ))
        .bind::<Nullable<Text>, _>(filter.user_id.as_ref().map(UserId::as_str))
        .bind::<Nullable<Text>, _>(filter.event_type.as_ref().map(EventType::as_str))
        .bind::<BigInt, _>(filter.span.start.map_or(i64::MIN, Timestamp::as_micros))
        .bind::<BigInt, _>(filter.span.end.map_or(i64::MAX, Timestamp::as_micros))
        .bind::<BigInt, _>(before)
        .bind::<Binary, _>(before_id)
        .bind::<BigInt, _>(i64::from(filter.limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn forget_events_before(&mut self, cut: Timestamp) -> Result<bool> {
        let first_kept = Month::of(cut).begins_at();
        let forgotten: Vec<EventCountRow> = statement(
            "DELETE FROM events WHERE rowid IN
                 (SELECT rowid FROM events WHERE occurred_at < ?1 ORDER BY occurred_at, event_id LIMIT ?2)
             RETURNING occurred_at - (occurred_at % ?3 + ?3) % ?3 AS place, event_type, 1 AS events",
        )
        .bind::<BigInt, _>(first_kept.as_micros())
        .bind::<BigInt, _>(FORGOTTEN_AT_ONCE_MAX)
        .bind::<BigInt, _>(QUARTER_MICROS)
        .load(self.connection)?;
        if forgotten.is_empty() {
            return Ok(false);
        }
        self.forget_counts(&rows::all(forgotten)?, first_kept)?;
        Ok(true)
    }
}
