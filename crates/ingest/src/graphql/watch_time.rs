//! Watch time in one shape: of a user, of a movie, or of both, with what is known of each.

use async_graphql::SimpleObject;

use super::scalars::{DateTime, Long};
use crate::views::{MovieView, UserView, WatchView};

/// How long was watched: by a user, of a movie, or by the user of the movie. Lengths and positions are seconds.
#[derive(Debug, SimpleObject)]
pub(crate) struct WatchTime {
    user: Option<String>,
    slug: Option<String>,
    /// Time spent: a rewatch counts again.
    watch_time_seconds: f64,
    heartbeats: Long,
    /// When the newest of the heartbeats happened.
    updated_at: DateTime,
    /// How many watched; only of a movie.
    viewers: Option<Long>,
    /// How many movies; only of a user.
    movies: Option<Long>,
    /// Where the user left the movie; this and what follows only of a user and a movie.
    latest_at: Option<f64>,
    /// When that was.
    latest_seen_at: Option<DateTime>,
    furthest_at: Option<f64>,
    /// How much of the movie the user has seen.
    unique_seconds: Option<f64>,
    first_seen_at: Option<DateTime>,
}

impl From<MovieView> for WatchTime {
    fn from(view: MovieView) -> Self {
        Self {
            slug: Some(view.slug),
            viewers: Some(view.viewers.into()),
            ..Self::of(
                view.watch_time_seconds.as_float(),
                view.heartbeats,
                view.updated_at.into(),
            )
        }
    }
}

impl From<UserView> for WatchTime {
    fn from(view: UserView) -> Self {
        Self {
            user: Some(view.user),
            movies: Some(view.movies.into()),
            ..Self::of(
                view.watch_time_seconds.as_float(),
                view.heartbeats,
                view.updated_at.into(),
            )
        }
    }
}

impl From<WatchView> for WatchTime {
    fn from(view: WatchView) -> Self {
        let newest = DateTime::from(view.latest_seen_at);
        Self {
            user: Some(view.user),
            slug: Some(view.slug),
            latest_at: Some(view.latest_at.as_float()),
            latest_seen_at: Some(newest.clone()),
            furthest_at: Some(view.furthest_at.as_float()),
            unique_seconds: Some(view.unique_seconds.as_float()),
            first_seen_at: Some(view.first_seen_at.into()),
            ..Self::of(view.watch_time_seconds.as_float(), view.heartbeats, newest)
        }
    }
}

impl WatchTime {
    fn of(watch_time_seconds: f64, heartbeats: i64, updated_at: DateTime) -> Self {
        Self {
            user: None,
            slug: None,
            watch_time_seconds,
            heartbeats: heartbeats.into(),
            updated_at,
            viewers: None,
            movies: None,
            latest_at: None,
            latest_seen_at: None,
            furthest_at: None,
            unique_seconds: None,
            first_seen_at: None,
        }
    }
}
