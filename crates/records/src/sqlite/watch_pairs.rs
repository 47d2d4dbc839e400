//! How the state of a pair becomes its row.

use diesel::QueryResult;
use diesel::RunQueryDsl;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use domain::time::Timestamp;
use domain::watch_time::{Pair, WatchState};

use super::Tx;
use crate::Result;
use crate::rows::KeptState;

/// One row. Its statement is always the same, so that the connection prepares it once.
struct PairToSave<'p> {
    user_id: &'p str,
    slug: &'p str,
    state: String,
    watch_time_millis: i64,
    heartbeats: i64,
    first_at: Option<i64>,
    newest_at: Option<i64>,
}

impl QueryId for PairToSave<'_> {
    type QueryId = PairToSave<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for PairToSave<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO watch_pairs (user_id, slug, state, watch_time_millis, heartbeats, first_at, newest_at) VALUES (",
        );
        out.push_bind_param::<Text, _>(self.user_id)?;
        for text in [self.slug, &self.state] {
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(text)?;
        }
        for number in [&self.watch_time_millis, &self.heartbeats] {
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(number)?;
        }
        for time in [&self.first_at, &self.newest_at] {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<BigInt>, _>(time)?;
        }
        out.push_sql(
            ") ON CONFLICT (user_id, slug) DO UPDATE SET
                 state = excluded.state, watch_time_millis = excluded.watch_time_millis,
                 heartbeats = excluded.heartbeats, first_at = excluded.first_at, newest_at = excluded.newest_at",
        );
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for PairToSave<'_> {}

impl Tx<'_> {
    pub(super) fn save_pair(&mut self, pair: &Pair, state: &WatchState) -> Result<()> {
        let kept = KeptState::of(state)?;
        PairToSave {
            user_id: pair.user_id.as_str(),
            slug: pair.slug.as_str(),
            state: kept.state,
            watch_time_millis: kept.watch_time_millis,
            heartbeats: kept.heartbeats,
            first_at: kept.first_at.map(Timestamp::as_micros),
            newest_at: kept.newest_at.map(Timestamp::as_micros),
        }
        .execute(self.connection)?;
        Ok(())
    }
}
