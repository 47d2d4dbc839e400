//! What the tables take on the disk of the server.

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl, sql_query};

use super::Tx;
use crate::rows::{FilesRow, PartsRow};
use crate::{KeptFiles, Result, Space, SpaceRows};

/// The tables of months count as what they are months of.
const SPACE: &str = "
    SELECT coalesce(sum(bytes), 0)::bigint AS bytes,
           coalesce(sum(bytes) FILTER (WHERE name IN ('events', 'event_keys')), 0)::bigint AS events_bytes,
           coalesce(sum(bytes) FILTER (WHERE name = 'log_entries'), 0)::bigint AS log_entries_bytes
    FROM (SELECT coalesce(whole.relname, part.relname) AS name, pg_total_relation_size(part.oid) AS bytes
          FROM pg_class part
          LEFT JOIN pg_inherits i ON i.inhrelid = part.oid
          LEFT JOIN pg_class whole ON whole.oid = i.inhparent
          WHERE part.relkind = 'r'
            AND part.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('jobs'))) tables";

#[derive(QueryableByName)]
struct SpaceRow {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(embed)]
    parts: PartsRow,
}

impl SpaceRows for Tx<'_> {
    fn space(&mut self) -> Result<Space> {
        let space: SpaceRow = sql_query(SPACE).get_result(self.connection)?;
        Ok(Space {
            bytes: space.bytes.cast_unsigned(),
            parts: Some(space.parts.into()),
        })
    }

    fn kept_files(&mut self) -> Result<KeptFiles> {
        let kept: FilesRow = sql_query(
            "SELECT count(*) AS files, coalesce(sum(file_size_bytes), 0)::bigint AS bytes
             FROM jobs WHERE status <> 'receiving'",
        )
        .get_result(self.connection)?;
        Ok(kept.into())
    }
}
