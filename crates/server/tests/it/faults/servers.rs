//! The servers of a team, taken away in the middle of the work, and given back.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::content::Content;
use super::ground::Ground;
use super::rig::Rig;
use crate::harness::until;

const SETTINGS: [(&str, &str); 2] = [("EH_CHUNK_BYTES", "4KiB"), ("EH_WORKER_LEASE_SECONDS", "2")];
const WORKERS: usize = 3;
const DELAY_MS_MAX: u32 = 30;
const CONTENT: Content = Content { lines: 3_000 };

async fn rig_with_own(services: &[&str]) -> Option<Rig> {
    let ground = Ground::with_own(services).await?;
    Some(Rig::services(ground, WORKERS, &SETTINGS))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_forgets_everything_loses_no_job() {
    let Some(rig) = rig_with_own(&["rabbitmq"]).await else {
        return;
    };
    let first = rig.upload(CONTENT, DELAY_MS_MAX).await;
    let watch = rig.watch(&first);
    let done = rig.until_beyond(&first, 0).await;

    rig.ground().own().act("wipe", "rabbitmq");
    let meanwhile = Content { lines: 500 };
    let second = rig.upload(meanwhile, 0).await;
    rig.until_beyond(&first, done).await;
    rig.assert_done(&second, meanwhile).await;
    rig.ground().own().act("revive", "rabbitmq");

    rig.assert_done(&first, CONTENT).await;
    watch.seen().await.assert_never_back();
    until_ready(&rig).await;
    let last = rig.upload(meanwhile, 0).await;
    rig.assert_done(&last, meanwhile).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_is_waited_for() {
    let Some(rig) = rig_with_own(&["postgres"]).await else {
        return;
    };
    let id = rig.upload(CONTENT, DELAY_MS_MAX).await;
    let watch = rig.watch(&id);
    rig.until_beyond(&id, 0).await;

    rig.ground().own().act("kill", "postgres");
    let job = format!("/api/v1/jobs/{id}");
    let entries = format!("{job}/entries");
    let asking = ["/api/v1/jobs", &job, &entries, "/api/v1/logs"].map(|path| rig.ask(path));
    let (answers, upload, ready) = tokio::join!(
        futures_util::future::join_all(asking),
        rig.try_upload(CONTENT.text(), 0),
        rig.ask("/readyz"),
    );
    for answer in answers.into_iter().chain([upload]) {
        assert_try_later(answer, "database_unavailable").await;
    }
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(
        (&ready["status"], &ready["parts"]["database"]["status"]),
        (&json!("degraded"), &json!("down")),
        "{ready}"
    );
    rig.ground().own().act("revive", "postgres");

    rig.assert_done(&id, CONTENT).await;
    watch.seen().await.assert_never_back();
    assert_eq!(rig.get("/api/v1/jobs").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_is_waited_for() {
    let Some(rig) = rig_with_own(&[]).await else { return };
    let id = rig.upload(CONTENT, DELAY_MS_MAX).await;
    let watch = rig.watch(&id);
    rig.until_beyond(&id, 0).await;

    rig.ground().store.shut();
    rig.worker().await_log("chunk.postponed");
    assert_try_later(rig.try_upload(CONTENT.text(), 0).await, "store_unavailable").await;
    assert_eq!(rig.get("/api/v1/jobs").await["items"].as_array().unwrap().len(), 1);
    rig.ground().store.open();

    rig.assert_done(&id, CONTENT).await;
    watch.seen().await.assert_never_back();
    until_no_upload_is_left(&rig, 1).await;
}

async fn until_no_upload_is_left(rig: &Rig, files: usize) {
    until(async || {
        let rows = rig
            .ground()
            .count("SELECT count(*) AS n FROM jobs WHERE status = 'receiving'");
        let stored = rig.stored_files();
        (rows == 0 && stored.len() == files)
            .then_some(())
            .ok_or_else(|| format!("{rows} rows, {stored:?}"))
    })
    .await;
}

pub(super) async fn until_ready(rig: &Rig) {
    until(async || {
        let ready = rig.ask("/readyz").await.text().await.unwrap();
        ready.contains("\"ready\"").then_some(()).ok_or(ready)
    })
    .await;
}

/// A problem that passes, and says when to come again.
async fn assert_try_later(answer: Response, code: &str) {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
    assert_eq!(headers["content-type"], "application/problem+json");
    assert!(headers.contains_key("retry-after"), "{headers:?}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], code, "{problem}");
}
