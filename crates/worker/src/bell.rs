//! Tells the tasks of this process that there is something to do now; those of others look by themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// Cheap to clone; every clone is the same bell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    /// One of those who listen goes to look; if nobody listens just now, the next one who does.
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }

    /// Comes back when it rings, and at the latest after `patience`.
    pub(crate) async fn heard_within(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.0.notified()).await;
    }
}
