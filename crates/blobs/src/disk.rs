//! Files in a folder: written beside, synced, then renamed into place.

mod folders;
mod upload;

use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::io::BufReader;

use self::folders::Folders;
use self::upload::DiskUpload;
use crate::exact::Exact;
use crate::{Blobs, Error, Key, Limits, Reader, Upload};

#[derive(Debug)]
pub(crate) struct Disk {
    folders: Folders,
    buffer_bytes: usize,
}

impl Disk {
    pub(crate) async fn open(root: PathBuf, limits: Limits) -> Result<Self, Error> {
        let folders = blocking(move || Folders::make(&root).map_err(fault)).await?;
        Ok(Self {
            folders,
            buffer_bytes: limits.disk_buffer_bytes,
        })
    }

    async fn on_folders<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folders) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let folders = self.folders.clone();
        blocking(move || work(&folders)).await
    }
}

#[async_trait]
impl Blobs for Disk {
    async fn create(&self, key: &Key) -> Result<Box<dyn Upload>, Error> {
        let destination = self.folders.file(*key);
        let unfinished = self
            .on_folders(|folders| folders.begin().map_err(missing_folder))
            .await?;
        Ok(Box::new(DiskUpload::new(unfinished, destination, self.buffer_bytes)))
    }

    async fn read(&self, key: &Key, version: &str, range: Range<u64>) -> Result<Reader, Error> {
        let path = self.folders.file(*key);
        let version = version.to_owned();
        let (file, bytes) = blocking(move || open_range(&path, &version, &range)).await?;
        let buffered = BufReader::with_capacity(self.buffer_bytes, tokio::fs::File::from_std(file));
        Ok(Box::pin(Exact::new(buffered, bytes)))
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let path = self.folders.file(*key);
        match blocking(move || std::fs::remove_file(path).map_err(fault)).await {
            Err(Error::Gone) => Ok(()),
            outcome => outcome,
        }
    }

    async fn list(&self, older_than: Duration, after: Option<&Key>) -> Result<Vec<Key>, Error> {
        let cutoff = cutoff(older_than);
        let after = after.copied();
        self.on_folders(move |folders| folders.page(cutoff, after).map_err(missing_folder))
            .await
    }

    async fn sweep_unfinished(&self, older_than: Duration) -> Result<u64, Error> {
        let cutoff = cutoff(older_than);
        self.on_folders(move |folders| folders.sweep(cutoff).map_err(missing_folder))
            .await
    }

    async fn check(&self) -> Result<(), Error> {
        self.on_folders(|folders| folders.probe().map_err(missing_folder)).await
    }
}

fn open_range(path: &Path, version: &str, range: &Range<u64>) -> Result<(std::fs::File, u64), Error> {
    // A link or a folder in the place of a file was not put there by us.
    if !std::fs::symlink_metadata(path)
        .map_err(|error| absent(path, error))?
        .is_file()
    {
        return Err(Error::Changed);
    }
    let mut file = std::fs::File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if version_of(&metadata).map_err(fault)? != version {
        return Err(Error::Changed);
    }
    let end = range.end.min(metadata.len());
    let start = range.start.min(end);
    file.seek(SeekFrom::Start(start)).map_err(fault)?;
    Ok((file, end - start))
}

/// Length and time of the last change. The inode is left out on purpose: a data folder that was copied to another disk
/// with its times keeps its versions, and its jobs go on.
fn version_of(metadata: &std::fs::Metadata) -> io::Result<String> {
    let age = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}-{}", metadata.len(), age.as_nanos()))
}

fn cutoff(older_than: Duration) -> SystemTime {
    SystemTime::now().checked_sub(older_than).unwrap_or(UNIX_EPOCH)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let stopped = |error: tokio::task::JoinError| Error::Unreachable(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn fault(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::Gone,
        _ => missing_folder(error),
    }
}

/// A file can be gone only from a folder that is there.
fn absent(path: &Path, error: io::Error) -> Error {
    if path.parent().is_some_and(Path::is_dir) {
        fault(error)
    } else {
        missing_folder(error)
    }
}

/// Where no file is looked for, "not found" means that the folder itself is away: a disk that is not mounted.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn missing_folder(error: io::Error) -> Error {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::FileTooLarge => {
            Error::Refused(error.to_string())
        }
        _ => Error::Unreachable(error.to_string()),
    }
}
