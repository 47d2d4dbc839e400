//! How busy a worker is, for whoever shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cheap to clone; every clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Load(Arc<AtomicUsize>);

/// A slot that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Taken(Arc<AtomicUsize>);

impl Load {
    /// How many chunks are being worked on.
    pub fn slots_taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self) -> Taken {
        self.0.fetch_add(1, Ordering::Relaxed);
        Taken(Arc::clone(&self.0))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_counts_while_it_is_taken() {
        let load = Load::default();
        let (seen, first) = (load.clone(), load.take());
        let second = load.take();
        assert_eq!(seen.slots_taken(), 2);
        drop(first);
        assert_eq!(seen.slots_taken(), 1);
        drop(second);
        assert_eq!(seen.slots_taken(), 0);
    }
}
