//! The tables of a test, and a way to them that does not lead through the worker.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

/// Whose events the tables refuse, once they were told to.
pub(crate) const REFUSED_USER: &str = "refused";

pub(crate) enum Store {
    Sqlite(PathBuf),
    #[cfg(feature = "services")]
    Postgres(crate::services::Schema),
}

impl Store {
    pub(crate) fn sqlite(folder: &Path) -> Self {
        Self::Sqlite(folder.join("test.db"))
    }

    #[cfg(feature = "services")]
    pub(crate) fn postgres() -> Option<Self> {
        crate::services::Schema::create().map(Self::Postgres)
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            #[cfg(feature = "services")]
            Self::Postgres(schema) => schema.url.clone(),
        }
    }

    pub(crate) fn connect(&self) -> Box<dyn SimpleConnection> {
        match self {
            Self::Sqlite(path) => Box::new(SqliteConnection::establish(&path.display().to_string()).unwrap()),
            #[cfg(feature = "services")]
            Self::Postgres(schema) => Box::new(diesel::PgConnection::establish(&schema.url).unwrap()),
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
    }

    /// From now on the tables refuse the events of one user, whoever comes with them.
    pub(crate) fn refuse(&self) {
        self.refuse_because("refused on purpose");
    }

    /// The same, and they say so.
    pub(crate) fn refuse_because(&self, reason: &str) {
        match self {
            Self::Sqlite(_) => self.execute(&format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.user_id = '{REFUSED_USER}'
                 BEGIN SELECT RAISE(ABORT, '{reason}'); END"
            )),
            #[cfg(feature = "services")]
            Self::Postgres(_) => self.execute(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION '{reason}'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
                 WHEN (NEW.user_id = '{REFUSED_USER}') EXECUTE FUNCTION refuse()"
            )),
        }
    }

    pub(crate) fn refuse_no_more(&self) {
        match self {
            Self::Sqlite(_) => self.execute("DROP TRIGGER refuse"),
            #[cfg(feature = "services")]
            Self::Postgres(_) => self.execute("DROP TRIGGER refuse ON events"),
        }
    }

    /// Nobody else can store an event until what this returns is dropped.
    pub(crate) fn hold(&self) -> Box<dyn SimpleConnection> {
        let mut connection = self.connect();
        let sql = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            #[cfg(feature = "services")]
            Self::Postgres(_) => "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE",
        };
        connection.batch_execute(sql).unwrap();
        connection
    }
}
