//! A fresh store of each kind, gone again when the test is over.

use crate::{Records, open};

pub(super) struct Store {
    pub(super) records: Records,
    _folder: Option<tempfile::TempDir>,
    #[cfg(feature = "services")]
    schema: Option<schema::Schema>,
}

impl Store {
    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let records = open(&format!("sqlite:{}", folder.path().join("test.db").display())).unwrap();
        records.migrate().unwrap();
        Self {
            records,
            _folder: Some(folder),
            #[cfg(feature = "services")]
            schema: None,
        }
    }

    /// `None`, and a loud line, only where the caller of the tests allows the server to be missing.
    #[cfg(feature = "services")]
    pub(super) fn postgres() -> Option<Self> {
        let schema = schema::Schema::create()?;
        let records = open(&schema.url).unwrap();
        records.migrate().unwrap();
        Some(Self {
            records,
            _folder: None,
            schema: Some(schema),
        })
    }

    #[cfg(feature = "services")]
    pub(super) fn postgres_url(&self) -> &str {
        &self.schema.as_ref().unwrap().url
    }

    /// A bare connection beside the store.
    #[cfg(feature = "services")]
    pub(super) fn postgres_connection(&self) -> diesel::PgConnection {
        use diesel::Connection;
        diesel::PgConnection::establish(self.postgres_url()).unwrap()
    }
}

#[cfg(feature = "services")]
mod schema {
    use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

    const URL: &str = "EH_TEST_DATABASE_URL";
    const ALLOW_MISSING: &str = "EH_TEST_ALLOW_MISSING";

    /// A schema of its own, so that tests run side by side.
    pub(super) struct Schema {
        pub(super) url: String,
        server: String,
        name: String,
    }

    impl Schema {
        pub(super) fn create() -> Option<Self> {
            let Ok(server) = std::env::var(URL) else {
                let allowed = std::env::var(ALLOW_MISSING).unwrap_or_default();
                assert!(
                    allowed.contains("postgres"),
                    "{URL} names no PostgreSQL; `scripts/test` starts one"
                );
                eprintln!("SKIPPED: no PostgreSQL ({URL} is not set)");
                return None;
            };
            let name = format!("records_{}", uuid::Uuid::new_v4().simple());
            let mut connection = PgConnection::establish(&server).unwrap();
            sql_query(format!("CREATE SCHEMA {name}"))
                .execute(&mut connection)
                .unwrap();
            let separator = if server.contains('?') { '&' } else { '?' };
            Some(Self {
                url: format!("{server}{separator}options=-csearch_path%3D{name}"),
                server,
                name,
            })
        }
    }

    impl Drop for Schema {
        fn drop(&mut self) {
            let mut connection = PgConnection::establish(&self.server).unwrap();
            let dropped = sql_query(format!("DROP SCHEMA {} CASCADE", self.name)).execute(&mut connection);
            if !std::thread::panicking() {
                dropped.unwrap();
            }
        }
    }
}
