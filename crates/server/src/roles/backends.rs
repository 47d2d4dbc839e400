//! Opens what the settings name, and says what to do where that cannot be opened.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use blobs::Blobs;
use domain::rules::Rules;
use queue::{Live, Queue};
use records::Records;

use super::rules;
use crate::config::{Backends, Config};

/// What a process works with.
pub(crate) struct Opened {
    pub(crate) records: Records,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) rules: Arc<Rules>,
}

/// The rules come before anything is made. Then the queue: its lock tells whether the data belongs to another process.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Opened> {
    let backends = &config.backends;
    let rules = Arc::new(rules::in_force(&config.rules)?);
    make_data_dir(backends)?;
    let queue::Opened { queue, live } = open_queue(backends).await?;
    let records = open_records(backends)?;
    let blobs = open_blobs(backends).await?;
    Ok(Opened {
        records,
        queue,
        live,
        blobs,
        rules,
    })
}

/// Nobody else on this computer may read what is kept.
pub(crate) fn make_data_dir(backends: &Backends) -> anyhow::Result<()> {
    if !backends.is_any_embedded() {
        return Ok(());
    }
    let made = make_private(&backends.data_dir).and_then(|()| probe_writing(&backends.data_dir));
    made.with_context(|| {
        format!(
            "the folder {} cannot be written.\nMake it writable for this user, or choose another one with --data-dir (or EH_DATA_DIR)",
            backends.data_dir_shown
        )
    })
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn probe_writing(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(".writable");
    std::fs::write(&probe, [])?;
    match std::fs::remove_file(&probe) {
        // Another process that starts at the same moment has removed it.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

pub(crate) fn open_records(backends: &Backends) -> anyhow::Result<Records> {
    records::open(&backends.database_url).context("EH_DATABASE_URL")
}

pub(crate) fn queue_settings(backends: &Backends) -> queue::Settings {
    queue::Settings {
        url: backends.queue_url.clone(),
        data_dir: backends.data_dir.clone(),
        prefix: backends.queue_prefix.clone(),
        limits: queue::Limits::default(),
    }
}

async fn open_queue(backends: &Backends) -> anyhow::Result<queue::Opened> {
    match queue::open(&queue_settings(backends)).await {
        Err(queue::OpenError::InUse(_)) => anyhow::bail!(
            "another process works with the data in {}.\nStop that one first, or give this one a folder and a port of its own: \
             event-horizon --data-dir ./other --bind 127.0.0.1:0",
            backends.data_dir_shown
        ),
        opened => opened.context("EH_QUEUE_URL"),
    }
}

async fn open_blobs(backends: &Backends) -> anyhow::Result<Arc<dyn Blobs>> {
    let settings = blobs::Settings {
        url: backends.blob_url.clone(),
        data_dir: backends.data_dir.clone(),
        s3_endpoint: backends.s3.endpoint.clone(),
        s3_region: Some(backends.s3.region.clone()),
        access_key_id: backends.s3.access_key_id.clone(),
        secret_access_key: backends.s3.secret_access_key.clone(),
        limits: blobs::Limits::default(),
    };
    blobs::open(&settings).await.context("EH_BLOB_URL")
}
