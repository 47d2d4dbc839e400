//! Workers that stop or vanish, files that go, people who change their minds.

use std::time::Duration;

use domain::ids::JobId;
use domain::job::{JobErrorCode, JobOptions, JobStatus};
use records::{Class, Lease, Transition};

use crate::bed::{Bed, lines};

const SLOW: JobOptions = JobOptions {
    kind: domain::line::LineKind::Auto,
    notify: false,
    line_delay_ms_max: 20,
};

#[tokio::test]
async fn a_worker_that_stops_gives_its_chunks_back_and_another_goes_on() {
    const LINES: u64 = 400;
    let bed = Bed::new().await;
    let id = bed.upload(lines(LINES).as_bytes(), 4_000, SLOW).await;
    let first = bed.work();
    bed.until(id, |progress| progress.counts.done() > 0).await;
    first.stop().await;
    let left = bed.job(id).progress;
    assert_eq!(left.status, JobStatus::Processing);
    assert!(left.counts.done() < LINES);

    let second = bed.work();
    bed.until_completed(id).await;

    assert_eq!(bed.lines_stored(id), (1..=LINES).collect::<Vec<_>>());
    second.stop().await;
}

#[tokio::test]
async fn a_cancelled_job_stops_and_a_retry_goes_on_where_it_was() {
    const LINES: u64 = 400;
    let bed = Bed::new().await;
    let id = bed.upload(lines(LINES).as_bytes(), 4_000, SLOW).await;
    let working = bed.work();
    bed.until(id, |progress| progress.counts.done() > 0).await;
    let cancelled = bed.records.run(Class::Background, |unit| unit.cancel(id)).unwrap();
    let Transition::Done(cancelled) = cancelled else {
        panic!("{cancelled:?}")
    };
    working.stop().await;
    assert_eq!(
        bed.job(id).progress.counts,
        cancelled.progress.counts,
        "nothing is added after the cancel"
    );

    bed.records.run(Class::Background, |unit| unit.retry(id)).unwrap();
    let working = bed.work();
    bed.until_completed(id).await;

    assert_eq!(bed.lines_stored(id), (1..=LINES).collect::<Vec<_>>());
    working.stop().await;
}

#[tokio::test]
async fn a_file_that_is_gone_or_changed_fails_the_job() {
    let bed = Bed::new().await;
    let gone = bed.upload(lines(10).as_bytes(), 100, JobOptions::default()).await;
    let changed = bed.upload(lines(10).as_bytes(), 100, JobOptions::default()).await;
    bed.blobs.delete(&blobs::Key::of(gone.as_uuid())).await.unwrap();
    let path = bed
        .folder
        .path()
        .join("blobs")
        .join(blobs::Key::of(changed.as_uuid()).to_string());
    std::fs::write(path, lines(11)).unwrap();
    let working = bed.work();
    for (id, code) in [(gone, JobErrorCode::FileGone), (changed, JobErrorCode::FileChanged)] {
        assert_eq!(bed.until_final(id).await.status, JobStatus::Failed);
        assert_eq!(bed.job(id).error.unwrap().code, code);
    }
    working.stop().await;
}

/// Claims the only chunk of a job as a worker does that vanishes at once.
fn vanish(bed: &Bed, id: JobId) -> Lease {
    let claimed = bed.records.run(Class::Background, |unit| {
        let work = unit.open_work(&[])?.expect("the chunk is open");
        assert_eq!(work.job_id, id);
        unit.claim(work, "vanished", Duration::ZERO)
    });
    claimed.unwrap().unwrap().lease
}

#[tokio::test]
async fn the_line_that_ends_three_workers_is_named_and_the_rest_goes_on() {
    let bed = Bed::new().await;
    let id = bed.upload(lines(20).as_bytes(), u64::MAX, JobOptions::default()).await;
    vanish(&bed, id);
    vanish(&bed, id);
    let third = vanish(&bed, id);
    assert!(bed.records.run(Class::Import, |unit| unit.try_line(&third, 1)).unwrap());

    let working = bed.work();
    let progress = bed.until_completed(id).await;

    assert_eq!((progress.counts.ingested, progress.counts.rejected), (19, 1));
    let rejects = bed.rejects(id);
    assert_eq!((rejects[0].line_no, rejects[0].code.as_str()), (1, "unprocessable"));
    assert_eq!(bed.lines_stored(id), (2..=20).collect::<Vec<_>>());
    working.stop().await;
}

#[tokio::test]
async fn two_lost_workers_make_the_third_careful_but_accuse_no_line() {
    let bed = Bed::new().await;
    let id = bed.upload(lines(20).as_bytes(), u64::MAX, JobOptions::default()).await;
    vanish(&bed, id);
    vanish(&bed, id);
    let working = bed.work();
    assert_eq!(bed.until_completed(id).await.counts.ingested, 20);
    working.stop().await;
}

#[tokio::test]
async fn a_job_that_was_never_ended_is_ended_by_the_watchdog() {
    let bed = Bed::new().await;
    let id = bed.upload(lines(1).as_bytes(), u64::MAX, JobOptions::default()).await;
    bed.records
        .run(Class::Background, |unit| {
            let work = unit.open_work(&[])?.expect("the chunk is open");
            let claim = unit.claim(work, "vanished", Duration::ZERO)?.expect("it is free");
            unit.begin(id)?;
            let step = records::Advance {
                next_byte: claim.byte_to,
                next_line: 2,
                done: true,
                counts: domain::job::LineCounts {
                    ingested: 1,
                    ..Default::default()
                },
                rejects_kept: 0,
                entry_bytes: 0,
            };
            unit.advance(&claim.lease, &step, Duration::ZERO)
        })
        .unwrap();
    let working = bed.work();
    bed.until_completed(id).await;
    working.stop().await;
}

#[tokio::test]
async fn a_process_that_is_alone_does_not_wait_for_the_lease_of_its_predecessor() {
    const LONG: Duration = Duration::from_secs(3_600);
    let bed = Bed::new().await;
    let id = bed.upload(lines(20).as_bytes(), u64::MAX, JobOptions::default()).await;
    bed.records
        .run(Class::Background, |unit| {
            let work = unit.open_work(&[])?.expect("the chunk is open");
            unit.claim(work, "killed", LONG)
        })
        .unwrap()
        .expect("it is free");
    let working = bed.work_with(worker::Settings {
        alone: true,
        ..bed.settings()
    });
    assert_eq!(bed.until_completed(id).await.counts.ingested, 20);
    working.stop().await;
}
