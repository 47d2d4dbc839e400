//! The watermark says what all living workers say, and waits for files that are meant to be told of.

use super::*;

on_every_store!(
    the_watermark_is_the_least_of_the_living,
    a_file_that_is_told_of_holds_the_watermark_until_it_has_ended,
);

const ALIVE: Duration = Duration::from_secs(60);

fn note(records: &Records, worker: &str, accepted_before: Timestamp) {
    records
        .run(Class::Background, |unit| unit.note_watermark(worker, accepted_before))
        .unwrap();
}

fn watermark(records: &Records, alive_within: Duration) -> Option<Timestamp> {
    records.run(Class::Reads, |unit| unit.watermark(alive_within)).unwrap()
}

fn the_watermark_is_the_least_of_the_living(Store { records, .. }: &Store) {
    assert_eq!(watermark(records, ALIVE), None);
    note(records, "one", seconds(5));
    note(records, "another's \"ü\"", seconds(3));
    assert_eq!(watermark(records, ALIVE), Some(seconds(3)));
    note(records, "another's \"ü\"", seconds(9));
    assert_eq!(watermark(records, ALIVE), Some(seconds(5)));
    note(records, "one", seconds(4));
    assert_eq!(watermark(records, ALIVE), Some(seconds(4)), "it may go back");
    records
        .run(Class::Background, |unit| unit.forget_watermark("one"))
        .unwrap();
    assert_eq!(watermark(records, ALIVE), Some(seconds(9)));
    assert_eq!(watermark(records, Duration::ZERO), None, "nobody lives");
}

fn a_file_that_is_told_of_holds_the_watermark_until_it_has_ended(Store { records, .. }: &Store) {
    let now = Timestamp::from_micros(chrono::Utc::now().timestamp_micros());
    note(records, "one", now);
    let job = queued_job(records, 1);
    assert!(job.options.notify);
    assert_eq!(watermark(records, ALIVE), Some(job.created_at.min(now)));
    let quiet = receiving_job(records);
    assert_eq!(watermark(records, ALIVE), Some(job.created_at.min(now)));
    end(records, job.id, JobStatus::Completed);
    assert_eq!(watermark(records, ALIVE), Some(now));

    let mut received = received(1);
    received.options.notify = false;
    records
        .run(Class::Background, |unit| unit.queue_received(quiet, &received))
        .unwrap();
    assert_eq!(watermark(records, ALIVE), Some(now), "nobody is told of this one");
    records
        .run(Class::Background, |unit| unit.forget_watermark("one"))
        .unwrap();
    assert_eq!(watermark(records, ALIVE), None);
}
