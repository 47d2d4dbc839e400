//! What rules make of events: one outcome, in whatever order, frames and repetition the events come, by however many workers.

mod many;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::event::Event;
use domain::ids::EventId;
use domain::notification::{Notification, NotificationState};
use domain::rules::Rules;
use domain::time::Timestamp;
use rand::seq::SliceRandom as _;
use records::{Class, NotificationFilter};
use uuid::Uuid;
use worker::{Effects, Notify, Settings};

use crate::bed::{Bed, chrono_now, eventually};
use crate::events::in_both_modes;

/// Short, for what has come by then has come.
const GRACE: Duration = Duration::from_millis(300);

in_both_modes!(
    every_order_and_repetition_has_one_outcome,
    the_five_events_make_two_messages_in_any_order,
    a_timer_outlives_the_worker_that_set_it,
    a_start_in_time_takes_the_reminder_back,
    a_user_above_her_own_limit_of_streams_is_told_of,
    events_that_no_rule_names_wake_nobody,
);

const COMPLETED: &str = "training-completed";
const REMINDER: &str = "no-training-after-launch";

/// 2021-02-28T16:00:00Z
const THEN: i64 = 1_614_528_000;

fn then(minutes: i64) -> Timestamp {
    Timestamp::from_micros((THEN + minutes * 60) * 1_000_000)
}

/// One of the events of an activity, received now.
fn happened(user: &str, event_type: &str, at: Timestamp) -> Event {
    with_payload(user, event_type, at, r#"{"program":{"id":"2352"}}"#)
}

fn with_payload(user: &str, event_type: &str, at: Timestamp, payload: &str) -> Event {
    let id = EventId::new(Uuid::new_v4());
    let received_at = Timestamp::from_micros(chrono_now());
    let canonical = format!(
        r#"{{"event_id":"{id}","event_type":"{event_type}","user_id":"{user}","device_id":"bar","timestamp":"{at}","received_at":"{received_at}","payload":{payload}}}"#
    );
    Event {
        client_named: true,
        client_timed: true,
        ..serde_json::from_str(&canonical).unwrap()
    }
}

fn started(user: &str, minute: i64) -> Event {
    happened(user, "training_program_started", then(minute))
}

fn finished(user: &str, minute: i64) -> Event {
    happened(user, "training_program_finished", then(minute))
}

fn cancelled(user: &str, minute: i64) -> Event {
    happened(user, "training_program_cancelled", then(minute))
}

fn launched(user: &str, minute: i64) -> Event {
    happened(user, "app_launch", then(minute))
}

fn settings(bed: &Bed) -> Settings {
    Settings {
        notify: Notify {
            grace: GRACE,
            ..Notify::default()
        },
        ..bed.settings()
    }
}

fn with_rules(settings: Settings, rules: &str) -> Settings {
    Settings {
        effects: Effects {
            rules: Arc::new(Rules::parse(rules).unwrap()),
            ..Effects::default()
        },
        ..settings
    }
}

/// All messages, oldest cause first.
fn messages(bed: &Bed) -> Vec<Notification> {
    let filter = NotificationFilter {
        limit: 10_000,
        ..NotificationFilter::default()
    };
    let mut messages = bed
        .records
        .run(Class::Reads, |unit| unit.notifications(&filter))
        .unwrap();
    messages.sort_by_key(|message| (message.cause_at, message.id));
    messages
}

fn wakes(bed: &Bed) -> u64 {
    bed.records.run(Class::Reads, |unit| unit.wakes_waiting()).unwrap().0
}

/// The keys of what the built-in receiver got.
fn received(bed: &Bed) -> Vec<String> {
    let notices = bed
        .records
        .run(Class::Reads, |unit| unit.received(None, 1_000))
        .unwrap();
    let mut keys: Vec<String> = notices
        .into_iter()
        .filter_map(|(_, notice)| notice.idempotency_key)
        .collect();
    keys.sort_unstable();
    keys
}

/// Waits until so many events are stored and there is nothing left to look at or to send.
async fn until_quiet(bed: &Bed, events: usize) -> Vec<Notification> {
    let is_over =
        |message: &Notification| !matches!(message.state, NotificationState::Held | NotificationState::Pending);
    let is_quiet = async || bed.events().len() >= events && wakes(bed) == 0 && messages(bed).iter().all(is_over);
    eventually("everything has been said", is_quiet).await;
    messages(bed)
}

async fn until_one_is(bed: &Bed, state: NotificationState) -> Notification {
    let one = || messages(bed).into_iter().find(|message| message.state == state);
    eventually(state.as_str(), async || one().is_some()).await;
    one().unwrap()
}

/// A case: the events of one user, and what she is told in the end, with the places of the causes.
type Case = (fn(&str) -> Vec<Event>, &'static [(&'static str, usize, &'static str)]);

const CASES: [Case; 5] = [
    (
        |user| vec![started(user, 0), started(user, 40), finished(user, 75)],
        &[(COMPLETED, 1, "Congratulations on your daily training dose: 35 minutes!")],
    ),
    (
        |user| vec![started(user, 0), finished(user, 31), finished(user, 50)],
        &[(COMPLETED, 0, "Congratulations on your daily training dose: 31 minutes!")],
    ),
    (
        |user| vec![started(user, 0), cancelled(user, 20), finished(user, 40)],
        &[],
    ),
    (
        |user| vec![launched(user, 0), launched(user, 9), started(user, 60)],
        &[(REMINDER, 0, "Ready when you are: start your training now.")],
    ),
    (
        |user| {
            vec![
                launched(user, 0),
                started(user, 10),
                launched(user, 60),
                started(user, 90),
            ]
        },
        &[(REMINDER, 2, "Ready when you are: start your training now.")],
    ),
];

fn permutations(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(of - 1);
    let with_last = |order: &Vec<usize>, place: usize| {
        let mut longer = order.clone();
        longer.insert(place, of - 1);
        longer
    };
    let longer = shorter
        .iter()
        .flat_map(|order| (0..of).map(move |place| with_last(order, place)));
    longer.collect()
}

async fn every_order_and_repetition_has_one_outcome(bed: Bed) {
    let (mut events, mut orders, mut expected) = (0, Vec::new(), BTreeSet::new());
    for (number, (case, told)) in CASES.iter().enumerate() {
        let places = case("nobody").len();
        for order in permutations(places) {
            let user = format!("case-{number}-{order:?}");
            let hers = case(&user);
            events += hers.len();
            for (rule, place, message) in *told {
                expected.insert((user.clone(), *rule, hers[*place].event_id, *message));
            }
            // One of them comes twice.
            let again = order[0];
            orders.push(
                [order, vec![again]]
                    .concat()
                    .into_iter()
                    .map(|at| hers[at].clone())
                    .collect(),
            );
        }
    }
    for frame in random_frames(orders) {
        bed.publish(&frame).await;
    }
    let settings = || Settings {
        batch_events_max: 3,
        ..settings(&bed)
    };
    let working = [bed.work_with(settings()), bed.work_with(settings())];
    let messages = until_quiet(&bed, events).await;
    for working in working {
        working.stop().await;
    }
    let told: Vec<_> = messages
        .iter()
        .filter(|message| message.state != NotificationState::Withdrawn)
        .collect();
    assert!(told.iter().all(|message| message.state == NotificationState::Delivered));
    let said: BTreeSet<_> = told
        .iter()
        .map(|told| {
            let user = told.user_id.to_string();
            (user, told.rule.as_str(), told.cause, told.message.as_str())
        })
        .collect();
    assert_eq!(said, expected);
    let mut keys: Vec<String> = told.iter().map(|told| told.id.to_string()).collect();
    keys.sort_unstable();
    assert_eq!(received(&bed), keys, "each of them once");
}

/// The orders side by side, cut anywhere.
fn random_frames(mut orders: Vec<Vec<Event>>) -> Vec<Vec<Event>> {
    let mut frames = Vec::new();
    while !orders.is_empty() {
        orders.shuffle(&mut rand::rng());
        let mut frame = Vec::new();
        for order in orders.iter_mut().take(3) {
            let cut = rand::random_range(1..=order.len());
            frame.extend(order.drain(..cut));
        }
        orders.retain(|order| !order.is_empty());
        frames.push(frame);
    }
    frames
}

async fn the_five_events_make_two_messages_in_any_order(bed: Bed) {
    let five = |round: &str| {
        let [one, two] = [1, 2].map(|number| format!("foo{number}-{round}"));
        [
            launched(&two, 22),
            started(&one, 23),
            started(&two, 52),
            cancelled(&two, 54),
            finished(&one, 59),
        ]
    };
    let working = bed.work_with(settings(&bed));
    let mut expected = Vec::new();
    for (round, order) in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]].iter().enumerate() {
        let events = five(&round.to_string());
        for at in order {
            bed.publish(&events[*at..=*at]).await;
        }
        expected.push((REMINDER, format!("foo2-{round}"), events[0].event_id));
        expected.push((COMPLETED, format!("foo1-{round}"), events[1].event_id));
    }
    let messages = until_quiet(&bed, 15).await;
    working.stop().await;
    let mut told: Vec<_> = messages
        .iter()
        .map(|told| (told.rule.as_str(), told.user_id.to_string(), told.cause))
        .collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(
        messages
            .iter()
            .all(|message| message.state == NotificationState::Delivered && message.attempts == 1)
    );
    let one = messages.iter().find(|message| message.rule == COMPLETED).unwrap();
    assert_eq!(one.message, "Congratulations on your daily training dose: 36 minutes!");
    assert_eq!(received(&bed).len(), 6);
}

const SHORT_WINDOW: &str = r#"
[[rule]]
name = "reminder"
kind = "absence"
after = "app_launch"
unless = ["training_program_started"]
within = "1s"
message = "Start now."
"#;

fn just_launched(user: &str) -> Event {
    happened(user, "app_launch", Timestamp::from_micros(chrono_now()))
}

async fn a_timer_outlives_the_worker_that_set_it(bed: Bed) {
    let rules = SHORT_WINDOW.replace("1s", "3s");
    let launch = just_launched("ada");
    let first = bed.work_with(with_rules(settings(&bed), &rules));
    bed.publish(std::slice::from_ref(&launch)).await;
    bed.until_stored(1).await;
    first.stop().await;
    assert_eq!((wakes(&bed), messages(&bed)), (1, Vec::new()));
    let second = bed.work_with(with_rules(settings(&bed), &rules));
    let messages = until_quiet(&bed, 1).await;
    second.stop().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].cause, messages[0].state),
        (launch.event_id, NotificationState::Delivered)
    );
    assert!(messages[0].send_at >= launch.timestamp.plus_micros(3_000_000));
}

async fn a_start_in_time_takes_the_reminder_back(bed: Bed) {
    let held = Settings {
        notify: Notify {
            grace: Duration::from_secs(600),
            ..Notify::default()
        },
        ..bed.settings()
    };
    let working = bed.work_with(with_rules(held, SHORT_WINDOW));
    let launch = just_launched("ada");
    bed.publish(std::slice::from_ref(&launch)).await;
    assert_eq!(until_one_is(&bed, NotificationState::Held).await.cause, launch.event_id);
    // A phone sends it only now.
    let in_time = happened(
        "ada",
        "training_program_started",
        launch.timestamp.plus_micros(1_000_000),
    );
    bed.publish(&[in_time]).await;
    until_one_is(&bed, NotificationState::Withdrawn).await;
    working.stop().await;
    assert_eq!((messages(&bed).len(), received(&bed).len()), (1, 0));
}

async fn a_user_above_her_own_limit_of_streams_is_told_of(bed: Bed) {
    let ada = "ada".parse().unwrap();
    bed.records
        .run(Class::Slots, |unit| unit.set_stream_limit(&ada, Some(1)))
        .unwrap();
    let stream = |user: &str, event_type: &str, minute: i64, id: &str| {
        let payload = format!(r#"{{"stream_id":"{id}","slug":"big-buck-bunny"}}"#);
        with_payload(user, event_type, then(minute), &payload)
    };
    let of = |user: &str| {
        [
            stream(user, "stream_started", 0, "tv"),
            stream(user, "stream_ended", 10, "tv"),
            stream(user, "stream_started", 10, "phone"),
            stream(user, "stream_started", 20, "tablet"),
        ]
    };
    let hers = of("ada");
    let working = bed.work_with(settings(&bed));
    bed.publish(&hers).await;
    bed.publish(&of("abe")).await;
    let messages = until_quiet(&bed, 8).await;
    working.stop().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].user_id.as_str(), messages[0].cause),
        ("ada", hers[3].event_id)
    );
    assert_eq!(messages[0].message, "2 streams at once on one account.");
}

async fn events_that_no_rule_names_wake_nobody(bed: Bed) {
    let working = bed.work_with(with_rules(settings(&bed), SHORT_WINDOW));
    let finish = finished("ada", 36);
    bed.publish(&[finish.clone(), started("ada", 0)]).await;
    bed.publish(&[finish]).await;
    let messages = until_quiet(&bed, 2).await;
    working.stop().await;
    assert_eq!(messages, []);
}
