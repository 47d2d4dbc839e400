//! Watch time: states of pairs.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::event::Event;
use domain::ids::{EventId, Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Pair, WatchState};

use super::Tx;
use super::jobs::time;
use crate::rows::{self, EventRow, KeptState, MomentRow, NamedStateRow, PairRow, StateRow};
use crate::statement::statement;
use crate::{Error, Result, WatchRows};

impl WatchRows for Tx<'_> {
    /// Who reads a table holds it until the end of the unit, lightly.
    fn watch_edge(&mut self) -> Result<Option<Timestamp>> {
        let edge: Option<MomentRow> = statement(
            "SELECT (extract(epoch FROM edge) * 1000000)::bigint AS moment FROM watch_edge WHERE only_row = 1",
        )
        .get_result(self.connection)
        .optional()?;
        Ok(edge.map(Timestamp::from))
    }

    /// One mover at a time; and only if there is something to move are those waited for who go by the edge as it was.
    fn move_watch_edge(&mut self, edge: Timestamp) -> Result<()> {
        statement("LOCK TABLE watch_edge IN SHARE UPDATE EXCLUSIVE MODE").execute(self.connection)?;
        if self.watch_edge()? >= Some(edge) {
            return Ok(());
        }
        sql_query("LOCK TABLE watch_edge IN ACCESS EXCLUSIVE MODE").execute(self.connection)?;
        statement(
            "INSERT INTO watch_edge (only_row, edge) VALUES (1, $1)
             ON CONFLICT (only_row) DO UPDATE SET edge = excluded.edge",
        )
        .bind::<Timestamptz, _>(time(edge))
        .execute(self.connection)?;
        Ok(())
    }

    /// The first statement makes what is missing and locks what is there, but changes nothing of it. The second begins when
    /// all of them are held, so it sees what those have left who held them before.
    fn lock_pairs(&mut self, pairs: &[Pair]) -> Result<Vec<WatchState>> {
        let users: Vec<&str> = pairs.iter().map(|pair| pair.user_id.as_str()).collect();
        let slugs: Vec<&str> = pairs.iter().map(|pair| pair.slug.as_str()).collect();
        statement(
            "INSERT INTO watch_pairs (user_id, slug) SELECT * FROM unnest($1, $2)
             ON CONFLICT (user_id, slug) DO UPDATE SET slug = excluded.slug WHERE false",
        )
        .bind::<Array<Text>, _>(&users)
        .bind::<Array<Text>, _>(&slugs)
        .execute(self.connection)?;
        let found: Vec<StateRow> = statement(
            "SELECT p.state FROM unnest($1, $2) WITH ORDINALITY AS k (user_id, slug, place)
             JOIN watch_pairs p ON p.user_id = k.user_id AND p.slug = k.slug
             ORDER BY k.place",
        )
        .bind::<Array<Text>, _>(&users)
        .bind::<Array<Text>, _>(&slugs)
        .load(self.connection)?;
        rows::all(found)
    }

    fn save_pairs(&mut self, states: &[(Pair, WatchState)]) -> Result<()> {
        let kept: Vec<KeptState> = states
            .iter()
            .map(|(_, state)| KeptState::of(state))
            .collect::<Result<_>>()?;
        let times = |of: fn(&KeptState) -> Option<Timestamp>| -> Vec<Option<DateTime<Utc>>> {
            kept.iter().map(|kept| of(kept).map(time)).collect()
        };
        let numbers = |of: fn(&KeptState) -> i64| kept.iter().map(of).collect::<Vec<_>>();
        let saved = statement(
            "UPDATE watch_pairs p SET
                 state = n.state, watch_time_millis = n.watch_time_millis, heartbeats = n.heartbeats,
                 first_at = n.first_at, newest_at = n.newest_at
             FROM unnest($1, $2, $3, $4, $5, $6, $7)
                 AS n (user_id, slug, state, watch_time_millis, heartbeats, first_at, newest_at)
             WHERE p.user_id = n.user_id AND p.slug = n.slug",
        )
        .bind::<Array<Text>, _>(states.iter().map(|(pair, _)| pair.user_id.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(states.iter().map(|(pair, _)| pair.slug.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(kept.iter().map(|kept| kept.state.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(numbers(|kept| kept.watch_time_millis))
        .bind::<Array<BigInt>, _>(numbers(|kept| kept.heartbeats))
        .bind::<Array<Nullable<Timestamptz>>, _>(times(|kept| kept.first_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(times(|kept| kept.newest_at))
        .execute(self.connection)?;
        if saved == states.len() {
            Ok(())
        } else {
            Err(Error::Broken(
                "a pair was to be saved that nobody had locked".to_owned(),
            ))
        }
    }

    fn heartbeats_of(&mut self, pair: &Pair, after: Option<(Timestamp, EventId)>, limit: u32) -> Result<Vec<Event>> {
        let found: Vec<EventRow> = statement(
            "SELECT body FROM events
             WHERE user_id = $1 AND slug = $2 AND occurred_at >= coalesce($3, '-infinity')
               AND ($3 IS NULL OR (occurred_at, event_id) > ($3, $4))
             ORDER BY occurred_at, event_id LIMIT $5",
        )
        .bind::<Text, _>(pair.user_id.as_str())
        .bind::<Text, _>(pair.slug.as_str())
        .bind::<Nullable<Timestamptz>, _>(after.map(|(at, _)| time(at)))
        .bind::<Nullable<SqlUuid>, _>(after.map(|(_, id)| id.as_uuid()))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn watch_base(&mut self, pair: &Pair) -> Result<WatchState> {
        let found: Option<StateRow> =
            statement("SELECT base AS state FROM watch_bases WHERE user_id = $1 AND slug = $2")
                .bind::<Text, _>(pair.user_id.as_str())
                .bind::<Text, _>(pair.slug.as_str())
                .get_result(self.connection)
                .optional()?;
        found.map_or_else(|| Ok(WatchState::default()), WatchState::try_from)
    }

    fn save_watch_base(&mut self, pair: &Pair, base: &WatchState) -> Result<()> {
        statement(
            "WITH settled AS (UPDATE watch_pairs SET base_at = $4 WHERE user_id = $1 AND slug = $2)
             INSERT INTO watch_bases (user_id, slug, base) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, slug) DO UPDATE SET base = excluded.base",
        )
        .bind::<Text, _>(pair.user_id.as_str())
        .bind::<Text, _>(pair.slug.as_str())
        .bind::<Text, _>(rows::encoded(base)?)
        .bind::<Nullable<Timestamptz>, _>(base.settled_before().map(time))
        .execute(self.connection)?;
        Ok(())
    }

    fn pairs_to_settle(&mut self, edge: Timestamp, limit: u32) -> Result<Vec<Pair>> {
        let found: Vec<PairRow> =
            statement("SELECT user_id, slug FROM watch_pairs WHERE open_from < $1 ORDER BY open_from LIMIT $2")
                .bind::<Timestamptz, _>(time(edge))
                .bind::<BigInt, _>(i64::from(limit))
                .load(self.connection)?;
        rows::all(found)
    }

    fn watch_state(&mut self, pair: &Pair) -> Result<Option<WatchState>> {
        let found: Option<StateRow> =
            statement("SELECT state FROM watch_pairs WHERE user_id = $1 AND slug = $2 AND heartbeats > 0")
                .bind::<Text, _>(pair.user_id.as_str())
                .bind::<Text, _>(pair.slug.as_str())
                .get_result(self.connection)
                .optional()?;
        found.map(WatchState::try_from).transpose()
    }

    fn movies_of_user(
        &mut self,
        user: &UserId,
        before: Option<(Timestamp, Slug)>,
        limit: u32,
    ) -> Result<Vec<(Slug, WatchState)>> {
        let found: Vec<NamedStateRow> = sql_query(
            "SELECT slug AS name, state FROM watch_pairs
             WHERE user_id = $1 AND heartbeats > 0
               AND ($2 IS NULL OR newest_at < $2 OR (newest_at = $2 AND slug > $3))
             ORDER BY newest_at DESC, slug LIMIT $4",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<Nullable<Timestamptz>, _>(before.as_ref().map(|(at, _)| time(*at)))
        .bind::<Nullable<Text>, _>(before.as_ref().map(|(_, slug)| slug.as_str()))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn states_of_movie(
        &mut self,
        slug: &Slug,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, WatchState)>> {
        let found: Vec<NamedStateRow> = statement(
            "SELECT user_id AS name, state FROM watch_pairs
             WHERE slug = $1 AND user_id > $2 AND heartbeats > 0 ORDER BY user_id LIMIT $3",
        )
        .bind::<Text, _>(slug.as_str())
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn all_pairs(&mut self, after: Option<&Pair>, limit: u32) -> Result<Vec<Pair>> {
        let (after_user, after_slug) = after.map_or(("", ""), |pair| (pair.user_id.as_str(), pair.slug.as_str()));
        let found: Vec<PairRow> = statement(
            "(SELECT user_id, slug FROM watch_pairs
              WHERE state IS NOT NULL AND (user_id, slug) > ($1, $2) ORDER BY user_id, slug LIMIT $3)
             UNION
             (SELECT DISTINCT user_id, slug FROM events
              WHERE slug IS NOT NULL AND (user_id, slug) > ($1, $2) ORDER BY user_id, slug LIMIT $3)
             ORDER BY user_id, slug LIMIT $3",
        )
        .bind::<Text, _>(after_user)
        .bind::<Text, _>(after_slug)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}
