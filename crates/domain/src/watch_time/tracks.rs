//! Which player a heartbeat continues: one movie may run on several at once, and not all of them say who they are.

use serde::{Deserialize, Serialize};

use super::beat::{Beat, TrackName};
use super::coverage::Stretch;
use crate::time::Timestamp;

pub const UNNAMED_TRACKS_MAX: usize = 4;
pub const NAMED_TRACKS_MAX: usize = 16;

/// Nobody plays faster than this.
const SPEED_MAX: i64 = 4;
/// How far a player may be ahead of that: clocks are read and positions are rounded.
const SLACK_MICROS: i64 = 5_000_000;
/// Closer together than this the times of two heartbeats say nothing about speed.
const APART_MICROS_MIN: i64 = 1_000_000;

/// Where a player was last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
struct Track {
    name: Option<TrackName>,
    at_millis: i64,
    client_time: Option<Timestamp>,
}

/// Name, position, and microseconds.
type Stored = (Option<TrackName>, i64, Option<i64>);

impl From<Stored> for Track {
    fn from((name, at_millis, client_micros): Stored) -> Self {
        Self {
            name,
            at_millis,
            client_time: client_micros.map(Timestamp::from_micros),
        }
    }
}

impl From<Track> for Stored {
    fn from(track: Track) -> Self {
        (track.name, track.at_millis, track.client_time.map(Timestamp::as_micros))
    }
}

impl Track {
    fn at(beat: &Beat) -> Self {
        Self {
            name: beat.track,
            at_millis: beat.place().at_millis,
            client_time: beat.client_time,
        }
    }

    fn step_millis(&self, beat: &Beat) -> i64 {
        beat.place().at_millis - self.at_millis
    }

    fn fits(&self, beat: &Beat, step_millis_max: i64) -> bool {
        let step = self.step_millis(beat);
        (0..=step_millis_max).contains(&step) && self.is_playable(beat, step)
    }

    /// Whether so much can be played in the time between, whichever came first: a clock that is ahead does not order.
    /// Only the player's own clock tells: buffers and networks bend the times of receipt.
    fn is_playable(&self, beat: &Beat, step_millis: i64) -> bool {
        let Some((before, now)) = self.client_time.zip(beat.client_time) else {
            return true;
        };
        let apart = now.as_micros().saturating_sub(before.as_micros()).saturating_abs();
        let playable = apart.saturating_mul(SPEED_MAX).saturating_add(SLACK_MICROS);
        apart < APART_MICROS_MIN || step_millis.saturating_mul(1_000) <= playable
    }
}

/// The one that was touched last stands last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tracks(Vec<Track>);

impl Tracks {
    /// Moves the track that the heartbeat belongs to, or opens one; says what was watched since.
    pub(super) fn follow(&mut self, beat: &Beat, step_millis_max: i64) -> Option<Stretch> {
        let found = match beat.track {
            Some(_) => self.0.iter().position(|track| track.name == beat.track),
            None => self.best_unnamed(beat, step_millis_max),
        };
        let left = found.map(|index| self.0.remove(index));
        if left.is_none() {
            self.make_room(beat.track.is_some());
        }
        self.0.push(Track::at(beat));
        let from = left.filter(|track| track.fits(beat, step_millis_max))?.at_millis;
        Stretch::between(from, beat.place().at_millis)
    }

    /// Of the unnamed tracks that it fits, the one with the smallest step. No two are at the same place: a heartbeat from
    /// where one is belongs to that one.
    fn best_unnamed(&self, beat: &Beat, step_millis_max: i64) -> Option<usize> {
        let tracks = self.0.iter().enumerate();
        tracks
            .filter(|(_, track)| track.name.is_none() && track.fits(beat, step_millis_max))
            .min_by_key(|(_, track)| track.step_millis(beat))
            .map(|(index, _)| index)
    }

    /// Drops the longest untouched track of a kind if there is none to spare.
    fn make_room(&mut self, named: bool) {
        let tracks_max = if named { NAMED_TRACKS_MAX } else { UNNAMED_TRACKS_MAX };
        let mut kind = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, track)| track.name.is_some() == named);
        let oldest = kind.next().map(|(index, _)| index);
        if kind.count() + 1 >= tracks_max
            && let Some(oldest) = oldest
        {
            self.0.remove(oldest);
        }
    }
}
