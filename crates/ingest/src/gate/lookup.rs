//! Finds keys: in memory, and every few seconds in the table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::api_key::KeyId;
use domain::time::Timestamp;
use records::{Class, Records};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::memory::{Found, Memory, Recalled};
use crate::tasks::Tasks;

/// For a turn and the answer: what comes after it has a deadline too.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(1);
/// Look-ups at once of ids that nobody knows here: whoever makes up many of them waits for himself.
const STRANGERS_AT_ONCE_MAX: usize = 1;
/// Look-ups at once of keys that were known a moment ago.
const KNOWN_AT_ONCE_MAX: usize = 1;
const NOTE_USE_DEADLINE: Duration = Duration::from_secs(10);
const MINUTE_MICROS: i64 = 60_000_000;

/// Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Lookup(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: Records,
    tasks: Tasks,
    memory: Mutex<Memory>,
    strangers: Semaphore,
    known: Semaphore,
}

impl Lookup {
    pub(super) fn new(records: Records, tasks: Tasks, trusted: Duration) -> Self {
        Self(Arc::new(Inner {
            records,
            tasks,
            memory: Mutex::new(Memory::new(trusted)),
            strangers: Semaphore::new(STRANGERS_AT_ONCE_MAX),
            known: Semaphore::new(KNOWN_AT_ONCE_MAX),
        }))
    }

    /// Fails where nobody can be asked and nothing is known.
    pub(super) async fn find(&self, id: KeyId) -> records::Result<Found> {
        let recalled = self.memory().recall(id, Instant::now());
        match recalled {
            Recalled::Fresh(key) => Ok(key),
            Recalled::Aging(key) => {
                self.look_beside(id);
                Ok(key)
            }
            Recalled::Old => self.look_in_turn(id, &self.0.known).await,
            Recalled::Unknown => self.look_in_turn(id, &self.0.strangers).await,
        }
    }

    /// Whoever was let in by this key was seen just now.
    pub(super) fn note_use(&self, id: KeyId, at: Timestamp) {
        if !self.memory().uses(id, Instant::now()) {
            return;
        }
        let minute = at.plus_micros(-at.as_micros().rem_euclid(MINUTE_MICROS));
        let records = self.0.records.clone();
        self.0.tasks.spawn(async move {
            let noting = records.within(Class::Background, NOTE_USE_DEADLINE, move |unit| {
                unit.note_key_use(id, minute)
            });
            if let Err(error) = noting.await {
                tracing::debug!(key.id = %id, %error, "key.use_not_noted");
            }
        });
    }

    fn look_beside(&self, id: KeyId) {
        let lookup = self.clone();
        self.0.tasks.spawn(async move {
            let _turn = lookup.0.known.acquire().await;
            if let Err(error) = lookup.look(id).await {
                tracing::debug!(key.id = %id, %error, "key.not_looked_up");
            }
        });
    }

    async fn look_in_turn(&self, id: KeyId, turns: &Semaphore) -> records::Result<Found> {
        let looking = async {
            let _turn = turns.acquire().await;
            // Somebody before us may have looked for the same one.
            let recalled = self.memory().recall(id, Instant::now());
            match recalled {
                Recalled::Fresh(key) => Ok(key),
                Recalled::Aging(_) | Recalled::Old | Recalled::Unknown => self.look(id).await,
            }
        };
        match timeout(LOOKUP_DEADLINE, looking).await {
            Ok(found) => found,
            Err(_) => self.missed(
                id,
                records::Error::Unavailable("a key was not found in time".to_owned()),
            ),
        }
    }

    async fn look(&self, id: KeyId) -> records::Result<Found> {
        let found = self
            .0
            .records
            .within(Class::Keys, LOOKUP_DEADLINE, move |unit| unit.key(id));
        match found.await {
            Ok(key) => {
                let key = key.map(Arc::new);
                self.memory().saw(id, key.clone(), Instant::now());
                Ok(key)
            }
            Err(error) => self.missed(id, error),
        }
    }

    fn missed(&self, id: KeyId, error: records::Error) -> records::Result<Found> {
        let trusted = self.memory().missed(id, Instant::now());
        let Some(key) = trusted else { return Err(error) };
        tracing::warn!(key.id = %id, %error, "key.trusted_unseen");
        Ok(Some(key))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
