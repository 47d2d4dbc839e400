//! The five events of the sample, told one by one as they are, brought in every order.

use domain::ids::{EventId, JobId};
use domain::intake::{self, Stamp};
use domain::json::Object;
use domain::rules::{Circumstances, Happened, Rules, Verdict};
use domain::time::Timestamp;
use domain::watch_time::PositionUnit;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::id;

const FIVE: &str = include_str!("../samples/activity/five-events.json");
const RECEIVED_AT: &str = "2026-11-20T09:00:00Z";

fn five() -> Vec<Happened> {
    let written: Vec<&RawValue> = serde_json::from_str(FIVE).unwrap();
    let received_at = Timestamp::parse(RECEIVED_AT).unwrap();
    (1..)
        .zip(written)
        .map(|(n, raw)| {
            let draft = intake::read(&Object::parse(raw.get()).unwrap()).unwrap();
            let stamp = Stamp {
                position_unit: PositionUnit::Seconds,
                event_id: id(n),
                timestamp: received_at,
                received_at: received_at.plus_micros(i64::from(n)),
            };
            let event = draft.stamp(stamp).unwrap();
            Happened {
                event,
                live: true,
                job_id: None::<JobId>,
            }
        })
        .collect()
}

/// Rule, user, cause, message and data of all that is implied.
fn implied(events: &[Happened]) -> Vec<(String, String, EventId, String, String)> {
    let now = Timestamp::parse(RECEIVED_AT).unwrap().plus_micros(1_000);
    let circumstances = Circumstances { now, stream_limit: 3 };
    let causes = Timestamp::from_micros(0)..=now;
    let mut told = Vec::new();
    for user in ["foo1", "foo2"] {
        let hers: Vec<Happened> = events
            .iter()
            .filter(|happened| happened.event.user_id.as_str() == user)
            .cloned()
            .collect();
        for rule in Rules::default().all() {
            for judgement in rule.judge(&causes, &hers, circumstances) {
                if let Verdict::Implied(implied) = judgement.verdict {
                    let data = String::from(implied.data);
                    told.push((
                        rule.name().to_owned(),
                        user.to_owned(),
                        judgement.cause,
                        implied.message,
                        data,
                    ));
                }
            }
        }
    }
    told
}

fn permutations(events: &[Happened]) -> Vec<Vec<Happened>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    (0..events.len())
        .flat_map(|place| {
            let mut rest = events.to_vec();
            let first = rest.remove(place);
            permutations(&rest)
                .into_iter()
                .map(move |rest| [vec![first.clone()], rest].concat())
        })
        .collect()
}

#[test]
fn one_is_congratulated_and_one_is_encouraged_in_every_order() {
    let expected = [
        (
            "training-completed".to_owned(),
            "foo1".to_owned(),
            EventId::new(Uuid::from_u128(2)),
            "Congratulations on your daily training dose: 36 minutes!".to_owned(),
            r#"{"minutes":36,"seconds":2178,"program":{"id":"2352","title":"7 Minutes of HIIT Training"}}"#.to_owned(),
        ),
        (
            "no-training-after-launch".to_owned(),
            "foo2".to_owned(),
            EventId::new(Uuid::from_u128(1)),
            "Ready when you are: start your training now.".to_owned(),
            "{}".to_owned(),
        ),
    ];
    let orders = permutations(&five());
    assert_eq!(orders.len(), 120);
    for order in orders {
        assert_eq!(implied(&order), expected);
    }
}
