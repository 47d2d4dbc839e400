//! What only a folder can show: permissions, links, lost tails, a full disk.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::content::{content, drain, fresh_key, refusal, store, write_all};
use super::place::settings;
use crate::{Blobs, Error, Key, LIST_KEYS_MAX, open};

const DAY: Duration = Duration::from_secs(86_400);

async fn disk() -> (TempDir, Arc<dyn Blobs>) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open_in(&folder.path().join("deep/blobs")).await;
    (folder, blobs)
}

async fn open_in(folder: &Path) -> Arc<dyn Blobs> {
    open(&settings(format!("file:{}", folder.display()))).await.unwrap()
}

fn path_of(folder: &TempDir, key: &Key) -> PathBuf {
    folder.path().join("deep/blobs").join(key.to_string())
}

fn age(path: &Path, age: Duration) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, blobs) = disk().await;
    let key = fresh_key();
    store(&*blobs, &key, &content(10, 1)).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = path_of(&folder, &key);
    assert_eq!(mode(&file), 0o600);
    for parent in file.ancestors().skip(1).take(3) {
        assert_eq!(mode(parent), 0o700, "{}", parent.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_not_followed() {
    let (folder, blobs) = disk().await;
    let (key, link) = (fresh_key(), fresh_key());
    let stored = store(&*blobs, &key, &content(10, 1)).await;
    std::os::unix::fs::symlink(path_of(&folder, &key), path_of(&folder, &link)).unwrap();
    assert_eq!(refusal(&*blobs, &link, &stored.version).await, Some(Error::Changed));
    assert_eq!(blobs.list(Duration::ZERO, None).await.unwrap(), [key]);
}

#[tokio::test]
async fn files_survive_another_start_with_their_version() {
    let (folder, blobs) = disk().await;
    let key = fresh_key();
    let stored = store(&*blobs, &key, &content(10, 1)).await;
    let again = open_in(&folder.path().join("deep/blobs")).await;
    assert_eq!(refusal(&*again, &key, &stored.version).await, None);
}

#[tokio::test]
async fn a_file_that_loses_its_tail_while_it_is_read_is_an_error() {
    let (folder, blobs) = disk().await;
    let key = fresh_key();
    let stored = store(&*blobs, &key, &content(1_000, 1)).await;
    let reader = blobs.read(&key, &stored.version, 0..1_000).await.unwrap();
    OpenOptions::new()
        .write(true)
        .open(path_of(&folder, &key))
        .unwrap()
        .set_len(500)
        .unwrap();
    assert_eq!(
        drain(reader).await.unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
    assert_eq!(refusal(&*blobs, &key, &stored.version).await, Some(Error::Changed));
}

#[tokio::test]
async fn only_old_files_are_listed_and_strangers_never() {
    let (folder, blobs) = disk().await;
    let (old, young) = (fresh_key(), fresh_key());
    for key in [&old, &young] {
        store(&*blobs, key, &content(10, 1)).await;
    }
    age(&path_of(&folder, &old), 2 * DAY);
    File::create(path_of(&folder, &old).with_file_name("README")).unwrap();
    assert_eq!(blobs.list(DAY, None).await.unwrap(), [old]);
    assert_eq!(blobs.list(Duration::ZERO, None).await.unwrap(), [old, young]);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let (folder, blobs) = disk().await;
    let mut keys: Vec<Key> = (0..LIST_KEYS_MAX + 5).map(|_| fresh_key()).collect();
    keys.iter()
        .for_each(|key| drop(File::create(path_of(&folder, key)).unwrap()));
    keys.sort_unstable();
    let first = blobs.list(Duration::ZERO, None).await.unwrap();
    assert_eq!(first, keys[..LIST_KEYS_MAX]);
    assert_eq!(
        blobs.list(Duration::ZERO, first.last()).await.unwrap(),
        keys[LIST_KEYS_MAX..]
    );
}

#[tokio::test]
async fn only_old_leftovers_are_swept() {
    let (folder, blobs) = disk().await;
    let left = folder.path().join("deep/blobs/unfinished/left-by-a-crash");
    File::create(&left).unwrap();
    assert_eq!(blobs.sweep_unfinished(DAY).await, Ok(0));
    age(&left, 2 * DAY);
    assert_eq!(blobs.sweep_unfinished(DAY).await, Ok(1));
    assert!(!left.exists());
}

#[tokio::test]
async fn a_folder_that_went_away_is_unreachable_and_not_a_file_that_is_gone() {
    let (folder, blobs) = disk().await;
    let key = fresh_key();
    let stored = store(&*blobs, &key, &content(10, 1)).await;
    std::fs::remove_dir_all(folder.path().join("deep")).unwrap();
    assert!(matches!(
        refusal(&*blobs, &key, &stored.version).await,
        Some(Error::Unreachable(_))
    ));
    assert!(matches!(blobs.check().await, Err(Error::Unreachable(_))));
    assert!(matches!(
        blobs.create(&fresh_key()).await.err(),
        Some(Error::Unreachable(_))
    ));
    assert!(matches!(
        blobs.list(Duration::ZERO, None).await,
        Err(Error::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_full_disk_is_full_and_recovers() {
    let Some(small) = SmallDisk::mount(4) else { return };
    let blobs = open_in(small.folder.path()).await;
    let mut upload = blobs.create(&fresh_key()).await.unwrap();
    assert_eq!(
        write_all(&mut upload, &content(8 * 1024 * 1024, 1)).await,
        Err(Error::Full)
    );
    assert_eq!(upload.write(content(1, 1)).await, Err(Error::Incomplete));
    assert_eq!(upload.finish().await, Err(Error::Incomplete));
    let key = fresh_key();
    let stored = store(&*blobs, &key, &content(2 * 1024 * 1024, 1)).await;
    assert_eq!(refusal(&*blobs, &key, &stored.version).await, None);
}

/// A file system of a few megabytes, where the operating system lets us have one.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mut mount = std::process::Command::new("mount");
        let mounted = mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|outcome| outcome.status.success()) {
            return Some(Self { folder });
        }
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.folder.path()).status();
    }
}
