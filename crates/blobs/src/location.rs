//! Which store a URL names, and opening it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::Disk;
use crate::settings::mask_user;
use crate::{Blobs, OpenError, Settings};

const DEFAULT_FOLDER: &str = "blobs";
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

#[derive(Debug, PartialEq, Eq)]
enum Location {
    Folder(PathBuf),
    Bucket(BucketLocation),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BucketLocation {
    pub(crate) bucket: String,
    /// Empty, or ends with a slash.
    pub(crate) prefix: String,
}

/// Opens the store that `settings.url` names; a folder or bucket that is missing is made.
pub async fn open(settings: &Settings) -> Result<Arc<dyn Blobs>, OpenError> {
    match Location::of(settings)? {
        Location::Folder(folder) => Ok(Arc::new(Disk::open(folder, settings.limits).await?)),
        Location::Bucket(location) => open_bucket(location, settings).await,
    }
}

#[cfg(feature = "services")]
async fn open_bucket(location: BucketLocation, settings: &Settings) -> Result<Arc<dyn Blobs>, OpenError> {
    Ok(Arc::new(crate::s3::S3::open(location, settings).await?))
}

#[cfg(not(feature = "services"))]
#[expect(clippy::unused_async, reason = "the same signature with and without the feature")]
async fn open_bucket(_: BucketLocation, _: &Settings) -> Result<Arc<dyn Blobs>, OpenError> {
    Err(OpenError::NotBuilt)
}

impl Location {
    fn of(settings: &Settings) -> Result<Self, OpenError> {
        let url = settings.url.trim();
        if let Some(place) = url.strip_prefix("s3://") {
            return BucketLocation::parse(place).map(Self::Bucket);
        }
        match url.strip_prefix("file:") {
            Some("") => Ok(Self::Folder(settings.data_dir.join(DEFAULT_FOLDER))),
            Some(path) => folder(path).map(Self::Folder),
            None if url.is_empty() => Ok(Self::Folder(settings.data_dir.join(DEFAULT_FOLDER))),
            None => Err(OpenError::Unknown(mask_user(url))),
        }
    }
}

/// `file:data`, `file:/data` and `file:///data` are paths; `file://data` would name a host.
fn folder(path: &str) -> Result<PathBuf, OpenError> {
    match path.strip_prefix("//") {
        None => Ok(PathBuf::from(path)),
        Some(absolute) if absolute.starts_with('/') => Ok(PathBuf::from(absolute)),
        Some(_) => Err(OpenError::Invalid {
            what: "folder (write `file:/path`)",
            value: format!("file:{path}"),
        }),
    }
}

impl BucketLocation {
    fn parse(place: &str) -> Result<Self, OpenError> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if !is_bucket(bucket) {
            let value = mask_user(&format!("s3://{bucket}"));
            return Err(OpenError::Invalid { what: "bucket", value });
        }
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
            return Err(OpenError::Invalid {
                what: "prefix",
                value: prefix.to_owned(),
            });
        }
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: format!("{prefix}{slash}"),
        })
    }
}

fn is_bucket(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    BUCKET_CHARS.contains(&name.len()) && name.chars().all(allowed)
}

fn is_segment(segment: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn settings(url: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            data_dir: PathBuf::from("data"),
            s3_endpoint: None,
            s3_region: None,
            access_key_id: None,
            secret_access_key: None,
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_file_url_is_a_folder() {
        for (url, folder) in [
            ("", "data/blobs"),
            ("file:", "data/blobs"),
            ("file:here", "here"),
            ("file:/var/lib", "/var/lib"),
            ("file:///var/lib", "/var/lib"),
        ] {
            assert_eq!(
                Location::of(&settings(url)),
                Ok(Location::Folder(PathBuf::from(folder))),
                "{url}"
            );
        }
    }

    #[test]
    fn an_s3_url_is_a_bucket_with_or_without_a_prefix() {
        for (url, prefix) in [("s3://files", ""), ("s3://files/", ""), ("s3://files/a/b/", "a/b/")] {
            let expected = BucketLocation {
                bucket: "files".to_owned(),
                prefix: prefix.to_owned(),
            };
            assert_eq!(Location::of(&settings(url)), Ok(Location::Bucket(expected)), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for url in [
            "s3://",
            "s3://UPPER",
            "s3://files/../x",
            "s3://files//x",
            "file://host/x",
            "gs://files",
            "/data",
        ] {
            assert!(Location::of(&settings(url)).is_err(), "{url}");
        }
        let message = Location::of(&settings("gs://me:secret@files")).unwrap_err().to_string();
        assert_eq!(
            message,
            "`gs://***@files` names no blob store; allowed are `file:<path>` and `s3://bucket[/prefix]`"
        );
    }

    #[cfg(not(feature = "services"))]
    #[tokio::test]
    async fn a_build_without_s3_says_so() {
        let refused = open(&settings("s3://files")).await.unwrap_err();
        assert_eq!(refused, OpenError::NotBuilt);
    }

    #[cfg(feature = "services")]
    #[tokio::test]
    async fn a_bucket_needs_credentials() {
        let refused = open(&settings("s3://files")).await.unwrap_err();
        assert_eq!(refused, OpenError::NoCredentials);
    }
}
