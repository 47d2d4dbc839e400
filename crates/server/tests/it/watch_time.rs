//! How long somebody watched, from the heartbeats to the answers, in both modes.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::until;
use crate::stack::{Stack, in_both_modes};

in_both_modes!(
    watched_is_what_the_table_of_examples_says,
    heartbeats_without_times_count_from_the_first_to_the_last,
    one_heartbeat_is_enough_to_be_known,
    a_file_counts_like_a_post_and_nothing_twice,
    commands_show_what_was_watched_and_find_it_right,
);

const MOVIE: &str = "big buck/bunny";
const MOVIE_IN_PATHS: &str = "big%20buck%2Fbunny";

/// So many seconds after the first, at this position.
type Beats = Vec<(u32, u32)>;

struct Scenario {
    name: &'static str,
    beats: Beats,
    /// Watched, and watched of it that was not seen before.
    seconds: (f64, f64),
}

fn every_ten(seconds: std::ops::RangeInclusive<u32>, at: impl Fn(u32) -> u32) -> Beats {
    seconds.step_by(10).map(|second| (second, at(second))).collect()
}

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, parts: &[Beats], watched, unique| Scenario {
        name,
        beats: parts.concat(),
        seconds: (watched, unique),
    };
    vec![
        scenario("straight", &[every_ten(0..=60, |second| second)], 60.0, 60.0),
        scenario("one-at-4500", &[vec![(0, 4_500)]], 0.0, 0.0),
        scenario(
            "pause-with-beats",
            &[
                every_ten(0..=20, |second| second),
                every_ten(30..=140, |_| 20),
                every_ten(150..=160, |second| second - 120),
            ],
            40.0,
            40.0,
        ),
        scenario(
            "seek",
            &[vec![(0, 0), (10, 10), (20, 20), (25, 625), (35, 635), (45, 645)]],
            40.0,
            40.0,
        ),
        scenario(
            "back-and-on",
            &[
                every_ten(0..=70, |second| second),
                every_ten(80..=100, |second| second - 40),
            ],
            90.0,
            70.0,
        ),
        scenario("double-speed", &[every_ten(0..=60, |second| second * 2)], 120.0, 120.0),
        scenario(
            "two-devices",
            &[
                every_ten(0..=30, |second| second),
                every_ten(0..=30, |second| second + 3_000),
            ],
            60.0,
            60.0,
        ),
        scenario("forged-jump", &[vec![(0, 0), (10, 5_400)]], 0.0, 0.0),
    ]
}

/// Heartbeats with ids of their own, so that they may come again.
fn lines(user: &str, beats: &[(u32, u32)]) -> Vec<String> {
    let line = |(second, at): &(u32, u32)| {
        let timestamp = format!("2026-05-28T10:{:02}:{:02}Z", second / 60, second % 60);
        let id = format!("{second}-{at}");
        json!({"event_id": id, "user": user, "slug": MOVIE, "at": at, "timestamp": timestamp}).to_string()
    };
    beats.iter().map(line).collect()
}

async fn post(stack: &Stack, body: String) {
    let answer = stack
        .client
        .post(stack.at("/v1/events"))
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(status, StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
}

/// What is known of a user and the movie, once it is of so many heartbeats.
async fn known(stack: &Stack, user: &str, heartbeats: usize) -> Value {
    let path = format!("/v1/users/{user}/movies/{MOVIE_IN_PATHS}");
    until(async || {
        let answer = stack.client.get(stack.at(&path)).send().await.unwrap();
        let known: Value = answer.json().await.unwrap();
        if known["heartbeats"] == heartbeats {
            Ok(known)
        } else {
            Err(known)
        }
    })
    .await
}

fn seconds(known: &Value) -> (f64, f64) {
    let of = |field: &str| known[field].as_f64().unwrap();
    (of("watch_time_seconds"), of("unique_seconds"))
}

async fn watched_is_what_the_table_of_examples_says(stack: Stack) {
    for scenario in scenarios() {
        let lines = lines(scenario.name, &scenario.beats);
        let shuffled = |salt: usize| {
            let mut all = lines.clone();
            all.sort_by_key(|line| {
                line.len()
                    .wrapping_add(line.bytes().map(usize::from).sum::<usize>() * salt)
                    % 101
            });
            all
        };
        // In order, again, and then the other way round and in no order at all: nothing of it moves anything.
        post(&stack, lines.join("\n")).await;
        let known_first = known(&stack, scenario.name, lines.len()).await;
        assert_eq!(
            seconds(&known_first),
            scenario.seconds,
            "{}: {known_first}",
            scenario.name
        );
        for again in [lines.clone(), lines.iter().rev().cloned().collect(), shuffled(7)] {
            post(&stack, again.join("\n")).await;
        }
        let shuffled_user = format!("shuffled-{}", scenario.name);
        let renamed = |line: &String| line.replace(scenario.name, &shuffled_user);
        for line in shuffled(13).iter().map(renamed) {
            post(&stack, line).await;
        }
        let known_shuffled = known(&stack, &shuffled_user, lines.len()).await;
        assert_eq!(
            seconds(&known_shuffled),
            scenario.seconds,
            "{}: {known_shuffled}",
            scenario.name
        );
        let known_again = known(&stack, scenario.name, lines.len()).await;
        assert_eq!(known_again, known_first, "{}", scenario.name);
    }
    let movie = stack.get(&format!("/v1/movies/{MOVIE_IN_PATHS}/watch-time")).await;
    let watched: f64 = scenarios().iter().map(|scenario| scenario.seconds.0 * 2.0).sum();
    assert_eq!(
        (movie["watch_time_seconds"].as_f64(), movie["viewers"].as_u64()),
        (Some(watched), Some(scenarios().len() as u64 * 2)),
        "{movie}"
    );
    let top = stack.get("/v1/movies?order=watch_time").await;
    assert_eq!(top["items"], json!([movie]), "{top}");
}

async fn heartbeats_without_times_count_from_the_first_to_the_last(stack: Stack) {
    const FIRST: usize = 100;
    const BEATS: usize = 40;
    for at in (FIRST..).step_by(10).take(BEATS) {
        post(&stack, json!({"user": "ada", "slug": MOVIE, "at": at}).to_string()).await;
    }
    let known = known(&stack, "ada", BEATS).await;
    let watched = (BEATS - 1) as f64 * 10.0;
    assert_eq!(seconds(&known), (watched, watched), "{known}");
    assert_eq!(known["latest_at"].as_f64(), Some(FIRST as f64 + watched), "{known}");
}

async fn one_heartbeat_is_enough_to_be_known(stack: Stack) {
    let strange = "a/b ü%2F";
    post(
        &stack,
        json!({"user": strange, "slug": MOVIE, "at": 4500.25}).to_string(),
    )
    .await;
    let known = known(&stack, "a%2Fb%20%C3%BC%252F", 1).await;
    assert_eq!(
        (&known["user"], &known["slug"]),
        (&json!(strange), &json!(MOVIE)),
        "{known}"
    );
    assert_eq!(
        (known["latest_at"].as_f64(), seconds(&known)),
        (Some(4_500.25), (0.0, 0.0)),
        "{known}"
    );
    for unknown in [
        "/v1/users/nobody/watch-time",
        "/v1/movies/nothing/watch-time",
        "/v1/users/nobody/movies/nothing",
    ] {
        let answer = stack.client.get(stack.at(unknown)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}

async fn a_file_counts_like_a_post_and_nothing_twice(stack: Stack) {
    let lines = lines("ada", &every_ten(0..=600, |second| second));
    let (first, second) = lines.split_at(30);
    post(&stack, first.join("\n")).await;
    known(&stack, "ada", first.len()).await;
    let id = stack.upload([second, &first[20..]].concat().join("\n"), "").await;
    let job = stack.until_ended(&id).await;
    assert_eq!(
        (&job["events_applied"], &job["lines_duplicate"]),
        (&json!(second.len()), &json!(10)),
        "{job}"
    );
    assert_eq!(seconds(&known(&stack, "ada", lines.len()).await), (600.0, 600.0));
}

async fn commands_show_what_was_watched_and_find_it_right(stack: Stack) {
    post(&stack, lines("ada", &every_ten(0..=60, |second| second)).join("\n")).await;
    known(&stack, "ada", 7).await;
    let url = stack.at("");
    let said = |arguments: &[&str]| {
        let ran = stack.run(arguments);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (0, ""),
            "{arguments:?}: {}",
            ran.stdout
        );
        ran.stdout
    };
    let top = said(&["watch", "top", "--url", &url]);
    assert!(
        top.contains("big buck/bunny  0:01:00        1           7  2026-05-28T10:01:00"),
        "{top}"
    );
    let user = said(&["watch", "user", "ada", "--url", &url]);
    assert!(
        user.starts_with("ada has watched 0:01:00 of 1 movies.\n\nmovie"),
        "{user}"
    );
    let user: Value = serde_json::from_str(&said(&["watch", "user", "ada", "--url", &url, "--json"])).unwrap();
    assert_eq!(user["items"][0]["slug"], MOVIE, "{user:#}");
    let nobody = stack.run(&["watch", "user", "nobody", "--url", &url]);
    assert_eq!(nobody.code, 2, "{}", nobody.stderr);
    assert!(nobody.stderr.starts_with("refused: "), "{}", nobody.stderr);

    // While the servers go on.
    let rebuilt: Value = serde_json::from_str(&said(&["recompute", "--json"])).unwrap();
    let one = json!({"seen": 1, "changed": 0});
    assert_eq!(rebuilt, json!({"pairs": one, "movies": one, "users": one}));
    assert!(said(&["recompute"]).ends_with("\n\nEverything was right.\n"));
}
