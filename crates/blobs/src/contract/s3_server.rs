//! An S3 server in this process: s3s-fs, with the two things added that the contract needs and it lacks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::place;
use crate::Settings;

pub(super) const ACCESS_KEY_ID: &str = "test-key";
pub(super) const SECRET_ACCESS_KEY: &str = "test-secret";
const CLEAN_UP_MAX: Duration = Duration::from_secs(20);

pub(super) struct S3Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    _folder: TempDir,
}

/// What the server knows of uploads in parts, by their id.
#[derive(Default)]
struct Seen {
    unfinished: watch::Sender<BTreeMap<String, (String, SystemTime)>>,
    parts_in_flight: AtomicUsize,
    parts_in_flight_max: AtomicUsize,
    answer_lost: AtomicBool,
}

impl S3Server {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::new(Seen::default());
        let files = FileSystem::new(folder.path()).unwrap();
        let address = serve(Remembering {
            files,
            seen: Arc::clone(&seen),
        })
        .await;
        Self {
            address,
            seen,
            _folder: folder,
        }
    }

    pub(super) fn settings(&self, url: &str) -> Settings {
        settings(self.address, url)
    }

    pub(super) async fn nothing_unfinished(&self) {
        let mut unfinished = self.seen.unfinished.subscribe();
        let none_left = unfinished.wait_for(BTreeMap::is_empty);
        tokio::time::timeout(CLEAN_UP_MAX, none_left)
            .await
            .expect("uploads are left behind")
            .unwrap();
    }

    /// Does the next completion, and says that it failed.
    pub(super) fn lose_the_next_answer(&self) {
        self.seen.answer_lost.store(true, Ordering::SeqCst);
    }

    pub(super) fn parts_in_flight_seen(&self) -> usize {
        self.seen.parts_in_flight_max.load(Ordering::SeqCst)
    }
}

pub(super) fn settings(address: SocketAddr, url: &str) -> Settings {
    Settings {
        s3_endpoint: Some(format!("http://{address}")),
        access_key_id: Some(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Some(SECRET_ACCESS_KEY.to_owned()),
        ..place::settings(url)
    }
}

/// This is all it takes to have an S3 server in a test; `FileSystem` itself will do for most.
pub(super) async fn serve(files: impl S3) -> SocketAddr {
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let http = Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

/// s3s-fs, which by itself ignores `If-Match` on reads and cannot list unfinished uploads.
struct Remembering {
    files: FileSystem,
    seen: Arc<Seen>,
}

impl Remembering {
    fn forget(&self, upload_id: &str) {
        self.seen.unfinished.send_modify(|uploads| {
            uploads.remove(upload_id);
        });
    }

    fn known(&self, upload_id: &str) -> S3Result<()> {
        let known = self.seen.unfinished.borrow().contains_key(upload_id);
        if known { Ok(()) } else { Err(s3_error!(NoSuchUpload)) }
    }
}

#[async_trait::async_trait]
impl S3 for Remembering {
    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(req).await
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(req).await
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(req).await
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.files.delete_object(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(req).await
    }

    async fn get_object(&self, mut req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let wanted = req.input.if_match.take();
        let found = self.files.get_object(req).await?;
        match (wanted.as_ref().and_then(ETagCondition::as_etag), &found.output.e_tag) {
            (Some(wanted), Some(found)) if wanted != found => Err(s3_error!(PreconditionFailed)),
            _ => Ok(found),
        }
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let key = req.input.key.clone();
        let begun = self.files.create_multipart_upload(req).await?;
        let upload_id = begun.output.upload_id.clone().unwrap();
        self.seen.unfinished.send_modify(|uploads| {
            uploads.insert(upload_id, (key, SystemTime::now()));
        });
        Ok(begun)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.known(&req.input.upload_id)?;
        let in_flight = self.seen.parts_in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.parts_in_flight_max.fetch_max(in_flight, Ordering::SeqCst);
        let outcome = self.files.upload_part(req).await;
        self.seen.parts_in_flight.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let upload_id = req.input.upload_id.clone();
        self.known(&upload_id)?;
        let done = self.files.complete_multipart_upload(req).await?;
        self.forget(&upload_id);
        if self.seen.answer_lost.swap(false, Ordering::SeqCst) {
            return Err(s3_error!(InternalError));
        }
        Ok(done)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let upload_id = req.input.upload_id.clone();
        self.known(&upload_id)?;
        let done = self.files.abort_multipart_upload(req).await?;
        self.forget(&upload_id);
        Ok(done)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let prefix = req.input.prefix.unwrap_or_default();
        let unfinished = self.seen.unfinished.borrow().clone();
        let ours = unfinished.into_iter().filter(|(_, (key, _))| key.starts_with(&prefix));
        let uploads = ours.map(|(upload_id, (key, since))| MultipartUpload {
            key: Some(key),
            upload_id: Some(upload_id),
            initiated: Some(since.into()),
            ..Default::default()
        });
        let uploads = Some(uploads.collect());
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads,
            ..Default::default()
        }))
    }
}
