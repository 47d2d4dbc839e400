//! What can go wrong with a store, by what the caller can do about it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Away, or too busy to answer: the same call may succeed later.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// Two units of work met; the adapter tries again by itself.
    #[error("two units of work met: {0}")]
    Contended(String),
    /// It took longer than a statement may: the same call may do so every time, a smaller one need not.
    #[error("the database gave up: {0}")]
    TimedOut(String),
    /// The disk of the database is full.
    #[error("the database has no room left: {0}")]
    Full(String),
    /// A defect, or a store that is not what we think it is.
    #[error("the database refused: {0}")]
    Broken(String),
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("this build holds no PostgreSQL; build with `--features services` (images have it)")]
    NotBuiltIn,
    #[error(
        "the address of the database asks for TLS (sslmode), and this build holds none for PostgreSQL; build with `--features postgres-tls` (images have it)"
    )]
    NoTls,
    #[error("`{0}` names no database that is known here; allowed are `sqlite:<file>` and `postgres://…`")]
    UnknownScheme(String),
    #[error("the database file {path} cannot be opened: {reason}")]
    File { path: String, reason: String },
    #[error("the database cannot be opened: {0}")]
    Other(String),
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let text = error.to_string();
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Contended(text),
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            ) => Self::Unavailable(text),
            DieselError::DatabaseError(..) | DieselError::BrokenTransactionManager => Self::of_text(text),
            DieselError::RollbackErrorOnCommit { rollback_error, .. } => {
                Self::of_text(format!("{text}: {rollback_error}"))
            }
            _ => Self::Broken(text),
        }
    }
}

impl Error {
    /// The drivers tell many causes apart by their words only.
    fn of_text(text: String) -> Self {
        const TIMED_OUT: &[&str] = &["canceling statement due to statement timeout"];
        const CONTENDED: &[&str] = &["deadlock detected", "database is locked", "database table is locked"];
        const FULL: &[&str] = &["disk is full", "No space left on device", "could not extend file"];
        const UNAVAILABLE: &[&str] = &[
            "terminating connection",
            "server closed the connection",
            "connection to server",
            "no connection to the server",
            "the database system is",
            "could not receive data",
            "could not send data",
            "canceling statement",
            "Connection refused",
            "SSL connection has been closed",
            "disk I/O error",
            "transaction manager is broken",
            "broken transaction state",
            "too many clients",
            "timed out",
            // What a connection has prepared is older than the tables: a new one knows them.
            "cached plan must not change result type",
            // Tables that a migration still has to make or change: whoever runs it ends the wait.
            "no such table",
            "no such column",
            "\" does not exist",
        ];
        let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if holds(CONTENDED) {
            Self::Contended(text)
        } else if holds(TIMED_OUT) {
            Self::TimedOut(text)
        } else if holds(FULL) {
            Self::Full(text)
        } else if holds(UNAVAILABLE) {
            Self::Unavailable(text)
        } else {
            Self::Broken(text)
        }
    }

    /// Whether waiting can help.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended(_) | Self::Full(_))
    }
}

impl From<diesel::r2d2::PoolError> for Error {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A URL that may be shown.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((login, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_waited_for_again_but_a_statement_that_was_too_long_is_not() {
        let waited = Error::of_text("canceling statement due to lock timeout".to_owned());
        assert!(matches!(waited, Error::Unavailable(_)) && waited.is_passing());
        let too_long = Error::of_text("canceling statement due to statement timeout".to_owned());
        assert!(matches!(too_long, Error::TimedOut(_)) && !too_long.is_passing());
    }
}
