//! How long a user watched a movie, and where: the fold of her heartbeats into one small state per user and movie.
//!
//! Whoever brings the heartbeats, in whatever order, ends at the same state. The newest one is folded onto the state; for
//! one that comes late the pair is folded again from all that are stored.

mod beat;
mod coverage;
mod delta;
mod retention;
mod tracks;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use beat::{Beat, Pair, Place, PositionUnit, UnknownUnit};
pub use coverage::STRETCHES_MAX;
pub use delta::Delta;
pub use retention::{Bucket, Resolution};
pub use tracks::{NAMED_TRACKS_MAX, UNNAMED_TRACKS_MAX};

use coverage::{Coverage, Stretch};
use tracks::Tracks;

use crate::time::Timestamp;

/// How long a state may be as text, whatever was watched.
pub const STATE_BYTES_MAX: usize = 8 * 1024;

const VERSION: u8 = 1;

/// A newer heartbeat of the pair was folded before: it is to be folded again from its stored heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the heartbeat is not newer than the newest of its pair")]
pub struct Late;

/// Why a text is not a state.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("a watch state of version {0}; this process reads version {VERSION}")]
    Version(u8),
    #[error("not a watch state: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// What is known of one user and one movie. The default is a pair without heartbeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchState {
    #[serde(rename = "w")]
    watch_time_millis: i64,
    #[serde(rename = "u")]
    unique_millis: i64,
    #[serde(rename = "f")]
    furthest_at_millis: i64,
    #[serde(rename = "h")]
    heartbeats: i64,
    #[serde(rename = "s", with = "beat::micros")]
    first_seen_at: Option<Timestamp>,
    #[serde(rename = "n")]
    newest: Option<Place>,
    #[serde(rename = "b", with = "beat::micros")]
    settled_before: Option<Timestamp>,
    #[serde(rename = "t")]
    tracks: Tracks,
    #[serde(rename = "c")]
    coverage: Coverage,
}

impl WatchState {
    /// Folds the newest heartbeat of the pair; says what moved. One that lies before the [base](Self::base) moves nothing.
    pub fn fold(&mut self, beat: &Beat, step_millis_max: i64) -> Result<Delta, Late> {
        let mut delta = Delta::default();
        if self.is_settled(beat) {
            return Ok(delta);
        }
        if self.is_late(beat) {
            return Err(Late);
        }
        self.advance(beat, step_millis_max, &mut delta);
        Ok(delta)
    }

    /// Folds a pair again: all its stored heartbeats, in any order, onto its base (the default where it has none).
    pub fn refold(base: Self, mut beats: Vec<Beat>, step_millis_max: i64) -> Self {
        beats.sort_unstable_by_key(Beat::place);
        let (mut state, mut unheeded) = (base, Delta::default());
        for beat in &beats {
            if !state.is_settled(beat) && !state.is_late(beat) {
                state.advance(beat, step_millis_max, &mut unheeded);
            }
        }
        state
    }

    /// The state at `edge`, before which stored heartbeats are about to be forgotten: from then on the pair is folded again
    /// from here. The state that is in force must be [settled](Self::settle) at the same edge.
    pub fn base(earlier: Self, mut beats: Vec<Beat>, edge: Timestamp, step_millis_max: i64) -> Self {
        beats.retain(|beat| beat.place().timestamp < edge);
        let mut base = Self::refold(earlier, beats, step_millis_max);
        base.settle(edge);
        base
    }

    /// From now on heartbeats before `edge` move nothing. An edge never moves back.
    pub fn settle(&mut self, edge: Timestamp) {
        self.settled_before = self.settled_before.max(Some(edge));
    }

    /// Whether the pair must be folded again for this heartbeat. One that was folded before is late, too.
    pub fn is_late(&self, beat: &Beat) -> bool {
        self.newest.is_some_and(|newest| beat.place() <= newest)
    }

    /// Whether it lies before the base, so that nothing can be said about it any more.
    pub fn is_settled(&self, beat: &Beat) -> bool {
        self.settled_before.is_some_and(|edge| beat.place().timestamp < edge)
    }

    fn advance(&mut self, beat: &Beat, step_millis_max: i64, delta: &mut Delta) {
        let place = beat.place();
        delta.pairs += i64::from(self.heartbeats == 0);
        delta.heartbeats += 1;
        self.heartbeats += 1;
        self.first_seen_at.get_or_insert(place.timestamp);
        self.newest = Some(place);
        self.furthest_at_millis = self.furthest_at_millis.max(place.at_millis);
        if let Some(stretch) = self.tracks.follow(beat, step_millis_max) {
            self.credit(stretch, delta);
        }
    }

    fn credit(&mut self, stretch: Stretch, delta: &mut Delta) {
        self.watch_time_millis += stretch.millis();
        delta.watch_time_millis += stretch.millis();
        retention::move_newly_touched(&self.coverage, stretch, 1, &mut delta.viewers);
        let new_millis = self.coverage.add(stretch);
        self.unique_millis += new_millis;
        delta.unique_millis += new_millis;
        if let Some(gap) = self.coverage.gap_to_close() {
            retention::move_newly_touched(&self.coverage, gap, 1, &mut delta.viewers);
            self.coverage.add(gap);
        }
    }

    /// The sum of credited steps: a rewatch counts again.
    pub fn watch_time_millis(&self) -> i64 {
        self.watch_time_millis
    }

    /// How much of the movie was seen. Beyond [`STRETCHES_MAX`] separate stretches the narrowest gap is taken for seen
    /// without being counted, so that this never says too much.
    pub fn unique_millis(&self) -> i64 {
        self.unique_millis
    }

    /// The largest position that was reported.
    pub fn furthest_at_millis(&self) -> i64 {
        self.furthest_at_millis
    }

    pub fn heartbeats(&self) -> i64 {
        self.heartbeats
    }

    pub fn first_seen_at(&self) -> Option<Timestamp> {
        self.first_seen_at
    }

    /// Where the newest heartbeat lies: its `at` is the resume point.
    pub fn newest(&self) -> Option<Place> {
        self.newest
    }

    /// Heartbeats before this move nothing.
    pub fn settled_before(&self) -> Option<Timestamp> {
        self.settled_before
    }

    pub fn encode(&self) -> Result<String, Unreadable> {
        Ok(serde_json::to_string(&Outgoing {
            v: VERSION,
            state: self,
        })?)
    }

    pub fn decode(text: &str) -> Result<Self, Unreadable> {
        let incoming: Incoming<'_> = serde_json::from_str(text)?;
        if incoming.v != VERSION {
            return Err(Unreadable::Version(incoming.v));
        }
        Ok(serde_json::from_str(incoming.state.get())?)
    }
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u8,
    state: &'a WatchState,
}

/// The version is read before the state is.
#[derive(Deserialize)]
struct Incoming<'a> {
    v: u8,
    #[serde(borrow)]
    state: &'a RawValue,
}
