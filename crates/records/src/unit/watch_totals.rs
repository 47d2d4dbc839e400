//! The sums over watch time: of movies, of users, and of the parts of a movie.

use std::collections::BTreeMap;

use domain::ids::{Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Bucket, Delta, Resolution};

use crate::Result;

/// What is known of a movie over all its users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovieTotals {
    pub slug: Slug,
    pub watch_time_millis: i64,
    pub viewers: i64,
    pub heartbeats: i64,
    pub furthest_at_millis: i64,
    /// When the newest of its heartbeats happened.
    pub updated_at: Timestamp,
}

/// What is known of a user over all movies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTotals {
    pub user_id: UserId,
    pub watch_time_millis: i64,
    pub movies: i64,
    pub heartbeats: i64,
    pub updated_at: Timestamp,
}

/// What moves in the totals of a movie or of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalsMove<K> {
    pub of: K,
    pub delta: Delta,
    /// The newest heartbeat of those that moved them; a total is never older than its newest.
    pub newest: Timestamp,
    /// Of a movie: the furthest that is known now.
    pub furthest_at_millis: i64,
}

/// A total that is not the sum of its parts. Where the times are equal, it is the heartbeats or the pairs that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchDifference {
    /// "movie big-buck-bunny" or "user u-17".
    pub of: String,
    pub kept_millis: i64,
    pub summed_millis: i64,
}

pub trait WatchTotalRows {
    /// After the pairs; sorted by slug. Moves the viewers of the buckets too.
    fn move_movie_totals(&mut self, moves: &[TotalsMove<Slug>]) -> Result<()>;
    /// After the movies; sorted by user.
    fn move_user_totals(&mut self, moves: &[TotalsMove<UserId>]) -> Result<()>;

    fn movie_totals(&mut self, slug: &Slug) -> Result<Option<MovieTotals>>;
    fn user_totals(&mut self, user: &UserId) -> Result<Option<UserTotals>>;
    /// Most watched first, then by slug, those behind `before`.
    fn top_movies(&mut self, before: Option<(i64, Slug)>, limit: u32) -> Result<Vec<MovieTotals>>;
    fn top_users(&mut self, before: Option<(i64, UserId)>, limit: u32) -> Result<Vec<UserTotals>>;
    /// How many users saw which bucket, by number; buckets that nobody saw are absent.
    fn bucket_viewers(&mut self, slug: &Slug, resolution: Resolution) -> Result<Vec<(i64, i64)>>;

    // To rebuild all of it from what is stored.

    /// Every movie that has totals or a pair, sorted.
    fn all_movies(&mut self, after: Option<&Slug>, limit: u32) -> Result<Vec<Slug>>;
    fn all_users(&mut self, after: Option<&UserId>, limit: u32) -> Result<Vec<UserId>>;
    /// Holds the totals of a movie, so that no pair of it can move until the end of the unit without our seeing it.
    fn lock_movie(&mut self, slug: &Slug) -> Result<()>;
    /// Replaces the totals of a locked movie; `None`: it has no heartbeats.
    fn set_movie_totals(
        &mut self,
        slug: &Slug,
        totals: Option<&MovieTotals>,
        viewers: &BTreeMap<Bucket, i64>,
    ) -> Result<()>;
    /// Locks the totals of a user, and makes them the sums over her pairs.
    fn sum_user_totals(&mut self, user: &UserId) -> Result<()>;
    /// Totals that are not equal to the sums over their pairs; at most `limit`.
    fn watch_differences(&mut self, limit: u32) -> Result<Vec<WatchDifference>>;
}
