//! Work that goes on after its request was answered, or after its client has left; the process waits for it at its end.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

const FINISH_DEADLINE: Duration = Duration::from_secs(5);

/// Cheap to clone. The threads that serve connections end before the process does, so the work runs elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    runtime: Handle,
}

impl Tasks {
    /// On the runtime of the caller.
    pub(crate) fn here() -> Self {
        Self {
            tracker: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.tracker.spawn_on(work, &self.runtime)
    }

    /// For threads on which nothing else runs.
    pub(crate) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) async fn finish(&self) {
        self.tracker.close();
        if timeout(FINISH_DEADLINE, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "stop.unfinished");
        }
    }
}
