//! Finding what is old: finished objects, and uploads that never ended.

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::MultipartUpload;

use super::bucket::Bucket;
use super::fault::{fault, status};
use crate::key::UPLOADS;
use crate::{Error, Key, LIST_KEYS_MAX};

/// As many as S3 lists at once.
const PAGE_ITEMS_MAX: i32 = 1_000;

impl Bucket {
    fn uploads(&self) -> String {
        format!("{}{UPLOADS}/", self.prefix)
    }

    pub(super) async fn list(&self, cutoff_seconds: i64, after: Option<Key>) -> Result<Vec<Key>, Error> {
        let mut start_after = after.map(|key| self.object_name(key));
        loop {
            let page = self.page(start_after).await?;
            let keys = self.keys_of(&page, cutoff_seconds);
            start_after = page.contents().last().and_then(|object| object.key.clone());
            let at_end = page.is_truncated != Some(true) || start_after.is_none();
            // A page of young objects is not the end.
            if at_end || !keys.is_empty() {
                return Ok(keys);
            }
        }
    }

    async fn page(&self, start_after: Option<String>) -> Result<ListObjectsV2Output, Error> {
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(self.uploads());
        let request = request.max_keys(PAGE_ITEMS_MAX).set_start_after(start_after);
        request.send().await.map_err(|error| fault(&error))
    }

    fn keys_of(&self, page: &ListObjectsV2Output, cutoff_seconds: i64) -> Vec<Key> {
        let old = page
            .contents()
            .iter()
            .filter(|object| is_older(object.last_modified.as_ref(), cutoff_seconds));
        let names = old.filter_map(|object| object.key()?.strip_prefix(&self.prefix));
        names
            .filter_map(|name| Key::parse(name).ok())
            .take(LIST_KEYS_MAX)
            .collect()
    }

    /// MinIO lists unfinished uploads only by their full name, and clears them by itself after a day.
    pub(super) async fn sweep(&self, cutoff_seconds: i64) -> Result<u64, Error> {
        let mut aborted = 0;
        let mut markers = Markers::default();
        loop {
            let Some(page) = self.unfinished(markers).await? else {
                return Ok(aborted);
            };
            for upload in page
                .uploads()
                .iter()
                .filter(|upload| is_older(upload.initiated(), cutoff_seconds))
            {
                aborted += u64::from(self.abort(upload).await?);
            }
            match Markers::after(&page) {
                Some(next) => markers = next,
                None => return Ok(aborted),
            }
        }
    }

    /// None from a server that cannot list them: then there is nothing that could be done.
    async fn unfinished(&self, markers: Markers) -> Result<Option<ListMultipartUploadsOutput>, Error> {
        let request = self
            .client
            .list_multipart_uploads()
            .bucket(&self.name)
            .prefix(self.uploads());
        let request = request.max_uploads(PAGE_ITEMS_MAX);
        let request = request
            .set_key_marker(markers.key)
            .set_upload_id_marker(markers.upload_id);
        match request.send().await {
            Ok(page) => Ok(Some(page)),
            Err(error) if status(&error) == Some(501) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn abort(&self, upload: &MultipartUpload) -> Result<bool, Error> {
        let request = self.client.abort_multipart_upload().bucket(&self.name);
        let request = request
            .set_key(upload.key.clone())
            .set_upload_id(upload.upload_id.clone());
        match request.send().await.map_err(|error| fault(&error)) {
            Ok(_) => Ok(true),
            Err(Error::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where the next page of unfinished uploads begins.
#[derive(Default)]
struct Markers {
    key: Option<String>,
    upload_id: Option<String>,
}

impl Markers {
    fn after(page: &ListMultipartUploadsOutput) -> Option<Self> {
        let next = Self {
            key: page.next_key_marker.clone(),
            upload_id: page.next_upload_id_marker.clone(),
        };
        (page.is_truncated == Some(true) && next.key.is_some()).then_some(next)
    }
}

/// What has no age is left alone.
fn is_older(since: Option<&DateTime>, cutoff_seconds: i64) -> bool {
    since.is_some_and(|since| since.secs() <= cutoff_seconds)
}
