//! Connections of the pools: what each is told once, and whether it still stands.

use std::time::{Duration, Instant};

use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, Error as PoolError, ManageConnection};
use diesel::{RunQueryDsl, sql_query};

use crate::{Class, Error, Result};

/// A connection that did its work so lately is handed out as it is; any other is asked first whether it still stands, which
/// costs a round trip.
const SOUND_FOR: Duration = Duration::from_secs(1);

pub(super) struct Session {
    connection: PgConnection,
    /// When it did its work last. Nothing after a failure.
    sound_at: Option<Instant>,
    /// It met what only a new connection may mend: it is lost, or what it has prepared does not fit the tables any more.
    is_spoilt: bool,
}

impl Session {
    pub(super) fn work<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        self.sound_at = None;
        let outcome = work(&mut self.connection);
        self.sound_at = outcome.is_ok().then(Instant::now);
        self.is_spoilt = matches!(outcome, Err(Error::Unavailable(_)));
        outcome
    }
}

#[derive(Debug)]
pub(super) struct Sessions {
    inner: ConnectionManager<PgConnection>,
    settings: SessionSettings,
}

impl Sessions {
    pub(super) fn new(url: &str, class: Class) -> Self {
        Self {
            inner: ConnectionManager::new(url),
            settings: SessionSettings { class },
        }
    }
}

impl ManageConnection for Sessions {
    type Connection = Session;
    type Error = PoolError;

    fn connect(&self) -> Result<Session, PoolError> {
        let mut connection = self.inner.connect()?;
        self.settings.apply(&mut connection).map_err(PoolError::QueryError)?;
        Ok(Session {
            connection,
            sound_at: Some(Instant::now()),
            is_spoilt: false,
        })
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), PoolError> {
        if session.sound_at.is_some_and(|at| at.elapsed() < SOUND_FOR) {
            return Ok(());
        }
        self.inner.is_valid(&mut session.connection)
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.is_spoilt || self.inner.has_broken(&mut session.connection)
    }
}

/// What every session of a class is told once.
#[derive(Debug)]
pub(super) struct SessionSettings {
    pub(super) class: Class,
}

impl SessionSettings {
    /// No statement outlives these, so that a lost client costs little.
    const fn statement_ms_max(&self) -> u32 {
        match self.class {
            Class::Keys | Class::Slots => 2_000,
            Class::Reads => 10_000,
            // Less than whoever applies waits: he must hear that it was too much, and that it has ended.
            Class::Apply => 15_000,
            Class::Background | Class::Import => 30_000,
        }
    }

    /// Writers come with arrays of keys. Whoever plans for the keys at hand finds a thousand of them so many that it reads the
    /// whole table, as long as that is not huge; a plan for any keys goes through the index, and is made once.
    const fn plans(&self) -> &'static str {
        match self.class {
            Class::Slots | Class::Apply | Class::Import => "force_generic_plan",
            Class::Keys | Class::Reads | Class::Background => "auto",
        }
    }

    const LOCK_WAIT_MS_MAX: u32 = 5_000;
    /// Between two statements a unit only encodes rows. A process that takes so long is frozen, and others wait for its locks.
    const IDLE_IN_TRANSACTION_MS_MAX: u32 = 10_000;

    pub(super) fn apply(&self, connection: &mut PgConnection) -> Result<(), diesel::result::Error> {
        let settings = [
            ("application_name", format!("'eh {}'", self.class.as_str())),
            ("statement_timeout", self.statement_ms_max().to_string()),
            ("lock_timeout", Self::LOCK_WAIT_MS_MAX.to_string()),
            (
                "idle_in_transaction_session_timeout",
                Self::IDLE_IN_TRANSACTION_MS_MAX.to_string(),
            ),
            ("plan_cache_mode", self.plans().to_owned()),
            ("default_transaction_read_only", self.class.reads_only().to_string()),
            ("timezone", "'UTC'".to_owned()),
            ("client_min_messages", "'warning'".to_owned()),
        ];
        for (name, value) in settings {
            sql_query(format!("SET {name} = {value}")).execute(connection)?;
        }
        Ok(())
    }
}
