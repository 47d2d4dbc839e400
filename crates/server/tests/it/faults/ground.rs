//! The servers under a rig: a database and a broker, shared or its own, and an object store that can be taken away.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
use tempfile::TempDir;

use super::gateway::Gateway;
use super::rig::Count;
use crate::stack::backends::{execute, serve_s3, url_of};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/services");
/// What the script answers for a server that is not installed and could not be.
const NOT_AVAILABLE: i32 = 69;

/// Servers of one test alone, so that they may be killed.
pub(super) struct Own {
    folder: TempDir,
    exports: String,
}

impl Own {
    /// `None`, and a loud line, only where the caller of the tests allows a server to be missing.
    pub(super) fn start(services: &[&str]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let output = Command::new(SCRIPT)
            .arg("start")
            .arg(folder.path())
            .args(services)
            .output()
            .unwrap();
        let allowed = std::env::var("EH_TEST_ALLOW_MISSING").unwrap_or_default();
        if output.status.code() == Some(NOT_AVAILABLE) && services.iter().any(|service| allowed.contains(service)) {
            eprintln!("SKIPPED: no {services:?} of its own");
            return None;
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self {
            folder,
            exports: String::from_utf8(output.stdout).unwrap(),
        })
    }

    /// `revive`, without waiting for it.
    pub(super) fn begin_reviving(&self, service: &str) -> Child {
        self.command("revive", service).spawn().unwrap()
    }

    /// `kill`, `revive`, `wipe`, `freeze` or `thaw`.
    pub(super) fn act(&self, action: &str, service: &str) {
        let done = self.command(action, service).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn command(&self, action: &str, service: &str) -> Command {
        let mut command = Command::new(SCRIPT);
        command.arg(action).arg(self.folder.path()).arg(service);
        command
    }

    fn url(&self, variable: &str) -> Option<String> {
        let prefix = format!("export {variable}=");
        self.exports
            .lines()
            .find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // What cannot be stopped is seen in the list of processes; the test has ended all the same.
        let _ = Command::new(SCRIPT).arg("stop").arg(self.folder.path()).status();
    }
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

pub(super) struct Ground {
    database: String,
    queue: String,
    name: String,
    pub(super) store: Gateway,
    bucket: TempDir,
    own: Option<Own>,
}

impl Ground {
    /// Those servers for itself, the others shared.
    pub(super) async fn with_own(services: &[&str]) -> Option<Self> {
        let own = if services.is_empty() {
            None
        } else {
            Some(Own::start(services)?)
        };
        let own_url = |variable| own.as_ref().and_then(|own| own.url(variable));
        let database = own_url("EH_TEST_DATABASE_URL").or_else(|| url_of("EH_TEST_DATABASE_URL", "postgres"))?;
        let queue = own_url("EH_TEST_QUEUE_URL").or_else(|| url_of("EH_TEST_QUEUE_URL", "rabbitmq"))?;
        let name = format!("it_{}", uuid::Uuid::new_v4().simple());
        execute(&database, &format!("CREATE SCHEMA {name}"));
        let bucket = TempDir::new().unwrap();
        let store = Gateway::before(serve_s3(&bucket).await).await;
        Some(Self {
            database,
            queue,
            name,
            store,
            bucket,
            own,
        })
    }

    pub(super) fn own(&self) -> &Own {
        self.own.as_ref().unwrap()
    }

    pub(super) fn bucket(&self) -> &Path {
        self.bucket.path()
    }

    fn database_url(&self) -> String {
        format!("{}?options=-csearch_path%3D{}", self.database, self.name)
    }

    pub(super) fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.database_url()).unwrap()
    }

    pub(super) fn execute(&self, statements: &str) {
        self.connect().batch_execute(statements).unwrap();
    }

    pub(super) fn count(&self, query: &str) -> i64 {
        count(&mut self.connect(), query)
    }

    /// The only column of a query, which is called `text`.
    pub(super) fn texts(&self, query: &str) -> BTreeSet<String> {
        let rows: Vec<Text> = sql_query(query).load(&mut self.connect()).unwrap();
        rows.into_iter().map(|row| row.text).collect()
    }

    pub(super) fn environment(&self) -> Vec<(String, String)> {
        [
            ("EH_DATABASE_URL", self.database_url()),
            ("EH_QUEUE_URL", self.queue.clone()),
            ("EH_QUEUE_PREFIX", self.name.clone()),
            ("EH_BLOB_URL", "s3://event-horizon/files".to_owned()),
            ("EH_S3_ENDPOINT", format!("http://{}", self.store.address)),
            ("AWS_ACCESS_KEY_ID", "test-key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test-secret".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let own_database = self.own.as_ref().and_then(|own| own.url("EH_TEST_DATABASE_URL"));
        if own_database.is_none() {
            execute(&self.database, &format!("DROP SCHEMA {} CASCADE", self.name));
        }
    }
}

/// Of a query whose only column is a number called `n`.
pub(super) fn count(connection: &mut PgConnection, query: &str) -> i64 {
    sql_query(query).get_result::<Count>(connection).unwrap().n
}
