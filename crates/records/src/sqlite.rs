//! The store of a newcomer: one SQLite file, one writer, several readers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use diesel::connection::TransactionManager;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error as PoolBuildError, Pool};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, RunQueryDsl, connection::SimpleConnection, sql_query};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::adapter::{Adapter, Work, until_uncontended};
use crate::{Class, OpenError, Result, Unit, migrations};

mod chunks;
mod counts;
mod dead_letters;
mod events;
mod jobs;
mod keys;
mod logs;
mod payload;
mod replicas;
mod rules;
mod space;
mod streams;
mod watch_pairs;
mod watch_time;
mod watch_totals;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Every commit is on disk before it counts. Another process (a command beside the server) is waited for. Pages of a new file
/// are twice as large as usual: each costs two writes to the log and one to the file, and that is a third of an import. A
/// checkpoint after 32 MiB instead of 4 writes the pages that many commits touched only once. (An older file keeps its pages:
/// 16 MiB.)
const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
                        PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;
                        PRAGMA wal_autocheckpoint = 4096;";

pub(crate) struct Sqlite {
    writer: Mutex<SqliteConnection>,
    turns: Turns,
    readers: Readers,
    /// Apart, so that nobody waits at the door until others have read.
    key_readers: Readers,
}

type Readers = Pool<ConnectionManager<SqliteConnection>>;

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

/// One transaction.
struct Tx<'c> {
    connection: &'c mut SqliteConnection,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let refused = |reason: String| OpenError::File {
            path: path.display().to_string(),
            reason,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| refused(error.to_string()))?;
        }
        let url = path.display().to_string();
        let mut writer = SqliteConnection::establish(&url).map_err(|error| refused(error.to_string()))?;
        writer
            .batch_execute(SETTINGS)
            .and_then(|()| payload::teach(&mut writer))
            .map_err(|error| refused(error.to_string()))?;
        let readers = |class: Class| {
            Pool::builder()
                .max_size(class.connections_max())
                .min_idle(Some(0))
                .test_on_check_out(false)
                .connection_customizer(Box::new(ReaderSettings))
                .build_unchecked(ConnectionManager::new(&url))
        };
        Ok(Self {
            writer: Mutex::new(writer),
            turns: Turns::default(),
            readers: readers(Class::Reads),
            key_readers: readers(Class::Keys),
        })
    }

    fn readers(&self, class: Class) -> &Readers {
        if class == Class::Keys {
            &self.key_readers
        } else {
            &self.readers
        }
    }

    fn write<T>(&self, class: Class, work: impl FnOnce(&mut SqliteConnection) -> Result<T>) -> Result<T> {
        let _turn = self.turns.take(class);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| work(&mut writer))).unwrap_or_else(|panic| {
            // diesel rolls back what fails, but not what panics; the next unit would begin inside of this one. Where the
            // rollback fails, the next `BEGIN` says so.
            let _ = <SqliteConnection as Connection>::TransactionManager::rollback_transaction(&mut *writer);
            resume_unwind(panic)
        })
    }
}

impl Adapter for Sqlite {
    fn kind(&self) -> &'static str {
        "SQLite"
    }

    fn run(&self, class: Class, work: Work<'_>) -> Result<()> {
        until_uncontended(class, || {
            if class.reads_only() {
                let mut connection = self.readers(class).get()?;
                return connection.transaction(|connection| work(&mut Tx { connection }));
            }
            self.write(class, |connection| {
                connection.immediate_transaction(|connection| work(&mut Tx { connection } as &mut dyn Unit))
            })
        })
    }

    fn migrate(&self) -> Result<Vec<String>> {
        self.write(Class::Background, |connection| {
            migrations::apply(connection, MIGRATIONS)
        })
    }

    fn pending_migrations(&self) -> Result<Vec<String>> {
        self.write(Class::Background, |connection| {
            migrations::pending(connection, MIGRATIONS)
        })
    }

    fn pool_use(&self) -> Vec<(Class, u32, u32)> {
        let reading = |class: Class| {
            let (readers, state) = (self.readers(class), self.readers(class).state());
            (class, state.connections - state.idle_connections, readers.max_size())
        };
        vec![
            reading(Class::Keys),
            reading(Class::Reads),
            (Class::Apply, u32::from(self.turns.is_taken()), 1),
        ]
    }

    #[cfg(test)]
    fn revert_migrations(&self) -> Result<()> {
        self.write(Class::Background, |connection| {
            migrations::revert(connection, MIGRATIONS)
        })
    }
}

impl Unit for Tx<'_> {
    fn ping(&mut self) -> Result<()> {
        sql_query("SELECT EXISTS (SELECT 1 FROM jobs), EXISTS (SELECT 1 FROM dead_letters), EXISTS (SELECT 1 FROM stream_news)")
            .execute(self.connection)?;
        Ok(())
    }
}

#[derive(Debug)]
struct ReaderSettings;

impl CustomizeConnection<SqliteConnection, PoolBuildError> for ReaderSettings {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), PoolBuildError> {
        connection.batch_execute(SETTINGS)?;
        payload::teach(connection)?;
        connection
            .batch_execute("PRAGMA query_only = ON")
            .map_err(PoolBuildError::QueryError)
    }
}

/// Whose turn it is to write: when several classes wait, the first in the order of [`Class`].
#[derive(Debug, Default)]
struct Turns {
    state: Mutex<TurnState>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct TurnState {
    taken: bool,
    waiting: [usize; Class::ALL.len()],
}

struct Turn<'t> {
    turns: &'t Turns,
}

impl Turns {
    fn take(&self, class: Class) -> Turn<'_> {
        let rank = class as usize;
        let mut state = self.state();
        state.waiting[rank] += 1;
        while state.taken || state.waiting[..rank].iter().any(|waiting| *waiting > 0) {
            state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting[rank] -= 1;
        state.taken = true;
        Turn { turns: self }
    }

    fn is_taken(&self) -> bool {
        self.state().taken
    }

    fn state(&self) -> MutexGuard<'_, TurnState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state().taken = false;
        self.turns.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use diesel::QueryableByName;
    use diesel::sql_types::{Integer, Nullable, Text};
    use diesel_migrations::MigrationHarness;

    use super::*;

    #[derive(QueryableByName)]
    struct Settings {
        #[diesel(sql_type = Integer)]
        synchronous: i32,
        #[diesel(sql_type = Text)]
        journal_mode: String,
        #[diesel(sql_type = Integer)]
        page_size: i32,
    }

    fn settings_of(file: &Path) -> Settings {
        let sqlite = Sqlite::open(file).unwrap();
        let query = "SELECT synchronous, journal_mode, page_size
                     FROM pragma_synchronous, pragma_journal_mode, pragma_page_size";
        sqlite
            .write(Class::Apply, |connection| Ok(sql_query(query).get_result(connection)?))
            .unwrap()
    }

    /// An answer is given after the commit, so a commit must be on disk.
    #[test]
    fn a_commit_is_synced_to_the_disk() {
        const FULL: i32 = 2;
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_of(&folder.path().join("test.db"));
        assert_eq!((settings.synchronous, settings.journal_mode.as_str()), (FULL, "wal"));
    }

    #[test]
    fn a_new_file_has_large_pages_and_an_older_one_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (new, older) = (folder.path().join("new.db"), folder.path().join("older.db"));
        assert_eq!(settings_of(&new).page_size, 8192);
        SqliteConnection::establish(&older.display().to_string())
            .unwrap()
            .batch_execute("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
            .unwrap();
        let settings = settings_of(&older);
        assert_eq!((settings.page_size, settings.journal_mode.as_str()), (4096, "wal"));
    }

    #[derive(QueryableByName)]
    struct Watched {
        #[diesel(sql_type = Nullable<Text>)]
        slug: Option<String>,
    }

    /// Heartbeats from before there was watch time are found by their movie.
    #[test]
    fn stored_heartbeats_are_told_their_movie() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&folder.path().join("test.db")).unwrap();
        sqlite
            .write(Class::Background, |connection| {
                for _before in ["imports", "events"] {
                    connection.run_next_migration(MIGRATIONS).unwrap();
                }
                connection.batch_execute(
                    r#"INSERT INTO events (event_id, occurred_at, event_type, user_id, body) VALUES
                           (x'01', 1, 'watch', 'u', '{"payload":{"slug":"big \"buck\"","at":1}}'),
                           (x'02', 2, 'watch', 'u', '{"payload":{"slug":70000000000000000001,"at":1}}'),
                           (x'03', 3, 'view', 'u', '{"payload":{"slug":"m","url":"/"}}')"#,
                )?;
                Ok(())
            })
            .unwrap();
        sqlite.migrate().unwrap();
        let found: Vec<Watched> = sqlite
            .write(Class::Background, |connection| {
                Ok(sql_query("SELECT slug FROM events ORDER BY event_id").load(connection)?)
            })
            .unwrap();
        let found: Vec<_> = found.iter().map(|event| event.slug.as_deref()).collect();
        assert_eq!(found, [Some(r#"big "buck""#), Some("70000000000000000001"), None]);
    }

    #[test]
    fn the_most_urgent_class_writes_next() {
        let turns = Turns::default();
        let (order, first) = (Mutex::new(Vec::new()), turns.take(Class::Import));
        std::thread::scope(|scope| {
            for class in [Class::Import, Class::Background, Class::Slots] {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.take(class);
                    order.lock().unwrap().push(class);
                });
                while turns.state().waiting[class as usize] == 0 {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(
            order.into_inner().unwrap(),
            [Class::Slots, Class::Background, Class::Import]
        );
    }
}
