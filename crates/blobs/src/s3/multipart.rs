//! An upload in parts: few of them in flight, and none left behind.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::bucket::Object;
use super::fault::{fault, status};
use crate::Error;

/// The most that S3 takes in one object.
const PARTS_MAX: i32 = 10_000;

pub(super) struct Multipart {
    /// None once there is nothing left to abort.
    begun: Option<Begun>,
    in_flight: JoinSet<Result<Landed, Error>>,
    sent: Vec<CompletedPart>,
    /// The memory of parts that have landed, for those that come: an allocator keeps blocks of this size for a while, and
    /// a fresh one for each part is then several times what is in flight.
    spare: Vec<BytesMut>,
    last_number: i32,
}

struct Landed {
    part: CompletedPart,
    bytes: Bytes,
}

#[derive(Clone)]
struct Begun {
    object: Object,
    upload_id: String,
}

impl Multipart {
    pub(super) async fn begin(object: Object) -> Result<Self, Error> {
        let request = object
            .bucket
            .client
            .create_multipart_upload()
            .bucket(&object.bucket.name)
            .key(&object.name);
        let answer = request.send().await.map_err(|error| fault(&error))?;
        let upload_id = answer
            .upload_id
            .ok_or_else(|| Error::Refused("the server gave no upload id".to_owned()))?;
        let begun = Some(Begun { object, upload_id });
        Ok(Self {
            begun,
            in_flight: JoinSet::new(),
            sent: Vec::new(),
            spare: Vec::new(),
            last_number: 0,
        })
    }

    /// Room for the next part.
    pub(super) fn buffer(&mut self, part_bytes: usize) -> BytesMut {
        self.spare.pop().unwrap_or_else(|| BytesMut::with_capacity(part_bytes))
    }

    /// Waits until another part may fly: this is what slows a sender down.
    pub(super) async fn make_room(&mut self) -> Result<(), Error> {
        let parts_max = self.begun()?.object.bucket.limits.parts_in_flight_max.max(1);
        self.land(parts_max - 1).await
    }

    pub(super) fn send(&mut self, part: Bytes) -> Result<(), Error> {
        if self.last_number == PARTS_MAX {
            return Err(Error::Refused(format!("a file has at most {PARTS_MAX} parts")));
        }
        self.last_number += 1;
        let (begun, number) = (self.begun()?.clone(), self.last_number);
        self.in_flight
            .spawn(async move { begun.upload_part(number, part).await });
        Ok(())
    }

    pub(super) async fn complete(mut self) -> Result<(), Error> {
        self.land(0).await?;
        self.sent.sort_by_key(|part| part.part_number);
        let parts = std::mem::take(&mut self.sent);
        self.begun()?.complete(parts).await?;
        self.begun = None;
        Ok(())
    }

    pub(super) async fn abort(mut self) {
        if let Some(begun) = self.begun.take() {
            begun.abort(std::mem::take(&mut self.in_flight)).await;
        }
    }

    async fn land(&mut self, left_in_flight: usize) -> Result<(), Error> {
        while self.in_flight.len() > left_in_flight {
            let Some(landed) = self.in_flight.join_next().await else {
                break;
            };
            let Landed { part, bytes } = landed.map_err(|stopped| Error::Unreachable(stopped.to_string()))??;
            self.sent.push(part);
            // What the client still holds on to is freed when it lets go.
            self.spare.extend(bytes.try_into_mut().ok().map(emptied));
        }
        Ok(())
    }

    fn begun(&self) -> Result<&Begun, Error> {
        self.begun.as_ref().ok_or(Error::Incomplete)
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        // Without a runtime the process ends anyway; what is left is found by the sweep.
        if let (Some(begun), Ok(runtime)) = (self.begun.take(), Handle::try_current()) {
            runtime.spawn(begun.abort(std::mem::take(&mut self.in_flight)));
        }
    }
}

impl Begun {
    async fn upload_part(self, number: i32, bytes: Bytes) -> Result<Landed, Error> {
        let Self { object, upload_id } = self;
        let request = object
            .bucket
            .client
            .upload_part()
            .bucket(&object.bucket.name)
            .key(&object.name);
        let request = request
            .upload_id(upload_id)
            .part_number(number)
            .body(ByteStream::from(bytes.clone()));
        let answer = request.send().await.map_err(|error| fault(&error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
        Ok(Landed {
            part: part.build(),
            bytes,
        })
    }

    /// The caller looks at the object next, so what may have worked is not an error yet.
    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), Error> {
        let object = &self.object;
        let request = object
            .bucket
            .client
            .complete_multipart_upload()
            .bucket(&object.bucket.name)
            .key(&object.name);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        match request.upload_id(&self.upload_id).multipart_upload(parts).send().await {
            Ok(_) => Ok(()),
            Err(error) if may_have_worked(&error) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }

    /// A part whose request is cut off here can still be written there, after the abort and for good. So the parts that
    /// fly are let land; each has its deadline.
    async fn abort(self, mut in_flight: JoinSet<Result<Landed, Error>>) {
        while in_flight.join_next().await.is_some() {}
        let object = &self.object;
        let request = object
            .bucket
            .client
            .abort_multipart_upload()
            .bucket(&object.bucket.name)
            .key(&object.name);
        if let Err(error) = request.upload_id(&self.upload_id).send().await {
            let reason = fault(&error);
            tracing::warn!(blob.object = %object.name, %reason, "an upload could not be aborted and is left to the sweep");
        }
    }
}

fn emptied(mut buffer: BytesMut) -> BytesMut {
    buffer.clear();
    buffer
}

/// The upload is gone if an earlier attempt worked whose answer was lost. And a success whose body the SDK does not
/// understand comes from servers that name its root element in their own way; an error inside a success has a code.
fn may_have_worked(error: &SdkError<CompleteMultipartUploadError, HttpResponse>) -> bool {
    match error.code() {
        Some(code) => code == "NoSuchUpload",
        None => status(error) == Some(200),
    }
}
