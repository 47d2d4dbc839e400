//! Sums of bytes.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;

use crate::{KeptFiles, SpaceParts};

#[derive(QueryableByName)]
pub(crate) struct PartsRow {
    #[diesel(sql_type = BigInt)]
    events_bytes: i64,
    #[diesel(sql_type = BigInt)]
    log_entries_bytes: i64,
}

impl From<PartsRow> for SpaceParts {
    fn from(row: PartsRow) -> Self {
        Self {
            events_bytes: row.events_bytes.cast_unsigned(),
            log_entries_bytes: row.log_entries_bytes.cast_unsigned(),
        }
    }
}

#[derive(QueryableByName)]
pub(crate) struct FilesRow {
    #[diesel(sql_type = BigInt)]
    files: i64,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

impl From<FilesRow> for KeptFiles {
    fn from(row: FilesRow) -> Self {
        Self {
            files: row.files.cast_unsigned(),
            bytes: row.bytes.cast_unsigned(),
        }
    }
}
