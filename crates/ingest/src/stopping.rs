//! Whether the process is on its way out.

use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
pub(crate) struct Stopping(CancellationToken);

impl Stopping {
    pub(crate) fn new(token: CancellationToken) -> Self {
        Self(token)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(crate) async fn begins(&self) {
        self.0.cancelled().await;
    }
}
