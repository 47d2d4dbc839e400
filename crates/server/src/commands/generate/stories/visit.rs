//! A visit of the site: pages are viewed, things on them clicked, and now and then the browser tells where it is.

use serde::Serialize;

use super::{Story, Told};
use crate::commands::generate::dice::Dice;
use crate::commands::generate::record::{Moment, event};
use crate::commands::generate::world::{City, Element, PAGES, Page, People, Person};

const PAUSE_MILLIS_MAX: u64 = 150_000;
const RECORDS_MAX: u64 = 16;

pub(super) struct Visit {
    person: Person,
    /// What is being looked at; nothing before the first page.
    page: Option<&'static Page>,
}

#[derive(Serialize)]
struct View {
    url: &'static str,
    title: &'static str,
}

#[derive(Serialize)]
struct Click {
    element_id: &'static str,
    text: &'static str,
    xpath: String,
}

#[derive(Serialize)]
struct Location {
    latitude: f64,
    longitude: f64,
    accuracy: u32,
}

impl Visit {
    pub(super) fn begin(people: People, dice: &mut Dice) -> Self {
        Self {
            person: people.anybody(dice),
            page: None,
        }
    }
}

impl Story for Visit {
    fn records(&self, dice: &mut Dice) -> u64 {
        1 + dice.below(RECORDS_MAX).min(dice.below(RECORDS_MAX))
    }

    fn step_millis_max(&self) -> u64 {
        PAUSE_MILLIS_MAX
    }

    fn tell(&mut self, moment: Moment, dice: &mut Dice) -> serde_json::Result<Told> {
        let chance = dice.below(100);
        let record = match self.page {
            Some(page) if chance < 32 => event(moment, "click", &self.person, click(dice.pick_popular(page.elements)))?,
            Some(_) if chance < 40 => event(moment, "location", &self.person, near(self.person.city, dice))?,
            _ => {
                let page = dice.pick_popular(PAGES);
                self.page = Some(page);
                let Page { url, title, .. } = page;
                event(moment, "view", &self.person, View { url, title })?
            }
        };
        Ok(Told {
            record,
            pause_millis: dice
                .between(1_500, PAUSE_MILLIS_MAX)
                .min(dice.between(1_500, PAUSE_MILLIS_MAX)),
        })
    }
}

fn click(element: &Element) -> Click {
    let Element { id, text, tag } = element;
    Click {
        element_id: id,
        text,
        xpath: format!("//{tag}[@id='{id}']"),
    }
}

/// Within about ten kilometres.
fn near(city: &City, dice: &mut Dice) -> Location {
    const MILLIONTHS_MAX: i32 = 90_000;
    let degrees = |millionths: i32| f64::from(millionths) / 1e6;
    Location {
        latitude: degrees(city.latitude + dice.around(MILLIONTHS_MAX)),
        longitude: degrees(city.longitude + dice.around(MILLIONTHS_MAX)),
        accuracy: u32::try_from(dice.between(4, 400).min(dice.between(4, 400))).unwrap_or_default(),
    }
}
