//! Brings tables up to date, the same way on every database.

use diesel::backend::Backend;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::{Error, Result};

/// The names of what was applied.
pub(crate) fn apply<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    known: EmbeddedMigrations,
) -> Result<Vec<String>> {
    let applied = connection.run_pending_migrations(known).map_err(broken)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// The names of what this binary knows and the tables have not seen.
pub(crate) fn pending<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    known: EmbeddedMigrations,
) -> Result<Vec<String>> {
    let pending = connection.pending_migrations(known).map_err(broken)?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

#[cfg(test)]
pub(crate) fn revert<DB: Backend>(connection: &mut impl MigrationHarness<DB>, known: EmbeddedMigrations) -> Result<()> {
    connection.revert_all_migrations(known).map(drop).map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn broken(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Broken(error.to_string())
}
