//! How many events there are: roll-ups by quarter of an hour and type, and the rows at their edges.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl, sql_query};
use domain::counts::{NewCount, QUARTER_MICROS, Span};
use domain::event::EventType;
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::Tx;
use crate::counts::{Names, Stretch, Stretches, by_bucket, name_in_sql};
use crate::rows::{self, DifferenceRow, EventCountRow, TypeRow, ValueRow};
use crate::statement::statement;
use crate::{CountDifference, CountRows, Counts, Result};

impl CountRows for Tx<'_> {
    fn add_counts(&mut self, counts: &[NewCount]) -> Result<()> {
        let mut names = self.names()?;
        let fresh = names.to_register(counts);
        if !fresh.is_empty() {
            for event_type in &fresh {
                statement("INSERT INTO event_types (event_type) VALUES (?1)")
                    .bind::<Text, _>(event_type.as_str())
                    .execute(self.connection)?;
            }
            names = self.names()?;
        }
        self.move_counts(names.by_name(counts).into_iter())
    }

    fn seen_types(&mut self) -> Result<Vec<EventType>> {
        let found: Vec<TypeRow> =
            statement("SELECT event_type FROM event_types ORDER BY event_type").load(self.connection)?;
        rows::all(found)
    }

    fn counts(&mut self, span: Span, event_type: Option<&EventType>) -> Result<Counts> {
        let found = self.counts_in(&Stretches::of_span(span), event_type)?;
        Ok(by_bucket(1, found).pop().unwrap_or_default())
    }

    fn count_series(&mut self, borders: &[Timestamp], event_type: Option<&EventType>) -> Result<Vec<Counts>> {
        let found = self.counts_in(&Stretches::between(borders), event_type)?;
        Ok(by_bucket(borders.len().saturating_sub(1), found))
    }

    fn top_values(
        &mut self,
        event_type: &EventType,
        member: &str,
        span: Span,
        limit: u32,
    ) -> Result<Vec<(String, u64)>> {
        let found: Vec<ValueRow> = statement(
            "SELECT value, count(*) AS events
             FROM (SELECT payload_text(body, ?2) AS value FROM events
                   WHERE event_type = ?1 AND occurred_at >= ?3 AND occurred_at < ?4)
             WHERE value IS NOT NULL
             GROUP BY value ORDER BY events DESC, value LIMIT ?5",
        )
        .bind::<Text, _>(event_type.as_str())
        .bind::<Text, _>(member)
        .bind::<BigInt, _>(span.start.map_or(i64::MIN, Timestamp::as_micros))
        .bind::<BigInt, _>(span.end.map_or(i64::MAX, Timestamp::as_micros))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_differences(&mut self, limit: u32) -> Result<Vec<CountDifference>> {
        let name = name_in_sql("s.event_type");
        let found: Vec<DifferenceRow> = sql_query(format!(
            "SELECT quarter, event_type, sum(counted) AS counted, sum(stored) AS stored
             FROM (SELECT quarter, event_type, events AS counted, 0 AS stored FROM event_counts
                   UNION ALL
                   SELECT s.quarter, {name}, 0, s.events
                   FROM (SELECT occurred_at - (occurred_at % ?1 + ?1) % ?1 AS quarter, event_type, count(*) AS events
                         FROM events GROUP BY 1, event_type) s)
             GROUP BY quarter, event_type HAVING sum(counted) <> sum(stored)
             ORDER BY quarter, event_type LIMIT ?2"
        ))
        .bind::<BigInt, _>(QUARTER_MICROS)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}

impl Tx<'_> {
    pub(super) fn names(&mut self) -> Result<Names> {
        Ok(Names::of(self.seen_types()?))
    }

    /// Adds to the roll-ups, or takes away.
    pub(super) fn move_counts<'n>(&mut self, moves: impl Iterator<Item = ((Timestamp, &'n str), i64)>) -> Result<()> {
        let moves = moves.map(|((quarter, name), by)| json!([quarter.as_micros(), name, by]));
        statement(
            "INSERT INTO event_counts (quarter, event_type, events)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
             ON CONFLICT (quarter, event_type) DO UPDATE SET events = events + excluded.events",
        )
        .bind::<Text, _>(as_json(moves))
        .execute(self.connection)?;
        Ok(())
    }

    /// Takes what was forgotten out of the roll-ups.
    pub(super) fn forget_counts(&mut self, forgotten: &[NewCount], before: Timestamp) -> Result<()> {
        let names = self.names()?;
        let taken = names
            .by_name(forgotten)
            .into_iter()
            .map(|(place, events)| (place, -events));
        self.move_counts(taken)?;
        statement("DELETE FROM event_counts WHERE events = 0 AND quarter < ?1")
            .bind::<BigInt, _>(before.as_micros())
            .execute(self.connection)?;
        Ok(())
    }

    fn counts_in(&mut self, stretches: &Stretches, event_type: Option<&EventType>) -> Result<Vec<(i64, String, u64)>> {
        let name = name_in_sql("e.event_type");
        // The cross join keeps the stretches outside, so that each is a range of an index.
        let found: Vec<EventCountRow> = sql_query(format!(
            "SELECT bucket AS place, event_type, sum(events) AS events
             FROM (SELECT s.value ->> 0 AS bucket, c.event_type, c.events
                   FROM json_each(?1) s CROSS JOIN event_counts c
                   WHERE c.quarter >= s.value ->> 1 AND c.quarter < s.value ->> 2
                   UNION ALL
                   SELECT s.value ->> 0, {name}, 1
                   FROM json_each(?2) s CROSS JOIN events e
                   WHERE e.occurred_at >= s.value ->> 1 AND e.occurred_at < s.value ->> 2)
             WHERE ?3 IS NULL OR event_type = ?3
             GROUP BY bucket, event_type HAVING sum(events) > 0"
        ))
        .bind::<Text, _>(as_json(stretches.summed.iter().map(plain)))
        .bind::<Text, _>(as_json(stretches.edges.iter().map(plain)))
        .bind::<Nullable<Text>, _>(event_type.map(EventType::as_str))
        .load(self.connection)?;
        rows::all(found)
    }
}

fn plain(stretch: &Stretch) -> Value {
    json!([stretch.bucket, stretch.from.as_micros(), stretch.to.as_micros()])
}

/// SQLite has no arrays, but it reads JSON.
pub(super) fn as_json(rows: impl Iterator<Item = Value>) -> String {
    Value::Array(rows.collect()).to_string()
}
