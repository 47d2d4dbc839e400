//! Somebody watches a show: a heartbeat every ten seconds, with pauses, with jumps, and not always to the end.

use serde::Serialize;

use super::{Story, Told};
use crate::commands::generate::dice::Dice;
use crate::commands::generate::record::{Moment, event};
use crate::commands::generate::world::{People, Person, SHOWS, Show};

const BEAT_SECONDS: u64 = 10;
/// A player's timer is never early, and a little late.
const BEAT_LATE_MILLIS_MAX: u64 = 40;
const PAUSES_MAX: u64 = 3;
const PAUSE_MILLIS_MAX: u64 = 300_000;

pub(super) struct Watching {
    person: Person,
    show: &'static Show,
    session_id: String,
    at_seconds: u64,
    pauses_left: u64,
}

#[derive(Serialize)]
struct Heartbeat<'a> {
    slug: &'static str,
    at: u64,
    session_id: &'a str,
}

impl Watching {
    pub(super) fn begin(people: People, dice: &mut Dice) -> Self {
        let person = people.anybody(dice);
        let show = dice.pick_popular(SHOWS);
        let goes_on = dice.in_a_hundred(30);
        Self {
            person,
            show,
            session_id: format!("s-{:012x}", dice.roll() >> 16),
            at_seconds: if goes_on { dice.below(show.seconds / 2) } else { 0 },
            pauses_left: dice.below(PAUSES_MAX + 1),
        }
    }

    /// Where the show is at the next beat; what is left of the beats must not run over its end.
    fn play_on(&mut self, beats_left: u64, dice: &mut Dice) {
        let latest = self.show.seconds.saturating_sub(BEAT_SECONDS * beats_left);
        let next = self.at_seconds + BEAT_SECONDS;
        self.at_seconds = match dice.below(100) {
            0 => next + dice.between(30, 600),
            1 => next.saturating_sub(dice.between(10, 120)),
            _ => next,
        };
        self.at_seconds = self.at_seconds.min(latest);
    }
}

impl Story for Watching {
    fn records(&self, dice: &mut Dice) -> u64 {
        let to_the_end = (self.show.seconds - self.at_seconds) / BEAT_SECONDS;
        if dice.in_a_hundred(55) {
            to_the_end
        } else {
            dice.between(1, to_the_end)
        }
    }

    fn step_millis_max(&self) -> u64 {
        BEAT_SECONDS * 1_000 + BEAT_LATE_MILLIS_MAX
    }

    fn breaks_millis_max(&self) -> u64 {
        self.pauses_left * PAUSE_MILLIS_MAX
    }

    fn tell(&mut self, moment: Moment, dice: &mut Dice) -> serde_json::Result<Told> {
        let heartbeat = Heartbeat {
            slug: self.show.slug,
            at: self.at_seconds,
            session_id: &self.session_id,
        };
        let record = event(moment, "watch", &self.person, heartbeat)?;
        let mut pause_millis = BEAT_SECONDS * 1_000 + dice.between(0, BEAT_LATE_MILLIS_MAX);
        if self.pauses_left > 0 && dice.in_a_hundred(2) {
            self.pauses_left -= 1;
            pause_millis += dice.between(20_000, PAUSE_MILLIS_MAX);
        }
        self.play_on(moment.left.saturating_sub(1), dice);
        Ok(Told { record, pause_millis })
    }
}
