//! Watch time: states of pairs. The one writer holds all rows at once, so none is made only to be held.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl};
use domain::event::Event;
use domain::ids::{EventId, Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Pair, WatchState};
use serde_json::json;

use super::Tx;
use super::counts::as_json;
use super::watch_totals::behind;
use crate::rows::{self, EventRow, MomentRow, NamedStateRow, PairRow, StateRow};
use crate::statement::statement;
use crate::{Result, WatchRows};

impl WatchRows for Tx<'_> {
    fn watch_edge(&mut self) -> Result<Option<Timestamp>> {
        let edge: Option<MomentRow> = statement("SELECT edge AS moment FROM watch_edge")
            .get_result(self.connection)
            .optional()?;
        Ok(edge.map(Timestamp::from))
    }

    fn move_watch_edge(&mut self, edge: Timestamp) -> Result<()> {
        statement(
            "INSERT INTO watch_edge (only_row, edge) VALUES (1, ?1)
             ON CONFLICT (only_row) DO UPDATE SET edge = max(edge, excluded.edge)",
        )
        .bind::<BigInt, _>(edge.as_micros())
        .execute(self.connection)?;
        Ok(())
    }

    fn lock_pairs(&mut self, pairs: &[Pair]) -> Result<Vec<WatchState>> {
        let names = pairs.iter().map(|pair| json!([pair.user_id, pair.slug]));
        let found: Vec<StateRow> = statement(
            "SELECT p.state FROM json_each(?1) k
             LEFT JOIN watch_pairs p ON p.user_id = k.value ->> 0 AND p.slug = k.value ->> 1
             ORDER BY k.key",
        )
        .bind::<Text, _>(as_json(names))
        .load(self.connection)?;
        rows::all(found)
    }

    fn save_pairs(&mut self, states: &[(Pair, WatchState)]) -> Result<()> {
        states.iter().try_for_each(|(pair, state)| self.save_pair(pair, state))
    }

    fn heartbeats_of(&mut self, pair: &Pair, after: Option<(Timestamp, EventId)>, limit: u32) -> Result<Vec<Event>> {
        let (after, after_id) = after.map_or_else(
            || (i64::MIN, Vec::new()),
            |(at, id)| (at.as_micros(), id.as_uuid().as_bytes().to_vec()),
        );
        let found: Vec<EventRow> = statement(
            "SELECT body FROM events
             WHERE user_id = ?1 AND slug = ?2 AND (occurred_at, event_id) > (?3, ?4)
             ORDER BY occurred_at, event_id LIMIT ?5",
        )
        .bind::<Text, _>(pair.user_id.as_str())
        .bind::<Text, _>(pair.slug.as_str())
        .bind::<BigInt, _>(after)
        .bind::<Binary, _>(after_id)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn watch_base(&mut self, pair: &Pair) -> Result<WatchState> {
        let found: Option<StateRow> =
            statement("SELECT base AS state FROM watch_bases WHERE user_id = ?1 AND slug = ?2")
                .bind::<Text, _>(pair.user_id.as_str())
                .bind::<Text, _>(pair.slug.as_str())
                .get_result(self.connection)
                .optional()?;
        found.map_or_else(|| Ok(WatchState::default()), WatchState::try_from)
    }

    fn save_watch_base(&mut self, pair: &Pair, base: &WatchState) -> Result<()> {
        statement(
            "INSERT INTO watch_bases (user_id, slug, base) VALUES (?1, ?2, ?3)
             ON CONFLICT (user_id, slug) DO UPDATE SET base = excluded.base",
        )
        .bind::<Text, _>(pair.user_id.as_str())
        .bind::<Text, _>(pair.slug.as_str())
        .bind::<Text, _>(rows::encoded(base)?)
        .execute(self.connection)?;
        statement(
            "INSERT INTO watch_pairs (user_id, slug, base_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (user_id, slug) DO UPDATE SET base_at = excluded.base_at",
        )
        .bind::<Text, _>(pair.user_id.as_str())
        .bind::<Text, _>(pair.slug.as_str())
        .bind::<Nullable<BigInt>, _>(base.settled_before().map(Timestamp::as_micros))
        .execute(self.connection)?;
        Ok(())
    }

    fn pairs_to_settle(&mut self, edge: Timestamp, limit: u32) -> Result<Vec<Pair>> {
        let found: Vec<PairRow> = statement(
            "SELECT user_id, slug FROM watch_pairs
             WHERE CASE WHEN base_at IS NULL THEN first_at WHEN newest_at >= base_at THEN base_at END < ?1
             ORDER BY user_id, slug LIMIT ?2",
        )
        .bind::<BigInt, _>(edge.as_micros())
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn watch_state(&mut self, pair: &Pair) -> Result<Option<WatchState>> {
        let found: Option<StateRow> =
            statement("SELECT state FROM watch_pairs WHERE user_id = ?1 AND slug = ?2 AND heartbeats > 0")
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
        let (before, after_slug) = behind(before, Timestamp::as_micros);
        let found: Vec<NamedStateRow> = statement(
            "SELECT slug AS name, state FROM watch_pairs
             WHERE user_id = ?1 AND heartbeats > 0 AND (newest_at < ?2 OR (newest_at = ?2 AND slug > ?3))
             ORDER BY newest_at DESC, slug LIMIT ?4",
        )
        .bind::<Text, _>(user.as_str())
        .bind::<BigInt, _>(before)
        .bind::<Text, _>(after_slug)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn all_pairs(&mut self, after: Option<&Pair>, limit: u32) -> Result<Vec<Pair>> {
        let (after_user, after_slug) = after.map_or(("", ""), |pair| (pair.user_id.as_str(), pair.slug.as_str()));
        let found: Vec<PairRow> = statement(
            "SELECT * FROM (SELECT user_id, slug FROM watch_pairs
                            WHERE state IS NOT NULL AND (user_id, slug) > (?1, ?2) ORDER BY user_id, slug LIMIT ?3)
             UNION
             SELECT * FROM (SELECT DISTINCT user_id, slug FROM events
                            WHERE slug IS NOT NULL AND (user_id, slug) > (?1, ?2) ORDER BY user_id, slug LIMIT ?3)
             ORDER BY user_id, slug LIMIT ?3",
        )
        .bind::<Text, _>(after_user)
        .bind::<Text, _>(after_slug)
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
             WHERE slug = ?1 AND user_id > ?2 AND heartbeats > 0 ORDER BY user_id LIMIT ?3",
        )
        .bind::<Text, _>(slug.as_str())
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }
}
