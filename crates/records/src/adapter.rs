//! What a store must be able to do, and how a unit of work is tried again when it met another one.

use std::fmt::Debug;
use std::time::Duration;

use crate::{Class, Error, Result, Unit};

/// How often a unit of work is tried before the caller hears of it.
const TRIES_MAX: u32 = 8;
/// The first pause between two tries; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(4);

pub(crate) type Work<'w> = &'w mut dyn FnMut(&mut dyn Unit) -> Result<()>;

pub(crate) trait Adapter: Debug + Send + Sync {
    fn kind(&self) -> &'static str;
    fn run(&self, class: Class, work: Work<'_>) -> Result<()>;
    fn migrate(&self) -> Result<Vec<String>>;
    fn pending_migrations(&self) -> Result<Vec<String>>;
    fn pool_use(&self) -> Vec<(Class, u32, u32)>;
    #[cfg(test)]
    fn revert_migrations(&self) -> Result<()>;
}

/// Tries `once` until it ends in anything but contention.
pub(crate) fn until_uncontended(class: Class, mut once: impl FnMut() -> Result<()>) -> Result<()> {
    let mut pause = PAUSE_FIRST;
    for _ in 1..TRIES_MAX {
        match once() {
            Err(Error::Contended(reason)) => {
                metrics::counter!("eh_records_contended_total", "class" => class.as_str()).increment(1);
                tracing::debug!(class = class.as_str(), reason, "records.contended");
                std::thread::sleep(pause);
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    once()
}
