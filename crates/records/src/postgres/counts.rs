//! How many events there are: roll-ups by quarter of an hour and type, and the rows at their edges.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel::{RunQueryDsl, sql_query};
use domain::counts::{NewCount, Span};
use domain::event::EventType;
use domain::time::Timestamp;

use super::Tx;
use super::jobs::time;
use crate::counts::{Names, Stretch, Stretches, by_bucket, name_in_sql};
use crate::rows::{self, DifferenceRow, EventCountRow, TypeRow, ValueRow};
use crate::statement::statement;
use crate::{CountDifference, CountRows, Counts, Result};

impl CountRows for Tx<'_> {
    fn add_counts(&mut self, counts: &[NewCount]) -> Result<()> {
        if counts.is_empty() {
            return Ok(());
        }
        let mut names = self.names()?;
        if !names.to_register(counts).is_empty() {
            // Registered by one after the other, so that there are never too many.
            sql_query("LOCK TABLE event_types IN SHARE ROW EXCLUSIVE MODE").execute(self.connection)?;
            let fresh = self.names()?.to_register(counts);
            statement("INSERT INTO event_types (event_type) SELECT unnest($1)")
                .bind::<Array<Text>, _>(fresh.iter().map(EventType::as_str).collect::<Vec<_>>())
                .execute(self.connection)?;
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
        let found: Vec<ValueRow> = sql_query(
            "SELECT value, count(*) AS events
             FROM (SELECT body::json -> 'payload' -> $2 AS member FROM events
                   WHERE event_type = $1 AND ($3 IS NULL OR occurred_at >= $3) AND ($4 IS NULL OR occurred_at < $4)) e,
                  LATERAL (SELECT (member #>> '{}') COLLATE \"C\" AS value) v
             WHERE json_typeof(member) IN ('string', 'number', 'boolean')
             GROUP BY value ORDER BY events DESC, value LIMIT $5",
        )
        .bind::<Text, _>(event_type.as_str())
        .bind::<Text, _>(member)
        .bind::<Nullable<Timestamptz>, _>(span.start.map(time))
        .bind::<Nullable<Timestamptz>, _>(span.end.map(time))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn count_differences(&mut self, limit: u32) -> Result<Vec<CountDifference>> {
        let name = name_in_sql("s.event_type");
        let found: Vec<DifferenceRow> = sql_query(format!(
            "SELECT (extract(epoch FROM quarter) * 1000000)::bigint AS quarter, event_type,
                    sum(counted)::bigint AS counted, sum(stored)::bigint AS stored
             FROM (SELECT quarter, event_type, events AS counted, 0 AS stored FROM event_counts
                   UNION ALL
                   SELECT s.quarter, {name}, 0, s.events
                   FROM (SELECT {QUARTER} AS quarter, event_type, count(*) AS events
                         FROM events GROUP BY 1, event_type) s) both_sides
             GROUP BY quarter, event_type HAVING sum(counted) <> sum(stored)
             ORDER BY both_sides.quarter, event_type LIMIT $1"
        ))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}

/// The quarter that an event lies in.
pub(super) const QUARTER: &str = "date_bin('15 minutes', occurred_at, '0001-01-01 00:00:00+00')";

impl Tx<'_> {
    pub(super) fn names(&mut self) -> Result<Names> {
        Ok(Names::of(self.seen_types()?))
    }

    /// Adds to the roll-ups, or takes away; sorted by quarter and name.
    pub(super) fn move_counts<'n>(&mut self, moves: impl Iterator<Item = ((Timestamp, &'n str), i64)>) -> Result<()> {
        let (places, by): (Vec<_>, Vec<i64>) = moves.unzip();
        let (quarters, names): (Vec<_>, Vec<&str>) =
            places.into_iter().map(|(quarter, name)| (time(quarter), name)).unzip();
        statement(
            "INSERT INTO event_counts AS c (quarter, event_type, events) SELECT * FROM unnest($1, $2, $3)
             ON CONFLICT (quarter, event_type) DO UPDATE SET events = c.events + excluded.events",
        )
        .bind::<Array<Timestamptz>, _>(quarters)
        .bind::<Array<Text>, _>(names)
        .bind::<Array<BigInt>, _>(by)
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
        statement("DELETE FROM event_counts WHERE events = 0 AND quarter < $1")
            .bind::<Timestamptz, _>(time(before))
            .execute(self.connection)?;
        Ok(())
    }

    /// In one statement: roll-ups and rows as they were at the same moment.
    fn counts_in(&mut self, stretches: &Stretches, event_type: Option<&EventType>) -> Result<Vec<(i64, String, u64)>> {
        let name = name_in_sql("r.event_type");
        let buckets = |of: &[Stretch]| of.iter().map(|stretch| stretch.bucket).collect::<Vec<_>>();
        let froms = |of: &[Stretch]| of.iter().map(|stretch| time(stretch.from)).collect::<Vec<_>>();
        let tos = |of: &[Stretch]| of.iter().map(|stretch| time(stretch.to)).collect::<Vec<_>>();
        let found: Vec<EventCountRow> = sql_query(format!(
            "SELECT bucket AS place, event_type, sum(events)::bigint AS events
             FROM (SELECT s.bucket, c.event_type, c.events
                   FROM unnest($1, $2, $3) AS s (bucket, since, until),
                        LATERAL (SELECT event_type, sum(events) AS events FROM event_counts
                                 WHERE quarter >= s.since AND quarter < s.until GROUP BY event_type) c
                   UNION ALL
                   SELECT s.bucket, {name}, r.events
                   FROM unnest($4, $5, $6) AS s (bucket, since, until),
                        LATERAL (SELECT event_type, count(*) AS events FROM events
                                 WHERE occurred_at >= s.since AND occurred_at < s.until GROUP BY event_type) r) parts
             WHERE $7 IS NULL OR event_type = $7
             GROUP BY bucket, event_type HAVING sum(events) > 0"
        ))
        .bind::<Array<BigInt>, _>(buckets(&stretches.summed))
        .bind::<Array<Timestamptz>, _>(froms(&stretches.summed))
        .bind::<Array<Timestamptz>, _>(tos(&stretches.summed))
        .bind::<Array<BigInt>, _>(buckets(&stretches.edges))
        .bind::<Array<Timestamptz>, _>(froms(&stretches.edges))
        .bind::<Array<Timestamptz>, _>(tos(&stretches.edges))
        .bind::<Nullable<Text>, _>(event_type.map(EventType::as_str))
        .load(self.connection)?;
        rows::all(found)
    }
}
