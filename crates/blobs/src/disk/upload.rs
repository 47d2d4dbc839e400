//! One file on its way to the disk.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::folders::{Unfinished, sync_folder};
use super::{blocking, fault, version_of};
use crate::{Error, Stored, Upload};

pub(super) struct DiskUpload {
    /// Taken while a write runs. A write that fails or is given up never puts it back: bytes are missing then.
    unfinished: Option<Unfinished>,
    destination: PathBuf,
    buffer: BytesMut,
    buffer_bytes: usize,
    size_bytes: u64,
}

impl DiskUpload {
    pub(super) fn new(unfinished: Unfinished, destination: PathBuf, buffer_bytes: usize) -> Self {
        Self {
            unfinished: Some(unfinished),
            destination,
            buffer: BytesMut::new(),
            buffer_bytes,
            size_bytes: 0,
        }
    }

    /// Writes what was collected, away from the threads that serve requests.
    async fn flush(&mut self, next: Bytes) -> Result<(), Error> {
        let unfinished = self.unfinished.take().ok_or(Error::Incomplete)?;
        let collected = self.buffer.split().freeze();
        let written = blocking(move || append(unfinished, &[collected, next])).await?;
        self.unfinished = Some(written);
        Ok(())
    }
}

#[async_trait]
impl Upload for DiskUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.unfinished.is_none() {
            return Err(Error::Incomplete);
        }
        self.size_bytes += bytes.len() as u64;
        if self.buffer.len() + bytes.len() >= self.buffer_bytes {
            return self.flush(bytes).await;
        }
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Stored, Error> {
        self.flush(Bytes::new()).await?;
        let Self {
            unfinished,
            destination,
            size_bytes,
            ..
        } = *self;
        let unfinished = unfinished.ok_or(Error::Incomplete)?;
        blocking(move || publish(&unfinished, &destination, size_bytes)).await
    }

    async fn abort(self: Box<Self>) {
        let Self { unfinished, .. } = *self;
        let _ = tokio::task::spawn_blocking(move || drop(unfinished)).await;
    }
}

fn append(mut unfinished: Unfinished, pieces: &[Bytes]) -> Result<Unfinished, Error> {
    for piece in pieces {
        unfinished.file.write_all(piece).map_err(fault)?;
    }
    Ok(unfinished)
}

fn publish(unfinished: &Unfinished, destination: &Path, size_bytes: u64) -> Result<Stored, Error> {
    // The kernel stamps files by a clock that ticks every few milliseconds; the version wants a finer one.
    unfinished.file.set_modified(SystemTime::now()).map_err(fault)?;
    unfinished.file.sync_all().map_err(fault)?;
    std::fs::rename(&unfinished.path, destination).map_err(fault)?;
    destination.parent().map_or(Ok(()), sync_folder).map_err(fault)?;
    let metadata = unfinished.file.metadata().map_err(fault)?;
    if metadata.len() != size_bytes {
        return Err(Error::Refused(format!(
            "{} of {size_bytes} bytes arrived",
            metadata.len()
        )));
    }
    Ok(Stored {
        size_bytes,
        version: version_of(&metadata).map_err(fault)?,
    })
}
