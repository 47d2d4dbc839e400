//! The two folders of the disk store: what is finished, and what is not.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, DirEntry, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

use crate::key::UPLOADS;
use crate::{Key, LIST_KEYS_MAX};

const UNFINISHED: &str = "unfinished";

#[derive(Debug, Clone)]
pub(super) struct Folders {
    uploads: PathBuf,
    unfinished: PathBuf,
}

/// A file that is not yet in its place, and goes away unless it gets there.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename nothing has this name. Whatever cannot be removed now is swept later.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Folders {
    pub(super) fn make(root: &Path) -> io::Result<Self> {
        let folders = Self {
            uploads: root.join(UPLOADS),
            unfinished: root.join(UNFINISHED),
        };
        make_private(&folders.uploads)?;
        make_private(&folders.unfinished)?;
        sync_folder(root)?;
        Ok(folders)
    }

    pub(super) fn file(&self, key: Key) -> PathBuf {
        self.uploads.join(key.name())
    }

    pub(super) fn begin(&self) -> io::Result<Unfinished> {
        let path = self.unfinished.join(Uuid::now_v7().to_string());
        let file = private_file().open(&path)?;
        Ok(Unfinished { path, file })
    }

    /// Proves that files can be made and that the finished ones are where they should be.
    pub(super) fn probe(&self) -> io::Result<()> {
        std::fs::metadata(&self.uploads)?;
        self.begin().map(drop)
    }

    /// The folder is not sorted, so a page costs a walk; what is held is bounded by the page.
    pub(super) fn page(&self, cutoff: SystemTime, after: Option<Key>) -> io::Result<Vec<Key>> {
        let mut page = BTreeSet::new();
        for entry in std::fs::read_dir(&self.uploads)? {
            let entry = entry?;
            let Some(key) = entry.file_name().to_str().and_then(Key::from_name) else {
                continue;
            };
            if after.is_some_and(|after| key <= after) || !is_older(&entry, cutoff)? {
                continue;
            }
            page.insert(key);
            if page.len() > LIST_KEYS_MAX {
                page.pop_last();
            }
        }
        Ok(page.into_iter().collect())
    }

    pub(super) fn sweep(&self, cutoff: SystemTime) -> io::Result<u64> {
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.unfinished)? {
            let entry = entry?;
            if is_older(&entry, cutoff)? && was_there(std::fs::remove_file(entry.path()))?.is_some() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// A file that went away since the folder was read is not older than anything.
fn is_older(entry: &DirEntry, cutoff: SystemTime) -> io::Result<bool> {
    let Some(metadata) = was_there(entry.metadata())? else {
        return Ok(false);
    };
    Ok(metadata.is_file() && metadata.modified()? <= cutoff)
}

fn was_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename lives in the folder, which has to be synced like a file.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}
