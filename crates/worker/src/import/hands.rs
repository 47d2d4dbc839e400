//! The threads that judge and save slices: few and long-lived, so that memory stays what a few slices need.
//!
//! A pool that takes any idle thread would touch all of them in turn, and each keeps the memory of its largest slice.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use records::Entries;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Task = Box<dyn FnOnce() + Send>;

/// Cheap to clone; every clone hands to the same threads. They end with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Hands {
    tasks: mpsc::Sender<Task>,
    rooms: Arc<Semaphore>,
    /// The memory of those who left.
    vacant: Arc<Mutex<Vec<Entries>>>,
}

/// Room for one slice, from the time it is judged until it is saved.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) entries: Entries,
    vacant: Arc<Mutex<Vec<Entries>>>,
    _permit: OwnedSemaphorePermit,
}

/// The work panicked, or nobody is there to do it.
#[derive(Debug, thiserror::Error)]
#[error("the work on a slice ended without an outcome")]
pub(crate) struct Dropped;

impl Hands {
    pub(crate) fn new(threads: usize) -> io::Result<Self> {
        let (tasks, waiting) = mpsc::channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        for n in 0..threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("import-{n}"))
                .spawn(move || work_off(&waiting))?;
        }
        // One more than there are threads: so there is always a slice ready for the next free one.
        Ok(Self {
            tasks,
            rooms: Arc::new(Semaphore::new(threads + 1)),
            vacant: Arc::default(),
        })
    }

    pub(crate) async fn room(&self) -> Result<Room, Dropped> {
        let permit = Arc::clone(&self.rooms).acquire_owned().await.map_err(|_| Dropped)?;
        let entries = self.vacant.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Room {
            entries: entries.unwrap_or_default(),
            vacant: Arc::clone(&self.vacant),
            _permit: permit,
        })
    }

    /// Waits without a thread until one of the hands has done it.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Dropped> {
        let (done, outcome) = oneshot::channel();
        let span = tracing::Span::current();
        let task = Box::new(move || {
            // Nobody may be waiting any more.
            let _ = done.send(span.in_scope(work));
        });
        self.tasks.send(task).map_err(|_| Dropped)?;
        outcome.await.map_err(|_| Dropped)
    }
}

/// The next slice writes into the same memory: fresh memory for each would cost more than the parsing.
impl Drop for Room {
    fn drop(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        self.vacant.lock().unwrap_or_else(PoisonError::into_inner).push(entries);
    }
}

fn work_off(waiting: &Mutex<mpsc::Receiver<Task>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        // Logged by the process's panic hook; whoever waits learns it from the missing outcome.
        let _ = catch_unwind(AssertUnwindSafe(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_no_hand() {
        let hands = Hands::new(1).unwrap();
        assert!(hands.run(|| panic!("on purpose")).await.is_err());
        assert_eq!(hands.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_hands_are_always_the_same() {
        let hands = Hands::new(2).unwrap();
        let mut threads = std::collections::HashSet::new();
        for _ in 0..20 {
            threads.insert(hands.run(|| thread::current().id()).await.unwrap());
        }
        assert!(threads.len() <= 2);
    }
}
