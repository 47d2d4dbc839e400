//! What only S3 can show: servers that are away, silent, full, forbidding or half implemented.

use std::sync::Arc;
use std::time::Duration;

use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::content::{assert_same, content, drain, fresh_key, read, refusal, store};
use super::s3_server::{S3Server, serve, settings};
use super::scripted_server::{Then, always};
use crate::location::BucketLocation;
use crate::s3::S3;
use crate::{Blobs, Error, Limits, OpenError, Settings, open};

/// Far behind all limits below: reached only by a call that hangs.
const HANGS: Duration = Duration::from_secs(60);

fn impatient(settings: Settings) -> Settings {
    let limits = Limits {
        connect_timeout: Duration::from_millis(500),
        attempt_timeout: Duration::from_millis(500),
        operation_timeout: Duration::from_secs(5),
        attempts_max: 2,
        ..Limits::default()
    };
    Settings { limits, ..settings }
}

/// A store on a server that says the same to everything, so that even opening would fail.
async fn answered_by(answer: &str, then: Then) -> S3 {
    let settings = impatient(settings(always(answer.to_owned(), then).await, "s3://files"));
    S3::unopened(
        BucketLocation {
            bucket: "files".to_owned(),
            prefix: String::new(),
        },
        &settings,
    )
    .unwrap()
}

fn refused(status: &str, code: &str) -> String {
    let body = format!("<Error><Code>{code}</Code><Message>test-secret</Message></Error>");
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_server_that_is_away_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let settings = impatient(settings(address, "s3://files"));
    let opened = tokio::time::timeout(HANGS, open(&settings)).await.expect("hangs");
    let error = opened.unwrap_err();
    assert!(matches!(error, OpenError::Store(Error::Unreachable(_))), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_unreachable() {
    let blobs = answered_by("", Then::Silence).await;
    let (key, version) = (fresh_key(), "\"1\"");
    let reading = tokio::time::timeout(HANGS, refusal(&blobs, &key, version))
        .await
        .expect("hangs");
    assert!(matches!(reading, Some(Error::Unreachable(_))), "{reading:?}");
    let checking = tokio::time::timeout(HANGS, blobs.check()).await.expect("hangs");
    assert!(matches!(checking, Err(Error::Unreachable(_))), "{checking:?}");
}

#[tokio::test]
async fn refusals_fall_into_classes_and_repeat_no_message() {
    let unreachable = Error::Unreachable("HTTP 503 SlowDown".to_owned());
    let forbidden = Error::Refused("HTTP 403 AccessDenied".to_owned());
    for (status, code, expected) in [
        ("503 Slow Down", "SlowDown", unreachable),
        ("507 Insufficient Storage", "XMinioStorageFull", Error::Full),
        ("403 Forbidden", "AccessDenied", forbidden),
        ("404 Not Found", "NoSuchKey", Error::Gone),
        ("412 Precondition Failed", "PreconditionFailed", Error::Changed),
    ] {
        let blobs = answered_by(&refused(status, code), Then::HangUp).await;
        assert_eq!(refusal(&blobs, &fresh_key(), "\"1\"").await, Some(expected));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_or_stalls_is_an_error_of_its_reader() {
    let head = "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Length: 100\r\nConnection: close\r\n\r\n";
    for then in [Then::HangUp, Then::Silence] {
        let blobs = answered_by(&format!("{head}only this"), then).await;
        let reader = blobs.read(&fresh_key(), "\"1\"", 0..100).await.unwrap();
        assert!(
            tokio::time::timeout(HANGS, drain(reader))
                .await
                .expect("hangs")
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_refused() {
    let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 8\r\nConnection: close\r\n\r\n";
    let blobs = answered_by(&format!("{head}12345678"), Then::HangUp).await;
    assert!(matches!(
        blobs.read(&fresh_key(), "\"1\"", 4..8).await.err(),
        Some(Error::Refused(_))
    ));
}

/// s3s-fs as it is ignores `If-Match` and cannot list unfinished uploads; there are servers like that.
#[tokio::test]
async fn a_server_that_knows_less_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(FileSystem::new(folder.path()).unwrap()).await;
    let blobs = open(&settings(address, "s3://files")).await.unwrap();
    let key = fresh_key();
    let first = store(&*blobs, &key, &content(100, 1)).await;
    store(&*blobs, &key, &content(100, 2)).await;
    assert_eq!(refusal(&*blobs, &key, &first.version).await, Some(Error::Changed));
    assert_eq!(blobs.sweep_unfinished(Duration::ZERO).await, Ok(0));
}

#[tokio::test]
async fn prefixes_of_one_bucket_do_not_see_each_other() {
    let server = S3Server::start().await;
    let ours = open(&server.settings("s3://files/ours")).await.unwrap();
    let theirs = open(&server.settings("s3://files/theirs")).await.unwrap();
    let (key, content) = (fresh_key(), content(100, 1));
    let stored = store(&*ours, &key, &content).await;
    assert_eq!(theirs.list(Duration::ZERO, None).await.unwrap(), []);
    assert_eq!(refusal(&*theirs, &key, &stored.version).await, Some(Error::Gone));
    theirs.delete(&key).await.unwrap();
    assert_same(&read(&*ours, &key, &stored.version, 0..100).await.unwrap(), &content);
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_a_success() {
    let server = S3Server::start().await;
    let blobs = open(&server.settings("s3://files")).await.unwrap();
    let (key, content) = (fresh_key(), content(9 * 1024 * 1024, 1));
    server.lose_the_next_answer();
    let stored = store(&*blobs, &key, &content).await;
    assert_same(
        &read(&*blobs, &key, &stored.version, 0..u64::MAX).await.unwrap(),
        &content,
    );
}

#[tokio::test]
async fn several_processes_may_make_the_bucket_at_once() {
    let server = Arc::new(S3Server::start().await);
    let settings = server.settings("s3://files");
    let opened = futures_util::future::join_all((0..8).map(|_| open(&settings))).await;
    for blobs in opened {
        assert_eq!(blobs.unwrap().check().await, Ok(()));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_not_repeated() {
    let server = S3Server::start().await;
    let wrong = Settings {
        secret_access_key: Some("not-it".to_owned()),
        ..server.settings("s3://files")
    };
    let error = open(&wrong).await.unwrap_err();
    assert!(matches!(error, OpenError::Store(Error::Refused(_))), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("not-it"));
    let right = open(&server.settings("s3://files")).await.unwrap();
    assert!(!format!("{right:?}").contains("test-secret"));
}
