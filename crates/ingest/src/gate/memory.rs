//! The keys that were looked up lately, so that a request costs no statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::api_key::{ApiKey, KeyId};

/// How long a key goes on to open while the database cannot be asked.
const KEY_TRUSTED_UNSEEN_SECONDS: u64 = 10 * 60;
/// How often it is noted that a key is used.
const USE_NOTED_EVERY_SECONDS: u64 = 60;
/// So many are remembered, strangers included: ids of which it is known that no key has them.
const KEYS_REMEMBERED_MAX: usize = 10_000;

const TRUSTED_UNSEEN: Duration = Duration::from_secs(KEY_TRUSTED_UNSEEN_SECONDS);
const USE_NOTED_EVERY: Duration = Duration::from_secs(USE_NOTED_EVERY_SECONDS);

/// A key; `None`: there is none with this id.
pub(super) type Found = Option<Arc<ApiKey>>;

#[derive(Debug)]
struct Remembered {
    key: Found,
    /// When it was seen in the table.
    seen_at: Instant,
    /// When it was last tried to see it there.
    tried_at: Instant,
    /// Whether somebody is on the way to look.
    is_looked_for: bool,
    use_noted_at: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    Fresh(Found),
    /// Still good. Who hears this looks again, and is the only one to hear it.
    Aging(Found),
    /// It was a key when it was last seen, and has to be seen again.
    Old,
    Unknown,
}

#[derive(Debug)]
pub(super) struct Memory {
    by_id: HashMap<KeyId, Remembered>,
    /// How long what was seen is taken for true. From half of it on a key is looked up again beside the request, so that nobody
    /// waits who comes often.
    trusted: Duration,
}

impl Memory {
    pub(super) fn new(trusted: Duration) -> Self {
        Self {
            by_id: HashMap::new(),
            trusted,
        }
    }

    pub(super) fn recall(&mut self, id: KeyId, now: Instant) -> Recalled {
        let Some(known) = self.by_id.get_mut(&id) else {
            return Recalled::Unknown;
        };
        let age = now - known.tried_at;
        let is_key = known.key.is_some();
        if age >= self.trusted {
            return if is_key { Recalled::Old } else { Recalled::Unknown };
        }
        if age >= self.trusted / 2 && is_key && !known.is_looked_for {
            known.is_looked_for = true;
            return Recalled::Aging(known.key.clone());
        }
        Recalled::Fresh(known.key.clone())
    }

    /// The table said so.
    pub(super) fn saw(&mut self, id: KeyId, key: Found, now: Instant) {
        if self.by_id.len() >= KEYS_REMEMBERED_MAX {
            self.make_room();
        }
        let use_noted_at = self.by_id.get(&id).and_then(|known| known.use_noted_at);
        let remembered = Remembered {
            key,
            seen_at: now,
            tried_at: now,
            is_looked_for: false,
            use_noted_at,
        };
        self.by_id.insert(id, remembered);
    }

    /// Nobody could be asked: what was a key not long ago is trusted for another while. `None`: nothing is known.
    pub(super) fn missed(&mut self, id: KeyId, now: Instant) -> Option<Arc<ApiKey>> {
        let known = self.by_id.get_mut(&id)?;
        known.is_looked_for = false;
        let key = known.key.clone().filter(|_| now - known.seen_at < TRUSTED_UNSEEN)?;
        known.tried_at = now;
        Some(key)
    }

    /// Whether this use is one to be noted.
    pub(super) fn uses(&mut self, id: KeyId, now: Instant) -> bool {
        let Some(known) = self.by_id.get_mut(&id) else {
            return false;
        };
        let is_due = known.use_noted_at.is_none_or(|at| now - at >= USE_NOTED_EVERY);
        if is_due {
            known.use_noted_at = Some(now);
        }
        is_due
    }

    /// Strangers go first, whose number anybody can make grow.
    fn make_room(&mut self) {
        self.by_id.retain(|_, known| known.key.is_some());
        if self.by_id.len() >= KEYS_REMEMBERED_MAX {
            self.by_id.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::api_key::{KeyKind, Secret};
    use domain::time::Timestamp;

    use super::*;

    fn id(number: usize) -> KeyId {
        KeyId::new(number.to_be_bytes())
    }

    fn key() -> Arc<ApiKey> {
        Arc::new(ApiKey {
            id: id(1),
            kind: KeyKind::Read,
            name: None,
            secret_hash: Secret::new([1; 32]).hash(),
            origins: Vec::new(),
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        })
    }

    const SECOND: Duration = Duration::from_secs(1);
    const TRUSTED: Duration = Duration::from_secs(10);
    const AGING: Duration = Duration::from_secs(5);

    #[test]
    fn a_key_is_looked_up_again_beside_the_request_and_then_before_it() {
        let (mut memory, seen) = (Memory::new(TRUSTED), Instant::now());
        assert_eq!(memory.recall(id(1), seen), Recalled::Unknown);
        memory.saw(id(1), Some(key()), seen);
        assert_eq!(
            memory.recall(id(1), seen + AGING - SECOND),
            Recalled::Fresh(Some(key()))
        );
        assert_eq!(memory.recall(id(1), seen + AGING), Recalled::Aging(Some(key())));
        assert_eq!(memory.recall(id(1), seen + AGING), Recalled::Fresh(Some(key())));
        assert_eq!(memory.recall(id(1), seen + TRUSTED), Recalled::Old);
        memory.saw(id(1), Some(key()), seen + TRUSTED);
        assert_eq!(
            memory.recall(id(1), seen + TRUSTED + AGING),
            Recalled::Aging(Some(key()))
        );
    }

    #[test]
    fn a_stranger_is_remembered_as_long_and_not_looked_for() {
        let (mut memory, seen) = (Memory::new(TRUSTED), Instant::now());
        memory.saw(id(1), None, seen);
        assert_eq!(memory.recall(id(1), seen + AGING), Recalled::Fresh(None));
        assert_eq!(memory.recall(id(1), seen + TRUSTED), Recalled::Unknown);
        assert_eq!(memory.missed(id(1), seen), None);
    }

    #[test]
    fn while_nobody_can_be_asked_a_key_goes_on_for_a_while() {
        let (mut memory, seen) = (Memory::new(TRUSTED), Instant::now());
        memory.saw(id(1), Some(key()), seen);
        let mut now = seen + TRUSTED;
        while now < seen + TRUSTED_UNSEEN {
            assert_eq!(memory.recall(id(1), now), Recalled::Old);
            assert_eq!(memory.missed(id(1), now), Some(key()));
            assert_eq!(memory.recall(id(1), now), Recalled::Fresh(Some(key())));
            now += TRUSTED;
        }
        assert_eq!(memory.missed(id(1), now), None);
        assert_eq!(memory.recall(id(1), now), Recalled::Old);
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let (mut memory, seen) = (Memory::new(TRUSTED), Instant::now());
        assert!(!memory.uses(id(1), seen));
        memory.saw(id(1), Some(key()), seen);
        assert!(memory.uses(id(1), seen));
        memory.saw(id(1), Some(key()), seen + TRUSTED);
        assert!(!memory.uses(id(1), seen + USE_NOTED_EVERY - SECOND));
        assert!(memory.uses(id(1), seen + USE_NOTED_EVERY));
    }

    #[test]
    fn strangers_drive_no_key_out() {
        let (mut memory, seen) = (Memory::new(TRUSTED), Instant::now());
        memory.saw(id(1), Some(key()), seen);
        for number in 2..2 * KEYS_REMEMBERED_MAX {
            memory.saw(id(number), None, seen);
            assert!(memory.by_id.len() <= KEYS_REMEMBERED_MAX);
        }
        assert_eq!(memory.recall(id(1), seen), Recalled::Fresh(Some(key())));
    }
}
