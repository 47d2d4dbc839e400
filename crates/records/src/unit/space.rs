//! What is kept takes room.

use crate::Result;

/// What the tables take on disk, indexes and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub bytes: u64,
    pub parts: Option<SpaceParts>,
}

/// What of it the large tables take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceParts {
    pub events_bytes: u64,
    pub log_entries_bytes: u64,
}

/// The uploaded files that jobs keep in the blob store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptFiles {
    pub files: u64,
    pub bytes: u64,
}

pub trait SpaceRows {
    /// Looks at no row. Without parts where telling them would take long.
    fn space(&mut self) -> Result<Space>;
    fn kept_files(&mut self) -> Result<KeptFiles>;
}
