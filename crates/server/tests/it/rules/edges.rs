//! Where a rule begins to speak and where it falls silent, to the second, over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{ENCOURAGEMENT, SHORT_GRACE, until_meant};
use crate::stack::{Mode, Stack, in_each_mode};

in_each_mode!(every_edge_is_where_it_should_be);

const LAUNCH: &str = "app_launch";
const START: &str = "training_program_started";
const CANCEL: &str = "training_program_cancelled";
const FINISH: &str = "training_program_finished";

/// What happens, and when, in minutes and seconds: to "ada" on her television with program 1, unless it says otherwise.
struct Happens(&'static str, i64, i64, &'static [(&'static str, &'static str)]);

const fn at(event_type: &'static str, minutes: i64, seconds: i64) -> Happens {
    Happens(event_type, minutes, seconds, &[])
}

const PHONE: &[(&str, &str)] = &[("device_id", "phone")];
const BOB: &[(&str, &str)] = &[("user_id", "bob")];

/// What it is about, what happens, and who is told what.
type Case = (
    &'static str,
    &'static [Happens],
    &'static [(&'static str, &'static str)],
);

const THIRTY: &str = "Congratulations on your daily training dose: 30 minutes!";
const THIRTY_FIVE: &str = "Congratulations on your daily training dose: 35 minutes!";

const CASES: [Case; 20] = [
    ("29:59 of training", &[at(START, 0, 0), at(FINISH, 29, 59)], &[]),
    ("30:00 of training", &[at(START, 0, 0), at(FINISH, 30, 0)], &[]),
    (
        "30:01 of training",
        &[at(START, 0, 0), at(FINISH, 30, 1)],
        &[("ada", THIRTY)],
    ),
    ("a start after 9:59", &[at(LAUNCH, 0, 0), at(START, 9, 59)], &[]),
    ("a start after 10:00", &[at(LAUNCH, 0, 0), at(START, 10, 0)], &[]),
    (
        "a start after 10:01",
        &[at(LAUNCH, 0, 0), at(START, 10, 1)],
        &[("ada", ENCOURAGEMENT)],
    ),
    (
        "a cancel, then a finish",
        &[at(START, 0, 0), at(CANCEL, 20, 0), at(FINISH, 35, 0)],
        &[],
    ),
    (
        "a finish, then a cancel",
        &[at(START, 0, 0), at(FINISH, 35, 0), at(CANCEL, 35, 1)],
        &[("ada", THIRTY_FIVE)],
    ),
    (
        "a cancel at the moment of the finish",
        &[at(START, 0, 0), at(FINISH, 35, 0), at(CANCEL, 35, 0)],
        &[],
    ),
    (
        "two starts, of which the later is too late",
        &[at(START, 0, 0), at(START, 5, 0), at(FINISH, 35, 0)],
        &[],
    ),
    (
        "two starts, both long enough ago",
        &[at(START, 0, 0), at(START, 1, 0), at(FINISH, 36, 0)],
        &[("ada", THIRTY_FIVE)],
    ),
    ("a finish without a start", &[at(FINISH, 35, 0)], &[]),
    ("a finish before the start", &[at(FINISH, 0, 0), at(START, 35, 0)], &[]),
    (
        "one program, which one begins and another finishes",
        &[at(START, 0, 0), Happens(FINISH, 35, 0, BOB)],
        &[],
    ),
    (
        "one program of two users at the same time",
        &[
            at(START, 0, 0),
            Happens(START, 1, 0, BOB),
            at(FINISH, 35, 0),
            Happens(FINISH, 31, 1, BOB),
        ],
        &[("ada", THIRTY_FIVE), ("bob", THIRTY)],
    ),
    (
        "two programs of one user",
        &[
            at(START, 0, 0),
            Happens(START, 1, 0, &[("program", "2")]),
            at(FINISH, 35, 0),
            Happens(FINISH, 31, 0, &[("program", "2")]),
        ],
        &[("ada", THIRTY_FIVE)],
    ),
    (
        "two devices, each with a training of its own",
        &[
            at(START, 0, 0),
            Happens(START, 10, 0, PHONE),
            at(FINISH, 35, 0),
            Happens(FINISH, 39, 0, PHONE),
        ],
        &[("ada", THIRTY_FIVE)],
    ),
    (
        "a launch on one device and a start on another",
        &[at(LAUNCH, 0, 0), Happens(START, 5, 0, PHONE)],
        &[],
    ),
    (
        "a second launch while the first is pending",
        &[at(LAUNCH, 0, 0), at(LAUNCH, 9, 59), at(START, 25, 0)],
        &[("ada", ENCOURAGEMENT)],
    ),
    (
        "a second launch when the first is over",
        &[at(LAUNCH, 0, 0), at(LAUNCH, 10, 1), at(START, 15, 0)],
        &[("ada", ENCOURAGEMENT)],
    ),
];

/// The users of a case are called by what it is about.
fn event(about: &str, Happens(event_type, minutes, seconds, otherwise): &Happens) -> Value {
    let of = |field: &str, usual: &'static str| {
        let said = otherwise.iter().find(|(name, _)| *name == field);
        said.map_or(usual, |(_, value)| value)
    };
    let timestamp = format!("2021-02-28T16:{minutes:02}:{seconds:02}Z");
    json!({"event_type": event_type, "user_id": format!("{}: {about}", of("user_id", "ada")), "device_id": of("device_id", "tv"),
           "timestamp": timestamp, "payload": {"program": {"id": of("program", "1")}}})
}

async fn post_all(stack: &Stack, events: &[Value]) {
    let answer = stack
        .client
        .post(stack.at("/v1/events"))
        .json(events)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(status, StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
}

async fn every_edge_is_where_it_should_be(mode: Mode) {
    let Some(stack) = mode.start(&[SHORT_GRACE]).await else {
        return;
    };
    let mut expected = Vec::new();
    for (about, happens, told) in &CASES {
        let events: Vec<Value> = happens.iter().map(|one| event(about, one)).collect();
        post_all(&stack, &events).await;
        expected.extend(
            told.iter()
                .map(|(user, message)| (format!("{user}: {about}"), *message, "delivered")),
        );
    }
    // Nothing leaves before all that was accepted before it, so behind this one nobody else is told anything.
    post_all(
        &stack,
        &[at(START, 0, 0), at(FINISH, 35, 0)].map(|one| event("the last", &one)),
    )
    .await;
    expected.push(("ada: the last".to_owned(), THIRTY_FIVE, "delivered"));
    let expected: Vec<_> = expected
        .iter()
        .map(|(user, message, state)| (user.as_str(), *message, *state))
        .collect();
    until_meant(&stack, &expected).await;
}
