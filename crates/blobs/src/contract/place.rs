//! Where the contract runs: each test has a store of its own.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::{Blobs, Limits, Settings, open};

pub(super) struct Place {
    pub(super) blobs: Arc<dyn Blobs>,
    unfinished: Unfinished,
    /// Goes away with the place.
    _folder: Option<TempDir>,
}

/// How to see uploads that are neither finished nor gone.
enum Unfinished {
    Folder(PathBuf),
    #[cfg(feature = "services")]
    Server(super::s3_server::S3Server),
    #[cfg(feature = "services")]
    Hidden,
}

impl Place {
    /// Waits for it: a dropped upload is cleaned up behind the back of whoever dropped it.
    #[cfg_attr(
        not(feature = "services"),
        expect(clippy::unused_async, reason = "only a server is waited for")
    )]
    pub(super) async fn nothing_unfinished(&self) {
        match &self.unfinished {
            Unfinished::Folder(folder) => assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0),
            #[cfg(feature = "services")]
            Unfinished::Server(server) => server.nothing_unfinished().await,
            #[cfg(feature = "services")]
            Unfinished::Hidden => {}
        }
    }

    /// Servers disagree about unfinished uploads: moto dates them all to 2010, MinIO does not list them.
    pub(super) fn tells_unfinished(&self) -> bool {
        match &self.unfinished {
            Unfinished::Folder(_) => true,
            #[cfg(feature = "services")]
            Unfinished::Server(_) => true,
            #[cfg(feature = "services")]
            Unfinished::Hidden => false,
        }
    }

    /// How many parts an adapter had in flight at most, where that can be seen.
    pub(super) fn parts_in_flight_seen(&self) -> usize {
        match &self.unfinished {
            #[cfg(feature = "services")]
            Unfinished::Server(server) => server.parts_in_flight_seen(),
            _ => 0,
        }
    }
}

pub(super) fn settings(url: impl Into<String>) -> Settings {
    Settings {
        url: url.into(),
        data_dir: PathBuf::new(),
        s3_endpoint: None,
        s3_region: None,
        access_key_id: None,
        secret_access_key: None,
        limits: Limits::default(),
    }
}

pub(super) async fn folder() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(&settings(format!("file:{}", folder.path().display())))
        .await
        .unwrap();
    let unfinished = Unfinished::Folder(folder.path().join("unfinished"));
    Some(Place {
        blobs,
        unfinished,
        _folder: Some(folder),
    })
}

#[cfg(feature = "services")]
pub(super) async fn s3_in_process() -> Option<Place> {
    let server = super::s3_server::S3Server::start().await;
    let blobs = open(&server.settings("s3://files/some/where")).await.unwrap();
    Some(Place {
        blobs,
        unfinished: Unfinished::Server(server),
        _folder: None,
    })
}

/// A second opinion, when somebody runs one: moto, MinIO, or any other.
#[cfg(feature = "services")]
pub(super) async fn s3_external() -> Option<Place> {
    let Ok(endpoint) = std::env::var("EH_TEST_S3_ENDPOINT") else {
        eprintln!("SKIPPED: EH_TEST_S3_ENDPOINT names no S3 server");
        return None;
    };
    let from_env = |name: &str| std::env::var(name).unwrap_or_else(|_| "test-test".to_owned());
    let settings = Settings {
        s3_endpoint: Some(endpoint),
        access_key_id: Some(from_env("AWS_ACCESS_KEY_ID")),
        secret_access_key: Some(from_env("AWS_SECRET_ACCESS_KEY")),
        ..settings(format!("s3://eh-blobs-contract/{}", uuid::Uuid::now_v7()))
    };
    Some(Place {
        blobs: open(&settings).await.unwrap(),
        unfinished: Unfinished::Hidden,
        _folder: None,
    })
}
