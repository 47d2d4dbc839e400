//! Rules: what they wait for, look at and say.

use domain::ids::UserId;

use super::events::{event, json, store};
use super::stores::Store;
use super::*;
use crate::{Due, Origin, WaitsFor, Wake};

mod evidence;
mod notices;
mod notifications;
mod wakes;
#[cfg(feature = "services")]
mod wakes_on_postgres;
mod watermark;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const AT: Timestamp = Timestamp::from_micros(1_795_168_809_023_655);

fn seconds(after: i64) -> Timestamp {
    AT.plus_micros(after * SECOND)
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn cause(n: u128) -> EventId {
    EventId::new(Uuid::from_u128(n))
}

/// A wake that is due so many seconds after [`AT`].
fn wake(n: u128, due: i64, waits_for: WaitsFor) -> Wake {
    Wake {
        rule: "ü's rule".to_owned(),
        cause: cause(n),
        user_id: user(&format!("ü-{n}")),
        cause_at: seconds(due - 5),
        due_at: seconds(due),
        waits_for,
    }
}

/// What is due so many seconds after [`AT`], where nobody can say what has been applied.
fn due(now: i64) -> Due {
    Due {
        now: seconds(now),
        watermark: None,
        patience_ended: seconds(-900),
        limit: 100,
    }
}

fn insert(records: &Records, wakes: &[Wake]) {
    records.run(Class::Apply, |unit| unit.insert_wakes(wakes)).unwrap();
}

/// Which wakes are due.
fn taken(records: &Records, due: Due) -> Vec<Wake> {
    records.run(Class::Background, |unit| unit.due_wakes(due)).unwrap()
}

fn end(records: &Records, job: JobId, status: JobStatus) {
    records
        .run(Class::Background, |unit| unit.end(job, status, None))
        .unwrap();
}

/// Events that come with a file, of which nobody is to be told.
fn import(records: &Records, events: &[Event], job: JobId) {
    let origin = Origin {
        job_id: Some(job),
        live: false,
    };
    records
        .run(Class::Import, |unit| unit.insert_new(events, origin))
        .unwrap();
}
