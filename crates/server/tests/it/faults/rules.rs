//! Rules under faults: whatever the order of arrival, and whoever is killed meanwhile, everybody is told the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::rig::{Rig, in_both_modes};
use super::watch::Address;
use crate::harness::until;

in_both_modes!(
    // Long enough for all of it to arrive, the start of another process included.
    [("EH_RULES_GRACE_SECONDS", "20")],
    workers: 4,
    every_order_has_one_outcome_while_one_of_four_is_killed,
);

const SENDERS: usize = 8;
const AGAIN_AFTER: Duration = Duration::from_millis(20);

const LAUNCH: &str = "app_launch";
const START: &str = "training_program_started";
const CANCEL: &str = "training_program_cancelled";
const FINISH: &str = "training_program_finished";

const COMPLETED: &str = "training-completed";
const REMINDER: &str = "no-training-after-launch";
const ENCOURAGEMENT: &str = "Ready when you are: start your training now.";

/// What happens to one user, by the minute; and what she is told in the end: by which rule, because of which of them.
struct Sequence {
    events: &'static [(&'static str, i64)],
    told: &'static [(&'static str, usize, &'static str)],
}

const SEQUENCES: [Sequence; 8] = [
    // Two starts and a finish, which belongs to the later one.
    Sequence {
        events: &[(START, 0), (START, 40), (FINISH, 75)],
        told: &[(COMPLETED, 1, "Congratulations on your daily training dose: 35 minutes!")],
    },
    // One start and two finishes, of which the first counts.
    Sequence {
        events: &[(START, 0), (FINISH, 31), (FINISH, 50)],
        told: &[(COMPLETED, 0, "Congratulations on your daily training dose: 31 minutes!")],
    },
    Sequence {
        events: &[(START, 0), (CANCEL, 20), (FINISH, 40)],
        told: &[],
    },
    // Launches nine minutes apart: only the first has ten quiet minutes before it.
    Sequence {
        events: &[(LAUNCH, 0), (LAUNCH, 9), (LAUNCH, 18)],
        told: &[(REMINDER, 0, ENCOURAGEMENT)],
    },
    Sequence {
        events: &[(LAUNCH, 0), (LAUNCH, 9), (START, 19)],
        told: &[(REMINDER, 0, ENCOURAGEMENT)],
    },
    // Two starts and two finishes, one within the other.
    Sequence {
        events: &[(START, 0), (START, 20), (FINISH, 55), (FINISH, 75)],
        told: &[
            (COMPLETED, 0, "Congratulations on your daily training dose: 75 minutes!"),
            (COMPLETED, 1, "Congratulations on your daily training dose: 35 minutes!"),
        ],
    },
    // The cancel takes the later start back, so the finish belongs to the earlier one.
    Sequence {
        events: &[(START, 0), (START, 10), (CANCEL, 20), (FINISH, 55)],
        told: &[(COMPLETED, 0, "Congratulations on your daily training dose: 55 minutes!")],
    },
    // The first launch was answered in time, the second was not.
    Sequence {
        events: &[(LAUNCH, 0), (START, 10), (LAUNCH, 60), (START, 90)],
        told: &[(REMINDER, 2, ENCOURAGEMENT)],
    },
];

/// User, rule, cause and message.
type Told = (String, String, String, String);

/// The events of one user in the order of their arrival; the first of them comes again at the end.
fn order_of(user: &str, sequence: &Sequence, order: &[usize], expected: &mut BTreeSet<Told>) -> Vec<Value> {
    let ids: Vec<String> = sequence.events.iter().map(|_| Uuid::new_v4().to_string()).collect();
    let event = |at: &usize| {
        let (event_type, minute) = sequence.events[*at];
        let timestamp = format!("2021-02-28T{:02}:{:02}:00Z", 16 + minute / 60, minute % 60);
        json!({"event_id": ids[*at], "event_type": event_type, "user_id": user, "device_id": "bar",
               "timestamp": timestamp, "payload": {"program": {"id": "2352"}}})
    };
    for (rule, cause, message) in sequence.told {
        let [rule, message] = [rule, message].map(|text| (*text).to_owned());
        expected.insert((user.to_owned(), rule, ids[*cause].clone(), message));
    }
    order.iter().chain(&order[..1]).map(event).collect()
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    let Some(last) = of.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let with_last = |order: &Vec<usize>, place: usize| {
        let mut longer = order.clone();
        longer.insert(place, last);
        longer
    };
    let shorter = permutations(last);
    let longer = shorter
        .iter()
        .flat_map(|order| (0..of).map(move |place| with_last(order, place)));
    longer.collect()
}

/// Each order is that of a user of its own, so that all of them arrive side by side. What a user did first in hers has been
/// stored, and most likely looked at, before her next event comes.
async fn every_order_has_one_outcome_while_one_of_four_is_killed(mut rig: Rig) {
    let (mut orders, mut expected) = (Vec::new(), BTreeSet::new());
    for (number, sequence) in SEQUENCES.iter().enumerate() {
        for order in permutations(sequence.events.len()) {
            let user = format!("{number}-{order:?}");
            orders.push(order_of(&user, sequence, &order, &mut expected));
        }
    }
    let (mut stored, longest) = (0, orders.iter().map(Vec::len).max().unwrap());
    for place in 0..longest {
        let round: Vec<Value> = orders.iter().filter_map(|order| order.get(place).cloned()).collect();
        let repeats = orders.iter().filter(|order| order.len() == place + 1).count();
        stored += round.len() - repeats;
        let (half, sending) = (round.len() / 2, Sending::begin(&rig, round));
        if place == 1 {
            sending.until_accepted(half).await;
            rig.kill_a_worker();
        }
        sending.ended().await;
        until_stored(&rig, stored).await;
    }
    let notifications = until_quiet(&rig).await;
    let mut told = notifications.clone();
    told.retain(|notification| notification["state"] != "withdrawn");
    assert_eq!(told.iter().map(of_notification).collect::<BTreeSet<_>>(), expected);
    assert!(
        told.iter().all(|notification| notification["state"] == "delivered"),
        "{told:#?}"
    );
    assert_arrived(&rig, &told).await;
}

fn of_notification(notification: &Value) -> Told {
    let [user, rule, cause, message] =
        ["user_id", "rule", "cause_event_id", "message"].map(|field| notification[field].as_str().unwrap().to_owned());
    (user, rule, cause, message)
}

/// Those messages and no others, however often.
async fn assert_arrived(rig: &Rig, told: &[Value]) {
    let of = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    let notices = all(rig, "/v1/notify").await;
    let arrived: BTreeSet<String> = notices.iter().map(|notice| of(notice, "idempotency_key")).collect();
    let told: BTreeSet<String> = told.iter().map(|told| of(told, "notification_id")).collect();
    assert_eq!(arrived, told);
}

/// Events on their way, from several clients, each of which tries again whatever comes between.
struct Sending {
    accepted: Arc<AtomicUsize>,
    senders: JoinSet<()>,
}

impl Sending {
    fn begin(rig: &Rig, events: Vec<Value>) -> Self {
        let (accepted, events) = (Arc::new(AtomicUsize::new(0)), Arc::new(events));
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let (accepted, events) = (Arc::clone(&accepted), Arc::clone(&events));
            let (client, address) = (rig.client().clone(), rig.address());
            senders.spawn(async move {
                for event in events.iter().skip(sender).step_by(SENDERS) {
                    while !is_accepted(&client, &address, event).await {
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { accepted, senders }
    }

    async fn until_accepted(&self, events: usize) {
        until(async || match self.accepted.load(Ordering::Relaxed) {
            accepted if accepted >= events => Ok(()),
            accepted => Err(format!("{accepted} of {events} accepted")),
        })
        .await;
    }

    async fn ended(self) {
        self.senders.join_all().await;
    }
}

/// False: refused, in good order, or nobody was there.
async fn is_accepted(client: &Client, address: &Address, event: &Value) -> bool {
    let url = format!("{}/v1/events", address.lock().unwrap());
    let Ok(answer) = client.post(url).json(event).send().await else {
        return false;
    };
    match answer.status() {
        StatusCode::ACCEPTED => true,
        StatusCode::SERVICE_UNAVAILABLE => false,
        status => panic!("{status}: {}", answer.text().await.unwrap()),
    }
}

async fn until_stored(rig: &Rig, events: usize) {
    let events = i64::try_from(events).unwrap();
    until(async || match rig.count_rows("SELECT count(*) AS n FROM events") {
        stored if stored == events => Ok(()),
        stored => Err(format!("{stored} of {events}")),
    })
    .await;
}

/// Waits until nobody is to be looked at and nothing is to be sent any more; all messages.
async fn until_quiet(rig: &Rig) -> Vec<Value> {
    until(async || {
        let unfinished = "SELECT count(*) AS n FROM notifications WHERE state IN ('held', 'pending')";
        let (wakes, unfinished) = (
            rig.count_rows("SELECT count(*) AS n FROM wakes"),
            rig.count_rows(unfinished),
        );
        if wakes + unfinished == 0 {
            Ok(())
        } else {
            Err(format!("{wakes} wakes, {unfinished} messages"))
        }
    })
    .await;
    all(rig, "/api/v1/notifications").await
}

/// Everything that a paged path has.
async fn all(rig: &Rig, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig.get(&format!("{path}?limit=100{cursor}")).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}
