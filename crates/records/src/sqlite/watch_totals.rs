//! The sums over watch time, and the viewers of the parts of movies.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, SmallInt, Text};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::{Slug, UserId};
use domain::watch_time::{Bucket, Resolution};
use serde_json::{Value, json};

use super::Tx;
use super::counts::as_json;
use crate::rows::{self, MovieRow, MovieTotalsRow, UserRow, UserTotalsRow, ViewersRow, WatchDifferenceRow};
use crate::statement::statement;
use crate::{MovieTotals, Result, TotalsMove, UserTotals, WatchDifference, WatchTotalRows};

impl WatchTotalRows for Tx<'_> {
    fn move_movie_totals(&mut self, moves: &[TotalsMove<Slug>]) -> Result<()> {
        let totals = moves.iter().map(|moved| {
            json!([
                moved.of,
                moved.delta.watch_time_millis,
                moved.delta.pairs,
                moved.delta.heartbeats,
                moved.furthest_at_millis,
                moved.newest.as_micros()
            ])
        });
        statement(
            "INSERT INTO movie_totals AS t (slug, watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1) WHERE true
             ON CONFLICT (slug) DO UPDATE SET
                 watch_time_millis = t.watch_time_millis + excluded.watch_time_millis,
                 viewers = t.viewers + excluded.viewers,
                 heartbeats = t.heartbeats + excluded.heartbeats,
                 furthest_at_millis = max(t.furthest_at_millis, excluded.furthest_at_millis),
                 updated_at = max(t.updated_at, excluded.updated_at)",
        )
        .bind::<Text, _>(as_json(totals))
        .execute(self.connection)?;
        let viewers = moves
            .iter()
            .flat_map(|moved| moved.delta.viewers.iter().map(|seen| bucket(&moved.of, seen)));
        self.move_viewers(viewers)
    }

    fn move_user_totals(&mut self, moves: &[TotalsMove<UserId>]) -> Result<()> {
        let totals = moves.iter().map(|moved| {
            json!([
                moved.of,
                moved.delta.watch_time_millis,
                moved.delta.pairs,
                moved.delta.heartbeats,
                moved.newest.as_micros()
            ])
        });
        statement(
            "INSERT INTO user_totals AS t (user_id, watch_time_millis, movies, heartbeats, updated_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true
             ON CONFLICT (user_id) DO UPDATE SET
                 watch_time_millis = t.watch_time_millis + excluded.watch_time_millis,
                 movies = t.movies + excluded.movies,
                 heartbeats = t.heartbeats + excluded.heartbeats,
                 updated_at = max(t.updated_at, excluded.updated_at)",
        )
        .bind::<Text, _>(as_json(totals))
        .execute(self.connection)?;
        Ok(())
    }

    fn movie_totals(&mut self, slug: &Slug) -> Result<Option<MovieTotals>> {
        let found: Option<MovieTotalsRow> = statement("SELECT * FROM movie_totals WHERE slug = ?1 AND heartbeats > 0")
            .bind::<Text, _>(slug.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map(MovieTotals::try_from).transpose()
    }

    fn user_totals(&mut self, user: &UserId) -> Result<Option<UserTotals>> {
        let found: Option<UserTotalsRow> = statement("SELECT * FROM user_totals WHERE user_id = ?1 AND heartbeats > 0")
            .bind::<Text, _>(user.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map(UserTotals::try_from).transpose()
    }

    fn top_movies(&mut self, before: Option<(i64, Slug)>, limit: u32) -> Result<Vec<MovieTotals>> {
        let (before, after_slug) = behind(before, |millis| millis);
        let found: Vec<MovieTotalsRow> = statement(
            "SELECT * FROM movie_totals
             WHERE heartbeats > 0 AND (watch_time_millis < ?1 OR (watch_time_millis = ?1 AND slug > ?2))
             ORDER BY watch_time_millis DESC, slug LIMIT ?3",
        )
        .bind::<BigInt, _>(before)
        .bind::<Text, _>(after_slug)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn top_users(&mut self, before: Option<(i64, UserId)>, limit: u32) -> Result<Vec<UserTotals>> {
        let (before, after_user) = behind(before, |millis| millis);
        let found: Vec<UserTotalsRow> = statement(
            "SELECT * FROM user_totals
             WHERE heartbeats > 0 AND (watch_time_millis < ?1 OR (watch_time_millis = ?1 AND user_id > ?2))
             ORDER BY watch_time_millis DESC, user_id LIMIT ?3",
        )
        .bind::<BigInt, _>(before)
        .bind::<Text, _>(after_user)
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn bucket_viewers(&mut self, slug: &Slug, resolution: Resolution) -> Result<Vec<(i64, i64)>> {
        let found: Vec<ViewersRow> = statement(
            "SELECT bucket_no, viewers FROM movie_buckets
             WHERE slug = ?1 AND resolution = ?2 AND viewers > 0 ORDER BY bucket_no",
        )
        .bind::<Text, _>(slug.as_str())
        .bind::<SmallInt, _>(i16::from(resolution.number()))
        .load(self.connection)?;
        Ok(found.into_iter().map(<(i64, i64)>::from).collect())
    }

    fn all_movies(&mut self, after: Option<&Slug>, limit: u32) -> Result<Vec<Slug>> {
        let found: Vec<MovieRow> = statement(
            "SELECT * FROM (SELECT slug FROM movie_totals WHERE slug > ?1 ORDER BY slug LIMIT ?2)
             UNION
             SELECT * FROM (SELECT DISTINCT slug FROM watch_pairs
                            WHERE slug > ?1 AND heartbeats > 0 ORDER BY slug LIMIT ?2)
             ORDER BY slug LIMIT ?2",
        )
        .bind::<Text, _>(after.map_or("", Slug::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn all_users(&mut self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> = statement(
            "SELECT * FROM (SELECT user_id FROM user_totals WHERE user_id > ?1 ORDER BY user_id LIMIT ?2)
             UNION
             SELECT * FROM (SELECT DISTINCT user_id FROM watch_pairs
                            WHERE user_id > ?1 AND heartbeats > 0 ORDER BY user_id LIMIT ?2)
             ORDER BY user_id LIMIT ?2",
        )
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    /// Whoever writes is alone.
    fn lock_movie(&mut self, _slug: &Slug) -> Result<()> {
        Ok(())
    }

    fn set_movie_totals(
        &mut self,
        slug: &Slug,
        totals: Option<&MovieTotals>,
        viewers: &BTreeMap<Bucket, i64>,
    ) -> Result<()> {
        for table in ["movie_totals", "movie_buckets"] {
            sql_query(format!("DELETE FROM {table} WHERE slug = ?1"))
                .bind::<Text, _>(slug.as_str())
                .execute(self.connection)?;
        }
        if let Some(totals) = totals {
            statement(
                "INSERT INTO movie_totals (slug, watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .bind::<Text, _>(slug.as_str())
            .bind::<BigInt, _>(totals.watch_time_millis)
            .bind::<BigInt, _>(totals.viewers)
            .bind::<BigInt, _>(totals.heartbeats)
            .bind::<BigInt, _>(totals.furthest_at_millis)
            .bind::<BigInt, _>(totals.updated_at.as_micros())
            .execute(self.connection)?;
        }
        self.move_viewers(viewers.iter().map(|seen| bucket(slug, seen)))
    }

    fn sum_user_totals(&mut self, user: &UserId) -> Result<()> {
        statement("DELETE FROM user_totals WHERE user_id = ?1")
            .bind::<Text, _>(user.as_str())
            .execute(self.connection)?;
        statement(
            "INSERT INTO user_totals (user_id, watch_time_millis, movies, heartbeats, updated_at)
             SELECT user_id, sum(watch_time_millis), count(*), sum(heartbeats), max(newest_at)
             FROM watch_pairs WHERE user_id = ?1 AND heartbeats > 0 GROUP BY user_id",
        )
        .bind::<Text, _>(user.as_str())
        .execute(self.connection)?;
        Ok(())
    }

    fn watch_differences(&mut self, limit: u32) -> Result<Vec<WatchDifference>> {
        let of_movies = differing("movie", "slug", "movie_totals", "viewers");
        let of_users = differing("user", "user_id", "user_totals", "movies");
        let found: Vec<WatchDifferenceRow> = sql_query(format!("{of_movies} UNION ALL {of_users} ORDER BY 1 LIMIT ?1"))
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        Ok(found.into_iter().map(WatchDifference::from).collect())
    }
}

impl Tx<'_> {
    fn move_viewers(&mut self, moves: impl Iterator<Item = Value>) -> Result<()> {
        statement(
            "INSERT INTO movie_buckets AS b (slug, resolution, bucket_no, viewers)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
             ON CONFLICT (slug, resolution, bucket_no) DO UPDATE SET viewers = b.viewers + excluded.viewers",
        )
        .bind::<Text, _>(as_json(moves))
        .execute(self.connection)?;
        Ok(())
    }
}

fn bucket(slug: &Slug, (bucket, viewers): (&Bucket, &i64)) -> Value {
    json!([slug, bucket.resolution.number(), bucket.no, viewers])
}

/// Where a list that begins with the largest number goes on; at its beginning it has no end above.
pub(super) fn behind<N, T: ToString>(before: Option<(N, T)>, number: impl Fn(N) -> i64) -> (i64, String) {
    before.map_or_else(
        || (i64::MAX, String::new()),
        |(at, name)| (number(at), name.to_string()),
    )
}

/// Totals that are not the sums over their pairs, whichever of the two is missing.
fn differing(what: &str, name: &str, totals: &str, pairs: &str) -> String {
    format!(
        "SELECT '{what} ' || name AS of, sum(kept) AS kept_millis, sum(summed) AS summed_millis
         FROM (SELECT {name} AS name, watch_time_millis AS kept, 0 AS summed, heartbeats, {pairs} AS pairs FROM {totals}
               UNION ALL
               SELECT {name}, 0, watch_time_millis, -heartbeats, -(heartbeats > 0) FROM watch_pairs)
         GROUP BY name HAVING sum(kept) <> sum(summed) OR sum(heartbeats) <> 0 OR sum(pairs) <> 0"
    )
}
