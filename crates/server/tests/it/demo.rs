//! `--demo`: sample data through the door of one process with all roles, once, in both modes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Place, Server, http, until};
use crate::stack::{Mode, in_each_mode};

in_each_mode!(everything_is_there_and_a_second_start_adds_nothing);

const ACTIVITY_FILE: &str = "demo-app-activity.jsonl";
const LOG_FILE: &str = "demo-services.jsonl";
/// The first and the last page view, by which a later start knows the data.
const MARKS: u64 = 2;

/// Where a demo is kept.
struct Home {
    place: Place,
    environment: Vec<(String, String)>,
    #[cfg(feature = "services")]
    _backends: Option<crate::stack::backends::Backends>,
}

impl Home {
    fn embedded() -> Self {
        Self {
            place: Place::new(),
            environment: Vec::new(),
            #[cfg(feature = "services")]
            _backends: None,
        }
    }

    /// `None`, and a loud line, only where the caller of the tests allows a server to be missing.
    #[cfg_attr(
        not(feature = "services"),
        expect(clippy::unused_async, reason = "only servers are waited for")
    )]
    async fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Embedded => Some(Self::embedded()),
            #[cfg(feature = "services")]
            Mode::Services => {
                let backends = crate::stack::backends::Backends::start().await?;
                Some(Self {
                    place: Place::new(),
                    environment: backends.environment(),
                    _backends: Some(backends),
                })
            }
        }
    }

    fn start(&self, settings: &[(&str, &str)]) -> Server {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        Server::start(
            self.place
                .command(&["--demo", "--bind", "127.0.0.1:0"])
                .env("EH_RULES_GRACE_SECONDS", "0")
                .envs(environment)
                .envs(settings.iter().copied()),
        )
    }
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = http().get(server.at(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

async fn items(server: &Server, path: &str) -> Vec<Value> {
    let page = get(server, path).await;
    assert!(page["next_cursor"].is_null(), "{path} has more than a page");
    page["items"].as_array().unwrap().clone()
}

async fn counts(server: &Server) -> BTreeMap<String, u64> {
    let counts = get(server, "/analytics/event-counts-by-type").await;
    serde_json::from_value(counts).unwrap()
}

/// Waits until so many events are counted, and no more.
async fn until_counted(server: &Server, expected: u64) -> BTreeMap<String, u64> {
    until(async || {
        let counts = counts(server).await;
        let sum: u64 = counts.values().sum();
        assert!(sum <= expected, "{counts:?} are more than {expected}");
        (sum == expected)
            .then(|| counts.clone())
            .ok_or_else(|| format!("{counts:?} are not {expected}"))
    })
    .await
}

/// How many messages the rules in force imply since that day.
async fn implied(server: &Server, since: &str) -> usize {
    let mut implied = 0;
    for rule in get(server, "/api/v1/rules").await["items"].as_array().unwrap() {
        let url = server.at(&format!("/api/v1/rules/dry-run?start={since}"));
        let answer = http().post(url).json(&rule["rule"]).send().await.unwrap();
        let run: Value = answer.json().await.unwrap();
        assert_eq!(run["complete"], true, "{run}");
        implied += usize::try_from(run["count"].as_u64().unwrap()).unwrap();
    }
    implied
}

/// Waits until so many messages are in this state, and no other one is anywhere.
async fn until_told(server: &Server, expected: usize, state: &str) -> Vec<Value> {
    until(async || {
        let mut all = items(server, "/api/v1/notifications?limit=1000").await;
        all.retain(|message| message["state"] != "withdrawn");
        let is_over = all.len() == expected && all.iter().all(|message| message["state"] == state);
        is_over
            .then(|| all.clone())
            .ok_or_else(|| format!("{all:#?} are not {expected} {state}"))
    })
    .await
}

/// Each file with its name, state and rejected lines.
async fn files(server: &Server) -> Vec<(String, String, u64)> {
    let text = |job: &Value, name: &str| job[name].as_str().unwrap().to_owned();
    let mut files: Vec<_> = items(server, "/api/v1/jobs?limit=1000")
        .await
        .iter()
        .map(|job| {
            (
                text(job, "file_name"),
                text(job, "status"),
                job["lines_rejected"].as_u64().unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

/// Something happened on each of its days, and nothing later than now. Its first day.
async fn assert_a_month(server: &Server) -> String {
    let newest = &get(server, "/v1/events?limit=1").await["items"][0];
    assert!(
        newest["timestamp"].as_str() <= newest["received_at"].as_str(),
        "{newest} is still to come"
    );
    let series = get(server, "/api/v1/analytics/timeseries?interval=day").await;
    let days = series["points"].as_array().unwrap().iter();
    let busy: Vec<_> = days
        .filter(|day| !day["counts"].as_object().unwrap().is_empty())
        .collect();
    assert!((30..=31).contains(&busy.len()), "{series}");
    busy[0]["start"].as_str().unwrap().to_owned()
}

async fn assert_films(server: &Server) {
    let films = items(server, "/v1/movies?limit=1000").await;
    let viewers = items(server, "/v1/users?limit=1000").await;
    assert!(films.len() > 5 && viewers.len() > 5, "{films:#?} {viewers:#?}");
    assert!(
        films[0]["watch_time_seconds"].as_f64().unwrap() > 3_600.0,
        "{}",
        films[0]
    );
    let most = viewers[0]["user"].as_str().unwrap();
    let watched = items(server, &format!("/v1/users/{most}/movies")).await;
    assert!(watched[0]["latest_at"].as_f64().unwrap() > 0.0, "{}", watched[0]);
}

async fn everything_is_there_and_a_second_start_adds_nothing(mode: Mode) {
    let Some(home) = Home::of(mode).await else {
        return;
    };
    let server = home.start(&[]);
    let loaded = server.await_log("demo.loaded");
    let events = loaded["events"].as_u64().unwrap();
    let counted = until_counted(&server, events + MARKS).await;
    for (event_type, least) in [
        ("view", 2_000),
        ("click", 500),
        ("location", 100),
        ("watch", 9_000),
        ("app_launch", 20),
    ] {
        assert!(counted[event_type] > least, "{counted:?}");
    }
    let since = assert_a_month(&server).await;
    let told = until_told(&server, implied(&server, &since).await, "delivered").await;
    let rules: BTreeSet<_> = told.iter().map(|message| message["rule"].to_string()).collect();
    assert!(told.len() > 5 && rules.len() == 2, "{told:#?}");
    assert_eq!(items(&server, "/v1/notify?limit=1000").await.len(), told.len());
    let taken = files(&server).await;
    let [(activity, activity_ended, 0), (logs, logs_ended, rejected)] = &taken[..] else {
        panic!("{taken:?}");
    };
    assert_eq!([activity, logs], [ACTIVITY_FILE, LOG_FILE]);
    assert_eq!([activity_ended, logs_ended], ["completed"; 2]);
    assert!((3..10).contains(rejected), "{rejected}");
    assert_films(&server).await;
    assert!(server.terminate().success());

    let server = home.start(&[]);
    server.await_log("demo.found");
    assert_eq!(until_counted(&server, events + MARKS).await, counted);
    assert_eq!(until_told(&server, told.len(), "delivered").await, told);
    assert_eq!(files(&server).await, taken);
    assert!(server.terminate().success());
}

/// The first start comes to the second of its files, and is refused.
#[tokio::test]
async fn what_a_start_could_not_finish_the_next_one_does() {
    let home = Home::embedded();
    let server = home.start(&[("EH_UPLOAD_BYTES_MAX", "64 KiB")]);
    let refused = server.await_log("demo.not_loaded");
    assert!(
        refused["error"].as_str().unwrap().contains("(file_too_large)"),
        "{refused}"
    );
    assert!(server.terminate().success());
    let server = home.start(&[]);
    let loaded = server.await_log("demo.loaded");
    let names: Vec<_> = files(&server).await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, [ACTIVITY_FILE, LOG_FILE]);
    // The events of the file came with the first start, and not again.
    let posted = loaded["events"].as_u64().unwrap() + MARKS;
    until(async || {
        let counts = counts(&server).await;
        let sum: u64 = ["view", "click", "location", "watch"]
            .iter()
            .map(|name| counts[*name])
            .sum();
        (sum == posted)
            .then_some(())
            .ok_or_else(|| format!("{counts:?} are not {posted}"))
    })
    .await;
}

/// Who listens there must not hear of people that do not exist.
#[tokio::test]
async fn a_receiver_outside_gets_nothing() {
    let home = Home::embedded();
    let server = home.start(&[("EH_NOTIFY_URL", "http://127.0.0.1:9/hook")]);
    server.await_log("demo.loaded");
    let since = assert_a_month(&server).await;
    let kept = until_told(&server, implied(&server, &since).await, "suppressed").await;
    assert!(!kept.is_empty());
    for message in &kept {
        assert_eq!(
            (&message["suppression"], &message["attempts"]),
            (&"imported".into(), &0.into()),
            "{message}"
        );
    }
}

#[test]
fn a_process_without_both_roles_has_no_demo() {
    let place = Place::new();
    for role in ["ingest", "worker", "migrate"] {
        let ran = place.run(&["--demo", role]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("--demo is for `serve`"), "{}", ran.stderr);
        assert_eq!(place.run(&[role, "--demo"]).code, 1);
    }
}
