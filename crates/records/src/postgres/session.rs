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

    /// Writers come with arrays of keys, for which there are indexes. A planner that sees a thousand keys, or a table that was
    /// empty when it looked, would rather read the whole table, and be wrong from some size on.
    const BY_KEYS: [(&str, &str); 4] = [
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ];

    const fn goes_by_keys(&self) -> bool {
        matches!(self.class, Class::Slots | Class::Apply | Class::Import)
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
            ("default_transaction_read_only", self.class.reads_only().to_string()),
            // For short statements compiling takes longer than all of the rest.
            ("jit", "off".to_owned()),
            ("timezone", "'UTC'".to_owned()),
            ("client_min_messages", "'warning'".to_owned()),
        ];
        let by_keys = Self::BY_KEYS.into_iter().filter(|_| self.goes_by_keys());
        let by_keys = by_keys.map(|(name, value)| (name, value.to_owned()));
        for (name, value) in settings.into_iter().chain(by_keys) {
            sql_query(format!("SET {name} = {value}")).execute(connection)?;
        }
        Ok(())
    }
}
