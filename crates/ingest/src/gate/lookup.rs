//! Finds keys: in memory, and every few seconds in the table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::api_key::{KeyId, SecretHash};
use domain::ids::JobId;
use domain::time::Timestamp;
use records::{Class, Records};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::memory::{Found, Memory, Recalled};
use crate::tasks::Tasks;

/// For a turn, and then for the answer: what was begun is brought to its end, so that it is known the next time.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(1);
/// Look-ups at once of ids and tickets that nobody knows here, which anybody can make up.
const STRANGERS_AT_ONCE_MAX: usize = 1;
/// Look-ups at once of keys that were known a moment ago.
const KNOWN_AT_ONCE_MAX: usize = 1;
const KEYS_LEARNED_MAX: u32 = 5_000;
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

    /// So that after a start nobody who has a key stands in line with strangers.
    pub(super) async fn learn(&self) {
        let learning = self
            .0
            .records
            .within(Class::Keys, LOOKUP_DEADLINE, |unit| unit.keys(KEYS_LEARNED_MAX));
        match learning.await {
            Ok(keys) => {
                let (mut memory, now) = (self.memory(), Instant::now());
                for key in keys {
                    memory.saw(key.id, Some(Arc::new(key)), now);
                }
            }
            Err(error) => tracing::warn!(%error, "keys.not_learned"),
        }
    }

    pub(super) async fn has_ticket(&self, ticket: SecretHash, job: Option<JobId>) -> records::Result<bool> {
        let _turn = timeout(LOOKUP_DEADLINE, self.0.strangers.acquire())
            .await
            .map_err(|_| records::Error::Unavailable("a ticket was not looked for in time".to_owned()))?;
        let looking = self
            .0
            .records
            .within(Class::Keys, LOOKUP_DEADLINE, move |unit| unit.has_ticket(&ticket, job));
        looking.await
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
        let Ok(_turn) = timeout(LOOKUP_DEADLINE, turns.acquire()).await else {
            let late = "a key was not looked for in time".to_owned();
            return self.missed(id, records::Error::Unavailable(late));
        };
        // Somebody before us may have looked for the same one.
        let recalled = self.memory().recall(id, Instant::now());
        match recalled {
            Recalled::Fresh(key) => Ok(key),
            Recalled::Aging(_) | Recalled::Old | Recalled::Unknown => self.look(id).await,
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
            Err(error) if error.is_passing() => self.missed(id, error),
            Err(error) => Err(error),
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

#[cfg(test)]
mod tests {
    use domain::api_key::{ApiKey, KeyKind, Secret};

    use super::*;

    #[tokio::test]
    async fn who_had_a_key_before_the_start_is_known_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("records.db");
        let records = records::open(&format!("sqlite:{}", file.display())).unwrap();
        records.migrate().unwrap();
        let (id, stranger) = (KeyId::new([1; 8]), KeyId::new([2; 8]));
        let key = ApiKey {
            id,
            kind: KeyKind::Read,
            name: None,
            secret_hash: Secret::new([7; 32]).hash(),
            origins: Vec::new(),
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        records.run(Class::Background, |unit| unit.create_key(&key)).unwrap();
        let lookup = Lookup::new(records, Tasks::here(), Duration::from_secs(3_600));
        lookup.learn().await;
        rusqlite::Connection::open(&file)
            .unwrap()
            .execute("ALTER TABLE api_keys RENAME TO hidden", [])
            .unwrap();
        assert_eq!(lookup.find(id).await.unwrap().as_deref(), Some(&key));
        assert!(lookup.find(stranger).await.is_err());
    }
}
