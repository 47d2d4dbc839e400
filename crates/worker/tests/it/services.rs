//! What a test has for itself on the servers that it shares with others.

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use uuid::Uuid;

/// A schema of its own, so that tests run side by side.
pub(crate) struct Schema {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Schema {
    pub(crate) fn create() -> Option<Self> {
        let server = url_of("EH_TEST_DATABASE_URL", "postgres")?;
        let name = own_name();
        execute(&server, &format!("CREATE SCHEMA {name}"));
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
        execute(&self.server, &format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// Queues of its own.
pub(crate) fn queue() -> Option<queue::Settings> {
    let mut settings = queue::Settings::new(url_of("EH_TEST_QUEUE_URL", "rabbitmq")?, "");
    settings.prefix = own_name();
    Some(settings)
}

fn own_name() -> String {
    format!("worker_{}", Uuid::new_v4().simple())
}

fn url_of(variable: &str, server: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        let allowed = std::env::var("EH_TEST_ALLOW_MISSING").unwrap_or_default();
        assert!(
            allowed.contains(server),
            "{variable} is not set; `scripts/test` starts what it names"
        );
        eprintln!("SKIPPED: no {server} ({variable} is not set)");
    }
    url
}

fn execute(database: &str, statement: &str) {
    let mut connection = PgConnection::establish(database).unwrap();
    sql_query(statement).execute(&mut connection).unwrap();
}
