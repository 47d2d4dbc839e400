//! Events under faults: what was answered with 202 is in the table once, and the counts are those of the rows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use super::rig::{Rig, in_both_modes};
use crate::harness::{until, usual_or};

in_both_modes!(
    [],
    each_sent_twice_by_many_while_workers_are_killed,
    what_the_table_refuses_is_a_dead_letter_and_can_be_replayed,
);

const CONNECTIONS: usize = 200;

/// What was promised: an id for each 202.
#[derive(Default)]
struct Ledger {
    accepted: Mutex<BTreeSet<String>>,
    refused: AtomicUsize,
}

impl Ledger {
    fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    /// Posts an event and writes down what was answered. False: refused, in good order.
    async fn post(&self, client: &Client, url: &str, event: String) -> bool {
        let answer = client.post(url).body(event).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        match status {
            StatusCode::ACCEPTED => {
                let id = body["event_id"].as_str().unwrap().to_owned();
                self.accepted.lock().unwrap().insert(id);
                true
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(body["event_id"].is_string() || body["code"] == "too_busy", "{body}");
                self.refused.fetch_add(1, Ordering::Relaxed);
                false
            }
            _ => panic!("{status}: {body}"),
        }
    }
}

fn heartbeat(n: usize) -> String {
    format!(
        r#"{{"event_id":"beat-{n}","user":"u{}","slug":"dune","at":{n}}}"#,
        n % 97
    )
}

async fn each_sent_twice_by_many_while_workers_are_killed(mut rig: Rig) {
    let events = usual_or("EH_TEST_EVENTS", 5_000);
    let ledger = Arc::new(Ledger::default());
    // The process that works is the door where there is only one: it is not killed while requests are under way.
    let kills = if rig.workers.is_empty() { 0 } else { 2 };
    let sending = {
        let (ledger, client, url) = (Arc::clone(&ledger), rig.client().clone(), rig.door.at("/"));
        tokio::spawn(async move {
            let mut senders = JoinSet::new();
            for sender in 0..CONNECTIONS {
                let (ledger, client, url) = (Arc::clone(&ledger), client.clone(), url.clone());
                senders.spawn(async move {
                    for n in (sender..events).step_by(CONNECTIONS) {
                        for _ in 0..2 {
                            while !ledger.post(&client, &url, heartbeat(n)).await {}
                        }
                    }
                });
            }
            senders.join_all().await;
        })
    };
    for kill in 1..=kills {
        until(async || match ledger.accepted() {
            accepted if accepted > events * kill / 4 => Ok(()),
            accepted => Err(format!("{accepted} accepted")),
        })
        .await;
        rig.kill_a_worker();
    }
    sending.await.unwrap();
    assert_eq!(
        ledger.accepted(),
        events,
        "one id for each event, however often it came"
    );
    until_stored(&rig, events).await;
    assert_each_once(&rig, events);
    if kills == 0 {
        rig.kill_a_worker();
        assert_each_once(&rig, events);
    }
}

async fn until_stored(rig: &Rig, events: usize) {
    until(async || {
        let stored = rig.count_rows("SELECT count(*) AS n FROM events");
        (stored == i64::try_from(events).unwrap())
            .then_some(())
            .ok_or_else(|| format!("{stored} of {events}"))
    })
    .await;
}

/// Every row under an id of its own, and as many of them counted.
fn assert_each_once(rig: &Rig, events: usize) {
    let events = i64::try_from(events).unwrap();
    assert_eq!(
        rig.count_rows("SELECT count(DISTINCT event_id) AS n FROM events"),
        events
    );
    assert_eq!(rig.count_rows("SELECT count(*) AS n FROM events"), events);
    assert_eq!(
        rig.count_rows("SELECT CAST(sum(events) AS bigint) AS n FROM event_counts"),
        events
    );
    assert_eq!(rig.count_rows("SELECT count(*) AS n FROM dead_letters"), 0);
}

async fn what_the_table_refuses_is_a_dead_letter_and_can_be_replayed(rig: Rig) {
    rig.refuse_events_of("poison");
    let of = |user: &str| format!(r#"{{"type":"click","user_id":"{user}"}}"#);
    let batch: Vec<String> = (0..100).map(|n| of(if n == 50 { "poison" } else { "ada" })).collect();
    let answer = rig
        .client()
        .post(rig.door.at("/v1/events"))
        .body(format!("[{}]", batch.join(",")))
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::ACCEPTED);
    until_stored(&rig, 99).await;

    let letters = until(async || {
        let page = rig.get("/api/v1/dead-letters").await;
        let letters = page["items"].as_array().unwrap().clone();
        (letters.len() == 1).then(|| letters.clone()).ok_or(page.to_string())
    })
    .await;
    assert_eq!(letters[0]["event"]["user_id"], "poison", "{letters:?}");
    let id = letters[0]["id"].as_str().unwrap();

    rig.take_all_events_again();
    let replayed = rig
        .client()
        .post(rig.door.at(&format!("/api/v1/dead-letters/{id}/replay")))
        .send()
        .await
        .unwrap();
    assert_eq!(replayed.status(), StatusCode::ACCEPTED);
    until_stored(&rig, 100).await;
    assert_each_once(&rig, 100);
}

#[cfg(feature = "services")]
mod servers {
    use std::sync::atomic::AtomicBool;

    use super::{Arc, JoinSet, Ledger, Ordering, Rig, assert_each_once, until, until_stored};
    use crate::faults::ground::Ground;
    use crate::faults::servers::until_ready;

    const CONNECTIONS: usize = 32;

    /// Posts without a pause until told to stop.
    struct Load {
        ledger: Arc<Ledger>,
        stop: Arc<AtomicBool>,
        senders: JoinSet<()>,
    }

    impl Load {
        fn begin(rig: &Rig) -> Self {
            let (ledger, stop) = (Arc::new(Ledger::default()), Arc::new(AtomicBool::new(false)));
            let mut senders = JoinSet::new();
            for sender in 0..CONNECTIONS {
                let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
                let (client, url) = (rig.client().clone(), rig.door.at("/"));
                senders.spawn(async move {
                    let mut at = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let event = format!(r#"{{"user":"u{sender}","slug":"dune","at":{at}}}"#);
                        ledger.post(&client, &url, event).await;
                        at += 1;
                    }
                });
            }
            Self { ledger, stop, senders }
        }

        async fn until_more_accepted(&self, more: usize) {
            let goal = self.ledger.accepted() + more;
            until(async || match self.ledger.accepted() {
                accepted if accepted >= goal => Ok(()),
                accepted => Err(format!("{accepted} of {goal} accepted")),
            })
            .await;
        }

        async fn until_refused(&self, refused: usize) {
            until(async || match self.ledger.refused.load(Ordering::Relaxed) {
                seen if seen >= refused => Ok(()),
                seen => Err(format!("{seen} of {refused} refused")),
            })
            .await;
        }

        async fn end(self) -> Arc<Ledger> {
            self.stop.store(true, Ordering::Relaxed);
            self.senders.join_all().await;
            self.ledger
        }
    }

    /// Every promised event is there; of those that were refused some may be, none twice.
    async fn assert_kept(rig: &Rig, ledger: &Ledger) {
        let stored = until(async || {
            let stored = rig.ground().texts("SELECT event_id::text AS text FROM events");
            let missing = ledger.accepted.lock().unwrap().difference(&stored).count();
            if missing == 0 {
                return Ok(stored);
            }
            let ready = rig.get("/readyz").await;
            Err(format!("{missing} of {} are missing: {ready}", ledger.accepted()))
        })
        .await;
        assert_each_once(rig, stored.len());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_frozen_broker_is_answered_for_and_keeps_every_promise() {
        let Some(ground) = Ground::with_own(&["rabbitmq"]).await else {
            return;
        };
        let rig = Rig::services(ground, 2, &[]);
        let load = Load::begin(&rig);
        load.until_more_accepted(200).await;
        rig.ground().own().act("freeze", "rabbitmq");
        // Every request is answered meanwhile, by its own deadline; so refusals go on and on.
        load.until_refused(CONNECTIONS * 2).await;
        rig.ground().own().act("thaw", "rabbitmq");
        load.until_more_accepted(200).await;
        let ledger = load.end().await;
        assert_kept(&rig, &ledger).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn events_are_taken_while_the_database_is_away() {
        let Some(ground) = Ground::with_own(&["postgres"]).await else {
            return;
        };
        let rig = Rig::services(ground, 2, &[]);
        let load = Load::begin(&rig);
        load.until_more_accepted(200).await;
        rig.ground().own().act("kill", "postgres");
        load.until_more_accepted(500).await;
        rig.ground().own().act("revive", "postgres");
        let ledger = load.end().await;
        assert_eq!(ledger.refused.load(Ordering::Relaxed), 0);
        until_ready(&rig).await;
        assert_kept(&rig, &ledger).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_door_that_never_saw_the_database_takes_events() {
        let Some(ground) = Ground::with_own(&["postgres"]).await else {
            return;
        };
        let mut rig = Rig::services(ground, 0, &[]);
        rig.ground().own().act("kill", "postgres");
        rig.replace_the_door();
        let load = Load::begin(&rig);
        load.until_more_accepted(100).await;
        let ledger = load.end().await;
        rig.ground().own().act("revive", "postgres");
        rig.add_worker();
        until_stored(&rig, ledger.accepted()).await;
        assert_kept(&rig, &ledger).await;
    }
}
