//! Uploaded files: they stream in, ranges of them stream out, on disk or on S3 behind one port.
//!
//! Nothing here knows what is in a file. An adapter is chosen by [`open`] and named nowhere else.

use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncRead;

mod disk;
mod error;
mod exact;
mod key;
mod location;
#[cfg(feature = "services")]
mod s3;
mod settings;

#[cfg(test)]
mod contract;

pub use error::{Error, OpenError};
pub use key::{InvalidKey, Key};
pub use location::open;
pub use settings::{Limits, Settings};

/// How many keys one call of [`Blobs::list`] returns at most.
pub const LIST_KEYS_MAX: usize = 1_000;

/// The bytes of a range, in order. It ends in an `io::Error` if fewer bytes come than the file holds.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// What is known of a file once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub size_bytes: u64,
    /// Opaque; another one when the content was replaced.
    pub version: String,
}

#[async_trait]
pub trait Blobs: Debug + Send + Sync {
    /// Begins an upload. Nothing is readable or listed under the key before [`Upload::finish`].
    async fn create(&self, key: &Key) -> Result<Box<dyn Upload>, Error>;

    /// Reads a range of exactly this version: [`Error::Gone`] if there is no such file, [`Error::Changed`] if it is
    /// another version. A range is clamped to the file: past the end there is nothing to read, and that is no error.
    async fn read(&self, key: &Key, version: &str, range: Range<u64>) -> Result<Reader, Error>;

    /// A file that is gone already is a success.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// Keys of files that are at least this old, ascending and after `after`, at most [`LIST_KEYS_MAX`].
    /// An empty answer is the end.
    async fn list(&self, older_than: Duration, after: Option<&Key>) -> Result<Vec<Key>, Error>;

    /// Removes what uploads left behind that neither finished nor were aborted, and says how many they were. An upload
    /// that still runs loses its bytes if it is older than this (on disk: idle for longer), so be generous.
    async fn sweep_unfinished(&self, older_than: Duration) -> Result<u64, Error>;

    /// Cheap enough for a readiness probe.
    async fn check(&self) -> Result<(), Error>;
}

/// One file on its way in. Dropping it is as good as aborting it.
#[async_trait]
pub trait Upload: Send {
    /// Takes the next bytes and waits while the store is slower than the sender. After an error, or when the future is
    /// dropped before its end, the upload can only be aborted.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Makes the file durable and readable, and verifies that all bytes are there.
    async fn finish(self: Box<Self>) -> Result<Stored, Error>;

    async fn abort(self: Box<Self>);
}
