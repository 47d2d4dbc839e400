//! Slots: never more than the limit, renewed only while they live, and what happened is told once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::ids::{EventId, StreamId, UserId};
use domain::stream_limit::{Ended, Ending, Lease, Slots, Start, Started};

use super::events::event;
use super::*;
use crate::{ChangedSlots, UserSlots};

on_every_store!(
    slots_are_read_back_as_they_were_saved,
    a_limit_is_set_and_taken_away,
    slots_of_many_are_held_made_and_saved_at_once,
    twenty_starts_at_once_get_exactly_the_limit,
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

fn changed(of: &UserId, slots: UserSlots, news: Vec<Event>) -> ChangedSlots {
    ChangedSlots {
        user_id: of.clone(),
        slots,
        news,
        only_renewed: false,
    }
}

fn save(records: &Records, of: &str, leases: Vec<Lease>) {
    let saved = UserSlots {
        leases,
        ..UserSlots::default()
    };
    records
        .run(Class::Slots, |unit| {
            unit.lock_slots(&user(of))?;
            unit.save_slots(&[changed(&user(of), saved.clone(), Vec::new())])
        })
        .unwrap();
}

/// The new end, if it was live.
fn renew(records: &Records, of: &str, name: &str, lease: Duration) -> Option<Timestamp> {
    records
        .run(Class::Slots, |unit| {
            let mut kept = unit.slots(&user(of))?;
            if kept == UserSlots::default() {
                return Ok(None);
            }
            kept = unit.lock_slots(&user(of))?;
            let now = unit.store_time()?;
            let mut live = kept.leases.iter_mut();
            let live = live.find(|lease| lease.stream_id == stream(name) && lease.expires_at > now);
            let Some(renewed) = live else { return Ok(None) };
            renewed.expires_at = renewed.expires_at.max(now.plus(lease));
            let expires_at = renewed.expires_at;
            let only_renewed = ChangedSlots {
                only_renewed: true,
                ..changed(&user(of), kept, Vec::new())
            };
            unit.save_slots(&[only_renewed])?;
            Ok(Some(expires_at))
        })
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
            unit.save_slots(&[changed(of, saved, Vec::new())])?;
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
            unit.save_slots(&[changed(&user("ü"), saved.clone(), Vec::new())])?;
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

fn slots_of_many_are_held_made_and_saved_at_once(Store { records, .. }: &Store) {
    let at = in_a_minute(records);
    let of = |name: &str, leases: &[&str]| {
        let leases = leases.iter().map(|name| lease(name, at)).collect();
        let slots = UserSlots {
            leases,
            ..UserSlots::default()
        };
        (user(name), slots)
    };
    save(records, "b", of("b", &["one"]).1.leases);
    let all = ["a", "b", "c"].map(user);
    let saved = [of("a", &["x", "y", "z"]), of("b", &["one", "two"]), of("c", &[])];
    let news = [7, 8].map(|n| event(n, at, "stream_started"));
    records
        .run(Class::Slots, |unit| {
            let mut held = unit.lock_free_slots(&all)?;
            assert_eq!(held, [of("b", &["one"])]);
            let made = unit.make_slots(&all)?;
            assert_eq!(made, ["a", "c"].map(user));
            held.extend(made.into_iter().map(|user| (user, UserSlots::default())));
            let decided = saved.iter().zip([&news[..1], &[], &news[1..]]);
            let changed: Vec<_> = decided
                .map(|((user, slots), news)| changed(user, slots.clone(), news.to_vec()))
                .collect();
            unit.save_slots(&changed)
        })
        .unwrap();
    for (user, expected) in &saved {
        assert_eq!(slots(records, user.as_str()), *expected);
    }
    let again = records.run(Class::Slots, |unit| {
        Ok((unit.lock_free_slots(&all)?, unit.make_slots(&all)?))
    });
    let (mut held, made) = again.unwrap();
    held.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!((held.as_slice(), made.as_slice()), (saved.as_slice(), [].as_slice()));
    assert_eq!(take(records, 9), news.map(|news| news.event_id));
}

/// Nobody else is late because of her; and whoever waits for her alone gets her slots as they then are.
#[cfg(feature = "services")]
#[test]
fn slots_that_somebody_holds_are_left_out() {
    let Some(Store { records, .. }) = &Store::postgres() else {
        return;
    };
    let at = in_a_minute(records);
    for name in ["a", "b"] {
        save(records, name, vec![lease(name, at)]);
    }
    let free = records.run(Class::Slots, |unit| {
        unit.lock_slots(&user("a"))?;
        records.run(Class::Slots, |unit| unit.lock_free_slots(&["a", "b"].map(user)))
    });
    let free: Vec<UserId> = free.unwrap().into_iter().map(|(user, _)| user).collect();
    assert_eq!(free, [user("b")]);
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
    let live = records.run(Class::Reads, |unit| unit.count_live_leases());
    assert_eq!(live.unwrap(), 4);
}

fn tell(records: &Records, numbers: std::ops::Range<u128>) -> Vec<EventId> {
    let at = now(records);
    let news: Vec<Event> = numbers.map(|n| event(n, at, "stream_started")).collect();
    records
        .run(Class::Slots, |unit| {
            let slots = unit.lock_slots(&user("u"))?;
            unit.save_slots(&[changed(&user("u"), slots, news.clone())])
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
