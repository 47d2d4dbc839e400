//! The little world of the sample data: who lives there, and what there is to see and to do.

use super::dice::{Dice, share};

/// A page of the site; what comes first is visited most.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) url: &'static str,
    pub(super) title: &'static str,
    /// What people click on there.
    pub(super) elements: &'static [Element],
}

#[derive(Debug)]
pub(super) struct Element {
    pub(super) id: &'static str,
    pub(super) text: &'static str,
    pub(super) tag: &'static str,
}

const fn page(url: &'static str, title: &'static str, elements: &'static [Element]) -> Page {
    Page { url, title, elements }
}

const fn element(id: &'static str, text: &'static str, tag: &'static str) -> Element {
    Element { id, text, tag }
}

const OF_THE_SHOP_WINDOW: &[Element] = &[
    element("start-free", "Start for free", "a"),
    element("nav-pricing", "Pricing", "a"),
    element("nav-shows", "Shows", "a"),
    element("log-in", "Log in", "button"),
];
const OF_A_SHOW: &[Element] = &[
    element("play", "Play", "button"),
    element("add-to-list", "My list", "button"),
    element("trailer", "Watch trailer", "button"),
    element("share", "Share", "button"),
];
const OF_A_PROGRAM: &[Element] = &[
    element("start-training", "Start training", "button"),
    element("remember", "Remember", "button"),
];
const OF_PRICING: &[Element] = &[
    element("choose-monthly", "Choose monthly", "button"),
    element("choose-yearly", "Choose yearly", "button"),
    element("compare-plans", "Compare plans", "a"),
];
const OF_AN_ACCOUNT: &[Element] = &[
    element("save", "Save", "button"),
    element("cancel-plan", "Cancel plan", "button"),
    element("log-out", "Log out", "button"),
];
const OF_A_TEXT: &[Element] = &[
    element("helpful-yes", "Yes", "button"),
    element("helpful-no", "No", "button"),
    element("contact", "Contact us", "a"),
];

pub(super) const PAGES: &[Page] = &[
    page("/", "Home", OF_THE_SHOP_WINDOW),
    page("/shows", "All shows", OF_THE_SHOP_WINDOW),
    page("/pricing", "Pricing", OF_PRICING),
    page("/shows/northern-lights", "Northern Lights", OF_A_SHOW),
    page("/search", "Search", OF_THE_SHOP_WINDOW),
    page("/shows/the-long-table", "The Long Table", OF_A_SHOW),
    page("/trainings", "All trainings", OF_A_PROGRAM),
    page("/account", "Your account", OF_AN_ACCOUNT),
    page("/shows/harbour-nights", "Harbour Nights", OF_A_SHOW),
    page("/trainings/strong-back", "Strong Back", OF_A_PROGRAM),
    page("/shows/salt-and-stone", "Salt and Stone", OF_A_SHOW),
    page("/help", "Help", OF_A_TEXT),
    page("/trainings/morning-yoga", "Morning Yoga", OF_A_PROGRAM),
    page("/account/plan", "Your plan", OF_AN_ACCOUNT),
    page("/shows/paper-planets", "Paper Planets", OF_A_SHOW),
    page("/blog/why-we-stretch", "Why we stretch", OF_A_TEXT),
    page("/trainings/first-5-km", "Your first 5 km", OF_A_PROGRAM),
    page("/help/devices", "Devices", OF_A_TEXT),
    page("/about", "About us", OF_A_TEXT),
    page("/imprint", "Imprint", OF_A_TEXT),
];

/// What can be watched; what comes first is watched most.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) slug: &'static str,
    pub(super) seconds: u64,
}

const fn show(slug: &'static str, minutes: u64) -> Show {
    Show {
        slug,
        seconds: minutes * 60,
    }
}

pub(super) const SHOWS: &[Show] = &[
    show("northern-lights-s01e01", 52),
    show("the-long-table", 118),
    show("northern-lights-s01e02", 49),
    show("harbour-nights-s02e01", 44),
    show("salt-and-stone", 134),
    show("northern-lights-s01e03", 51),
    show("paper-planets", 97),
    show("harbour-nights-s02e02", 43),
    show("a-winter-in-tromso", 88),
    show("kitchen-of-two-seas-s01e04", 28),
    show("the-clockmakers-daughter", 109),
    show("small-machines-s03e07", 24),
    show("river-without-a-name", 101),
    show("small-machines-s03e08", 25),
];

#[derive(Debug)]
pub(super) struct Program {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) minutes: u64,
}

const fn program(id: &'static str, title: &'static str, minutes: u64) -> Program {
    Program { id, title, minutes }
}

pub(super) const PROGRAMS: &[Program] = &[
    program("strong-back", "Strong Back", 22),
    program("morning-yoga", "Morning Yoga", 35),
    program("core-in-ten", "Core in Ten", 10),
    program("first-5-km", "Your first 5 km", 34),
    program("hips-and-shoulders", "Hips and Shoulders", 26),
    program("intervals", "Intervals", 40),
    program("evening-stretch", "Evening Stretch", 15),
    program("kettlebell-basics", "Kettlebell Basics", 31),
];

/// Where people are, in millionths of a degree.
#[derive(Debug)]
pub(super) struct City {
    pub(super) latitude: i32,
    pub(super) longitude: i32,
}

const fn city(latitude: i32, longitude: i32) -> City {
    City { latitude, longitude }
}

/// Berlin, London, Paris, Madrid, Amsterdam, Vienna, Warsaw, Lisbon, New York, Toronto, São Paulo, Nairobi, Mumbai, Tokyo,
/// Sydney.
const CITIES: &[City] = &[
    city(52_520_008, 13_404_954),
    city(51_507_351, -127_758),
    city(48_856_613, 2_352_222),
    city(40_416_775, -3_703_790),
    city(52_367_573, 4_904_138),
    city(48_208_174, 16_373_819),
    city(52_229_676, 21_012_229),
    city(38_722_252, -9_139_337),
    city(40_712_776, -74_005_974),
    city(43_653_226, -79_383_184),
    city(-23_550_520, -46_633_309),
    city(-1_292_066, 36_821_945),
    city(19_075_984, 72_877_656),
    city(35_676_422, 139_650_027),
    city(-33_868_820, 151_209_296),
];

const DEVICES: &[&str] = &["iphone", "android", "web", "ipad", "tv"];

/// Everybody who may appear; the same number is the same person in everything that one seed makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct People {
    seed: u64,
    count: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) user_id: String,
    pub(super) device_id: String,
    pub(super) city: &'static City,
}

impl People {
    /// As many as so many records want.
    pub(super) fn of(seed: u64, records: u64) -> Self {
        const RECORDS_EACH: u64 = 25;
        const LEAST: u64 = 12;
        const MOST: u64 = 2_000_000;
        Self::counting(seed, (records / RECORDS_EACH).clamp(LEAST, MOST))
    }

    pub(super) const fn counting(seed: u64, count: u64) -> Self {
        Self { seed, count }
    }

    /// Some come much more often than others.
    pub(super) fn anybody(self, dice: &mut Dice) -> Person {
        let number = 1 + share(dice.below(self.count), dice.roll());
        let mut about = Dice::of(&[self.seed, number]);
        Person {
            user_id: format!("u-{number}"),
            device_id: format!("{}-{number}", about.pick_popular(DEVICES)),
            city: about.pick_popular(CITIES),
        }
    }
}
