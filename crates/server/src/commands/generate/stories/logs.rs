//! A request on its way through two services, which write their logs each in its own way.

use domain::time::Timestamp;
use serde::Serialize;

use super::{Story, Told};
use crate::commands::generate::dice::Dice;
use crate::commands::generate::record::{Moment, Record, log_line};
use crate::commands::generate::rhythm::at;
use crate::commands::generate::world::{PAGES, People};

const PAUSE_MILLIS_MAX: u64 = 900;
const LINES_MAX: u64 = 4;

/// How a request goes; what comes first happens most.
const OUTCOMES: &[Outcome] = &[
    Outcome {
        level: "info",
        level_number: 30,
        catalog: "request completed",
        billing: "payment accepted",
        status: 200,
    },
    Outcome {
        level: "info",
        level_number: 30,
        catalog: "not modified",
        billing: "plan unchanged",
        status: 304,
    },
    Outcome {
        level: "warn",
        level_number: 40,
        catalog: "not found",
        billing: "payment declined",
        status: 404,
    },
    Outcome {
        level: "error",
        level_number: 50,
        catalog: "upstream timed out",
        billing: "gateway timed out",
        status: 504,
    },
];

struct Outcome {
    level: &'static str,
    /// As pino writes it.
    level_number: u8,
    catalog: &'static str,
    billing: &'static str,
    status: u16,
}

pub(super) struct Request {
    service: Service,
    request_id: String,
    user_id: String,
    path: &'static str,
    begun_at: Option<i64>,
}

enum Service {
    Catalog,
    Billing,
}

/// As the loggers of many languages write.
#[derive(Serialize)]
struct Plain<'a> {
    timestamp: Timestamp,
    level: &'a str,
    service: &'a str,
    message: &'a str,
    request_id: &'a str,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

/// As pino writes: numbers for levels, milliseconds for times.
#[derive(Serialize)]
struct Pino<'a> {
    level: u8,
    time: i64,
    service: &'a str,
    msg: &'a str,
    request_id: &'a str,
    customer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

impl Request {
    pub(super) fn begin(people: People, dice: &mut Dice) -> Self {
        let service = if dice.in_a_hundred(70) {
            Service::Catalog
        } else {
            Service::Billing
        };
        Self {
            service,
            request_id: format!("{:016x}", dice.roll()),
            user_id: people.anybody(dice).user_id,
            path: dice.pick_popular(PAGES).url,
            begun_at: None,
        }
    }

    /// Known at its end.
    fn took_millis(&self, moment: Moment, outcome: Option<&Outcome>) -> Option<i64> {
        outcome.and(self.begun_at).map(|begun| moment.at - begun)
    }

    fn catalog(&self, moment: Moment, outcome: Option<&Outcome>) -> serde_json::Result<Record> {
        let (level, message) = match outcome {
            Some(outcome) => (outcome.level, outcome.catalog),
            None if self.begun_at.is_none() => ("info", "request started"),
            None => ("debug", "cache miss"),
        };
        let line = Plain {
            timestamp: at(moment.at),
            level,
            service: "catalog",
            message,
            request_id: &self.request_id,
            method: "GET",
            path: self.path,
            status: outcome.map(|outcome| outcome.status),
            duration_ms: self.took_millis(moment, outcome),
        };
        log_line(moment, line)
    }

    fn billing(&self, moment: Moment, outcome: Option<&Outcome>) -> serde_json::Result<Record> {
        let line = Pino {
            level: outcome.map_or(30, |outcome| outcome.level_number),
            time: moment.at,
            service: "billing",
            msg: match outcome {
                Some(outcome) => outcome.billing,
                None if self.begun_at.is_none() => "payment requested",
                None => "gateway called",
            },
            request_id: &self.request_id,
            customer: &self.user_id,
            duration_ms: self.took_millis(moment, outcome),
        };
        log_line(moment, line)
    }
}

impl Story for Request {
    fn records(&self, dice: &mut Dice) -> u64 {
        dice.between(2, LINES_MAX)
    }

    fn step_millis_max(&self) -> u64 {
        PAUSE_MILLIS_MAX
    }

    fn tell(&mut self, moment: Moment, dice: &mut Dice) -> serde_json::Result<Told> {
        let outcome = (moment.left == 0).then(|| dice.pick_popular(OUTCOMES));
        let record = match self.service {
            Service::Catalog => self.catalog(moment, outcome)?,
            Service::Billing => self.billing(moment, outcome)?,
        };
        self.begun_at.get_or_insert(moment.at);
        Ok(Told {
            record,
            pause_millis: dice.between(1, PAUSE_MILLIS_MAX).min(dice.between(1, PAUSE_MILLIS_MAX)),
        })
    }
}
