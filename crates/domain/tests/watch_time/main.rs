//! How watch time comes out of heartbeats, from the event of a player to the state of its pair.

#![allow(clippy::panic, clippy::unwrap_used)]

mod beats;
mod examples;
mod laws;
mod retention;
mod tracks;

use domain::event::Event;
use domain::ids::EventId;
use domain::intake::{self, Stamp};
use domain::json::Object;
use domain::time::Timestamp;
use domain::watch_time::{Beat, Delta, Late, PositionUnit, WatchState};

const STEP_MILLIS_MAX: i64 = 120_000;
const BEGIN_MICROS: i64 = 1_795_000_000_000_000;

fn time(millis: i64) -> Timestamp {
    Timestamp::from_micros(BEGIN_MICROS + millis * 1_000)
}

fn stamp(text: &str, received_at: Timestamp) -> Event {
    let draft = intake::read(&Object::parse(text).unwrap()).unwrap();
    let stamp = Stamp {
        position_unit: PositionUnit::Seconds,
        event_id: EventId::stamped(received_at, 0),
        timestamp: received_at,
        received_at,
    };
    draft.stamp(stamp).unwrap()
}

/// What a player says of a movie.
#[derive(Clone, Copy, Debug)]
struct Said {
    id: u32,
    at_millis: i64,
    /// By its own clock, where it tells the time.
    sent_millis: Option<i64>,
    received_millis: i64,
    session: Option<u8>,
}

impl Said {
    fn timed(id: u32, sent_millis: i64, at_millis: i64) -> Self {
        Self {
            id,
            at_millis,
            sent_millis: Some(sent_millis),
            received_millis: sent_millis + 35,
            session: None,
        }
    }

    fn untimed(id: u32, received_millis: i64, at_millis: i64) -> Self {
        Self {
            sent_millis: None,
            received_millis,
            ..Self::timed(id, 0, at_millis)
        }
    }

    fn event(&self) -> Event {
        let at = format!("{}.{:03}", self.at_millis / 1_000, self.at_millis % 1_000);
        let sent = self
            .sent_millis
            .map(|millis| format!(r#","timestamp":"{}""#, time(millis)));
        let session = self.session.map(|name| format!(r#","session_id":"session-{name}""#));
        let text = format!(
            r#"{{"id":"{}","type":"watch","user":"u"{},"payload":{{"slug":"s","at":{at}{}}}}}"#,
            self.id,
            sent.unwrap_or_default(),
            session.unwrap_or_default(),
        );
        stamp(&text, time(self.received_millis))
    }

    fn beat(&self) -> Beat {
        Beat::of(&self.event(), PositionUnit::Seconds).unwrap()
    }
}

/// One pair as a store keeps it: what came is stored once, and moves the totals.
#[derive(Debug, Default)]
struct Stored {
    beats: Vec<Beat>,
    base: WatchState,
    state: WatchState,
    totals: Delta,
    refolds: usize,
}

impl Stored {
    fn take(&mut self, beat: Beat) {
        let is_new = self.beats.iter().all(|stored| stored.place() != beat.place());
        if !is_new {
            return;
        }
        self.beats.push(beat);
        let delta = match self.state.fold(&beat, STEP_MILLIS_MAX) {
            Ok(delta) => delta,
            Err(Late) => self.fold_again(),
        };
        self.totals += delta;
    }

    fn fold_again(&mut self) -> Delta {
        self.refolds += 1;
        let again = WatchState::refold(self.base.clone(), self.beats.clone(), STEP_MILLIS_MAX);
        let delta = Delta::between(&self.state, &again);
        self.state = again;
        delta
    }

    /// Forgets what happened before `edge`.
    fn forget_before(&mut self, edge: Timestamp) {
        self.base = WatchState::base(self.base.clone(), self.beats.clone(), edge, STEP_MILLIS_MAX);
        self.state.settle(edge);
        self.beats.retain(|beat| beat.place().timestamp >= edge);
    }
}

fn stored(beats: impl IntoIterator<Item = Beat>) -> Stored {
    let mut stored = Stored::default();
    beats.into_iter().for_each(|beat| stored.take(beat));
    stored
}

fn folded(said: &[Said]) -> WatchState {
    stored(said.iter().map(Said::beat)).state
}

#[track_caller]
fn assert_seconds(state: &WatchState, watch_time: i64, unique: i64) {
    let told = (state.watch_time_millis(), state.unique_millis());
    assert_eq!(told, (watch_time * 1_000, unique * 1_000));
}
