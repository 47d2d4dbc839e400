//! A wake is held by one unit, when nothing else is to be waited for, and never lies in the way of another.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

on_every_store!(
    a_wake_is_kept_as_it_was_until_it_is_dropped,
    wakes_are_taken_when_they_are_due_the_longest_due_first,
    of_two_wakes_the_earlier_due_time_stands_with_what_it_waits_for,
    a_wake_is_written_anew_whenever_it_is_due,
    what_waits_for_the_watermark_is_taken_when_it_has_passed_or_patience_ends,
    what_waits_for_a_file_is_taken_when_the_file_has_ended,
    wakes_of_many_files_are_taken_in_small_portions,
    wakes_of_a_user_are_found_by_the_time_of_the_cause,
    a_user_with_thousands_of_wakes_keeps_nobody_waiting,
    users_with_more_wakes_than_are_looked_at_keep_nobody_waiting,
    timers_before_a_time_are_found_the_nearest_first,
    more_wakes_of_a_user_are_held_if_they_are_due_and_wait_for_nothing,
    wakes_are_counted,
    two_units_never_hold_the_wakes_of_one_user,
);

fn drop_all(records: &Records, wakes: &[Wake]) {
    records
        .run(Class::Background, |unit| {
            wakes
                .iter()
                .try_for_each(|wake| unit.drop_wakes(&wake.rule, &[wake.cause]))
        })
        .unwrap();
}

fn a_wake_is_kept_as_it_was_until_it_is_dropped(Store { records, .. }: &Store) {
    let job = JobId::new(Uuid::now_v7());
    let wakes = [
        wake(1, 0, WaitsFor::Nothing),
        wake(2, 1, WaitsFor::Job(job)),
        wake(3, 2, WaitsFor::Watermark),
    ];
    insert(records, &[]);
    insert(records, &wakes);
    let later = Due {
        watermark: Some(seconds(10)),
        ..due(10)
    };
    assert_eq!(taken(records, later), wakes);
    assert_eq!(taken(records, later), wakes, "a unit holds them, and gives them back");
    drop_all(records, &wakes[1..]);
    assert_eq!(taken(records, later), wakes[..1]);
}

fn wakes_are_taken_when_they_are_due_the_longest_due_first(Store { records, .. }: &Store) {
    let wakes = [3, 1, 2, 4].map(|n| wake(10 - n, i64::try_from(n).unwrap(), WaitsFor::Nothing));
    let mut sorted = wakes.to_vec();
    sorted.sort_by_key(|wake| wake.cause);
    insert(records, &sorted);
    let [third, first, second, _] = wakes;
    assert_eq!(taken(records, due(0)), []);
    assert_eq!(taken(records, due(3)), [first.clone(), second.clone(), third]);
    let two = Due { limit: 2, ..due(9) };
    assert_eq!(taken(records, two), [first, second]);
}

fn of_two_wakes_the_earlier_due_time_stands_with_what_it_waits_for(Store { records, .. }: &Store) {
    insert(
        records,
        &[wake(1, 5, WaitsFor::Watermark), wake(2, 5, WaitsFor::Nothing)],
    );
    insert(
        records,
        &[wake(1, 3, WaitsFor::Nothing), wake(2, 7, WaitsFor::Watermark)],
    );
    let dues: Vec<_> = taken(records, due(9))
        .iter()
        .map(|wake| (wake.due_at, wake.waits_for))
        .collect();
    assert_eq!(dues, [(seconds(3), WaitsFor::Nothing), (seconds(5), WaitsFor::Nothing)]);
}

fn a_wake_is_written_anew_whenever_it_is_due(Store { records, .. }: &Store) {
    let put = |wake: &Wake| records.run(Class::Background, |unit| unit.put_wake(wake)).unwrap();
    let (sooner, later) = (wake(1, 1, WaitsFor::Watermark), wake(1, 8, WaitsFor::Nothing));
    for wake in [&sooner, &later] {
        put(wake);
    }
    assert_eq!(taken(records, due(7)), []);
    assert_eq!(taken(records, due(8)), [later]);
}

fn what_waits_for_the_watermark_is_taken_when_it_has_passed_or_patience_ends(Store { records, .. }: &Store) {
    let wakes = [1, 2, 3].map(|n| wake(n, i64::try_from(n).unwrap(), WaitsFor::Watermark));
    insert(records, &wakes);
    let applied = |watermark| Due { watermark, ..due(9) };
    assert_eq!(taken(records, applied(None)), []);
    assert_eq!(taken(records, applied(Some(seconds(0)))), []);
    assert_eq!(taken(records, applied(Some(seconds(2)))), wakes[..2]);
    assert_eq!(taken(records, applied(Some(seconds(99)))), wakes);
    let not_yet = Due {
        watermark: Some(seconds(99)),
        ..due(1)
    };
    assert_eq!(taken(records, not_yet), wakes[..1], "the watermark makes nothing due");
    let no_patience = Due {
        watermark: Some(seconds(0)),
        patience_ended: seconds(3),
        ..due(9)
    };
    assert_eq!(taken(records, no_patience), wakes[..2]);
}

fn what_waits_for_a_file_is_taken_when_the_file_has_ended(Store { records, .. }: &Store) {
    let jobs = [(); 5].map(|()| queued_job(records, 1).id);
    let gone = JobId::new(Uuid::now_v7());
    let waiting: Vec<Wake> = (1..)
        .zip(jobs.into_iter().chain([gone]))
        .map(|(n, job)| wake(n, i64::try_from(n).unwrap(), WaitsFor::Job(job)))
        .collect();
    insert(records, &waiting);
    let ended = || -> Vec<bool> {
        let ask = |unit: &mut dyn Unit| jobs.iter().map(|job| unit.has_ended(*job)).collect();
        records.run(Class::Background, ask).unwrap()
    };
    assert_eq!(taken(records, due(9)), waiting[5..]);
    assert_eq!(ended(), [false; 5]);
    assert!(records.run(Class::Reads, |unit| unit.has_ended(gone)).unwrap());

    claim(records, LEASE).unwrap();
    assert_eq!(taken(records, due(9)), waiting[5..]);
    for (job, status) in jobs
        .into_iter()
        .zip([JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled])
    {
        end(records, job, status);
    }
    assert_eq!(taken(records, due(9)), [&waiting[..3], &waiting[5..]].concat());
    assert_eq!(ended(), [true, true, true, false, false]);
    assert_eq!(taken(records, due(2)), waiting[..2], "they must be due as well");

    records.run(Class::Background, |unit| unit.requeue(jobs[1])).unwrap();
    assert_eq!(
        taken(records, due(9)),
        [&waiting[..1], &waiting[2..3], &waiting[5..]].concat()
    );
}

fn wakes_of_many_files_are_taken_in_small_portions(Store { records, .. }: &Store) {
    let open = queued_job(records, 1).id;
    let files = [(); 3].map(|()| JobId::new(Uuid::now_v7()));
    let waits_for = |n: u128| match n % 5 {
        0 => WaitsFor::Nothing,
        4 => WaitsFor::Job(open),
        file => WaitsFor::Job(files[usize::try_from(file).unwrap() - 1]),
    };
    let wakes: Vec<Wake> = (0..50)
        .map(|n| wake(n, i64::try_from(n % 7).unwrap(), waits_for(n)))
        .collect();
    insert(records, &wakes);
    let mut seen = Vec::new();
    loop {
        let portion = taken(records, Due { limit: 3, ..due(9) });
        if portion.is_empty() {
            break;
        }
        assert!(portion.len() <= 3);
        assert!(portion.is_sorted_by_key(|wake| wake.due_at));
        drop_all(records, &portion);
        seen.extend(portion);
    }
    seen.sort_by_key(|wake| wake.cause);
    let expected: Vec<Wake> = wakes
        .into_iter()
        .filter(|wake| wake.waits_for != WaitsFor::Job(open))
        .collect();
    assert_eq!(seen, expected);
}

fn wakes_of_a_user_are_found_by_the_time_of_the_cause(Store { records, .. }: &Store) {
    let of = |n: u128, rule: &str, name: &str, at: i64| Wake {
        rule: rule.to_owned(),
        user_id: user(name),
        cause_at: seconds(at),
        ..wake(n, 99, WaitsFor::Nothing)
    };
    let wakes = [
        of(4, "a", "foo", 3),
        of(5, "a", "foo", 1),
        of(6, "a", "foo", 2),
        of(7, "a", "bar", 2),
        of(8, "b", "foo", 2),
    ];
    insert(records, &wakes);
    let found = |from: Timestamp, to: Timestamp| {
        records
            .run(Class::Background, |unit| unit.wakes_of(&user("foo"), "a", from, to))
            .unwrap()
    };
    assert_eq!(found(seconds(1), seconds(2)), [wakes[1].clone(), wakes[2].clone()]);
    assert_eq!(found(seconds(4), seconds(9)), []);
    let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    assert_eq!(
        found(ever.0, ever.1).len(),
        3,
        "a stretch may reach beyond all calendars"
    );
}

fn a_user_with_thousands_of_wakes_keeps_nobody_waiting(Store { records, .. }: &Store) {
    const HERS: u128 = 5_000;
    let busy: Vec<Wake> = (0..HERS)
        .map(|n| Wake {
            user_id: user("busy"),
            ..wake(n, 0, WaitsFor::Nothing)
        })
        .collect();
    insert(records, &busy);
    let quiet = wake(HERS, 1, WaitsFor::Nothing);
    insert(records, std::slice::from_ref(&quiet));
    let held = taken(records, Due { limit: 200, ..due(9) });
    assert_eq!(held.len(), 51);
    assert_eq!(held.last(), Some(&quiet));
    let few = taken(records, Due { limit: 20, ..due(9) });
    assert_eq!(few.len(), 20, "the limit stands");
}

fn users_with_more_wakes_than_are_looked_at_keep_nobody_waiting(Store { records, .. }: &Store) {
    const THEIRS: u128 = 45_000;
    let crowds: Vec<Wake> = (0..THEIRS)
        .map(|n| Wake {
            user_id: user(if n < THEIRS / 2 { "busy" } else { "busier" }),
            ..wake(n, i64::from(n >= THEIRS / 2), WaitsFor::Nothing)
        })
        .collect();
    insert(records, &crowds);
    let quiet = wake(THEIRS, 2, WaitsFor::Nothing);
    insert(records, std::slice::from_ref(&quiet));
    let held = taken(records, Due { limit: 200, ..due(9) });
    let of = |name: &str| held.iter().filter(|wake| wake.user_id == user(name)).count();
    assert_eq!((of("busy"), of("busier")), (50, 50));
    assert_eq!(held.last(), Some(&quiet));
    assert_eq!(held.len(), 101);
}

fn timer_of_foo(n: u128, at: i64, due: i64, waits_for: WaitsFor) -> Wake {
    Wake {
        rule: "a".to_owned(),
        user_id: user("foo"),
        cause_at: seconds(at),
        ..wake(n, due, waits_for)
    }
}

fn timers_before_a_time_are_found_the_nearest_first(Store { records, .. }: &Store) {
    let wakes = [
        timer_of_foo(1, 1, 99, WaitsFor::Nothing),
        timer_of_foo(2, 2, 99, WaitsFor::Nothing),
        timer_of_foo(3, 3, 99, WaitsFor::Nothing),
        timer_of_foo(4, 4, 99, WaitsFor::Nothing),
        timer_of_foo(5, 1, 99, WaitsFor::Watermark),
        timer_of_foo(6, 1, 99, WaitsFor::Job(JobId::new(Uuid::now_v7()))),
        timer_of_foo(7, 1, 9, WaitsFor::Nothing),
        Wake {
            user_id: user("bar"),
            ..timer_of_foo(8, 1, 99, WaitsFor::Nothing)
        },
        Wake {
            rule: "b".to_owned(),
            ..timer_of_foo(9, 1, 99, WaitsFor::Nothing)
        },
    ];
    insert(records, &wakes);
    let found = |limit: u32| {
        let before = |unit: &mut dyn Unit| unit.timers_before(&user("foo"), "a", seconds(4), seconds(9), limit);
        records.run(Class::Background, before).unwrap()
    };
    assert_eq!(found(2), [wakes[2].clone(), wakes[1].clone()]);
    assert_eq!(found(9), [wakes[2].clone(), wakes[1].clone(), wakes[0].clone()]);
}

fn more_wakes_of_a_user_are_held_if_they_are_due_and_wait_for_nothing(Store { records, .. }: &Store) {
    let wakes = [
        timer_of_foo(1, 4, 9, WaitsFor::Nothing),
        timer_of_foo(2, 3, 1, WaitsFor::Nothing),
        timer_of_foo(3, 2, 1, WaitsFor::Nothing),
        timer_of_foo(4, 1, 1, WaitsFor::Nothing),
        timer_of_foo(5, 3, 10, WaitsFor::Nothing),
        timer_of_foo(6, 3, 1, WaitsFor::Watermark),
        timer_of_foo(7, 3, 1, WaitsFor::Job(JobId::new(Uuid::now_v7()))),
        Wake {
            user_id: user("bar"),
            ..timer_of_foo(8, 3, 1, WaitsFor::Nothing)
        },
        Wake {
            rule: "b".to_owned(),
            ..timer_of_foo(9, 3, 1, WaitsFor::Nothing)
        },
    ];
    insert(records, &wakes);
    let held = |limit: u32| {
        let (foo, stretch) = (user("foo"), seconds(2)..=seconds(4));
        let more = |unit: &mut dyn Unit| unit.more_due_wakes(&foo, "a", &stretch, seconds(9), limit);
        records.run(Class::Background, more).unwrap()
    };
    assert_eq!(held(9), [wakes[2].clone(), wakes[1].clone(), wakes[0].clone()]);
    assert_eq!(held(1), wakes[2..3]);
}

fn wakes_are_counted(Store { records, .. }: &Store) {
    let waiting = || records.run(Class::Reads, |unit| unit.wakes_waiting()).unwrap();
    assert_eq!(waiting(), (0, None));
    insert(
        records,
        &[wake(1, 7, WaitsFor::Nothing), wake(2, 3, WaitsFor::Watermark)],
    );
    assert_eq!(waiting(), (2, Some(seconds(3))));
}

/// Whoever holds a user may write all wakes of the user: somebody who held one of them and waited for the user would stop both.
fn two_units_never_hold_the_wakes_of_one_user(Store { records, .. }: &Store) {
    const WAKES: u128 = 240;
    const USERS: u128 = 7;
    let wakes: Vec<Wake> = (0..WAKES)
        .map(|n| Wake {
            user_id: user(&format!("ü-{}", n % USERS)),
            ..wake(n, 0, WaitsFor::Nothing)
        })
        .collect();
    insert(records, &wakes);
    let (tries, units) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let evaluate = || {
        units.fetch_add(1, Ordering::Relaxed);
        records.run(Class::Background, |unit| {
            tries.fetch_add(1, Ordering::Relaxed);
            let held = unit.due_wakes(Due { limit: 5, ..due(9) })?;
            let mut users: Vec<UserId> = held.iter().map(|wake| wake.user_id.clone()).collect();
            users.sort_unstable();
            users.dedup();
            let mut rewritten = 0;
            for user in users {
                // All of them are written again, also those that this unit does not hold.
                for wake in unit.wakes_of(&user, "ü's rule", seconds(-9), seconds(9))? {
                    unit.put_wake(&wake)?;
                    rewritten += 1;
                }
            }
            assert!(rewritten >= held.len());
            for wake in &held {
                unit.drop_wakes(&wake.rule, &[wake.cause])?;
            }
            Ok(held)
        })
    };
    let is_left = || records.run(Class::Reads, |unit| unit.wakes_waiting()).unwrap().0 > 0;
    let evaluate_all = || {
        let mut seen = Vec::new();
        while is_left() {
            seen.extend(evaluate().unwrap());
        }
        seen
    };
    let mut seen: Vec<Wake> = std::thread::scope(|scope| {
        let evaluators: Vec<_> = (0..4).map(|_| scope.spawn(evaluate_all)).collect();
        evaluators.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    seen.sort_by_key(|wake| wake.cause);
    assert_eq!(seen, wakes);
    assert_eq!(tries.into_inner(), units.into_inner(), "no unit met another");
}
