//! Jobs from the first byte of an upload to their last state.

use super::*;

on_every_store!(
    migrations_go_up_down_and_up,
    a_job_is_seen_when_its_file_is_complete,
    an_upload_without_a_sign_of_life_is_taken,
    jobs_are_listed_newest_first_and_by_status,
    stages_keep_the_time_of_their_first_coming,
    a_job_moves_only_where_its_state_allows,
    a_retry_goes_on_from_the_checkpoint,
    a_retry_of_a_job_without_open_chunks_starts_over,
    a_unit_is_all_or_nothing,
    a_unit_that_panics_leaves_nothing_behind,
);

fn migrations_go_up_down_and_up(store: &Store) {
    assert_eq!(store.records.pending_migrations().unwrap(), Vec::<String>::new());
    store.records.revert_migrations().unwrap();
    assert!(!store.records.pending_migrations().unwrap().is_empty());
    assert!(store.records.run(Class::Reads, |unit| unit.count_by_status()).is_err());
    store.records.migrate().unwrap();
    queued_job(&store.records, 1);
}

fn a_job_is_seen_when_its_file_is_complete(Store { records, .. }: &Store) {
    let id = receiving_job(records);
    assert_eq!(records.run(Class::Reads, |unit| unit.job(id)).unwrap(), None);
    assert!(records.run(Class::Background, |unit| unit.keep_receiving(id)).unwrap());
    assert!(claim(records, LEASE).is_none());

    let queued = records
        .run(Class::Background, |unit| unit.queue_received(id, &received(3)))
        .unwrap()
        .unwrap();

    assert_eq!(queued, job(records, id));
    assert_eq!(queued.file_name, "zwölf \"Zeilen\".jsonl");
    assert_eq!(
        queued.options,
        JobOptions {
            kind: LineKind::Logs,
            notify: true,
            line_delay_ms_max: 7
        }
    );
    assert_eq!((queued.file_size_bytes, queued.progress.lines_total), (30, 3));
    assert_eq!(queued.created_at, Timestamp::from_micros(1_795_168_809_023_655));
    assert_eq!(queued.progress.status, JobStatus::Queued);
    assert_eq!(queued.progress.stage(), "queued");
    let again = records
        .run(Class::Background, |unit| unit.queue_received(id, &received(3)))
        .unwrap();
    assert_eq!(again, None, "a file is complete once");
}

fn an_upload_without_a_sign_of_life_is_taken(Store { records, .. }: &Store) {
    let (silent, queued) = (receiving_job(records), queued_job(records, 1).id);
    let taken = |silent_for| {
        records
            .run(Class::Background, |unit| unit.take_abandoned(silent_for))
            .unwrap()
    };
    assert_eq!(taken(LEASE), []);
    let taken = taken(Duration::ZERO);
    assert_eq!(taken.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [silent]);
    assert!(taken[0].1.starts_with("uploads/"));
    assert!(
        !records
            .run(Class::Background, |unit| unit.keep_receiving(silent))
            .unwrap()
    );
    let late = records
        .run(Class::Background, |unit| unit.queue_received(silent, &received(1)))
        .unwrap();
    assert_eq!(late, None);
    assert_eq!(job(records, queued).progress.status, JobStatus::Queued);

    let dropped = receiving_job(records);
    records
        .run(Class::Background, |unit| unit.drop_receiving(dropped))
        .unwrap();
    records
        .run(Class::Background, |unit| unit.drop_receiving(queued))
        .unwrap();
    assert_eq!(
        records
            .run(Class::Background, |unit| unit.take_abandoned(Duration::ZERO))
            .unwrap(),
        []
    );
    let blob = job(records, queued).blob_key;
    let keys = [blob.clone(), "uploads/unknown".to_owned()];
    assert_eq!(
        records.run(Class::Reads, |unit| unit.known_blobs(&keys)).unwrap(),
        [blob]
    );
}

fn jobs_are_listed_newest_first_and_by_status(Store { records, .. }: &Store) {
    let ids: Vec<JobId> = (0..5).map(|_| queued_job(records, 1).id).collect();
    receiving_job(records);
    records.run(Class::Background, |unit| unit.cancel(ids[2])).unwrap();
    let list = |status, before, limit| {
        let jobs = records
            .run(Class::Reads, |unit| unit.jobs(status, before, limit))
            .unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 3), [ids[4], ids[3], ids[2]]);
    assert_eq!(list(None, Some(ids[2]), 3), [ids[1], ids[0]]);
    assert_eq!(list(Some(JobStatus::Cancelled), None, 3), [ids[2]]);
    assert_eq!(list(Some(JobStatus::Failed), None, 3), []);
    let mut counts = records.run(Class::Reads, |unit| unit.count_by_status()).unwrap();
    counts.sort_unstable();
    assert_eq!(counts, [(JobStatus::Queued, 4), (JobStatus::Cancelled, 1)]);
}

fn stages_keep_the_time_of_their_first_coming(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let before = job(records, id).progress.stages;
    records
        .run(Class::Background, |unit| {
            unit.begin(id)?;
            unit.reach(id, &[Stage::Queued, Stage::Tenth(1), Stage::Tenth(2)])
        })
        .unwrap();
    let after = job(records, id).progress.stages;
    assert_eq!(after[0], before[0]);
    let names: Vec<_> = after.iter().map(|reached| reached.stage.as_str()).collect();
    assert_eq!(names, ["queued", "started processing", "10% complete", "20% complete"]);
}

fn a_job_moves_only_where_its_state_allows(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let cancel = |id| records.run(Class::Background, |unit| unit.cancel(id)).unwrap();
    let retry = |id| records.run(Class::Background, |unit| unit.retry(id)).unwrap();
    let unknown = JobId::new(Uuid::now_v7());
    assert_eq!(
        (cancel(unknown), retry(unknown)),
        (Transition::Unknown, Transition::Unknown)
    );
    assert_eq!(cancel(receiving_job(records)), Transition::Unknown);
    assert_eq!(retry(id), Transition::Refused(JobStatus::Queued));
    assert!(matches!(cancel(id), Transition::Done(job) if job.progress.status == JobStatus::Cancelled));
    assert_eq!(cancel(id), Transition::Refused(JobStatus::Cancelled));
    assert!(claim(records, LEASE).is_none(), "nobody works on a cancelled job");
    assert!(matches!(retry(id), Transition::Done(job) if job.progress.status == JobStatus::Queued));
    claim(records, LEASE).unwrap();
    assert_eq!(retry(id), Transition::Refused(JobStatus::Processing));
    let error = JobError {
        code: JobErrorCode::FileGone,
        detail: "gone".to_owned(),
    };
    records
        .run(Class::Background, |unit| unit.end(id, JobStatus::Failed, Some(&error)))
        .unwrap();
    let failed = job(records, id);
    assert_eq!((failed.error, failed.progress.stage()), (Some(error), "failed"));
    assert!(failed.completed_at.is_some());
}

fn a_retry_goes_on_from_the_checkpoint(Store { records, .. }: &Store) {
    let id = queued_job(records, 2).id;
    let first = claim(records, LEASE).unwrap();
    let counts = LineCounts {
        ingested: 1,
        ..LineCounts::default()
    };
    records
        .run(Class::Import, |unit| {
            unit.advance(&first.lease, &end_of(&first, counts), LEASE)
        })
        .unwrap();
    let second = claim(records, LEASE).unwrap();
    records.run(Class::Background, |unit| unit.cancel(id)).unwrap();
    assert!(
        !records.run(Class::Import, |unit| unit.hold(&second.lease)).unwrap(),
        "a cancelled lease is worth nothing"
    );

    let Transition::Done(retried) = records.run(Class::Background, |unit| unit.retry(id)).unwrap() else {
        panic!()
    };

    assert_eq!((retried.progress.run, retried.progress.counts), (1, counts));
    assert_eq!(
        (retried.completed_at, retried.progress.stage()),
        (None, "started processing")
    );
    let again = claim(records, LEASE).unwrap();
    assert_eq!((again.lease.chunk_no, again.idle_claims), (second.lease.chunk_no, 1));
}

fn a_retry_of_a_job_without_open_chunks_starts_over(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let first = claim(records, LEASE).unwrap();
    let counts = LineCounts {
        rejected: 1,
        ..LineCounts::default()
    };
    records
        .run(Class::Import, |unit| {
            unit.insert_rejects(id, &[lines::reject(1)])?;
            unit.advance(&first.lease, &end_of(&first, counts), LEASE)?;
            unit.end(id, JobStatus::Failed, None)
        })
        .unwrap();

    let Transition::Done(retried) = records.run(Class::Background, |unit| unit.retry(id)).unwrap() else {
        panic!()
    };

    assert_eq!(retried.progress.counts, LineCounts::default());
    assert_eq!(
        records.run(Class::Reads, |unit| unit.rejects_of(id, 0, 10)).unwrap(),
        []
    );
    let again = claim(records, LEASE).unwrap();
    assert_eq!((again.next_byte, again.next_line), (0, 1));
}

fn a_unit_that_panics_leaves_nothing_behind(Store { records, .. }: &Store) {
    let gone = queued_job(records, 1).id;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        records.run(Class::Background, |unit| {
            unit.lock_job(gone)?;
            unit.end(gone, JobStatus::Cancelled, None)?;
            panic!("on purpose");
            #[expect(unreachable_code, reason = "says what the unit would give")]
            Ok(())
        })
    }));
    assert!(panicked.is_err());
    // A unit that began inside of the first one would be seen by nobody else.
    let kept = queued_job(records, 1).id;
    assert_eq!(job(records, kept).progress.status, JobStatus::Queued);
    assert_eq!(job(records, gone).progress.status, JobStatus::Queued);
}

fn a_unit_is_all_or_nothing(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let refused: Result<()> = records.run(Class::Import, |unit| {
        unit.insert_rejects(id, &[lines::reject(1)])?;
        Err(Error::Broken("on purpose".to_owned()))
    });
    assert!(matches!(refused, Err(Error::Broken(_))));
    assert_eq!(
        records.run(Class::Reads, |unit| unit.rejects_of(id, 0, 10)).unwrap(),
        []
    );
}
