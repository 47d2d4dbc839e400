//! The app is opened, mostly a training is started, and mostly it is finished.

use serde::Serialize;

use super::{Story, Told};
use crate::commands::generate::dice::Dice;
use crate::commands::generate::record::{Moment, event};
use crate::commands::generate::world::{PROGRAMS, People, Person, Program};

const APP_VERSIONS: &[&str] = &["4.2.1", "4.2.0", "4.1.7"];
const MINUTE_MILLIS: u64 = 60_000;
const CHOOSING_MINUTES_MAX: u64 = 12;
/// Beyond the length of the program.
const OVERTIME_MINUTES_MAX: u64 = 9;
/// The longest program, and more than its overtime.
const STEP_MINUTES_MAX: u64 = 50;

pub(super) struct Activity {
    person: Person,
    program: &'static Program,
    next: Step,
}

enum Step {
    Launch,
    Start,
    End,
}

#[derive(Serialize)]
struct Launched {
    app_version: &'static str,
}

#[derive(Serialize)]
struct Trained {
    program: Named,
}

#[derive(Serialize)]
struct Named {
    id: &'static str,
    title: &'static str,
}

impl Activity {
    pub(super) fn begin(people: People, dice: &mut Dice) -> Self {
        Self {
            person: people.anybody(dice),
            program: dice.pick_popular(PROGRAMS),
            next: Step::Launch,
        }
    }

    fn trained(&self) -> Trained {
        let Program { id, title, .. } = self.program;
        Trained {
            program: Named { id, title },
        }
    }
}

impl Story for Activity {
    fn records(&self, dice: &mut Dice) -> u64 {
        match dice.below(100) {
            0..20 => 1,
            20..25 => 2,
            _ => 3,
        }
    }

    fn step_millis_max(&self) -> u64 {
        STEP_MINUTES_MAX * MINUTE_MILLIS
    }

    fn tell(&mut self, moment: Moment, dice: &mut Dice) -> serde_json::Result<Told> {
        let (record, minutes) = match self.next {
            Step::Launch => {
                let launched = Launched {
                    app_version: dice.pick_popular::<&str>(APP_VERSIONS),
                };
                self.next = Step::Start;
                let record = event(moment, "app_launch", &self.person, launched)?;
                (record, dice.between(1, CHOOSING_MINUTES_MAX))
            }
            Step::Start => {
                self.next = Step::End;
                let record = event(moment, "training_program_started", &self.person, self.trained())?;
                (record, self.program.minutes + dice.below(OVERTIME_MINUTES_MAX))
            }
            Step::End => {
                let how = if dice.in_a_hundred(15) {
                    "training_program_cancelled"
                } else {
                    "training_program_finished"
                };
                (event(moment, how, &self.person, self.trained())?, 0)
            }
        };
        Ok(Told {
            record,
            pause_millis: minutes * MINUTE_MILLIS + dice.below(MINUTE_MILLIS),
        })
    }
}
