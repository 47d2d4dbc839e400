//! Users with more timers or events than are looked at in one go.

use std::collections::BTreeSet;

use domain::event::Event;
use domain::ids::EventId;
use domain::notification::NotificationState;
use records::Class;

use super::{
    finished, happened, launched, messages, received, settings, started, then, until_one_is, until_quiet, wakes,
};
use crate::bed::{Bed, chrono_now, eventually};
use crate::events::in_both_modes;

in_both_modes!(
    a_user_with_thousands_of_timers_keeps_nobody_waiting,
    one_event_sets_off_more_timers_than_are_looked_at_at_once,
    a_program_with_more_events_than_are_looked_at_is_told_nothing,
);

/// Launches so far apart that each is a cause, each on a device of its own: none moves the clock of another.
fn launched_on_many_devices(user: &str, count: i64) -> Vec<Event> {
    let launch = |number: i64| Event {
        device_id: Some(format!("device-{number}").parse().unwrap()),
        ..launched(user, 21 * number)
    };
    (0..count).map(launch).collect()
}

async fn a_user_with_thousands_of_timers_keeps_nobody_waiting(bed: Bed) {
    const TIMERS: i64 = 1_500;
    let working = bed.work_with(settings(&bed));
    for launches in launched_on_many_devices("busy", TIMERS).chunks(500) {
        bed.publish(launches).await;
    }
    bed.publish(&[started("ada", 0), finished("ada", 36)]).await;
    let delivered = until_one_is(&bed, NotificationState::Delivered).await;
    assert_eq!(delivered.user_id.as_str(), "ada");
    let last = launched_on_many_devices("busy", TIMERS).pop().unwrap();
    // Her own time goes on as well.
    bed.publish(&[Event {
        timestamp: last.timestamp.plus_micros(3_600_000_000),
        device_id: last.device_id,
        ..launched("busy", 0)
    }])
    .await;
    let is_told = async || messages(&bed).iter().any(|told| told.user_id.as_str() == "busy");
    eventually("she is told", is_told).await;
    working.stop().await;
    assert_eq!(messages(&bed).len(), 2);
}

async fn one_event_sets_off_more_timers_than_are_looked_at_at_once(bed: Bed) {
    const TIMERS: i64 = 350;
    let launches = launched_on_many_devices("ada", TIMERS);
    let working = bed.work_with(settings(&bed));
    bed.publish(&launches).await;
    bed.until_stored(launches.len()).await;
    let all_wait = async || {
        let due = bed.records.run(Class::Reads, |unit| unit.wakes_waiting()).unwrap().1;
        due.is_some_and(|due| due.as_micros() > chrono_now())
    };
    eventually("all wait for their time", all_wait).await;
    assert_eq!(messages(&bed), []);
    // It names no device, so it may be of any.
    let later = Event {
        device_id: None,
        ..happened("ada", "training_program_started", then(21 * TIMERS))
    };
    bed.publish(&[later]).await;
    let messages = until_quiet(&bed, launches.len() + 1).await;
    working.stop().await;
    let told: BTreeSet<EventId> = messages.iter().map(|message| message.cause).collect();
    assert_eq!(told, launches.iter().map(|launch| launch.event_id).collect());
}

async fn a_program_with_more_events_than_are_looked_at_is_told_nothing(bed: Bed) {
    const STARTS: usize = 10_001;
    bed.publish(&[finished("robot", 36)]).await;
    let starts: Vec<Event> = (0..STARTS).map(|_| started("robot", 0)).collect();
    for starts in starts.chunks(500) {
        bed.publish(starts).await;
    }
    bed.publish(&[started("ada", 0), finished("ada", 36)]).await;
    let working = bed.work_with(settings(&bed));
    let is_over = async || wakes(&bed) == 0 && received(&bed).len() == 1;
    eventually("ada is told, and nobody is left", is_over).await;
    working.stop().await;
    let said: Vec<_> = messages(&bed)
        .into_iter()
        .filter(|message| message.state != NotificationState::Withdrawn)
        .map(|message| message.user_id.to_string())
        .collect();
    assert_eq!(said, ["ada"]);
}
