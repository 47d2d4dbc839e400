//! Several workers and several jobs beside each other.

use std::collections::HashSet;

use domain::job::{JobOptions, JobStatus, Progress};
use domain::message::JOBS_TOPIC;

use crate::bed::{Bed, lines};

#[tokio::test]
async fn several_workers_share_one_file_and_progress_never_goes_back() {
    const LINES: u64 = 3_000;
    let bed = Bed::new().await;
    let mut notes = bed.live.listen();
    let id = bed.upload(lines(LINES).as_bytes(), 1_000, JobOptions::default()).await;
    let working: Vec<_> = (0..3).map(|_| bed.work()).collect();

    let progress = bed.until_completed(id).await;

    assert_eq!(progress.counts.ingested, LINES);
    assert_eq!(bed.lines_stored(id), (1..=LINES).collect::<Vec<_>>());
    for working in working {
        working.stop().await;
    }
    let mut versions = Vec::new();
    while let Ok((topic, note)) = notes.try_recv() {
        assert_eq!(topic.0, JOBS_TOPIC);
        versions.push(serde_json::from_slice::<Progress>(&note).unwrap().version());
    }
    assert_eq!(versions.iter().max(), Some(&progress.version()), "the end is announced");
    assert!(versions.iter().collect::<HashSet<_>>().len() > 10);
}

#[tokio::test]
async fn a_hint_wakes_a_worker_whose_poll_is_slow() {
    let bed = Bed::new().await;
    let mut settings = bed.settings();
    settings.poll = std::time::Duration::from_secs(3_600);
    let working = bed.work_with(settings);
    let first = bed.upload(lines(1).as_bytes(), 1_000, JobOptions::default()).await;
    bed.hint(first).await;
    bed.until_completed(first).await;
    let second = bed.upload(lines(1).as_bytes(), 1_000, JobOptions::default()).await;
    bed.hint(second).await;
    bed.until_completed(second).await;
    working.stop().await;
}

#[tokio::test]
async fn a_job_without_any_hint_is_found() {
    let bed = Bed::new().await;
    let working = bed.work();
    let id = bed.upload(lines(1).as_bytes(), 1_000, JobOptions::default()).await;
    bed.until_completed(id).await;
    working.stop().await;
}

#[tokio::test]
async fn a_slow_job_does_not_hold_up_another() {
    let bed = Bed::new().await;
    let slow = JobOptions {
        line_delay_ms_max: 1_000,
        ..JobOptions::default()
    };
    let slow = bed.upload(lines(2_000).as_bytes(), 100, slow).await;
    let working = bed.work();
    bed.until(slow, |progress| {
        progress.status == JobStatus::Processing && progress.counts.done() > 0
    })
    .await;

    let quick = bed.upload(lines(50).as_bytes(), 100, JobOptions::default()).await;
    bed.until_completed(quick).await;

    assert_eq!(bed.job(slow).progress.status, JobStatus::Processing);
    working.stop().await;
}

#[tokio::test]
async fn even_when_slow_jobs_hold_every_slot_a_third_gets_its_turn() {
    let bed = Bed::new().await;
    let slow = JobOptions {
        line_delay_ms_max: 1_000,
        ..JobOptions::default()
    };
    let mut settings = bed.settings();
    settings.slots = 2;
    let working = bed.work_with(settings);
    for _ in 0..2 {
        let id = bed.upload(lines(5_000).as_bytes(), u64::MAX, slow).await;
        bed.until(id, |progress| progress.status == JobStatus::Processing).await;
    }
    let quick = bed.upload(lines(5).as_bytes(), u64::MAX, JobOptions::default()).await;
    bed.until_completed(quick).await;
    working.stop().await;
}
