//! A queue of its own for each test: own folder, own prefix, swept away at the end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{Delivery, Frame, Opened, Settings, open};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Embedded,
    #[cfg(feature = "services")]
    RabbitMq,
}

const CASE_MAX: Duration = Duration::from_secs(60);

/// Runs a case on a bed of its own and sweeps up after it, also when it fails.
pub(crate) async fn run<F: Future<Output = ()> + Send + 'static>(adapter: Adapter, case: fn(Bed) -> F) {
    let Some(bed) = Bed::new(adapter) else { return };
    let outcome = tokio::spawn(timeout(CASE_MAX, case(bed.clone()))).await;
    #[cfg(feature = "services")]
    rabbitmq::sweep(&bed).await;
    match outcome {
        Ok(in_time) => in_time.expect("the case hangs"),
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Bed {
    pub(crate) settings: Settings,
    adapter: Adapter,
    _folder: Arc<TempDir>,
}

impl Bed {
    /// `None` only where somebody said that this server may be missing.
    pub(crate) fn new(adapter: Adapter) -> Option<Self> {
        let url = match adapter {
            Adapter::Embedded => "embedded:".to_owned(),
            #[cfg(feature = "services")]
            Adapter::RabbitMq => rabbitmq::url()?,
        };
        let folder = TempDir::new().unwrap();
        let mut settings = Settings::new(url, folder.path());
        settings.prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        Some(Self {
            settings,
            adapter,
            _folder: Arc::new(folder),
        })
    }

    pub(crate) async fn open(&self) -> Opened {
        open(&self.settings).await.unwrap()
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.adapter != Adapter::Embedded
    }
}

pub(crate) fn frame(body: &str, items: u32) -> Frame {
    frame_of(body.as_bytes().to_vec(), items)
}

pub(crate) fn frame_of(body: Vec<u8>, items: u32) -> Frame {
    Frame {
        body: Bytes::from(body),
        items,
    }
}

pub(crate) fn bodies(batch: &[Delivery]) -> Vec<String> {
    batch
        .iter()
        .map(|delivery| String::from_utf8(delivery.frame.body.to_vec()).unwrap())
        .collect()
}

#[cfg(feature = "services")]
mod rabbitmq {
    use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
    use lapin::{Connection, ConnectionProperties};

    use super::{Adapter, Bed};

    const URL: &str = "EH_TEST_QUEUE_URL";
    const ALLOW_MISSING: &str = "EH_TEST_ALLOW_MISSING";

    pub(super) fn url() -> Option<String> {
        if let Ok(url) = std::env::var(URL) {
            return Some(url);
        }
        let allowed = std::env::var(ALLOW_MISSING).unwrap_or_default();
        assert!(
            allowed.split(',').any(|name| name.trim() == "rabbitmq"),
            "{URL} names no RabbitMQ; to go without it, list `rabbitmq` in {ALLOW_MISSING}"
        );
        eprintln!("SKIPPED: there is no RabbitMQ ({URL} is not set) and {ALLOW_MISSING} allows that");
        None
    }

    pub(super) async fn sweep(bed: &Bed) {
        if bed.adapter == Adapter::Embedded {
            return;
        }
        let connection = Connection::connect(&bed.settings.url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        for name in ["events", "hints", "dead", "live"] {
            let name = format!("{}.{name}", bed.settings.prefix);
            channel
                .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
                .await
                .unwrap();
            channel
                .exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
        connection.close(200, "swept".into()).await.unwrap();
    }
}
