//! What it costs to fold heartbeats: nanoseconds per heartbeat, for players of several habits.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::event::Event;
use domain::ids::EventId;
use domain::intake::{self, Stamp};
use domain::json::Object;
use domain::time::Timestamp;
use domain::watch_time::{Beat, PositionUnit, WatchState};

const MEASURE_AT_LEAST: Duration = Duration::from_millis(500);
const BEATS: i64 = 720;
const STEP_MILLIS_MAX: i64 = 120_000;

/// Where a player is at its n-th heartbeat.
type Habit = fn(i64) -> i64;

const HABITS: [(&str, Habit); 4] = [
    ("straight on", |n| n * 10),
    ("again and again", |n| n % 60 * 10),
    ("ten seconds in a hundred", |n| n / 2 * 100 + n % 2 * 10),
    ("anywhere", |n| n * 7_919 % 7_200),
];

fn main() {
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>12}",
        "habit", "ns read", "ns fold", "ns refold", "ns encode", "ns decode", "state bytes", "folds per s"
    );
    for (name, habit) in HABITS {
        report(name, habit);
    }
}

fn report(name: &str, habit: Habit) {
    let events: Vec<Event> = (0..BEATS).map(|n| heartbeat(n, habit(n))).collect();
    let read = nanos_per_beat(|| {
        for event in &events {
            black_box(Beat::of(black_box(event), PositionUnit::Seconds));
        }
    });
    let beats: Vec<Beat> = events
        .iter()
        .filter_map(|event| Beat::of(event, PositionUnit::Seconds))
        .collect();
    let fold = nanos_per_beat(|| {
        let mut state = WatchState::default();
        for beat in &beats {
            black_box(state.fold(black_box(beat), STEP_MILLIS_MAX).unwrap());
        }
    });
    let again = || WatchState::refold(WatchState::default(), black_box(&beats).clone(), STEP_MILLIS_MAX);
    let refold = nanos_per_beat(|| drop(black_box(again())));
    let (state, text) = (again(), again().encode().unwrap());
    let encode = nanos_per_call(|| drop(black_box(state.encode().unwrap())));
    let decode = nanos_per_call(|| drop(black_box(WatchState::decode(black_box(&text)).unwrap())));
    println!(
        "{name:26} {read:>9} {fold:>9} {refold:>9} {encode:>9} {decode:>9} {:>12} {:>12}",
        text.len(),
        1_000_000_000 / fold.max(1)
    );
}

fn heartbeat(n: i64, at: i64) -> Event {
    let sent = Timestamp::from_micros(1_795_168_809_023_999 + n * 10_000_000);
    let text =
        format!(r#"{{"user":"username","slug":"show_slug","at":{at},"session_id":"5f0c9d5e6a","timestamp":"{sent}"}}"#);
    let received_at = sent.plus_micros(35_000);
    let stamp = Stamp {
        position_unit: PositionUnit::Seconds,
        event_id: EventId::stamped(received_at, 7),
        timestamp: received_at,
        received_at,
    };
    intake::read(&Object::parse(&text).unwrap())
        .unwrap()
        .stamp(stamp)
        .unwrap()
}

fn nanos_per_beat(pass: impl Fn()) -> u128 {
    nanos_per_call(pass) / u128::from(BEATS.unsigned_abs())
}

/// The best of all passes: what else the machine does only ever adds.
fn nanos_per_call(pass: impl Fn()) -> u128 {
    let (started, mut best) = (Instant::now(), u128::MAX);
    while started.elapsed() < MEASURE_AT_LEAST {
        let begun = Instant::now();
        pass();
        best = best.min(begun.elapsed().as_nanos());
    }
    best
}
