//! Watch time under faults: whatever was shuffled, repeated and killed, it is what one pass over the heartbeats comes to.

use std::collections::BTreeMap;

use domain::ids::JobId;
use domain::line::{Line, LineKind, LineOrigin, read_line};
use domain::time::Timestamp;
use domain::watch_time::{Beat, Pair, PositionUnit, WatchState};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::rig::{Rig, in_both_modes};
use crate::harness::{until, usual_or};

in_both_modes!([], shuffled_and_repeated_while_workers_are_killed);

const BEATS_PER_PAIR: usize = 100;
/// One in so many comes twice.
const REPEATED_EVERY: usize = 10;
const BATCH: usize = 100;
const CONNECTIONS: usize = 8;
const WORKERS: usize = 4;
const STEP_MILLIS_MAX: i64 = 120_000;
/// Long before they are received: the time of receipt plays no part.
const BEGAN: i64 = 1_770_000_000_000_000;

/// Not chance, and not order either.
struct Mixer(u64);

impl Mixer {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn mix<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Everybody watches every movie, with pauses and jumps.
fn heartbeats(mixer: &mut Mixer) -> Vec<String> {
    let (users, movies) = (usual_or("EH_TEST_USERS", 20), usual_or("EH_TEST_MOVIES", 10));
    let pairs = (0..users).flat_map(|user| (0..movies).map(move |movie| (user, movie)));
    let mut lines = Vec::new();
    for (user, movie) in pairs {
        let (mut seconds, mut at) = (0, 0);
        for n in 0..BEATS_PER_PAIR {
            let timestamp = Timestamp::from_micros(BEGAN + seconds * 1_000_000);
            let id = format!("{user}-{movie}-{n}");
            lines.push(
                json!({"event_id": id, "user": format!("u{user}"), "slug": format!("m{movie}"), "at": at, "timestamp": timestamp})
                    .to_string(),
            );
            seconds += 10;
            at = match mixer.below(20) {
                0 => at + 600,
                1 => at / 2,
                2 | 3 => at,
                _ => at + 10,
            };
        }
    }
    lines
}

/// What one pass over all of them comes to.
fn reference(lines: &[String]) -> BTreeMap<Pair, WatchState> {
    let mut beats: BTreeMap<Pair, Vec<Beat>> = BTreeMap::new();
    for line in lines {
        let now = Timestamp::from_micros(BEGAN).plus_micros(1_000_000_000_000);
        let origin = LineOrigin {
            job_id: JobId::new(Uuid::nil()),
            line_no: 1,
            job_created_at: now,
            received_at: now,
            kind: LineKind::Events,
            position_unit: PositionUnit::Seconds,
        };
        let Ok(Line::Event(event)) = read_line(line, &origin) else {
            panic!("{line}");
        };
        let beat = Beat::of(&event, PositionUnit::Seconds).unwrap();
        beats.entry(Pair::of(&event).unwrap()).or_default().push(beat);
    }
    let fold = |beats| WatchState::refold(WatchState::default(), beats, STEP_MILLIS_MAX);
    beats.into_iter().map(|(pair, beats)| (pair, fold(beats))).collect()
}

async fn shuffled_and_repeated_while_workers_are_killed(mut rig: Rig) {
    let mut mixer = Mixer(7);
    let mut lines = heartbeats(&mut mixer);
    let reference = reference(&lines);
    let heartbeats = lines.len();
    mixer.mix(&mut lines);
    lines.extend_from_within(..heartbeats / REPEATED_EVERY);
    mixer.mix(&mut lines);

    let kills = if rig.workers.is_empty() { 0 } else { 2 };
    while kills > 0 && rig.workers.len() < WORKERS {
        rig.add_worker();
    }
    let sending = tokio::spawn(post_all(rig.client().clone(), rig.door.at("/v1/events"), lines));
    for kill in 1..=kills {
        until_stored(&rig, heartbeats * kill / 4).await;
        rig.kill_a_worker();
    }
    sending.await.unwrap();
    // The process that works is the door where there is only one: it is killed when it owes no answer.
    if kills == 0 {
        rig.kill_a_worker();
    }
    until_stored(&rig, heartbeats).await;
    for (pair, state) in &reference {
        let path = format!("/v1/users/{}/movies/{}", pair.user_id, pair.slug);
        assert_eq!(told(&rig.get(&path).await), folded(state), "{path}");
    }
    assert_sums(&rig, &reference).await;
}

async fn post_all(client: Client, url: String, lines: Vec<String>) {
    let batches: Vec<String> = lines.chunks(BATCH).map(|batch| batch.join("\n")).collect();
    let mut senders = JoinSet::new();
    for sender in 0..CONNECTIONS {
        let (client, url) = (client.clone(), url.clone());
        let mine: Vec<String> = batches.iter().skip(sender).step_by(CONNECTIONS).cloned().collect();
        senders.spawn(async move {
            for batch in mine {
                while !is_taken(&client, &url, &batch).await {}
            }
        });
    }
    senders.join_all().await;
}

/// False: refused, in good order.
async fn is_taken(client: &Client, url: &str, batch: &str) -> bool {
    let answer = client.post(url).body(batch.to_owned()).send().await.unwrap();
    match answer.status() {
        StatusCode::ACCEPTED => true,
        StatusCode::SERVICE_UNAVAILABLE => false,
        status => panic!("{status}: {}", answer.text().await.unwrap()),
    }
}

/// However many there are: what is asked for is that it goes on.
async fn until_stored(rig: &Rig, events: usize) {
    let (events, mut stored) = (i64::try_from(events).unwrap(), -1);
    while stored < events {
        stored = until(async || match rig.count_rows("SELECT count(*) AS n FROM events") {
            now if now > stored => Ok(now),
            now => Err(format!("{now} of {events}")),
        })
        .await;
    }
}

/// In milliseconds: watched, watched for the first time, the furthest, the latest; and how many heartbeats.
fn folded(state: &WatchState) -> [i64; 5] {
    [
        state.watch_time_millis(),
        state.unique_millis(),
        state.furthest_at_millis(),
        state.newest().unwrap().at_millis,
        state.heartbeats(),
    ]
}

fn told(answer: &Value) -> [i64; 5] {
    let heartbeats = answer["heartbeats"].as_i64().unwrap();
    let of = |field| millis(answer, field);
    [
        of("watch_time_seconds"),
        of("unique_seconds"),
        of("furthest_at"),
        of("latest_at"),
        heartbeats,
    ]
}

fn millis(answer: &Value, field: &str) -> i64 {
    let seconds = answer[field].as_f64().unwrap_or_else(|| panic!("{field}: {answer}"));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions are far from the ends of the range"
    )]
    let millis = (seconds * 1e3).round() as i64;
    millis
}

/// What is known of each movie and each user is the sum over its pairs.
async fn assert_sums(rig: &Rig, reference: &BTreeMap<Pair, WatchState>) {
    let mut sums: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for (pair, state) in reference {
        for path in [
            format!("/v1/users/{}", pair.user_id),
            format!("/v1/movies/{}", pair.slug),
        ] {
            let [watched, pairs, heartbeats] = sums.entry(path).or_default();
            *watched += state.watch_time_millis();
            *pairs += 1;
            *heartbeats += state.heartbeats();
        }
    }
    for (path, expected) in sums {
        let told = rig.get(&format!("{path}/watch-time")).await;
        let pairs = told.get("viewers").or(told.get("movies")).and_then(Value::as_i64);
        let heartbeats = told["heartbeats"].as_i64();
        assert_eq!(
            [Some(millis(&told, "watch_time_seconds")), pairs, heartbeats],
            expected.map(Some),
            "{path}: {told}"
        );
    }
}
