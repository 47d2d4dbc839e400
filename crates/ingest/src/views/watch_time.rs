//! The shapes that clients see of watch time. Positions and lengths are seconds, whatever unit the players count in.

use domain::ids::{Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Place, Resolution, WatchState};
use records::{MovieTotals, UserTotals};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

const MILLIS_PER_SECOND: i64 = 1_000;

/// Whole milliseconds, told in seconds: `60`, `42.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(i64);

impl Seconds {
    pub(crate) const fn of_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 2^53, and nobody watches for so long"
    )]
    pub(crate) fn as_float(self) -> f64 {
        self.0 as f64 / MILLIS_PER_SECOND as f64
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % MILLIS_PER_SECOND == 0 {
            return serializer.serialize_i64(self.0 / MILLIS_PER_SECOND);
        }
        serializer.serialize_f64(self.as_float())
    }
}

/// What is known of a movie over all its viewers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MovieWatchTime)]
pub(crate) struct MovieView {
    #[schema(example = "big-buck-bunny", min_length = 1, max_length = 255)]
    pub(crate) slug: String,
    /// Time spent: a rewatch counts again.
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) watch_time_seconds: Seconds,
    #[schema(minimum = 1)]
    pub(crate) viewers: i64,
    #[schema(minimum = 1)]
    pub(crate) heartbeats: i64,
    /// When the newest of its heartbeats happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

impl From<MovieTotals> for MovieView {
    fn from(totals: MovieTotals) -> Self {
        Self {
            slug: totals.slug.to_string(),
            watch_time_seconds: Seconds(totals.watch_time_millis),
            viewers: totals.viewers,
            heartbeats: totals.heartbeats,
            updated_at: totals.updated_at,
        }
    }
}

/// What is known of a user over all movies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserWatchTime)]
pub(crate) struct UserView {
    #[schema(example = "u-17", min_length = 1, max_length = 255)]
    pub(crate) user: String,
    /// Time spent: a rewatch counts again.
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) watch_time_seconds: Seconds,
    #[schema(minimum = 1)]
    pub(crate) movies: i64,
    #[schema(minimum = 1)]
    pub(crate) heartbeats: i64,
    /// When the newest of her heartbeats happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

impl From<UserTotals> for UserView {
    fn from(totals: UserTotals) -> Self {
        Self {
            user: totals.user_id.to_string(),
            watch_time_seconds: Seconds(totals.watch_time_millis),
            movies: totals.movies,
            heartbeats: totals.heartbeats,
            updated_at: totals.updated_at,
        }
    }
}

/// What a user has seen of a movie, and where she left it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Watch)]
pub(crate) struct WatchView {
    #[schema(example = "u-17", min_length = 1, max_length = 255)]
    pub(crate) user: String,
    #[schema(example = "big-buck-bunny", min_length = 1, max_length = 255)]
    pub(crate) slug: String,
    /// Where she left it: the position of the newest heartbeat.
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) latest_at: Seconds,
    /// When that was.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) latest_seen_at: Timestamp,
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) furthest_at: Seconds,
    /// Time spent: a rewatch counts again.
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) watch_time_seconds: Seconds,
    /// How much of the movie she has seen.
    #[schema(value_type = f64, minimum = 0)]
    pub(crate) unique_seconds: Seconds,
    #[schema(minimum = 1)]
    pub(crate) heartbeats: i64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) first_seen_at: Timestamp,
}

impl WatchView {
    /// None of a pair without heartbeats: nobody has seen it.
    pub(crate) fn of(user: &UserId, slug: &Slug, state: &WatchState) -> Option<Self> {
        let Place {
            timestamp, at_millis, ..
        } = state.newest()?;
        Some(Self {
            user: user.to_string(),
            slug: slug.to_string(),
            latest_at: Seconds(at_millis),
            latest_seen_at: timestamp,
            furthest_at: Seconds(state.furthest_at_millis()),
            watch_time_seconds: Seconds(state.watch_time_millis()),
            unique_seconds: Seconds(state.unique_millis()),
            heartbeats: state.heartbeats(),
            first_seen_at: state.first_seen_at()?,
        })
    }
}

/// How many saw which part of a movie.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retention)]
pub(crate) struct RetentionView {
    #[schema(example = "big-buck-bunny", min_length = 1, max_length = 255)]
    slug: String,
    #[schema(value_type = f64, minimum = 10)]
    bucket_seconds: Seconds,
    /// Of the movie as a whole.
    #[schema(minimum = 1)]
    viewers: i64,
    /// From the beginning to the furthest that anybody came.
    points: Vec<RetentionPoint>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionPoint {
    /// Where the bucket begins.
    #[schema(value_type = f64, minimum = 0)]
    at: Seconds,
    #[schema(minimum = 0)]
    viewers: i64,
}

impl RetentionView {
    /// `seen` are the buckets that somebody saw, in order.
    pub(crate) fn of(movie: &MovieTotals, resolution: Resolution, seen: Vec<(i64, i64)>) -> Self {
        let bucket_millis = resolution.bucket_millis();
        let mut seen = seen.into_iter().peekable();
        let point = |no| RetentionPoint {
            at: Seconds(no * bucket_millis),
            viewers: seen
                .next_if(|(seen_no, _)| *seen_no == no)
                .map_or(0, |(_, viewers)| viewers),
        };
        Self {
            slug: movie.slug.to_string(),
            bucket_seconds: Seconds(bucket_millis),
            viewers: movie.viewers,
            points: (0..resolution.buckets_until(movie.furthest_at_millis))
                .map(point)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_as_many_decimals_as_they_need() {
        let told = [0, 60_000, 42_500, 333, 1, 9_999_999_999, 100_000_000_000_001]
            .map(|millis| serde_json::to_string(&Seconds(millis)).unwrap());
        assert_eq!(
            told,
            ["0", "60", "42.5", "0.333", "0.001", "9999999.999", "100000000000.001"]
        );
    }
}
