//! A door that asks for keys, while the database that holds them hangs.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::ground::Ground;
use crate::harness::{Place, Server, http_showing, until};

const REQUIRED: (&str, &str) = ("EH_API_KEYS_REQUIRED", "true");
/// What is promised for events, whatever hangs.
const ANSWERED_WITHIN: Duration = Duration::from_millis(2_100);

/// A door, and where it is.
struct Door {
    server: Server,
    place: Place,
    environment: Vec<(String, String)>,
}

impl Door {
    fn open(ground: &Ground) -> Self {
        let (place, mut environment) = (Place::new(), ground.environment());
        environment.push((REQUIRED.0.to_owned(), REQUIRED.1.to_owned()));
        environment.push(("EH_BIND".to_owned(), "127.0.0.1:0".to_owned()));
        // The first key makes the tables.
        make_key(&place, &environment);
        let server = Server::start(place.command(&["ingest"]).envs(environment.clone()));
        Self {
            server,
            place,
            environment,
        }
    }

    fn make_key(&self) -> String {
        make_key(&self.place, &self.environment)
    }

    async fn post(&self, key: &str) -> (StatusCode, Duration) {
        let began = Instant::now();
        let event = r#"{"user_id":"ada","event_type":"view","payload":{"url":"/"}}"#;
        let posted = http_showing(Some(key)).post(self.server.at("/v1/events")).body(event);
        (posted.send().await.unwrap().status(), began.elapsed())
    }

    fn times_logged(&self, message: &str) -> usize {
        let log = self.server.log();
        log.iter().filter(|line| line["message"] == message).count()
    }
}

fn make_key(place: &Place, environment: &[(String, String)]) -> String {
    let mut command = place.command(&["keys", "create", "--kind", "write"]);
    let made = command.envs(environment.iter().cloned()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_posts_events_while_the_database_hangs() {
    let Some(ground) = Ground::with_own(&["postgres"]).await else {
        return;
    };
    let door = Door::open(&ground);
    let (known, late) = (door.make_key(), door.make_key());
    assert_eq!(door.post(&known).await.0, StatusCode::ACCEPTED);

    ground.own().act("freeze", "postgres");
    until(async || {
        let (status, took) = door.post(&known).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert!(took < ANSWERED_WITHIN, "{took:?}");
        // Looked for in vain more than once, so more than trust in the first look is seen.
        let unseen = door.times_logged("key.trusted_unseen");
        if unseen > 1 { Ok(()) } else { Err(unseen) }
    })
    .await;
    let (status, took) = door.post(&late).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(took < ANSWERED_WITHIN, "{took:?}");
    ground.own().act("thaw", "postgres");

    until(async || match door.post(&late).await.0 {
        StatusCode::ACCEPTED => Ok(()),
        status => Err(status),
    })
    .await;
}
