//! Chunks: each is worked on by one owner at a time, and a lost owner changes nothing any more.

use super::*;

on_every_store!(
    a_chunk_is_claimed_once,
    many_workers_share_the_chunks_of_a_job,
    an_expired_lease_goes_to_another_with_a_new_epoch,
    leases_that_are_ended_go_to_another_and_their_owners_change_nothing,
    a_released_claim_does_not_count_and_an_abandoned_one_does,
    the_job_that_fewest_work_on_comes_first,
    a_step_moves_the_checkpoint_and_the_counts,
    the_line_that_was_being_tried_is_known_to_the_next_owner,
    two_last_chunks_see_each_other,
    a_job_that_nobody_ended_is_found,
);

fn a_chunk_is_claimed_once(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let claimed = claim(records, LEASE).unwrap();
    assert_eq!(
        claimed.lease,
        Lease {
            job_id: id,
            chunk_no: 0,
            epoch: 1
        }
    );
    assert_eq!(
        (
            claimed.next_byte,
            claimed.byte_to,
            claimed.next_line,
            claimed.idle_claims
        ),
        (0, 10, 1, 1)
    );
    assert!(claim(records, LEASE).is_none());
    let again = OpenWork {
        job_id: id,
        chunk_no: 0,
    };
    assert!(
        records
            .run(Class::Background, |unit| unit.claim(again, "worker-2", LEASE))
            .unwrap()
            .is_none()
    );
    let job = job(records, id);
    assert_eq!(
        (job.progress.status, job.progress.stage()),
        (JobStatus::Processing, "started processing")
    );
    assert!(job.started_at.is_some());
}

fn many_workers_share_the_chunks_of_a_job(Store { records, .. }: &Store) {
    const CHUNKS: u32 = 24;
    queued_job(records, CHUNKS);
    let claim_all = || {
        let mut claimed = Vec::new();
        while records
            .run(Class::Background, |unit| unit.open_work(&[]))
            .unwrap()
            .is_some()
        {
            claimed.extend(claim(records, LEASE).map(|claim| claim.lease.chunk_no));
        }
        claimed
    };
    let mut claimed: Vec<u32> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..6).map(|_| scope.spawn(claim_all)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    claimed.sort_unstable();
    assert_eq!(claimed, (0..CHUNKS).collect::<Vec<_>>());
}

fn an_expired_lease_goes_to_another_with_a_new_epoch(Store { records, .. }: &Store) {
    queued_job(records, 1);
    let lost = claim(records, NO_LEASE).unwrap();
    let won = claim(records, LEASE).unwrap();
    assert_eq!((won.lease.epoch, won.idle_claims), (2, 2));
    records
        .run(Class::Import, |unit| {
            assert!(!unit.hold(&lost.lease)?);
            assert!(!unit.try_line(&lost.lease, 1)?);
            unit.release(&lost.lease)?;
            unit.advance(&lost.lease, &end_of(&lost, LineCounts::default()), LEASE)
        })
        .unwrap();
    assert!(records.run(Class::Import, |unit| unit.hold(&won.lease)).unwrap());
    assert_eq!(
        records
            .run(Class::Reads, |unit| unit.chunks_left(won.lease.job_id))
            .unwrap(),
        1
    );
}

fn leases_that_are_ended_go_to_another_and_their_owners_change_nothing(Store { records, .. }: &Store) {
    queued_job(records, 1);
    let first = claim(records, LEASE).unwrap();
    records.run(Class::Background, |unit| unit.end_leases()).unwrap();
    let second = claim(records, LEASE).unwrap();
    assert_eq!((second.lease.epoch, second.idle_claims), (2, 2));
    assert!(!records.run(Class::Import, |unit| unit.hold(&first.lease)).unwrap());
    assert!(records.run(Class::Import, |unit| unit.hold(&second.lease)).unwrap());
}

fn a_released_claim_does_not_count_and_an_abandoned_one_does(Store { records, .. }: &Store) {
    queued_job(records, 1);
    let released = claim(records, LEASE).unwrap();
    records
        .run(Class::Import, |unit| unit.release(&released.lease))
        .unwrap();
    let abandoned = claim(records, LEASE).unwrap();
    assert_eq!(abandoned.idle_claims, 1);
    records
        .run(Class::Import, |unit| unit.abandon(&abandoned.lease))
        .unwrap();
    assert_eq!(claim(records, LEASE).unwrap().idle_claims, 2);
}

fn the_job_that_fewest_work_on_comes_first(Store { records, .. }: &Store) {
    let (old, new) = (queued_job(records, 5).id, queued_job(records, 5).id);
    let order: Vec<_> = (0..4).map(|_| claim(records, LEASE).unwrap().lease).collect();
    assert_eq!(
        order.iter().map(|lease| lease.job_id).collect::<Vec<_>>(),
        [old, new, old, new]
    );
    assert_eq!(
        order.iter().map(|lease| lease.chunk_no).collect::<Vec<_>>(),
        [0, 0, 1, 1]
    );
    let but_old = records
        .run(Class::Background, |unit| unit.open_work(&[old]))
        .unwrap()
        .unwrap();
    assert_eq!(
        but_old,
        OpenWork {
            job_id: new,
            chunk_no: 2
        }
    );
    assert_eq!(
        records
            .run(Class::Background, |unit| unit.open_work(&[old, new]))
            .unwrap(),
        None
    );
}

fn a_step_moves_the_checkpoint_and_the_counts(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    let claimed = claim(records, LEASE).unwrap();
    let counts = LineCounts {
        ingested: 3,
        rejected: 2,
        duplicate: 1,
        events_applied: 1,
    };
    let step = Advance {
        next_byte: 4,
        next_line: 7,
        done: false,
        counts,
        rejects_kept: 2,
        entry_bytes: 9,
    };
    for _ in 0..2 {
        records
            .run(Class::Import, |unit| unit.advance(&claimed.lease, &step, NO_LEASE))
            .unwrap();
    }
    let twice = LineCounts {
        ingested: 6,
        rejected: 4,
        duplicate: 2,
        events_applied: 2,
    };
    assert_eq!(
        (job(records, id).progress.counts, job(records, id).entry_bytes),
        (twice, 18)
    );
    assert_eq!(records.run(Class::Reads, |unit| unit.rejects_kept(id)).unwrap(), 4);
    let again = claim(records, LEASE).unwrap();
    assert_eq!((again.next_byte, again.next_line, again.idle_claims), (4, 7, 1));
}

fn the_line_that_was_being_tried_is_known_to_the_next_owner(Store { records, .. }: &Store) {
    queued_job(records, 1);
    let crashed = claim(records, NO_LEASE).unwrap();
    assert!(
        records
            .run(Class::Import, |unit| unit.try_line(&crashed.lease, 42))
            .unwrap()
    );
    assert_eq!(claim(records, LEASE).unwrap().trying_line, Some(42));
}

fn two_last_chunks_see_each_other(Store { records, .. }: &Store) {
    for _ in 0..20 {
        let id = queued_job(records, 2).id;
        let claims = [claim(records, LEASE).unwrap(), claim(records, LEASE).unwrap()];
        let finish = |claimed: &Claim| {
            records
                .run(Class::Import, |unit| {
                    unit.lock_job(id)?;
                    assert!(unit.hold(&claimed.lease)?);
                    unit.advance(&claimed.lease, &end_of(claimed, LineCounts::default()), LEASE)?;
                    let last = unit.chunks_left(id)? == 0;
                    if last {
                        unit.end(id, JobStatus::Completed, None)?;
                    }
                    Ok(last)
                })
                .unwrap()
        };
        let ended: Vec<bool> = std::thread::scope(|scope| {
            let finishing: Vec<_> = claims
                .iter()
                .map(|claimed| scope.spawn(move || finish(claimed)))
                .collect();
            finishing.into_iter().map(|finish| finish.join().unwrap()).collect()
        });
        assert_eq!(ended.iter().filter(|last| **last).count(), 1);
        assert_eq!(job(records, id).progress.status, JobStatus::Completed);
    }
}

fn a_job_that_nobody_ended_is_found(Store { records, .. }: &Store) {
    let id = queued_job(records, 1).id;
    queued_job(records, 1);
    let claimed = claim(records, LEASE).unwrap();
    assert_eq!(claimed.lease.job_id, id);
    records
        .run(Class::Import, |unit| {
            unit.advance(&claimed.lease, &end_of(&claimed, LineCounts::default()), LEASE)
        })
        .unwrap();
    assert_eq!(
        records
            .run(Class::Background, |unit| unit.without_open_chunks())
            .unwrap(),
        [id]
    );
}

/// A process that is frozen inside a transaction keeps its locks until the server ends its session.
#[cfg(feature = "services")]
#[test]
fn postgres_ends_the_session_of_an_owner_whose_lease_has_run_out() {
    use std::sync::mpsc;

    let Some(store) = Store::postgres() else { return };
    let records = &store.records;
    queued_job(records, 1);
    let frozen = claim(records, NO_LEASE).unwrap();
    let (holding, held) = mpsc::channel();
    let (thaw, thawed) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let owner = scope.spawn(move || {
            records.run(Class::Import, |unit| {
                assert!(unit.hold(&frozen.lease)?);
                holding.send(()).unwrap();
                thawed.recv().unwrap();
                unit.advance(&frozen.lease, &end_of(&frozen, LineCounts::default()), LEASE)
            })
        });
        held.recv().unwrap();
        records.run(Class::Background, |unit| unit.evict_expired()).unwrap();
        let won = claim(records, LEASE).unwrap();
        assert_eq!(won.lease.epoch, 2);
        thaw.send(()).unwrap();
        assert!(matches!(owner.join().unwrap(), Err(Error::Unavailable(_))));
        assert!(records.run(Class::Import, |unit| unit.hold(&won.lease)).unwrap());
    });
}
