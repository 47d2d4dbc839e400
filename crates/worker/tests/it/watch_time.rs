//! Watch time through the queue: whatever the order, the company and the number of workers, every pair comes to what its
//! heartbeats come to one after the other, and every total is the sum of its pairs.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::job::JobOptions;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use uuid::Uuid;
use worker::{Recomputed, Settings};

use crate::bed::Bed;
use crate::events::in_both_modes;
use crate::watched::{SECOND, Watched, evenings, heartbeat, hours_ago, now, pair, reference, shuffled, untimed};

in_both_modes!(
    the_promised_evenings_come_out_as_promised,
    several_workers_come_to_the_same_as_one_that_does_nothing_else,
    a_file_and_the_queue_fold_the_same_pairs,
    what_comes_late_counts_as_if_it_had_come_in_time,
    what_is_no_heartbeat_moves_nothing,
    one_batch_of_many_heartbeats_is_folded_at_once,
);

/// An evening: (second, position).
type Evening = Vec<(i64, i64)>;

fn straight(seconds: std::ops::RangeInclusive<i64>, speed: i64) -> Evening {
    seconds.step_by(10).map(|second| (second, second * speed)).collect()
}

/// Name, evening, watch time and unique seconds.
fn promised() -> Vec<(&'static str, Evening, i64, i64)> {
    let paused = straight(0..=20, 1)
        .into_iter()
        .chain((30..=140).step_by(10).map(|second| (second, 20)))
        .chain([(150, 30), (160, 40)]);
    let seek = vec![(0, 0), (10, 10), (20, 20), (25, 625), (35, 635), (45, 645)];
    let rewatch = straight(0..=70, 1).into_iter().chain([(80, 40), (90, 50), (100, 60)]);
    let two_devices = (0..=30)
        .step_by(10)
        .flat_map(|second| [(second, second), (second + 3, 3_000 + second)]);
    vec![
        ("straight", straight(0..=60, 1), 60, 60),
        ("one", vec![(0, 4_500)], 0, 0),
        ("paused", paused.collect(), 40, 40),
        ("seek", seek, 40, 40),
        ("rewatch", rewatch.collect(), 90, 70),
        ("double speed", straight(0..=60, 2), 120, 120),
        ("two devices", two_devices.collect(), 60, 60),
        ("forged", vec![(0, 0), (1_350, 5_400)], 0, 0),
    ]
}

async fn the_promised_evenings_come_out_as_promised(bed: Bed) {
    let begin = hours_ago(2);
    let mut frames: Vec<Vec<Event>> = Vec::new();
    let (mut expected, mut stored) = (Vec::new(), 0);
    for (name, evening, watch_time, unique) in promised() {
        for (way, slug) in ["in order", "twice", "backwards"].iter().zip(["a", "b", "c"]) {
            let pair = pair(&format!("{name}, {way}"), slug);
            let mut beats: Vec<Event> = evening
                .iter()
                .map(|(second, at)| heartbeat(&pair, *at, begin.plus_micros(second * SECOND)))
                .collect();
            stored += beats.len();
            if *way == "twice" {
                beats = beats.iter().flat_map(|beat| [beat.clone(), beat.clone()]).collect();
            } else if *way == "backwards" {
                beats.reverse();
            }
            frames.extend(beats.into_iter().map(|beat| vec![beat]));
            expected.push((pair, watch_time, unique));
        }
    }
    for apart in [0, SECOND] {
        let pair = pair(&format!("untimed {apart}"), "d");
        let beat = |n| untimed(&pair, n * 10, begin.plus_micros(n * apart));
        stored += 4;
        frames.push((0..4).map(beat).collect());
        expected.push((pair, 30, 30));
    }
    for frame in &frames {
        bed.publish(frame).await;
    }
    let working = bed.work_with(Settings {
        batch_events_max: 5,
        ..bed.settings()
    });
    bed.until_stored(stored).await;
    working.stop().await;
    for (pair, watch_time, unique) in &expected {
        let state = bed.state(pair).unwrap();
        let seconds = (state.watch_time_millis() / 1_000, state.unique_millis() / 1_000);
        assert_eq!(seconds, (*watch_time, *unique), "{pair:?}");
    }
    bed.stands_at(&reference(&frames.concat()));
}

async fn several_workers_come_to_the_same_as_one_that_does_nothing_else(bed: Bed) {
    const HEARTBEATS: usize = 10_000;
    let mut random = StdRng::seed_from_u64(20_261_120);
    let events = evenings(&mut random, 20, 10, HEARTBEATS);
    let working: Vec<_> = (0..3)
        .map(|_| {
            bed.work_with(Settings {
                batch_events_max: 400,
                ..bed.settings()
            })
        })
        .collect();
    for frame in shuffled(&mut random, &events) {
        bed.publish(&frame).await;
    }
    bed.until_counted(HEARTBEATS).await;
    for working in working {
        working.stop().await;
    }
    assert_eq!(bed.dead_letters(), []);
    bed.stands_at(&reference(&events));
    let recomputed = bed.recompute().await;
    assert_eq!((recomputed.pairs.seen, recomputed.pairs.changed), (200, 0));
    assert_eq!((recomputed.movies.seen, recomputed.movies.changed), (10, 0));
    assert_eq!((recomputed.users.seen, recomputed.users.changed), (20, 0));
}

async fn a_file_and_the_queue_fold_the_same_pairs(bed: Bed) {
    const HEARTBEATS: usize = 1_200;
    let mut random = StdRng::seed_from_u64(4);
    let events = evenings(&mut random, 3, 2, HEARTBEATS);
    let mut lines: Vec<String> = events[..800]
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    lines.shuffle(&mut random);
    let file = lines.join("\n");
    let id = bed.upload(file.as_bytes(), 20_000, JobOptions::default()).await;
    let working = [bed.work(), bed.work()];
    // Some come both ways.
    for frame in shuffled(&mut random, &events[500..]) {
        bed.publish(&frame).await;
    }
    bed.until_completed(id).await;
    bed.until_counted(HEARTBEATS).await;
    for working in working {
        working.stop().await;
    }
    bed.stands_at(&reference(&events));
}

async fn what_comes_late_counts_as_if_it_had_come_in_time(bed: Bed) {
    let pair = pair("ada", "sintel");
    let begin = hours_ago(1);
    let events: Vec<Event> = (0..=60)
        .map(|n| heartbeat(&pair, n * 10, begin.plus_micros(n * 10 * SECOND)))
        .collect();
    // A minute of flight, after which the phone sends what it kept.
    let (flight, on_ground): (Vec<_>, Vec<_>) = events
        .iter()
        .cloned()
        .enumerate()
        .partition(|(n, _)| (20..40).contains(n));
    let of = |numbered: Vec<(usize, Event)>| numbered.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
    let (flight, on_ground) = (of(flight), of(on_ground));
    let working = bed.work();
    bed.publish(&on_ground).await;
    bed.until_stored(on_ground.len()).await;
    for late in flight.chunks(3) {
        bed.publish(late).await;
    }
    bed.until_stored(events.len()).await;
    working.stop().await;
    bed.stands_at(&reference(&events));
    assert_eq!(bed.state(&pair).unwrap().watch_time_millis(), 600_000);
}

async fn what_is_no_heartbeat_moves_nothing(bed: Bed) {
    let started = format!(
        r#"{{"event_id":"{}","event_type":"stream_started","user_id":"ada","timestamp":"{at}","received_at":"{at}","payload":{{"stream_id":"tv","slug":"sintel"}}}}"#,
        Uuid::new_v4(),
        at = now()
    );
    let events = [crate::events::event(1, "ada"), serde_json::from_str(&started).unwrap()];
    bed.publish(&events).await;
    let working = bed.work();
    bed.until_stored(2).await;
    working.stop().await;
    bed.stands_at(&BTreeMap::new());
    assert_eq!(bed.recompute().await, Recomputed::default());
}

async fn one_batch_of_many_heartbeats_is_folded_at_once(bed: Bed) {
    const HEARTBEATS: usize = 6_000;
    let mut random = StdRng::seed_from_u64(7);
    // More of one pair than are read back at once, and one of them late.
    let mut events = evenings(&mut random, 1, 1, HEARTBEATS);
    let late = events.remove(HEARTBEATS / 2);
    bed.publish(&events).await;
    let working = bed.work();
    bed.until_counted(HEARTBEATS - 1).await;
    bed.publish(std::slice::from_ref(&late)).await;
    bed.until_counted(HEARTBEATS).await;
    working.stop().await;
    events.push(late);
    bed.stands_at(&reference(&events));
}
