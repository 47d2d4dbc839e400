//! Slots: never more than the limit, renewed only while they live, and what happened is told once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::ids::{EventId, StreamId, UserId};
use domain::stream_limit::{Ended, Ending, Lease, Slots, Start, Started};

use super::events::event;
use super::*;
use crate::UserSlots;

on_every_store!(
    slots_are_read_back_as_they_were_saved,
    a_limit_is_set_and_taken_away,
    twenty_starts_at_once_get_exactly_the_limit,
    a_lease_is_renewed_only_while_it_is_live,
    a_renewal_that_meets_an_end_leaves_it_ended,
    a_renewal_that_meets_a_start_leaves_no_more_than_the_limit,
    the_sweeper_looks_where_a_lease_was_to_end,
    live_leases_are_counted,
    news_is_taken_once_and_in_order,
    what_a_failed_unit_took_is_still_there,
    the_stores_time_goes_on_within_a_unit,
);

const MINUTE: Duration = Duration::from_secs(60);
const LIMIT: usize = 3;

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

fn lease(name: &str, expires_at: Timestamp) -> Lease {
    Lease {
        stream_id: stream(name),
        slug: None,
        device: None,
        started_at: expires_at.plus_micros(-1_000_000),
        expires_at,
    }
}

fn now(records: &Records) -> Timestamp {
    records.run(Class::Slots, |unit| unit.store_time()).unwrap()
}

fn in_a_minute(records: &Records) -> Timestamp {
    now(records).plus_micros(60_000_000)
}

fn slots(records: &Records, of: &str) -> UserSlots {
    records.run(Class::Reads, |unit| unit.slots(&user(of))).unwrap()
}

fn save(records: &Records, of: &str, leases: Vec<Lease>) {
    let saved = UserSlots {
        leases,
        ..UserSlots::default()
    };
    records
        .run(Class::Slots, |unit| {
            unit.lock_slots(&user(of))?;
            unit.save_slots(&user(of), &saved, &[])
        })
        .unwrap();
}

fn renew(records: &Records, of: &str, name: &str, lease: Duration) -> Option<Timestamp> {
    records
        .run(Class::Slots, |unit| unit.renew_lease(&user(of), &stream(name), lease))
        .unwrap()
}

/// As every caller does: locks, asks for the time, decides, saves.
fn change<T>(records: &Records, of: &UserId, lease: Duration, decide: impl Fn(&mut Slots, Timestamp) -> T) -> T {
    records
        .run(Class::Slots, |unit| {
            let stored = unit.lock_slots(of)?;
            let now = unit.store_time()?;
            let mut slots = Slots::of(stored.leases, stored.ended, lease);
            let outcome = decide(&mut slots, now);
            let saved = UserSlots {
                limit: stored.limit,
                leases: slots.leases().to_vec(),
                ended: slots.ended().to_vec(),
            };
            unit.save_slots(of, &saved, &[])?;
            Ok(outcome)
        })
        .unwrap()
}

fn start(records: &Records, of: &UserId, name: &str, limit: usize, lease: Duration) -> Started {
    let stream_id = stream(name);
    let start = Start {
        stream_id: &stream_id,
        slug: None,
        device: None,
        replace: None,
        may_be_renewal: false,
    };
    change(records, of, lease, |slots, now| slots.start(start, limit, now))
}

fn slots_are_read_back_as_they_were_saved(Store { records, .. }: &Store) {
    assert_eq!(slots(records, "u"), UserSlots::default());
    let at = in_a_minute(records);
    let named = Lease {
        slug: "big \"buck\", {bunny}".parse().ok(),
        device: "tv \\ 日本".parse().ok(),
        ..lease("NULL", at)
    };
    let ending = |name: &str, how| Ended {
        stream_id: stream(name),
        how,
        ended_at: at.plus_micros(-7),
    };
    let saved = UserSlots {
        limit: None,
        leases: vec![named, lease("b, 👩‍🚀", at.plus_micros(5)), lease("a", at.plus_micros(-3))],
        ended: vec![
            ending("x", Ending::ReplacedBy(stream("a \"b\""))),
            ending("z", Ending::ByItself),
            ending("y", Ending::Expired),
            ending("w", Ending::ByOperator),
        ],
    };
    let held = records
        .run(Class::Slots, |unit| {
            let before = unit.lock_slots(&user("ü"))?;
            unit.save_slots(&user("ü"), &saved, &[])?;
            Ok((before, unit.lock_slots(&user("ü"))?))
        })
        .unwrap();
    assert_eq!(held, (UserSlots::default(), saved.clone()));
    assert_eq!(slots(records, "ü"), saved);
    save(records, "ü", Vec::new());
    assert_eq!(slots(records, "ü"), UserSlots::default());
}

fn a_limit_is_set_and_taken_away(Store { records, .. }: &Store) {
    let set = |of: &str, limit| {
        records
            .run(Class::Slots, |unit| unit.set_stream_limit(&user(of), limit))
            .unwrap();
        slots(records, of).limit
    };
    assert_eq!(set("never seen", None), None);
    assert_eq!(set("new", Some(0)), Some(0));
    let leases = vec![lease("a", in_a_minute(records))];
    save(records, "new", leases.clone());
    assert_eq!(set("new", Some(1_000)), Some(1_000));
    assert_eq!(slots(records, "new").leases, leases);
    save(records, "new", Vec::new());
    assert_eq!(
        slots(records, "new").limit,
        Some(1_000),
        "who saves slots says nothing of the limit"
    );
    assert_eq!(set("new", None), None);
}

fn twenty_starts_at_once_get_exactly_the_limit(Store { records, .. }: &Store) {
    const PLAYERS: usize = 20;
    const ROUNDS: usize = 50;
    let of = |round: usize| user(&format!("u-{round}"));
    let ready = Barrier::new(PLAYERS);
    let granted: Vec<AtomicUsize> = (0..ROUNDS).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for player in 0..PLAYERS {
            let (ready, granted) = (&ready, &granted);
            scope.spawn(move || {
                for (round, granted) in granted.iter().enumerate() {
                    ready.wait();
                    if start(records, &of(round), &format!("s-{player}"), LIMIT, MINUTE) == Started::Granted {
                        granted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    for (round, granted) in granted.into_iter().enumerate() {
        assert_eq!(granted.into_inner(), LIMIT, "{round}");
        assert_eq!(slots(records, of(round).as_str()).leases.len(), LIMIT, "{round}");
    }
}

fn a_lease_is_renewed_only_while_it_is_live(Store { records, .. }: &Store) {
    let at = now(records);
    let (live, ends_later) = (
        lease("live", at.plus_micros(30_000_000)),
        lease("later", at.plus_micros(90_000_000)),
    );
    save(records, "u", vec![lease("over", at), live.clone(), ends_later.clone()]);
    assert_eq!(renew(records, "u", "over", MINUTE), None);
    assert_eq!(renew(records, "u", "unknown", MINUTE), None);
    assert_eq!(renew(records, "u2", "live", MINUTE), None);
    let renewed = renew(records, "u", "live", MINUTE).unwrap();
    assert!(renewed >= at.plus_micros(60_000_000) && renewed <= in_a_minute(records));
    assert_eq!(
        renew(records, "u", "later", MINUTE),
        Some(ends_later.expires_at),
        "never shorter"
    );
    let expected = vec![
        lease("over", at),
        Lease {
            expires_at: renewed,
            ..live
        },
        ends_later,
    ];
    assert_eq!(slots(records, "u").leases, expected);
    assert_eq!(slots(records, "u2"), UserSlots::default());
}

fn a_renewal_that_meets_an_end_leaves_it_ended(Store { records, .. }: &Store) {
    for round in 0..20 {
        let name = format!("u-{round}");
        save(
            records,
            &name,
            vec![lease("a", in_a_minute(records)), lease("b", in_a_minute(records))],
        );
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                renew(records, &name, "a", MINUTE);
            });
            scope.spawn(|| {
                together.wait();
                let ended = change(records, &user(&name), MINUTE, |slots, now| {
                    slots.end(&stream("a"), Ending::ByItself, now)
                });
                assert!(ended);
            });
        });
        assert_eq!(renew(records, &name, "a", MINUTE), None);
        let left = slots(records, &name);
        assert_eq!(left.leases.len(), 1);
        assert_eq!(left.leases[0].stream_id, stream("b"));
        assert_eq!(left.ended.len(), 1);
    }
}

/// The lease ends while both are on their way.
fn a_renewal_that_meets_a_start_leaves_no_more_than_the_limit(Store { records, .. }: &Store) {
    const SHORT: i64 = 3_000;
    for round in 0..30 {
        let name = format!("u-{round}");
        let together = Barrier::new(2);
        save(records, &name, vec![lease("old", now(records).plus_micros(SHORT))]);
        let (renewed, started) = std::thread::scope(|scope| {
            let renewing = scope.spawn(|| {
                together.wait();
                let tries = std::iter::repeat_with(|| renew(records, &name, "old", MINUTE));
                tries.take(round % 4).any(|renewed| renewed.is_some())
            });
            together.wait();
            let started = start(records, &user(&name), "new", 1, MINUTE) == Started::Granted;
            (renewing.join().unwrap(), started)
        });
        let leases = slots(records, &name).leases;
        assert_eq!(leases.len(), 1, "one may be over, but two are never kept");
        assert_eq!(leases[0].stream_id, stream(if started { "new" } else { "old" }));
        let live = leases.iter().filter(|lease| lease.expires_at > now(records)).count();
        assert!(live <= 1 && (live == 1 || !(renewed || started)));
    }
}

fn expired(records: &Records, limit: u32) -> Vec<UserId> {
    records
        .run(Class::Background, |unit| unit.users_with_expired_leases(limit))
        .unwrap()
}

fn the_sweeper_looks_where_a_lease_was_to_end(Store { records, .. }: &Store) {
    const SHORT: i64 = 20_000;
    let at = now(records);
    save(records, "none", Vec::new());
    save(records, "live", vec![lease("a", in_a_minute(records))]);
    save(
        records,
        "over",
        vec![lease("b", in_a_minute(records)), lease("a", at.plus_micros(-2))],
    );
    save(records, "long over", vec![lease("a", at.plus_micros(-9))]);
    assert_eq!(expired(records, 10), ["long over", "over"].map(user));
    assert_eq!(expired(records, 1), [user("long over")]);
    for name in ["over", "long over"] {
        change(records, &user(name), MINUTE, Slots::expire);
    }
    assert_eq!(expired(records, 10), []);

    let ends_at = now(records).plus_micros(SHORT);
    save(records, "renewed", vec![lease("a", ends_at)]);
    let renewed = renew(records, "renewed", "a", MINUTE).is_some();
    while now(records) < ends_at {
        std::thread::yield_now();
    }
    assert_eq!(
        expired(records, 10),
        [user("renewed")],
        "a renewal leaves the time to look"
    );
    change(records, &user("renewed"), MINUTE, Slots::expire);
    assert_eq!(slots(records, "renewed").leases.len(), usize::from(renewed));
    assert_eq!(expired(records, 10), []);
}

fn live_leases_are_counted(Store { records, .. }: &Store) {
    let (over, later) = (now(records), in_a_minute(records));
    save(records, "none", Vec::new());
    save(records, "over", vec![lease("a", over)]);
    save(records, "one", vec![lease("a", over), lease("b", later)]);
    save(
        records,
        "two",
        vec![lease("a", later), lease("b", later), lease("c", over)],
    );
    save(records, "also one", vec![lease("a", later)]);
    let (busiest, live) = records
        .run(Class::Reads, |unit| {
            Ok((unit.busiest_users(10)?, unit.count_live_leases()?))
        })
        .unwrap();
    let expected = [("two", 2), ("also one", 1), ("one", 1)].map(|(name, live)| (user(name), live));
    assert_eq!((busiest.as_slice(), live), (expected.as_slice(), 4));
    assert_eq!(
        records.run(Class::Reads, |unit| unit.busiest_users(1)).unwrap(),
        expected[..1]
    );
}

fn tell(records: &Records, numbers: std::ops::Range<u128>) -> Vec<EventId> {
    let at = now(records);
    let news: Vec<Event> = numbers.map(|n| event(n, at, "stream_started")).collect();
    records
        .run(Class::Slots, |unit| {
            let slots = unit.lock_slots(&user("u"))?;
            unit.save_slots(&user("u"), &slots, &news)
        })
        .unwrap();
    news.iter().map(|event| event.event_id).collect()
}

fn take(records: &Records, limit: u32) -> Vec<EventId> {
    let taken = records.run(Class::Apply, |unit| unit.take_news(limit)).unwrap();
    taken.iter().map(|event| event.event_id).collect()
}

fn news_is_taken_once_and_in_order(Store { records, .. }: &Store) {
    let told = [tell(records, 5..9), tell(records, 0..3)].concat();
    assert_eq!(take(records, 5), told[..5]);
    assert_eq!(take(records, 5), told[5..]);
    assert_eq!(take(records, 5), []);

    let told = tell(records, 100..300);
    let taken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let takes = std::iter::repeat_with(|| take(records, 7));
                for some in takes.take_while(|some| !some.is_empty()) {
                    taken.lock().unwrap().extend(some);
                }
            });
        }
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort();
    assert_eq!(taken, told);
}

fn what_a_failed_unit_took_is_still_there(Store { records, .. }: &Store) {
    let told = tell(records, 0..3);
    let failed: Result<()> = records.run(Class::Apply, |unit| {
        assert_eq!(unit.take_news(2)?.len(), 2);
        Err(Error::Broken("on purpose".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(take(records, 9), told);
}

fn the_stores_time_goes_on_within_a_unit(Store { records, .. }: &Store) {
    let went_on = records.run(Class::Slots, |unit| {
        let began = unit.store_time()?;
        while unit.store_time()? == began {}
        Ok(unit.store_time()? > began)
    });
    assert!(went_on.unwrap());
}
