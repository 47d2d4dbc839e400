//! Streams under faults: who cannot be asked says no, and never does a user run more than she may.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::ground::Ground;
use super::rig::Rig;
use crate::harness::until;

const LIMIT: usize = 3;
const AT_ONCE: usize = 8;
/// No slot becomes free by itself while the test runs.
const SETTINGS: [(&str, &str); 1] = [("EH_STREAM_LEASE_SECONDS", "3600")];

/// Eight starts at once for one user after the other, without a pause.
struct Load {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    running: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    granted: Mutex<BTreeMap<String, usize>>,
    users: AtomicUsize,
    refused: AtomicUsize,
}

impl Load {
    fn begin(rig: &Rig) -> Self {
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (client, base) = (rig.client().clone(), rig.door.at("/v1/users/"));
        let (noting, told) = (Arc::clone(&seen), Arc::clone(&stop));
        let running = tokio::spawn(async move {
            while !told.load(Ordering::Relaxed) {
                let user = format!("u{}", noting.users.load(Ordering::Relaxed));
                let url = format!("{base}{user}/streams");
                join_all((0..AT_ONCE).map(|_| noting.start(&client, &url, &user))).await;
                noting.users.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { seen, stop, running }
    }

    async fn end(self) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.unwrap();
        self.seen
    }
}

impl Seen {
    async fn start(&self, client: &Client, url: &str, user: &str) {
        let answer = client.post(url).send().await.unwrap();
        match answer.status() {
            StatusCode::CREATED => *self.granted.lock().unwrap().entry(user.to_owned()).or_default() += 1,
            StatusCode::CONFLICT => {}
            StatusCode::SERVICE_UNAVAILABLE => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        }
    }

    async fn until_more_users(&self, more: usize) {
        let goal = self.users.load(Ordering::Relaxed) + more;
        until_at_least(&self.users, goal).await;
    }
}

async fn until_at_least(seen: &AtomicUsize, goal: usize) {
    until(async || match seen.load(Ordering::Relaxed) {
        seen if seen >= goal => Ok(()),
        seen => Err(format!("{seen} of {goal}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_frozen_in_the_middle_of_starts_lets_no_fourth_in() {
    let Some(ground) = Ground::with_own(&["postgres"]).await else {
        return;
    };
    let rig = Rig::services(ground, 1, &SETTINGS);
    let load = Load::begin(&rig);
    for _ in 0..2 {
        load.seen.until_more_users(10).await;
        let refused = load.seen.refused.load(Ordering::Relaxed);
        rig.ground().own().act("freeze", "postgres");
        // Each is answered within its own deadline; so refusals go on and on.
        until_at_least(&load.seen.refused, refused + AT_ONCE * 2).await;
        rig.ground().own().act("thaw", "postgres");
    }
    load.seen.until_more_users(10).await;
    let seen = load.end().await;

    for user in 0..seen.users.load(Ordering::Relaxed) {
        let user = format!("u{user}");
        let granted = seen.granted.lock().unwrap().get(&user).copied().unwrap_or_default();
        let running: Value = rig.get(&format!("/v1/users/{user}/streams")).await;
        let active = usize::try_from(running["active"].as_u64().unwrap()).unwrap();
        // A grant whose answer nobody heard holds its slot all the same.
        assert!(
            (granted..=LIMIT).contains(&active),
            "{user}: {granted} granted, {running}"
        );
    }
    let started = "SELECT count(*) AS n FROM (SELECT user_id FROM events WHERE event_type = 'stream_started'
                   GROUP BY user_id HAVING count(*) > 3) AS greedy";
    assert_eq!(rig.count_rows(started), 0);
}
