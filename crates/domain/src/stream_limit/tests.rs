//! Slots, call by call, and what holds after any row of calls.

use proptest::prelude::*;

use super::*;

const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn id(name: &str) -> StreamId {
    name.parse().unwrap()
}

fn none() -> Slots {
    Slots::of(Vec::new(), Vec::new(), LEASE)
}

fn start(slots: &mut Slots, name: &str, limit: usize, now: i64) -> Started {
    put(slots, name, None, limit, now)
}

fn put(slots: &mut Slots, name: &str, replace: Option<&StreamId>, limit: usize, now: i64) -> Started {
    let start = Start {
        stream_id: &id(name),
        slug: None,
        device: None,
        replace,
        may_be_renewal: true,
    };
    slots.start(start, limit, at(now))
}

/// Who ended, and how.
fn news(slots: &mut Slots) -> Vec<(String, Ending)> {
    let news = slots.take_news().into_iter();
    news.filter_map(|news| match news {
        News::Started(_) => None,
        News::Ended { lease, how, .. } => Some((lease.stream_id.to_string(), how)),
    })
    .collect()
}

#[test]
fn a_slot_is_free_again_when_its_lease_ends() {
    let mut slots = none();
    assert_eq!(start(&mut slots, "a", 1, 0), Started::Granted);
    assert_eq!(start(&mut slots, "b", 1, 59), Started::Denied);
    assert_eq!(start(&mut slots, "b", 1, 60), Started::Granted);
    assert_eq!(news(&mut slots), [("a".to_owned(), Ending::Expired)]);
    assert_eq!(slots.renew(&id("a"), at(60)), Renewal::Ended);
    assert_eq!(start(&mut slots, "a", 1, 60), Started::Denied);
    assert_eq!(start(&mut slots, "a", 2, 60), Started::Granted);
}

#[test]
fn the_same_start_again_renews() {
    let mut slots = none();
    start(&mut slots, "a", 1, 0);
    assert_eq!(start(&mut slots, "a", 1, 40), Started::Renewed);
    assert_eq!(slots.renew(&id("a"), at(99)), Renewal::Renewed);
    assert_eq!((slots.leases().len(), slots.leases()[0].expires_at), (1, at(159)));
    assert_eq!(slots.renew(&id("x"), at(99)), Renewal::Unknown);
}

#[test]
fn a_player_that_goes_on_may_go_to_another_movie() {
    let mut slots = none();
    let [dune, solaris] = ["dune", "solaris"].map(|slug| slug.parse::<Slug>().unwrap());
    let [tv, phone] = ["tv", "phone"].map(|device| device.parse::<DeviceId>().unwrap());
    for (slug, device, expected) in [
        (Some(&dune), Some(&tv), (&dune, &tv)),
        (Some(&solaris), None, (&solaris, &tv)),
        (None, Some(&phone), (&solaris, &phone)),
        (None, None, (&solaris, &phone)),
    ] {
        let start = Start {
            stream_id: &id("a"),
            slug,
            device,
            replace: None,
            may_be_renewal: true,
        };
        slots.start(start, 1, at(0));
        assert_eq!(slots.renew(&id("a"), at(1)), Renewal::Renewed);
        let lease = &slots.leases()[0];
        assert_eq!(
            (lease.slug.as_ref(), lease.device.as_ref()),
            (Some(expected.0), Some(expected.1))
        );
    }
    assert_eq!(slots.take_news().len(), 1);
    // What it was at last is what its end tells.
    slots.end(&id("a"), Ending::ByItself, at(2));
    let ended = slots.take_news().remove(0).event(&"u".parse().unwrap());
    assert_eq!((ended.slug, ended.device_id), (Some(solaris), Some(phone)));
}

#[test]
fn a_lower_limit_ends_nothing_and_lets_nothing_begin() {
    let mut slots = none();
    start(&mut slots, "a", 2, 0);
    start(&mut slots, "b", 2, 0);
    assert_eq!(start(&mut slots, "a", 1, 1), Started::Renewed);
    assert_eq!(put(&mut slots, "c", Some(&id("b")), 1, 1), Started::Denied);
    assert_eq!(slots.leases().len(), 2);
    assert_eq!(start(&mut none(), "a", 0, 0), Started::Denied);
}

#[test]
fn the_replaced_hears_by_whom_for_ten_leases() {
    let mut slots = none();
    start(&mut slots, "a", 1, 0);
    assert_eq!(put(&mut slots, "b", Some(&id("a")), 1, 5), Started::Granted);
    let by_b = Ending::ReplacedBy(id("b"));
    assert_eq!(news(&mut slots), [("a".to_owned(), by_b.clone())]);
    assert_eq!(start(&mut slots, "a", 2, 604), Started::Gone(by_b));
    assert_eq!(slots.renew(&id("a"), at(604)), Renewal::Replaced);
    assert_eq!(start(&mut slots, "a", 2, 605), Started::Granted);
}

#[test]
fn to_replace_what_is_not_live_is_a_plain_start() {
    let mut slots = none();
    start(&mut slots, "a", 1, 0);
    assert_eq!(put(&mut slots, "b", Some(&id("x")), 1, 1), Started::Denied);
    assert_eq!(put(&mut slots, "b", Some(&id("a")), 1, 60), Started::Granted);
    assert_eq!(news(&mut slots), [("a".to_owned(), Ending::Expired)]);
}

#[test]
fn who_was_ended_by_somebody_else_stays_ended_unless_it_is_a_new_start() {
    let mut slots = none();
    for (name, how) in [("a", Ending::ByOperator), ("b", Ending::ByItself)] {
        start(&mut slots, name, 3, 0);
        assert!(slots.end(&id(name), how.clone(), at(1)));
        assert!(!slots.end(&id(name), Ending::ByOperator, at(1)));
        assert_eq!(slots.renew(&id(name), at(2)), Renewal::Ended);
    }
    assert_eq!(start(&mut slots, "a", 3, 2), Started::Gone(Ending::ByOperator));
    assert_eq!(start(&mut slots, "b", 3, 2), Started::Granted);
    let again = Start {
        stream_id: &id("a"),
        slug: None,
        device: None,
        replace: None,
        may_be_renewal: false,
    };
    assert_eq!(slots.start(again, 3, at(2)), Started::Granted);
    slots.end(&id("a"), Ending::ByItself, at(3));
    assert_eq!(start(&mut slots, "a", 3, 4), Started::Granted);
}

#[test]
fn the_longest_ended_is_forgotten_first() {
    let mut slots = none();
    for n in 0..=REMEMBERED_MAX {
        start(&mut slots, &n.to_string(), 1, 0);
        slots.end(&id(&n.to_string()), Ending::ByOperator, at(0));
    }
    assert_eq!(slots.ended().len(), REMEMBERED_MAX);
    assert_eq!(slots.renew(&id("0"), at(0)), Renewal::Unknown);
    assert_eq!(slots.renew(&id("1"), at(0)), Renewal::Ended);
}

#[derive(Clone, Debug)]
enum Call {
    Start {
        name: &'static str,
        replace: Option<&'static str>,
        limit: usize,
    },
    Renew(&'static str),
    End(&'static str),
}

fn call() -> impl Strategy<Value = Call> {
    let name = prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]);
    prop_oneof![
        3 => (name.clone(), prop::option::of(name.clone()), 0_usize..4)
            .prop_map(|(name, replace, limit)| Call::Start { name, replace, limit }),
        1 => name.clone().prop_map(Call::Renew),
        1 => name.prop_map(Call::End),
    ]
}

proptest! {
    /// Every grant leaves no more than the limit, every lease ends once and is told, and what is kept is bounded.
    #[test]
    fn slots_hold_what_was_promised(calls in prop::collection::vec((0_i64..40, call()), 1..300)) {
        let (mut slots, mut now, mut granted, mut told) = (none(), 0, 0, 0);
        for (wait, call) in calls {
            now += wait;
            match call {
                Call::Start { name, replace, limit } => {
                    let replace = replace.map(id);
                    if put(&mut slots, name, replace.as_ref(), limit, now) == Started::Granted {
                        granted += 1;
                        prop_assert!(slots.leases().len() <= limit);
                    }
                }
                Call::Renew(name) => drop(slots.renew(&id(name), at(now)).as_str()),
                Call::End(name) => drop(slots.end(&id(name), Ending::ByItself, at(now))),
            }
            told += news(&mut slots).len();
            prop_assert_eq!(granted, told + slots.leases().len());
            prop_assert!(slots.leases().iter().all(|lease| lease.expires_at > at(now)));
            prop_assert!(slots.ended().len() <= REMEMBERED_MAX);
        }
    }
}
