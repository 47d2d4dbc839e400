//! Bytes to store, and the ways to get them in and out.

use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::{Blobs, Error, Key, Reader, Stored, Upload};

/// Like what a request body comes in, and no divisor of any buffer.
const PIECE_BYTES: usize = 60_001;

/// Bytes that repeat nowhere, so that a part in the wrong place is noticed.
pub(super) fn content(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

pub(super) fn fresh_key() -> Key {
    Key::of(Uuid::now_v7())
}

pub(super) async fn write_all(upload: &mut Box<dyn Upload>, content: &Bytes) -> Result<(), Error> {
    for start in (0..content.len()).step_by(PIECE_BYTES) {
        upload
            .write(content.slice(start..content.len().min(start + PIECE_BYTES)))
            .await?;
    }
    Ok(())
}

pub(super) async fn store(blobs: &dyn Blobs, key: &Key, content: &Bytes) -> Stored {
    let mut upload = blobs.create(key).await.unwrap();
    write_all(&mut upload, content).await.unwrap();
    upload.finish().await.unwrap()
}

pub(super) async fn read(blobs: &dyn Blobs, key: &Key, version: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
    Ok(drain(blobs.read(key, version, range).await?).await.unwrap())
}

pub(super) async fn drain(mut reader: Reader) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.read_to_end(&mut content).await.map(|_| content)
}

/// Compared by hash: a difference of 20 MiB is nothing to print.
pub(super) fn assert_same(read: &[u8], stored: &[u8]) {
    assert_eq!(read.len(), stored.len());
    assert_eq!(Sha256::digest(read), Sha256::digest(stored));
}

/// The class of what went wrong, for readers, which cannot be compared.
pub(super) async fn refusal(blobs: &dyn Blobs, key: &Key, version: &str) -> Option<Error> {
    blobs.read(key, version, 0..1).await.err()
}
