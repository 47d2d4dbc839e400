//! Everything of one kind, in the order of time: stories begin as the rhythm of the days wants it, and run side by side.
//!
//! Only the stories under way are in memory, however many records there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::dice::{Dice, share};
use super::record::{Moment, Record};
use super::rhythm::Rhythm;
use super::stories::{self, Story};
use super::world::People;
use super::{Kind, Plan};

/// Their dice are not those of anything else.
const STORIES: u64 = 1;
const IDS: u64 = 2;

pub(super) struct Stream {
    kind: Kind,
    /// Another plan is another seed: its records are others, and have other ids.
    seed: u64,
    people: People,
    rhythm: Rhythm,
    /// How much of the bustle is over at the next story's turn.
    bustle: u64,
    /// Records that no story has promised yet.
    unpromised: u64,
    stories: u64,
    told: u64,
    coming: Option<Running>,
    running: BinaryHeap<Reverse<Running>>,
}

/// A story, and when it goes on.
struct Running {
    at: i64,
    /// In the order of their beginnings.
    number: u64,
    left: u64,
    story: Box<dyn Story>,
    dice: Dice,
}

impl Stream {
    pub(super) fn of(kind: Kind, records: u64, plan: &Plan) -> Self {
        let (first, days) = (plan.from.number(), plan.days());
        let seed = Dice::of(&[plan.seed, kind.number(), records, plan.records, first, days]).roll();
        let mut stream = Self {
            kind,
            seed,
            people: plan.people,
            rhythm: Rhythm::of(plan.from, days),
            bustle: 0,
            unpromised: records,
            stories: 0,
            told: 0,
            coming: None,
            running: BinaryHeap::new(),
        };
        stream.coming = stream.next_story();
        stream
    }

    /// When its next record happens.
    pub(super) fn next_at(&self) -> Option<i64> {
        let coming = self.coming.as_ref().map(|story| story.at);
        let running = self.running.peek().map(|Reverse(story)| story.at);
        coming.into_iter().chain(running).min()
    }

    /// A story takes as much of the bustle as it has of the records that are left: the last one ends with the last day. It
    /// begins early enough to be over then, and near the end it is shorter.
    fn next_story(&mut self) -> Option<Running> {
        if self.unpromised == 0 {
            return None;
        }
        self.stories += 1;
        let mut dice = Dice::of(&[self.seed, STORIES, self.stories]);
        let story = stories::begin(self.kind, self.people, &mut dice);
        let earliest = self.rhythm.time_at(self.bustle);
        let wanted = story.records(&mut dice).min(self.unpromised);
        let records = wanted.clamp(1, fitting(&*story, self.rhythm.end() - earliest));
        let step = portion(self.rhythm.bustle() - self.bustle, records, self.unpromised);
        let at = self.rhythm.time_at(self.bustle + share(step, dice.roll()));
        let latest = self.rhythm.end() - lasting_millis(&*story, records);
        self.bustle += step;
        self.unpromised -= records;
        Some(Running {
            at: at.min(latest).max(earliest),
            number: self.stories,
            left: records,
            story,
            dice,
        })
    }

    fn tell(&mut self, mut next: Running) -> serde_json::Result<Record> {
        self.told += 1;
        next.left -= 1;
        let moment = Moment::new(next.at, Dice::of(&[self.seed, IDS]).roll(), self.told, next.left);
        let told = next.story.tell(moment, &mut next.dice)?;
        if next.left > 0 {
            next.at += i64::try_from(told.pause_millis).unwrap_or(i64::MAX);
            self.running.push(Reverse(next));
        }
        Ok(told.record)
    }
}

/// How many of its records a story can tell within this time, at least one.
fn fitting(story: &dyn Story, room_millis: i64) -> u64 {
    let room = u64::try_from(room_millis - 1).unwrap_or_default();
    1 + room.saturating_sub(story.breaks_millis_max()) / story.step_millis_max()
}

/// From the beginning to behind the last record, at most.
fn lasting_millis(story: &dyn Story, records: u64) -> i64 {
    let steps = (records - 1) * story.step_millis_max();
    let breaks = if records > 1 { story.breaks_millis_max() } else { 0 };
    i64::try_from(steps + breaks).unwrap_or(i64::MAX - 1) + 1
}

/// `part` of `all` of the whole.
fn portion(whole: u64, part: u64, all: u64) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(part) / u128::from(all.max(1))).unwrap_or(whole)
}

impl Iterator for Stream {
    type Item = serde_json::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let begins = |coming: &Running, running: Option<&Reverse<Running>>| {
            running.is_none_or(|Reverse(running)| coming.at <= running.at)
        };
        while let Some(coming) = self.coming.take_if(|coming| begins(coming, self.running.peek())) {
            self.running.push(Reverse(coming));
            self.coming = self.next_story();
        }
        let Reverse(next) = self.running.pop()?;
        Some(self.tell(next))
    }
}

impl Ord for Running {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Running {}
