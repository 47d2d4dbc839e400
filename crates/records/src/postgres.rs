//! The store of a team: PostgreSQL, a small pool of connections for each class.

use std::time::Duration;

use diesel::pg::PgConnection;
use diesel::r2d2::Pool;
use diesel::{Connection, RunQueryDsl, sql_query};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use self::session::{SessionSettings, Sessions};
use crate::adapter::{Adapter, Work, until_uncontended};
use crate::{Class, Error, OpenError, Result, Unit, migrations};

mod chunks;
mod copy;
mod counts;
mod dead_letters;
mod event_months;
mod events;
mod jobs;
mod keys;
mod logs;
mod new_events;
mod replicas;
mod rules;
mod session;
mod space;
mod streams;
mod watch_time;
mod watch_totals;

#[cfg(test)]
pub(crate) use rules::due_wakes_query;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// How long a caller waits for a connection of its class.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Held while migrations run, so that replicas that start together do not meet.
const MIGRATION_LOCK: i64 = 0x4556_484f_5249_5a4e;

#[derive(Debug)]
pub(crate) struct Postgres {
    pools: Vec<(Class, Pool<Sessions>)>,
}

/// One transaction; for whoever only reads, nothing but a connection: to a reader each statement is a moment of its own, with a
/// transaction around them or without, and two round trips are saved.
struct Tx<'c> {
    connection: &'c mut PgConnection,
}

impl Postgres {
    /// Does not connect: the server may come later.
    pub(crate) fn open(url: &str) -> Result<Self, OpenError> {
        if needs_tls(url) && !cfg!(feature = "postgres-tls") {
            return Err(OpenError::NoTls);
        }
        let pool = |class: Class| {
            let pool = Pool::builder()
                .max_size(class.connections_max())
                .min_idle(Some(0))
                .connection_timeout(CONNECTION_WAIT_MAX)
                .test_on_check_out(true)
                .build_unchecked(Sessions::new(url, class));
            (class, pool)
        };
        Ok(Self {
            pools: Class::ALL.into_iter().map(pool).collect(),
        })
    }

    fn with_connection<T>(&self, class: Class, work: impl FnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        let pool = self.pools.iter().find(|(of, _)| *of == class).map(|(_, pool)| pool);
        let mut session = pool
            .ok_or_else(|| Error::Broken("a class without a pool".to_owned()))?
            .get()?;
        session.work(work)
    }

    fn with_migration_lock<T>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        self.with_connection(Class::Background, |connection| {
            sql_query("SET statement_timeout = 0").execute(connection)?;
            sql_query("SET lock_timeout = 0").execute(connection)?;
            sql_query(format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).execute(connection)?;
            let outcome = work(connection);
            sql_query(format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})")).execute(connection)?;
            SessionSettings {
                class: Class::Background,
            }
            .apply(connection)?;
            outcome
        })
    }
}

/// Whether the server may not be spoken to in clear.
fn needs_tls(url: &str) -> bool {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let mode = parameters
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("sslmode="));
    mode.is_some_and(|mode| matches!(mode, "require" | "verify-ca" | "verify-full"))
}

impl Adapter for Postgres {
    fn kind(&self) -> &'static str {
        "PostgreSQL"
    }

    fn run(&self, class: Class, work: Work<'_>) -> Result<()> {
        until_uncontended(class, || {
            self.with_connection(class, |connection| {
                if class.reads_only() {
                    return work(&mut Tx { connection });
                }
                connection.transaction(|connection| work(&mut Tx { connection } as &mut dyn Unit))
            })
        })
    }

    fn migrate(&self) -> Result<Vec<String>> {
        self.with_migration_lock(|connection| migrations::apply(connection, MIGRATIONS))
    }

    fn pending_migrations(&self) -> Result<Vec<String>> {
        self.with_connection(Class::Background, |connection| {
            migrations::pending(connection, MIGRATIONS)
        })
    }

    fn pool_use(&self) -> Vec<(Class, u32, u32)> {
        let used = |(class, pool): &(Class, Pool<_>)| {
            let state = pool.state();
            (*class, state.connections - state.idle_connections, pool.max_size())
        };
        self.pools.iter().map(used).collect()
    }

    #[cfg(test)]
    fn revert_migrations(&self) -> Result<()> {
        self.with_migration_lock(|connection| migrations::revert(connection, MIGRATIONS))
    }
}

impl Unit for Tx<'_> {
    fn ping(&mut self) -> Result<()> {
        sql_query("SELECT EXISTS (SELECT 1 FROM jobs), EXISTS (SELECT 1 FROM dead_letters), EXISTS (SELECT 1 FROM stream_news)")
            .execute(self.connection)?;
        Ok(())
    }
}

/// How often a unit reads the whole of some table, as a connection of its class plans it.
#[cfg(test)]
pub(crate) fn whole_reads(url: &str, class: Class, work: impl FnOnce(&mut dyn Unit) -> Result<()>) -> Result<i64> {
    use diesel::sql_types::BigInt;

    #[derive(diesel::QueryableByName)]
    struct Reads {
        #[diesel(sql_type = BigInt)]
        seq_scan: i64,
    }

    let store = Postgres::open(url).map_err(|error| Error::Broken(error.to_string()))?;
    store.with_connection(class, |connection| {
        connection.transaction(|connection| {
            work(&mut Tx { connection })?;
            let reads: Reads = sql_query(
                "SELECT sum(seq_scan)::bigint AS seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()",
            )
            .get_result(connection)?;
            Ok(reads.seq_scan)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::needs_tls;

    #[test]
    fn tls_is_needed_where_the_address_says_so() {
        let at = |parameters: &str| format!("postgres://user:sslmode=require@host:5432/name{parameters}");
        for parameters in ["?sslmode=require", "?a=b&sslmode=verify-full", "?sslmode=verify-ca&a=b"] {
            assert!(needs_tls(&at(parameters)), "{parameters}");
        }
        for parameters in ["", "?a=b", "?sslmode=prefer", "?options=sslmode"] {
            assert!(!needs_tls(&at(parameters)), "{parameters}");
        }
    }
}
