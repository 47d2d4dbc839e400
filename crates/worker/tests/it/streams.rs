//! Slots as a worker sees them: leases that run out, and news that become events.

use std::time::Duration;

use domain::event::Event;
use domain::ids::{StreamId, UserId};
use domain::stream_limit::{Ending, Renewal, Slots, Start, Started};
use records::{ChangedSlots, Class, Result, Unit, UserSlots};

use crate::bed::{Bed, eventually};
use crate::events::in_both_modes;
use crate::store::REFUSED_USER;

in_both_modes!(
    a_lease_that_runs_out_becomes_an_event_once,
    a_lease_that_was_renewed_lives_on,
    news_become_events_once_whoever_looks,
    news_that_cannot_be_applied_keep_nothing_back,
);

const LIMIT: usize = 3;
const HOUR: Duration = Duration::from_secs(3_600);
/// Over before anybody looks for the second time.
const SHORT: Duration = Duration::from_millis(200);

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

/// Does what the door does with the slots of a user.
fn with_slots(bed: &Bed, user: &UserId, lease: Duration, change: impl Fn(&mut Slots, &mut dyn Unit) -> Result<()>) {
    bed.records
        .run(Class::Slots, |unit| {
            let UserSlots { limit, leases, ended } = unit.lock_slots(user)?;
            let mut slots = Slots::of(leases, ended, lease);
            change(&mut slots, unit)?;
            let changed = ChangedSlots::of(user, limit, &mut slots);
            unit.save_slots(&[ChangedSlots {
                only_renewed: changed.news.is_empty(),
                ..changed
            }])
        })
        .unwrap();
}

fn start(bed: &Bed, user: &UserId, name: &str, lease: Duration) {
    with_slots(bed, user, lease, |slots, unit| {
        let start = Start {
            stream_id: &stream(name),
            slug: None,
            device: None,
            replace: None,
            may_be_renewal: false,
        };
        assert_eq!(slots.start(start, LIMIT, unit.store_time()?), Started::Granted);
        Ok(())
    });
}

fn end(bed: &Bed, user: &UserId, name: &str) {
    with_slots(bed, user, HOUR, |slots, unit| {
        assert!(slots.end(&stream(name), Ending::ByItself, unit.store_time()?));
        Ok(())
    });
}

fn slots_of(bed: &Bed, user: &UserId) -> UserSlots {
    bed.records.run(Class::Reads, |unit| unit.slots(user)).unwrap()
}

fn stored(bed: &Bed, event_type: &str) -> Vec<Event> {
    let mut events = bed.events();
    events.retain(|event| event.event_type.as_str() == event_type);
    events
}

fn news_left(bed: &Bed) -> Vec<Event> {
    bed.records
        .run(Class::Background, |unit| unit.take_news(1_000))
        .unwrap()
}

async fn a_lease_that_runs_out_becomes_an_event_once(bed: Bed) {
    let ada = user("ada");
    start(&bed, &ada, "tv", SHORT);
    let expires_at = slots_of(&bed, &ada).leases[0].expires_at;
    let working = [bed.work(), bed.work()];
    bed.until_stored(2).await;
    for working in working {
        working.stop().await;
    }
    let counted = [("stream_ended".to_owned(), 1), ("stream_started".to_owned(), 1)];
    assert_eq!(bed.counts(), counted.into());
    let ended = &stored(&bed, "stream_ended")[0];
    assert_eq!((&ended.user_id, ended.timestamp), (&ada, expires_at));
    assert_eq!(ended.stream_id(), Some(stream("tv")));
    assert!(ended.payload.as_str().contains("expired"), "{}", ended.payload.as_str());
    let slots = slots_of(&bed, &ada);
    assert!(slots.leases.is_empty());
    assert_eq!(slots.ended[0].how, Ending::Expired);
    assert_eq!(news_left(&bed), []);
}

async fn a_lease_that_was_renewed_lives_on(bed: Bed) {
    let (ada, bob) = (user("ada"), user("bob"));
    start(&bed, &ada, "tv", SHORT);
    with_slots(&bed, &ada, HOUR, |slots, unit| {
        assert_eq!(slots.renew(&stream("tv"), unit.store_time()?), Renewal::Renewed);
        Ok(())
    });
    // Looked at behind the other, whose lease was to end first.
    start(&bed, &bob, "tv", SHORT);
    let working = bed.work();
    eventually("a lease has run out", async || stored(&bed, "stream_ended").len() == 1).await;
    working.stop().await;
    assert_eq!(stored(&bed, "stream_ended")[0].user_id, bob);
    assert_eq!(slots_of(&bed, &ada).leases.len(), 1);
    assert_eq!(bed.events().len(), 3);
}

async fn news_become_events_once_whoever_looks(bed: Bed) {
    const USERS: usize = 30;
    let working = [bed.work(), bed.work(), bed.work()];
    for n in 0..USERS {
        let user = user(&format!("user-{n}"));
        start(&bed, &user, "tv", HOUR);
        start(&bed, &user, "phone", HOUR);
        end(&bed, &user, "tv");
    }
    let events = bed.until_stored(3 * USERS).await;
    for working in working {
        working.stop().await;
    }
    assert_eq!(events.len(), 3 * USERS);
    let counted = [("stream_ended", 30), ("stream_started", 60)];
    assert_eq!(
        bed.counts(),
        counted.map(|(name, count)| (name.to_owned(), count)).into()
    );
    assert_eq!(news_left(&bed), []);
    let live = bed.records.run(Class::Reads, |unit| unit.count_live_leases());
    assert_eq!(live.unwrap(), USERS as u64);
}

async fn news_that_cannot_be_applied_keep_nothing_back(bed: Bed) {
    bed.store.refuse();
    for name in ["ada", REFUSED_USER, "bob", "eve"] {
        start(&bed, &user(name), "tv", HOUR);
    }
    let working = bed.work();
    let letters = bed.until_buried(1).await;
    bed.until_stored(3).await;
    working.stop().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(news_left(&bed), []);
    let users: Vec<_> = bed.events().iter().map(|event| event.user_id.to_string()).collect();
    assert!(!users.contains(&REFUSED_USER.to_owned()), "{users:?}");
    // It can be tried again, like any other.
    bed.store.refuse_no_more();
    bed.publish_frame(&letters[0].frame, 1).await;
    let working = bed.work();
    bed.until_stored(4).await;
    working.stop().await;
}
