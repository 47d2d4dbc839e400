//! The sums over watch time, and the viewers of the parts of movies.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz};
use diesel::{OptionalExtension, RunQueryDsl, sql_query};
use domain::ids::{Slug, UserId};
use domain::watch_time::{Bucket, Resolution};

use super::Tx;
use super::jobs::time;
use crate::rows::{self, MovieRow, MovieTotalsRow, UserRow, UserTotalsRow, ViewersRow, WatchDifferenceRow};
use crate::statement::statement;
use crate::{MovieTotals, Result, TotalsMove, UserTotals, WatchDifference, WatchTotalRows};

/// What was made only to be held is not shown.
const MOVIES: &str = "
    SELECT slug, watch_time_millis, viewers, heartbeats, furthest_at_millis,
           (extract(epoch FROM updated_at) * 1000000)::bigint AS updated_at
    FROM movie_totals WHERE heartbeats > 0";
const USERS: &str = "
    SELECT user_id, watch_time_millis, movies, heartbeats,
           (extract(epoch FROM updated_at) * 1000000)::bigint AS updated_at
    FROM user_totals WHERE heartbeats > 0";

impl WatchTotalRows for Tx<'_> {
    fn move_movie_totals(&mut self, moves: &[TotalsMove<Slug>]) -> Result<()> {
        let numbers = |of: fn(&TotalsMove<Slug>) -> i64| moves.iter().map(of).collect::<Vec<_>>();
        statement(
            "INSERT INTO movie_totals AS t (slug, watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at)
             SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
             ON CONFLICT (slug) DO UPDATE SET
                 watch_time_millis = t.watch_time_millis + excluded.watch_time_millis,
                 viewers = t.viewers + excluded.viewers,
                 heartbeats = t.heartbeats + excluded.heartbeats,
                 furthest_at_millis = greatest(t.furthest_at_millis, excluded.furthest_at_millis),
                 updated_at = greatest(t.updated_at, excluded.updated_at)",
        )
        .bind::<Array<Text>, _>(moves.iter().map(|moved| moved.of.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.watch_time_millis))
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.pairs))
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.heartbeats))
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.furthest_at_millis))
        .bind::<Array<Timestamptz>, _>(moves.iter().map(|moved| time(moved.newest)).collect::<Vec<_>>())
        .execute(self.connection)?;
        let viewers = moves
            .iter()
            .flat_map(|moved| moved.delta.viewers.iter().map(|seen| (&moved.of, seen)));
        self.move_viewers(viewers)
    }

    fn move_user_totals(&mut self, moves: &[TotalsMove<UserId>]) -> Result<()> {
        let numbers = |of: fn(&TotalsMove<UserId>) -> i64| moves.iter().map(of).collect::<Vec<_>>();
        statement(
            "INSERT INTO user_totals AS t (user_id, watch_time_millis, movies, heartbeats, updated_at)
             SELECT * FROM unnest($1, $2, $3, $4, $5)
             ON CONFLICT (user_id) DO UPDATE SET
                 watch_time_millis = t.watch_time_millis + excluded.watch_time_millis,
                 movies = t.movies + excluded.movies,
                 heartbeats = t.heartbeats + excluded.heartbeats,
                 updated_at = greatest(t.updated_at, excluded.updated_at)",
        )
        .bind::<Array<Text>, _>(moves.iter().map(|moved| moved.of.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.watch_time_millis))
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.pairs))
        .bind::<Array<BigInt>, _>(numbers(|moved| moved.delta.heartbeats))
        .bind::<Array<Timestamptz>, _>(moves.iter().map(|moved| time(moved.newest)).collect::<Vec<_>>())
        .execute(self.connection)?;
        Ok(())
    }

    fn movie_totals(&mut self, slug: &Slug) -> Result<Option<MovieTotals>> {
        let found: Option<MovieTotalsRow> = sql_query(format!("{MOVIES} AND slug = $1"))
            .bind::<Text, _>(slug.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map(MovieTotals::try_from).transpose()
    }

    fn user_totals(&mut self, user: &UserId) -> Result<Option<UserTotals>> {
        let found: Option<UserTotalsRow> = sql_query(format!("{USERS} AND user_id = $1"))
            .bind::<Text, _>(user.as_str())
            .get_result(self.connection)
            .optional()?;
        found.map(UserTotals::try_from).transpose()
    }

    fn top_movies(&mut self, before: Option<(i64, Slug)>, limit: u32) -> Result<Vec<MovieTotals>> {
        let found: Vec<MovieTotalsRow> = sql_query(format!(
            "{MOVIES} AND ($1 IS NULL OR watch_time_millis < $1 OR (watch_time_millis = $1 AND slug > $2))
             ORDER BY watch_time_millis DESC, slug LIMIT $3"
        ))
        .bind::<Nullable<BigInt>, _>(before.as_ref().map(|(millis, _)| *millis))
        .bind::<Nullable<Text>, _>(before.as_ref().map(|(_, slug)| slug.as_str()))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn top_users(&mut self, before: Option<(i64, UserId)>, limit: u32) -> Result<Vec<UserTotals>> {
        let found: Vec<UserTotalsRow> = sql_query(format!(
            "{USERS} AND ($1 IS NULL OR watch_time_millis < $1 OR (watch_time_millis = $1 AND user_id > $2))
             ORDER BY watch_time_millis DESC, user_id LIMIT $3"
        ))
        .bind::<Nullable<BigInt>, _>(before.as_ref().map(|(millis, _)| *millis))
        .bind::<Nullable<Text>, _>(before.as_ref().map(|(_, user)| user.as_str()))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn bucket_viewers(&mut self, slug: &Slug, resolution: Resolution) -> Result<Vec<(i64, i64)>> {
        let found: Vec<ViewersRow> = statement(
            "SELECT bucket_no, viewers FROM movie_buckets
             WHERE slug = $1 AND resolution = $2 AND viewers > 0 ORDER BY bucket_no",
        )
        .bind::<Text, _>(slug.as_str())
        .bind::<SmallInt, _>(i16::from(resolution.number()))
        .load(self.connection)?;
        Ok(found.into_iter().map(<(i64, i64)>::from).collect())
    }

    fn all_movies(&mut self, after: Option<&Slug>, limit: u32) -> Result<Vec<Slug>> {
        let found: Vec<MovieRow> = statement(
            "(SELECT slug FROM movie_totals WHERE slug > $1 ORDER BY slug LIMIT $2)
             UNION
             (SELECT DISTINCT slug FROM watch_pairs WHERE slug > $1 AND heartbeats > 0 ORDER BY slug LIMIT $2)
             ORDER BY slug LIMIT $2",
        )
        .bind::<Text, _>(after.map_or("", Slug::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    fn all_users(&mut self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>> {
        let found: Vec<UserRow> = statement(
            "(SELECT user_id FROM user_totals WHERE user_id > $1 ORDER BY user_id LIMIT $2)
             UNION
             (SELECT DISTINCT user_id FROM watch_pairs WHERE user_id > $1 AND heartbeats > 0 ORDER BY user_id LIMIT $2)
             ORDER BY user_id LIMIT $2",
        )
        .bind::<Text, _>(after.map_or("", UserId::as_str))
        .bind::<BigInt, _>(i64::from(limit))
        .load(self.connection)?;
        rows::all(found)
    }

    /// Makes the row if it is missing, for nobody can hold what is not there; else locks it and changes nothing. The
    /// statements after this one see every pair that was moved by those who held it before.
    fn lock_movie(&mut self, slug: &Slug) -> Result<()> {
        statement(
            "INSERT INTO movie_totals (slug) VALUES ($1) ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug WHERE false",
        )
        .bind::<Text, _>(slug.as_str())
        .execute(self.connection)?;
        Ok(())
    }

    fn set_movie_totals(
        &mut self,
        slug: &Slug,
        totals: Option<&MovieTotals>,
        viewers: &BTreeMap<Bucket, i64>,
    ) -> Result<()> {
        for table in ["movie_totals", "movie_buckets"] {
            sql_query(format!("DELETE FROM {table} WHERE slug = $1"))
                .bind::<Text, _>(slug.as_str())
                .execute(self.connection)?;
        }
        if let Some(totals) = totals {
            statement(
                "INSERT INTO movie_totals (slug, watch_time_millis, viewers, heartbeats, furthest_at_millis, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind::<Text, _>(slug.as_str())
            .bind::<BigInt, _>(totals.watch_time_millis)
            .bind::<BigInt, _>(totals.viewers)
            .bind::<BigInt, _>(totals.heartbeats)
            .bind::<BigInt, _>(totals.furthest_at_millis)
            .bind::<Timestamptz, _>(time(totals.updated_at))
            .execute(self.connection)?;
        }
        self.move_viewers(viewers.iter().map(|seen| (slug, seen)))
    }

    fn sum_user_totals(&mut self, user: &UserId) -> Result<()> {
        for statement in [
            "INSERT INTO user_totals (user_id) VALUES ($1)
             ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id WHERE false",
            "DELETE FROM user_totals WHERE user_id = $1",
            "INSERT INTO user_totals (user_id, watch_time_millis, movies, heartbeats, updated_at)
             SELECT user_id, sum(watch_time_millis), count(*), sum(heartbeats), max(newest_at)
             FROM watch_pairs WHERE user_id = $1 AND heartbeats > 0 GROUP BY user_id",
        ] {
            sql_query(statement)
                .bind::<Text, _>(user.as_str())
                .execute(self.connection)?;
        }
        Ok(())
    }

    fn watch_differences(&mut self, limit: u32) -> Result<Vec<WatchDifference>> {
        let of_movies = differing("movie", "slug", "movie_totals", "viewers");
        let of_users = differing("user", "user_id", "user_totals", "movies");
        let found: Vec<WatchDifferenceRow> = sql_query(format!("{of_movies} UNION ALL {of_users} ORDER BY 1 LIMIT $1"))
            .bind::<BigInt, _>(i64::from(limit))
            .load(self.connection)?;
        Ok(found.into_iter().map(WatchDifference::from).collect())
    }
}

impl Tx<'_> {
    /// Behind the totals of their movies, which are held by now. Sorted by movie and bucket.
    fn move_viewers<'m>(&mut self, moves: impl Iterator<Item = (&'m Slug, (&'m Bucket, &'m i64))>) -> Result<()> {
        let (mut slugs, mut resolutions, mut numbers, mut viewers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (slug, (bucket, by)) in moves {
            slugs.push(slug.as_str());
            resolutions.push(i16::from(bucket.resolution.number()));
            numbers.push(bucket.no);
            viewers.push(*by);
        }
        if slugs.is_empty() {
            return Ok(());
        }
        statement(
            "INSERT INTO movie_buckets AS b (slug, resolution, bucket_no, viewers) SELECT * FROM unnest($1, $2, $3, $4)
             ON CONFLICT (slug, resolution, bucket_no) DO UPDATE SET viewers = b.viewers + excluded.viewers",
        )
        .bind::<Array<Text>, _>(slugs)
        .bind::<Array<SmallInt>, _>(resolutions)
        .bind::<Array<BigInt>, _>(numbers)
        .bind::<Array<BigInt>, _>(viewers)
        .execute(self.connection)?;
        Ok(())
    }
}

/// Totals that are not the sums over their pairs, whichever of the two is missing.
fn differing(what: &str, name: &str, totals: &str, pairs: &str) -> String {
    format!(
        "SELECT '{what} ' || name AS of, sum(kept)::bigint AS kept_millis, sum(summed)::bigint AS summed_millis
         FROM (SELECT {name} AS name, watch_time_millis AS kept, 0 AS summed, heartbeats, {pairs} AS pairs FROM {totals}
               UNION ALL
               SELECT {name}, 0, watch_time_millis, -heartbeats, -(heartbeats > 0)::int FROM watch_pairs) parts
         GROUP BY name HAVING sum(kept) <> sum(summed) OR sum(heartbeats) <> 0 OR sum(pairs) <> 0"
    )
}
