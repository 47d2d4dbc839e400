//! What becomes of accepted events: each is stored and counted once, however often and on whatever way it comes.

use std::time::Duration;

use domain::event::Event;
use domain::ids::EventId;
use domain::job::JobOptions;
use domain::time::Timestamp;
use queue::Lane;
use uuid::Uuid;

use crate::bed::{Bed, PATIENCE, chrono_now, eventually};

/// Names a test once and runs it in both modes.
macro_rules! in_both_modes {
    ($($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                super::$test(crate::bed::Bed::new().await).await;
            })+
        }
        #[cfg(feature = "services")]
        mod services {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                if let Some(bed) = crate::bed::Bed::services().await { super::$test(bed).await; }
            })+
        }
    };
}
pub(crate) use in_both_modes;

in_both_modes!(
    events_of_many_frames_are_stored_and_counted,
    an_event_that_comes_again_is_stored_once,
    frames_that_a_worker_did_not_settle_are_applied_by_the_next,
    a_file_and_a_frame_move_the_same_counts,
    what_cannot_be_stored_now_is_given_back_and_stored_later,
    a_worker_whose_queue_is_gone_can_still_be_stopped,
    events_are_forgotten_when_they_were_kept_long_enough,
);

/// The n-th of a run of events: every second one has an id of its client's.
pub(crate) fn event(n: usize, user: &str) -> Event {
    let at = Timestamp::from_micros(chrono_now() + i64::try_from(n).unwrap());
    let client_named = n % 2 == 1;
    let id = if client_named {
        EventId::new(Uuid::new_v4())
    } else {
        EventId::stamped(at, n as u64)
    };
    of(id, user, at, client_named)
}

fn of(id: EventId, user: &str, at: Timestamp, client_named: bool) -> Event {
    let at = serde_json::to_string(&at).unwrap();
    let canonical = format!(
        r#"{{"event_id":"{id}","event_type":"view","user_id":"{user}","timestamp":{at},"received_at":{at},"payload":{{"url":"/"}}}}"#
    );
    Event {
        client_named,
        ..serde_json::from_str(&canonical).unwrap()
    }
}

pub(crate) fn events(count: usize) -> Vec<Event> {
    (0..count).map(|n| event(n, "ada")).collect()
}

fn sorted(mut events: Vec<Event>) -> Vec<EventId> {
    events.sort_by_key(|event| event.event_id);
    events.iter().map(|event| event.event_id).collect()
}

async fn events_of_many_frames_are_stored_and_counted(bed: Bed) {
    let published = events(300);
    for frame in published.chunks(7) {
        bed.publish(frame).await;
    }
    let working = bed.work();
    let stored = bed.until_stored(300).await;
    working.stop().await;
    assert_eq!(sorted(stored), sorted(published));
    assert_eq!(bed.counts(), [("view".to_owned(), 300)].into());
    assert_eq!(bed.dead_letters(), []);
}

async fn an_event_that_comes_again_is_stored_once(bed: Bed) {
    let first = event(1, "zoe");
    let second = Event {
        user_id: "bob".parse().unwrap(),
        ..first.clone()
    };
    let (other, last) = (event(2, "other"), event(3, "last"));
    bed.publish(&[first.clone(), second.clone(), other.clone()]).await;
    bed.publish(&[second.clone(), other.clone()]).await;
    let working = bed.work_with(worker::Settings {
        appliers: 1,
        ..bed.settings()
    });
    bed.until_stored(2).await;
    // In later batches too; with one applier the last event is applied last.
    bed.publish(&[second, other.clone()]).await;
    bed.publish(std::slice::from_ref(&last)).await;
    let stored = bed.until_stored(3).await;
    working.stop().await;
    assert_eq!(sorted(stored.clone()), sorted(vec![first, other, last]));
    assert!(stored.iter().all(|event| event.user_id.as_str() != "bob"));
    assert_eq!(bed.counts(), [("view".to_owned(), 3)].into());
}

async fn frames_that_a_worker_did_not_settle_are_applied_by_the_next(bed: Bed) {
    let published = events(20);
    for frame in published.chunks(5) {
        bed.publish(frame).await;
    }
    let mut vanishing = bed.queue.intake(Lane::Events, 100).await.unwrap();
    let taken = vanishing.batch(10, Duration::ZERO).await.unwrap();
    assert!(!taken.is_empty());
    drop(vanishing);
    let working = bed.work();
    bed.until_stored(20).await;
    working.stop().await;
    assert_eq!(bed.counts(), [("view".to_owned(), 20)].into());
    assert_eq!(bed.frames_waiting().await, 0);
}

async fn a_file_and_a_frame_move_the_same_counts(bed: Bed) {
    let published = [event(1, "ada"), event(3, "ada")];
    let working = bed.work();
    bed.publish(&published).await;
    bed.until_stored(2).await;
    let lines = [&published[0], &event(5, "ada"), &event(7, "ada")].map(|event| serde_json::to_string(event).unwrap());
    let id = bed
        .upload(lines.join("\n").as_bytes(), u64::MAX, JobOptions::default())
        .await;
    let progress = bed.until_completed(id).await;
    working.stop().await;
    assert_eq!((progress.counts.events_applied, progress.counts.duplicate), (2, 1));
    assert_eq!(bed.counts(), [("view".to_owned(), 4)].into());
}

async fn what_cannot_be_stored_now_is_given_back_and_stored_later(bed: Bed) {
    let published = events(10);
    let held = bed.store.hold();
    let working = bed.work_with(worker::Settings {
        apply_deadline: Duration::from_millis(200),
        ..bed.settings()
    });
    bed.publish(&published).await;
    eventually("the frame is taken", async || bed.frames_waiting().await == 0).await;
    let mut other = bed.queue.intake(Lane::Events, 1).await.unwrap();
    let given_back = tokio::time::timeout(PATIENCE, other.batch(1, Duration::ZERO)).await;
    assert!(given_back.unwrap().unwrap()[0].redelivered);
    drop(other);
    drop(held);
    let stored = bed.until_stored(10).await;
    working.stop().await;
    assert_eq!(sorted(stored), sorted(published));
    assert_eq!(bed.counts(), [("view".to_owned(), 10)].into());
    assert_eq!(bed.dead_letters(), []);
}

async fn a_worker_whose_queue_is_gone_can_still_be_stopped(bed: Bed) {
    let working = bed.work();
    bed.publish(&events(1)).await;
    bed.until_stored(1).await;
    bed.queue.close().await;
    working.stop().await;
}

async fn events_are_forgotten_when_they_were_kept_long_enough(bed: Bed) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let now = chrono_now();
    let ago = |days: i64| Timestamp::from_micros(now - days * 24 * 60 * 60 * 1_000_000);
    let of_age = |days| of(EventId::new(Uuid::new_v4()), "ada", ago(days), true);
    let working = bed.work();
    bed.publish(&[of_age(400), of_age(300), of_age(0)]).await;
    bed.until_stored(3).await;
    working.stop().await;
    let working = bed.work_with(worker::Settings {
        event_retention: Some(100 * DAY),
        ..bed.settings()
    });
    eventually("old events are gone", async || bed.events().len() == 1).await;
    working.stop().await;
    assert_eq!(bed.events()[0].timestamp, ago(0));
    assert_eq!(bed.counts(), [("view".to_owned(), 1)].into());
}
