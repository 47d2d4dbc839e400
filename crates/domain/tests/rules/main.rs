//! What rules imply: kind by kind at the edges, and what holds whatever happens.

#![allow(clippy::panic, clippy::unwrap_used)]

mod absence;
mod concurrency;
mod duration;
mod file;
mod five_events;
mod laws;

use domain::event::Event;
use domain::ids::{EventId, JobId};
use domain::rules::{Circumstances, Happened, Implied, Judgement, Rule, Rules, Stretch, Verdict};
use domain::time::Timestamp;
use uuid::Uuid;

const STREAM_LIMIT: usize = 3;
/// How long after it happened an event is received, where a test does not say it.
const DELAY_MILLIS: i64 = 200;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn time(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000 + millis * 1_000)
}

fn ever() -> Stretch {
    time(-1_000 * HOUR)..=time(1_000 * HOUR)
}

fn rule(name: &str) -> Rule {
    Rules::default().named(name).unwrap().clone()
}

/// An event in few words.
#[derive(Clone, Debug)]
struct Told {
    id: u32,
    event_type: &'static str,
    at_millis: i64,
    received_millis: i64,
    device: Option<&'static str>,
    payload: String,
    live: bool,
    job: Option<u128>,
}

impl Told {
    fn new(id: u32, event_type: &'static str, at_millis: i64) -> Self {
        Self {
            id,
            event_type,
            at_millis,
            received_millis: at_millis + DELAY_MILLIS,
            device: None,
            payload: "{}".to_owned(),
            live: true,
            job: None,
        }
    }

    fn on(self, device: &'static str) -> Self {
        Self {
            device: Some(device),
            ..self
        }
    }

    fn saying(self, payload: &str) -> Self {
        Self {
            payload: payload.to_owned(),
            ..self
        }
    }

    fn received(self, received_millis: i64) -> Self {
        Self {
            received_millis,
            ..self
        }
    }

    fn imported(self, job: u128) -> Self {
        Self {
            live: false,
            job: Some(job),
            ..self
        }
    }

    fn happened(&self) -> Happened {
        Happened {
            event: Event {
                event_id: id(self.id),
                event_type: self.event_type.parse().unwrap(),
                user_id: "u".parse().unwrap(),
                device_id: self.device.map(|device| device.parse().unwrap()),
                timestamp: time(self.at_millis),
                received_at: time(self.received_millis),
                payload: serde_json::from_str(&self.payload).unwrap(),
                extra: None,
                client_timed: true,
                client_named: true,
                slug: None,
            },
            live: self.live,
            job_id: self.job.map(|job| JobId::new(Uuid::from_u128(job))),
        }
    }
}

fn id(id: u32) -> EventId {
    EventId::new(Uuid::from_u128(u128::from(id)))
}

/// Long after everything, unless a test says when.
fn judged(rule: &Rule, told: &[Told]) -> Vec<Judgement> {
    judged_at(rule, told, 900 * HOUR)
}

fn judged_at(rule: &Rule, told: &[Told], now_millis: i64) -> Vec<Judgement> {
    let events: Vec<Happened> = told.iter().map(Told::happened).collect();
    rule.judge(&ever(), &events, at(now_millis))
}

fn at(now_millis: i64) -> Circumstances {
    Circumstances {
        now: time(now_millis),
        stream_limit: STREAM_LIMIT,
    }
}

/// The messages, with the number of what caused each.
fn messages(judgements: &[Judgement]) -> Vec<(u128, String)> {
    let implied = judgements.iter().filter_map(|judgement| match &judgement.verdict {
        Verdict::Implied(implied) => Some((judgement.cause.as_uuid().as_u128(), implied.message.clone())),
        Verdict::Pending { .. } => None,
    });
    implied.collect()
}

fn causes(judgements: &[Judgement]) -> Vec<u128> {
    messages(judgements).into_iter().map(|(cause, _)| cause).collect()
}

#[track_caller]
fn only_implied(judgements: Vec<Judgement>) -> Implied {
    match <[Judgement; 1]>::try_from(judgements).unwrap() {
        [
            Judgement {
                verdict: Verdict::Implied(implied),
                ..
            },
        ] => implied,
        other => panic!("not implied: {other:?}"),
    }
}
