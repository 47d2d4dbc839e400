//! One file on its way to S3: a small one in a single request, a larger one in parts.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};

use super::bucket::Object;
use super::fault::fault;
use super::multipart::Multipart;
use crate::{Error, Stored, Upload};

pub(super) struct S3Upload {
    object: Object,
    buffer: BytesMut,
    multipart: Option<Multipart>,
    size_bytes: u64,
    /// False while a write runs, so it stays false when one fails or is given up: bytes are missing then.
    whole: bool,
}

impl S3Upload {
    pub(super) fn new(object: Object) -> Self {
        Self {
            // Whole from the start: one that grows by doubling leaves its smaller selves behind. Memory that is not
            // written to costs nothing.
            buffer: BytesMut::with_capacity(object.bucket.limits.part_bytes),
            object,
            multipart: None,
            size_bytes: 0,
            whole: true,
        }
    }

    async fn collect(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        let part_bytes = self.object.bucket.limits.part_bytes;
        while !bytes.is_empty() {
            let space = part_bytes.saturating_sub(self.buffer.len());
            let piece = bytes.split_to(space.min(bytes.len()));
            self.size_bytes += piece.len() as u64;
            self.buffer.extend_from_slice(&piece);
            if self.buffer.len() >= part_bytes {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Error> {
        let multipart = match &mut self.multipart {
            Some(begun) => begun,
            none => none.insert(Multipart::begin(self.object.clone()).await?),
        };
        multipart.make_room().await?;
        let next = multipart.buffer(self.object.bucket.limits.part_bytes);
        let part = std::mem::replace(&mut self.buffer, next);
        multipart.send(part.freeze())
    }

    async fn put(self) -> Result<Object, Error> {
        let Self { object, buffer, .. } = self;
        let request = object
            .bucket
            .client
            .put_object()
            .bucket(&object.bucket.name)
            .key(&object.name);
        request
            .body(ByteStream::from(buffer.freeze()))
            .send()
            .await
            .map_err(|error| fault(&error))?;
        Ok(object)
    }

    async fn complete(mut self) -> Result<Object, Error> {
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        if let Some(multipart) = self.multipart.take() {
            multipart.complete().await?;
        }
        Ok(self.object)
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if !std::mem::replace(&mut self.whole, false) {
            return Err(Error::Incomplete);
        }
        self.collect(bytes).await?;
        self.whole = true;
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Stored, Error> {
        if !self.whole {
            return Err(Error::Incomplete);
        }
        let size_bytes = self.size_bytes;
        let object = if self.multipart.is_some() {
            self.complete().await?
        } else {
            self.put().await?
        };
        let stored = object.stored().await?;
        if stored.size_bytes != size_bytes {
            return Err(Error::Refused(format!(
                "{} of {size_bytes} bytes arrived",
                stored.size_bytes
            )));
        }
        Ok(stored)
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(multipart) = self.multipart.take() {
            multipart.abort().await;
        }
    }
}
