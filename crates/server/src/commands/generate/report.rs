//! What `generate` says in the end: how much of what was made, where it is, and how to check it.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::plan::{Plan, Tally};
use super::record::LOG_LINE;
use crate::commands::{say, say_wrong};

/// Where the records went.
pub(super) enum Place {
    StandardOutput,
    File(PathBuf),
    /// To a server that runs, at this address.
    Server(String),
    /// Into backends whose server, once it is started, will be at this address.
    Stopped(String),
}

pub(super) struct Made {
    pub(super) tally: Tally,
    pub(super) place: Place,
}

impl Made {
    pub(super) fn say(&self, plan: &Plan, json: bool) {
        let text = if json {
            self.for_programs(plan).to_string()
        } else {
            self.for_people(plan)
        };
        match self.place {
            // There the records are.
            Place::StandardOutput => say_wrong(&text),
            _ => say(&text),
        }
    }

    fn total(&self) -> u64 {
        self.tally.values().sum()
    }

    fn for_programs(&self, plan: &Plan) -> serde_json::Value {
        json!({
            "records": self.total(),
            "counts": self.tally,
            "from": plan.from.to_string(),
            "to": plan.to.to_string(),
            "seed": plan.seed,
            "file": match &self.place {
                Place::File(file) => Some(file.to_string_lossy()),
                _ => None,
            },
            "url": match &self.place {
                Place::Server(url) => Some(url),
                _ => None,
            },
        })
    }

    fn for_people(&self, plan: &Plan) -> String {
        let Plan { from, to, seed, .. } = plan;
        let mut text = format!("{} records from {from} to {to}, seed {seed}\n", self.total());
        for (event_type, records) in &self.tally {
            let _ = writeln!(text, "  {event_type:<28}{records:>12}");
        }
        if matches!(self.place, Place::Server(_)) {
            text.push_str("All of it is taken; the server counts the last of it within seconds.\n");
        }
        for next in self.next(plan) {
            let _ = writeln!(text, "Next: {next}");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// What a person would type now.
    fn next(&self, plan: &Plan) -> Vec<String> {
        match &self.place {
            Place::StandardOutput => Vec::new(),
            Place::File(file) => vec![format!("event-horizon upload {} --follow", file.display())],
            Place::Server(url) => self.checks(plan, url),
            Place::Stopped(url) => [vec!["event-horizon".to_owned()], self.checks(plan, url)].concat(),
        }
    }

    fn checks(&self, plan: &Plan, url: &str) -> Vec<String> {
        let Plan { from, to, .. } = plan;
        let logs = self.tally.contains_key(LOG_LINE);
        let events = self.tally.len() > usize::from(logs);
        let of_events = format!("curl -s '{url}/analytics/event-counts-by-type?start_date={from}&end_date={to}'");
        let of_logs = format!("curl -s '{url}/api/v1/logs?level=error&limit=10'");
        [events.then_some(of_events), logs.then_some(of_logs)]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::generate::plan::Kind;
    use crate::commands::generate::rhythm::Day;

    fn plan() -> Plan {
        let day = |text: &str| Day::parse(text).unwrap();
        Plan::new(40, day("2025-05-01"), day("2025-05-02"), 7, vec![Kind::Analytics]).unwrap()
    }

    #[test]
    fn it_says_what_was_made_and_how_to_check_it() {
        let made = Made {
            tally: [("view", 30), ("click", 8), (LOG_LINE, 2)].into(),
            place: Place::Stopped("http://127.0.0.1:8000".to_owned()),
        };
        insta::assert_snapshot!(made.for_people(&plan()), @r"
        40 records from 2025-05-01 to 2025-05-02, seed 7
          (log line)                             2
          click                                  8
          view                                  30
        Next: event-horizon
        Next: curl -s 'http://127.0.0.1:8000/analytics/event-counts-by-type?start_date=2025-05-01&end_date=2025-05-02'
        Next: curl -s 'http://127.0.0.1:8000/api/v1/logs?level=error&limit=10'
        ");
    }

    #[test]
    fn programs_get_the_same() {
        let made = Made {
            tally: [("view", 30), ("click", 10)].into(),
            place: Place::File("sample.jsonl".into()),
        };
        insta::assert_snapshot!(made.for_programs(&plan()), @r#"
        {"counts":{"click":10,"view":30},"file":"sample.jsonl","from":"2025-05-01","records":40,"seed":7,"to":"2025-05-02","url":null}
        "#);
    }
}
