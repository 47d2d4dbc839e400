//! A bucket and the objects in it that are ours.

use std::fmt;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::fault::{fault, status};
use crate::location::BucketLocation;
use crate::{Error, Key, Limits, Stored};

/// The one region that must not be named when a bucket is made.
const REGION_UNNAMED: &str = "us-east-1";

#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) limits: Limits,
}

/// The client is left out: it knows secrets.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bucket: Bucket,
    pub(super) name: String,
}

impl Bucket {
    pub(super) fn new(client: Client, location: BucketLocation, limits: Limits) -> Self {
        Self {
            client,
            name: location.bucket,
            prefix: location.prefix,
            limits,
        }
    }

    pub(super) fn object(&self, key: Key) -> Object {
        Object {
            bucket: self.clone(),
            name: self.object_name(key),
        }
    }

    pub(super) fn object_name(&self, key: Key) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) async fn check(&self) -> Result<(), Error> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(404) => Err(Error::Unreachable("the bucket is missing".to_owned())),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Makes the bucket if it is missing; of several processes that start at once, one wins and all go on.
    pub(super) async fn ensure(&self, region: &str) -> Result<(), Error> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(fault(&error)),
        }
        let request = self.client.create_bucket().bucket(&self.name);
        match request.set_create_bucket_configuration(placed_in(region)).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => {
                self.check().await
            }
            Err(error) => Err(fault(&error)),
        }
    }
}

fn placed_in(region: &str) -> Option<CreateBucketConfiguration> {
    let constraint = BucketLocationConstraint::from(region);
    (region != REGION_UNNAMED).then(|| {
        CreateBucketConfiguration::builder()
            .location_constraint(constraint)
            .build()
    })
}

impl Object {
    /// What the server holds under this name now.
    pub(super) async fn stored(&self) -> Result<Stored, Error> {
        let request = self
            .bucket
            .client
            .head_object()
            .bucket(&self.bucket.name)
            .key(&self.name);
        let found = request.send().await.map_err(|error| fault(&error))?;
        let size_bytes = found.content_length.and_then(|length| u64::try_from(length).ok());
        match (size_bytes, found.e_tag) {
            (Some(size_bytes), Some(version)) => Ok(Stored { size_bytes, version }),
            _ => Err(Error::Refused("the server tells no length or no ETag".to_owned())),
        }
    }
}
