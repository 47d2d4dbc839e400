//! What the file takes, and what it is taken by.

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};

use super::Tx;
use crate::rows::{FilesRow, PartsRow};
use crate::{KeptFiles, Result, Space, SpaceParts, SpaceRows};

/// To tell the parts every page is looked at: a tenth of a second for a file of this size, and nothing but waiting for one
/// that is larger.
const TOLD_APART_BYTES_MAX: u64 = 256 << 20;

#[derive(QueryableByName)]
struct MainFile {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(sql_type = Text)]
    path: String,
}

impl SpaceRows for Tx<'_> {
    fn space(&mut self) -> Result<Space> {
        let file: MainFile = sql_query(
            "SELECT page_count * page_size AS bytes, file AS path
             FROM pragma_page_count, pragma_page_size, pragma_database_list WHERE name = 'main'",
        )
        .get_result(self.connection)?;
        let bytes = file.bytes.cast_unsigned();
        let parts = (bytes <= TOLD_APART_BYTES_MAX)
            .then(|| self.space_parts())
            .transpose()?;
        // Commits are appended to a file beside it first, which keeps its size.
        let log_bytes = std::fs::metadata(format!("{}-wal", file.path)).map_or(0, |log| log.len());
        Ok(Space {
            bytes: bytes + log_bytes,
            parts,
        })
    }

    fn kept_files(&mut self) -> Result<KeptFiles> {
        let kept: FilesRow = sql_query(
            "SELECT count(*) AS files, coalesce(sum(file_size_bytes), 0) AS bytes FROM jobs WHERE status <> 'receiving'",
        )
        .get_result(self.connection)?;
        Ok(kept.into())
    }
}

impl Tx<'_> {
    fn space_parts(&mut self) -> Result<SpaceParts> {
        let parts: PartsRow = sql_query(
            "SELECT coalesce(sum(d.pgsize) FILTER (WHERE s.tbl_name = 'events'), 0) AS events_bytes,
                    coalesce(sum(d.pgsize) FILTER (WHERE s.tbl_name = 'log_entries'), 0) AS log_entries_bytes
             FROM dbstat('main', 1) d JOIN sqlite_schema s ON s.name = d.name",
        )
        .get_result(self.connection)?;
        Ok(parts.into())
    }
}
