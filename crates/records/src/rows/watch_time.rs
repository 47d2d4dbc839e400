//! Rows of watch time.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::ids::{Slug, UserId};
use domain::time::Timestamp;
use domain::watch_time::{Pair, Unreadable, WatchState};

use super::known;
use crate::{Error, MovieTotals, Result, UserTotals, WatchDifference};

/// A state as it is kept, and beside it what lists and sums ask of it.
pub(crate) struct KeptState {
    pub(crate) state: String,
    pub(crate) watch_time_millis: i64,
    pub(crate) heartbeats: i64,
    pub(crate) first_at: Option<Timestamp>,
    pub(crate) newest_at: Option<Timestamp>,
}

impl KeptState {
    pub(crate) fn of(state: &WatchState) -> Result<Self> {
        Ok(Self {
            state: encoded(state)?,
            watch_time_millis: state.watch_time_millis(),
            heartbeats: state.heartbeats(),
            first_at: state.first_seen_at(),
            newest_at: state.newest().map(|newest| newest.timestamp),
        })
    }
}

pub(crate) fn encoded(state: &WatchState) -> Result<String> {
    state.encode().map_err(broken)
}

fn decoded(text: Option<&str>) -> Result<WatchState> {
    text.map_or_else(|| Ok(WatchState::default()), WatchState::decode)
        .map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn broken(unreadable: Unreadable) -> Error {
    Error::Broken(unreadable.to_string())
}

#[derive(QueryableByName)]
pub(crate) struct MomentRow {
    #[diesel(sql_type = BigInt)]
    moment: i64,
}

impl From<MomentRow> for Timestamp {
    fn from(row: MomentRow) -> Self {
        Self::from_micros(row.moment)
    }
}

#[derive(QueryableByName)]
pub(crate) struct StateRow {
    #[diesel(sql_type = Nullable<Text>)]
    state: Option<String>,
}

impl TryFrom<StateRow> for WatchState {
    type Error = Error;

    fn try_from(row: StateRow) -> Result<Self> {
        decoded(row.state.as_deref())
    }
}

/// A state, and whose it is where one half of the pair is known.
#[derive(QueryableByName)]
pub(crate) struct NamedStateRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    state: String,
}

impl TryFrom<NamedStateRow> for (Slug, WatchState) {
    type Error = Error;

    fn try_from(row: NamedStateRow) -> Result<Self> {
        Ok((known("movie", &row.name)?, decoded(Some(&row.state))?))
    }
}

impl TryFrom<NamedStateRow> for (UserId, WatchState) {
    type Error = Error;

    fn try_from(row: NamedStateRow) -> Result<Self> {
        Ok((known("user", &row.name)?, decoded(Some(&row.state))?))
    }
}

#[derive(QueryableByName)]
pub(crate) struct PairRow {
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = Text)]
    slug: String,
}

impl TryFrom<PairRow> for Pair {
    type Error = Error;

    fn try_from(row: PairRow) -> Result<Self> {
        Ok(Self {
            user_id: known("user", &row.user_id)?,
            slug: known("movie", &row.slug)?,
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct MovieRow {
    #[diesel(sql_type = Text)]
    slug: String,
}

impl TryFrom<MovieRow> for Slug {
    type Error = Error;

    fn try_from(row: MovieRow) -> Result<Self> {
        known("movie", &row.slug)
    }
}

#[derive(QueryableByName)]
pub(crate) struct UserRow {
    #[diesel(sql_type = Text)]
    user_id: String,
}

impl TryFrom<UserRow> for UserId {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self> {
        known("user", &row.user_id)
    }
}

#[derive(QueryableByName)]
pub(crate) struct MovieTotalsRow {
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = BigInt)]
    watch_time_millis: i64,
    #[diesel(sql_type = BigInt)]
    viewers: i64,
    #[diesel(sql_type = BigInt)]
    heartbeats: i64,
    #[diesel(sql_type = BigInt)]
    furthest_at_millis: i64,
    #[diesel(sql_type = BigInt)]
    updated_at: i64,
}

impl TryFrom<MovieTotalsRow> for MovieTotals {
    type Error = Error;

    fn try_from(row: MovieTotalsRow) -> Result<Self> {
        Ok(Self {
            slug: known("movie", &row.slug)?,
            watch_time_millis: row.watch_time_millis,
            viewers: row.viewers,
            heartbeats: row.heartbeats,
            furthest_at_millis: row.furthest_at_millis,
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct UserTotalsRow {
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = BigInt)]
    watch_time_millis: i64,
    #[diesel(sql_type = BigInt)]
    movies: i64,
    #[diesel(sql_type = BigInt)]
    heartbeats: i64,
    #[diesel(sql_type = BigInt)]
    updated_at: i64,
}

impl TryFrom<UserTotalsRow> for UserTotals {
    type Error = Error;

    fn try_from(row: UserTotalsRow) -> Result<Self> {
        Ok(Self {
            user_id: known("user", &row.user_id)?,
            watch_time_millis: row.watch_time_millis,
            movies: row.movies,
            heartbeats: row.heartbeats,
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct ViewersRow {
    #[diesel(sql_type = BigInt)]
    bucket_no: i64,
    #[diesel(sql_type = BigInt)]
    viewers: i64,
}

impl From<ViewersRow> for (i64, i64) {
    fn from(row: ViewersRow) -> Self {
        (row.bucket_no, row.viewers)
    }
}

#[derive(QueryableByName)]
pub(crate) struct WatchDifferenceRow {
    #[diesel(sql_type = Text)]
    of: String,
    #[diesel(sql_type = BigInt)]
    kept_millis: i64,
    #[diesel(sql_type = BigInt)]
    summed_millis: i64,
}

impl From<WatchDifferenceRow> for WatchDifference {
    fn from(row: WatchDifferenceRow) -> Self {
        Self {
            of: row.of,
            kept_millis: row.kept_millis,
            summed_millis: row.summed_millis,
        }
    }
}
