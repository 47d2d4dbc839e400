//! Objects in a bucket of S3 or of a server that speaks like it.

mod bucket;
mod client;
mod fault;
mod multipart;
mod sweep;
mod upload;

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_s3::operation::get_object::GetObjectOutput;

use self::bucket::{Bucket, Object};
use self::fault::{fault, status};
use self::upload::S3Upload;
use crate::exact::Exact;
use crate::location::BucketLocation;
use crate::{Blobs, Error, Key, OpenError, Reader, Settings, Upload};

/// Servers count in signed numbers; a range that ends behind this is open.
const OFFSET_MAX: u64 = i64::MAX.unsigned_abs();

#[derive(Debug)]
pub(crate) struct S3 {
    bucket: Bucket,
}

impl S3 {
    pub(crate) async fn open(location: BucketLocation, settings: &Settings) -> Result<Self, OpenError> {
        let store = Self::unopened(location, settings)?;
        store.bucket.ensure(&client::region(settings)).await?;
        Ok(store)
    }

    /// Without a word to the server yet.
    pub(crate) fn unopened(location: BucketLocation, settings: &Settings) -> Result<Self, OpenError> {
        let client = client::connect(settings)?;
        Ok(Self {
            bucket: Bucket::new(client, location, settings.limits),
        })
    }
}

#[async_trait]
impl Blobs for S3 {
    async fn create(&self, key: &Key) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(S3Upload::new(self.bucket.object(*key))))
    }

    async fn read(&self, key: &Key, version: &str, range: Range<u64>) -> Result<Reader, Error> {
        let object = self.bucket.object(*key);
        if range.is_empty() {
            return nothing_of(&object, version).await;
        }
        let request = object
            .bucket
            .client
            .get_object()
            .bucket(&object.bucket.name)
            .key(&object.name);
        match request.if_match(version).range(header(&range)).send().await {
            Ok(found) => body(found, version, &range),
            // The range begins behind the end of the object, or of what stands in its place by now.
            Err(error) if status(&error) == Some(416) => nothing_of(&object, version).await,
            Err(error) => Err(fault(&error)),
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let object = self.bucket.object(*key);
        let request = object
            .bucket
            .client
            .delete_object()
            .bucket(&object.bucket.name)
            .key(&object.name);
        match request.send().await.map_err(|error| fault(&error)) {
            Ok(_) | Err(Error::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, older_than: Duration, after: Option<&Key>) -> Result<Vec<Key>, Error> {
        self.bucket.list(cutoff_seconds(older_than), after.copied()).await
    }

    async fn sweep_unfinished(&self, older_than: Duration) -> Result<u64, Error> {
        self.bucket.sweep(cutoff_seconds(older_than)).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.bucket.check().await
    }
}

fn header(range: &Range<u64>) -> String {
    if range.end > OFFSET_MAX {
        return format!("bytes={}-", range.start.min(OFFSET_MAX));
    }
    format!("bytes={}-{}", range.start, range.end - 1)
}

fn body(found: GetObjectOutput, version: &str, range: &Range<u64>) -> Result<Reader, Error> {
    // Not every server knows `If-Match` or ranges, and an ignored one must not look like a success.
    if found.e_tag.as_deref().is_some_and(|e_tag| e_tag != version) {
        return Err(Error::Changed);
    }
    let bytes = found.content_length.and_then(|length| u64::try_from(length).ok());
    match bytes {
        Some(bytes) if bytes <= range.end - range.start => {
            Ok(Box::pin(Exact::new(Box::pin(found.body.into_async_read()), bytes)))
        }
        _ => Err(Error::Refused("the server answered with another range".to_owned())),
    }
}

async fn nothing_of(object: &Object, version: &str) -> Result<Reader, Error> {
    let stored = object.stored().await?;
    if stored.version == version {
        Ok(Box::pin(tokio::io::empty()))
    } else {
        Err(Error::Changed)
    }
}

/// S3 keeps whole seconds.
fn cutoff_seconds(older_than: Duration) -> i64 {
    let cutoff = SystemTime::now().checked_sub(older_than).unwrap_or(UNIX_EPOCH);
    let since_epoch = cutoff.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}
