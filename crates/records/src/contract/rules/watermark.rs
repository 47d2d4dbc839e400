//! The watermark says what all living workers say, and waits for files that are meant to be told of.

use super::*;

on_every_store!(
    the_watermark_is_the_least_of_the_living,
    a_file_that_is_told_of_holds_the_watermark_until_it_has_ended,
    a_file_holds_the_watermark_no_longer_than_it_is_waited_for,
);

const ALIVE: Duration = Duration::from_secs(60);
const EVER: Timestamp = Timestamp::from_micros(0);

fn note(records: &Records, worker: &str, accepted_before: Timestamp) {
    records
        .run(Class::Background, |unit| unit.note_watermark(worker, accepted_before))
        .unwrap();
}

fn watermark(records: &Records, alive_within: Duration) -> Option<Timestamp> {
    records
        .run(Class::Reads, |unit| unit.watermark(alive_within, EVER))
        .unwrap()
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
    records.run(Class::Background, |unit| unit.forget_watermarks()).unwrap();
    assert_eq!(watermark(records, ALIVE), None);
}

fn accepted_at(job: &Job) -> Timestamp {
    let queued = &job.progress.stages[0];
    assert_eq!(queued.stage, Stage::Queued.to_string());
    queued.at
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}

fn a_file_that_is_told_of_holds_the_watermark_until_it_has_ended(Store { records, .. }: &Store) {
    let job = queued_job(records, 1);
    assert!(job.options.notify);
    let ahead = now().plus_micros(HOUR);
    note(records, "one", ahead);
    assert_eq!(watermark(records, ALIVE), Some(accepted_at(&job)));
    let quiet = receiving_job(records);
    assert_eq!(watermark(records, ALIVE), Some(accepted_at(&job)));
    note(records, "one", seconds(0));
    assert_eq!(
        watermark(records, ALIVE),
        Some(seconds(0)),
        "the worker is further behind"
    );
    note(records, "one", ahead);
    end(records, job.id, JobStatus::Completed);
    assert_eq!(watermark(records, ALIVE), Some(ahead));

    let mut received = received(1);
    received.options.notify = false;
    records
        .run(Class::Background, |unit| unit.queue_received(quiet, &received))
        .unwrap();
    assert_eq!(watermark(records, ALIVE), Some(ahead), "nobody is told of this one");
    records
        .run(Class::Background, |unit| unit.forget_watermark("one"))
        .unwrap();
    assert_eq!(watermark(records, ALIVE), None);
}

fn a_file_holds_the_watermark_no_longer_than_it_is_waited_for(Store { records, .. }: &Store) {
    let jobs = [(); 2].map(|()| queued_job(records, 1));
    let [first, second] = jobs.each_ref().map(accepted_at);
    assert!(first < second);
    let ahead = now().plus_micros(HOUR);
    note(records, "one", ahead);
    let since = |files_since: Timestamp| {
        records
            .run(Class::Reads, |unit| unit.watermark(ALIVE, files_since))
            .unwrap()
    };
    assert_eq!(since(first), Some(first));
    assert_eq!(since(first.plus_micros(1)), Some(second));
    assert_eq!(since(second.plus_micros(1)), Some(ahead));
    assert_eq!(since(Timestamp::from_micros(i64::MIN)), Some(first));
}
