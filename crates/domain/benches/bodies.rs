//! What it costs to take events in: nanoseconds per event, from the bytes of a request to the bytes of a frame and back.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::event::Event;
use domain::ids::EventId;
use domain::intake::body::{Body, read_body};
use domain::intake::{self, Draft, Stamp};
use domain::message::{EncodedEvent, EventFrame};
use domain::time::Timestamp;

const MEASURE_AT_LEAST: Duration = Duration::from_millis(500);
const BATCH: usize = 100;

const SHAPES: [(&str, &str); 5] = [
    (
        "analytics",
        r#"{"user_id":"user-4711","event_type":"view","payload":{"url":"/pricing?plan=team","title":"Pricing"}}"#,
    ),
    (
        "canonical",
        concat!(
            r#"{"event_id":"0199f3a0-7c4e-7000-8000-0123456789ab","event_type":"view","user_id":"user-4711","device_id":"ipad-3","#,
            r#""timestamp":"2026-05-28T10:00:00.123456Z","payload":{"url":"/pricing?plan=team","title":"Pricing"}}"#
        ),
    ),
    ("heartbeat", r#"{"user":"username","slug":"show_slug","at":4500.5}"#),
    (
        "app",
        concat!(
            r#"{"user_id":"foo1","device_id":"bar1","type":"training_program_started","training_program_id":"2352","#,
            r#""training_program_title":"7 Minutes of HIIT Training","time_stamp":"2021-02-28 16:23:25"}"#
        ),
    ),
    (
        "cloud event",
        concat!(
            r#"{"specversion":"1.0","id":"a3a50daf-47db-40e1-adf5-ec25c4379e15","source":"/web","type":"click","#,
            r#""time":"2026-05-28T10:02:47.159157Z","data":{"user_id":"u1","element_id":"buy"}}"#
        ),
    ),
];

fn main() {
    println!(
        "{:12} {:>11} {:>9} {:>9} {:>9} {:>9} {:>14}",
        "shape", "bytes/event", "ns array", "ns lines", "ns encode", "ns decode", "taken in per s"
    );
    for (name, item) in SHAPES {
        report(name, item);
    }
}

fn report(name: &str, item: &str) {
    let array = format!("[{}]", vec![item; BATCH].join(","));
    let lines = vec![item; BATCH].join("\n");
    let from_array = nanos_per_event(|| drop(black_box(drafts(black_box(&array)))));
    let from_lines = nanos_per_event(|| drop(black_box(drafts(black_box(&lines)))));
    let events: Vec<Event> = drafts(&array).into_iter().map(stamp).collect();
    let encode = nanos_per_event(|| drop(black_box(frame(black_box(&events)))));
    let bytes = frame(&events);
    let decode = nanos_per_event(|| drop(black_box(EventFrame::decode(black_box(&bytes)).unwrap())));
    let taken_in = 1_000_000_000 / (from_array + encode);
    println!(
        "{name:12} {:>11} {from_array:>9} {from_lines:>9} {encode:>9} {decode:>9} {taken_in:>14}",
        item.len()
    );
}

fn drafts(body: &str) -> Vec<Draft> {
    match read_body(body.as_bytes(), intake::read).unwrap() {
        Body::One(item) => vec![item.unwrap()],
        Body::Several(items) => items.into_iter().map(Result::unwrap).collect(),
    }
}

fn stamp(draft: Draft) -> Event {
    let received_at = Timestamp::from_micros(1_795_168_809_023_999);
    let stamp = Stamp {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        event_id: EventId::stamped(received_at, 7),
        timestamp: received_at,
        received_at,
    };
    draft.stamp(stamp).unwrap()
}

fn frame(events: &[Event]) -> Vec<u8> {
    let encoded: Vec<_> = events.iter().map(|event| EncodedEvent::of(event).unwrap()).collect();
    EventFrame::join(&encoded)
}

/// The best of all passes: what else the machine does only ever adds.
fn nanos_per_event(pass: impl Fn()) -> u128 {
    let (started, mut best) = (Instant::now(), u128::MAX);
    while started.elapsed() < MEASURE_AT_LEAST {
        let begun = Instant::now();
        pass();
        best = best.min(begun.elapsed().as_nanos() / BATCH as u128);
    }
    best
}
