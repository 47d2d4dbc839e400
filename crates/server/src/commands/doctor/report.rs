//! The findings, as a table for people and as JSON for programs.

use std::fmt::{Display, Write as _};

use domain::job::JobStatus;
use domain::notification::NotificationState;
use queue::Backlog;
use records::{CountDifference, WatchDifference};
use serde_json::{Value, json};

use super::findings::{Findings, Kept, Tables, Waiting, Wakes};
use crate::commands::table::harmless;

pub(super) fn for_people(findings: &Findings, mode: &str) -> String {
    let mut text = format!("{mode}\n");
    if let Ok(Tables::Current(kept)) = &findings.tables {
        text.push('\n');
        tables(&mut text, kept);
    }
    if let Ok(waiting) = &findings.queue {
        text.push('\n');
        row(&mut text, "frames of events that wait", &backlog(&waiting.events));
        row(&mut text, "hints of work that wait", &backlog(&waiting.hints));
    }
    let unexplained = findings.unexplained();
    if unexplained.is_empty() {
        text.push_str("\nNothing is unexplained.");
        return text;
    }
    text.push_str("\nTo be looked at:\n");
    for sentence in unexplained {
        let _ = writeln!(text, "* {sentence}");
    }
    text.truncate(text.trim_end().len());
    text
}

fn row(text: &mut String, name: &str, value: &dyn Display) {
    let _ = writeln!(text, "  {name:<34}{value:>12}");
}

fn tables(text: &mut String, kept: &Kept) {
    row(text, "events", &kept.events_counted);
    row(text, "counts that differ from the rows", &kept.differences.len());
    for CountDifference {
        quarter,
        event_type,
        counted,
        stored,
    } in &kept.differences
    {
        let _ = writeln!(text, "    {quarter} {event_type}: {counted} counted, {stored} stored");
    }
    row(text, "dead letters", &kept.dead_letters);
    for (status, jobs) in &kept.jobs {
        row(text, &format!("jobs {}", status.as_str()), jobs);
    }
    watch_time(text, &kept.watch_differences);
    row(text, "wakes that wait for their time", &wakes(&kept.wakes));
    for (state, notifications) in &kept.notifications {
        row(text, &format!("notifications {}", state.as_str()), notifications);
    }
}

fn watch_time(text: &mut String, differences: &[WatchDifference]) {
    row(text, "watch times that differ", &differences.len());
    for difference in differences {
        let (of, kept, summed) = (
            harmless(&difference.of),
            difference.kept_millis,
            difference.summed_millis,
        );
        let _ = if kept == summed {
            writeln!(text, "    {of}: of whom, of what, or of how many heartbeats")
        } else {
            writeln!(text, "    {of}: {kept} ms kept, {summed} ms in sum")
        };
    }
}

fn wakes(wakes: &Wakes) -> String {
    match wakes.overdue {
        Some(overdue) => format!("{}, the first for {} s", wakes.waiting, overdue.as_secs()),
        None => wakes.waiting.to_string(),
    }
}

fn backlog(backlog: &Backlog) -> String {
    match backlog.oldest_age {
        Some(age) => format!("{}, the first for {} s", backlog.frames, age.as_secs()),
        None => backlog.frames.to_string(),
    }
}

pub(super) fn for_programs(findings: &Findings) -> Value {
    json!({
        "tables": findings.tables.as_ref().ok().map(of_tables),
        "queue": findings.queue.as_ref().ok().map(of_queue),
        "unexplained": findings.unexplained(),
    })
}

fn of_tables(tables: &Tables) -> Value {
    match tables {
        Tables::Outdated(missing) => json!({ "migrations_missing": missing }),
        Tables::Current(kept) => json!({
            "migrations_missing": [],
            "events_counted": kept.events_counted,
            "count_differences": kept.differences.iter().map(difference).collect::<Vec<_>>(),
            "dead_letters": kept.dead_letters,
            "jobs": kept.jobs.iter().map(jobs).collect::<serde_json::Map<_, _>>(),
            "watch_differences": kept.watch_differences.iter().map(watch_difference).collect::<Vec<_>>(),
            "wakes": {
                "waiting": kept.wakes.waiting,
                "overdue_seconds": kept.wakes.overdue.map(|overdue| overdue.as_secs()),
            },
            "notifications": kept.notifications.iter().map(notifications).collect::<serde_json::Map<_, _>>(),
        }),
    }
}

fn difference(difference: &CountDifference) -> Value {
    json!({
        "quarter": difference.quarter,
        "event_type": difference.event_type,
        "counted": difference.counted,
        "stored": difference.stored,
    })
}

fn jobs((status, count): &(JobStatus, u64)) -> (String, Value) {
    (status.as_str().to_owned(), (*count).into())
}

fn watch_difference(difference: &WatchDifference) -> Value {
    json!({
        "of": difference.of,
        "kept_millis": difference.kept_millis,
        "summed_millis": difference.summed_millis,
    })
}

fn notifications((state, count): &(NotificationState, u64)) -> (String, Value) {
    (state.as_str().to_owned(), (*count).into())
}

fn of_queue(waiting: &Waiting) -> Value {
    let of = |backlog: &Backlog| {
        json!({
            "frames": backlog.frames,
            "oldest_seconds": backlog.oldest_age.map(|age| age.as_secs()),
        })
    };
    json!({ "events": of(&waiting.events), "hints": of(&waiting.hints) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::time::Timestamp;

    use super::*;

    fn findings(
        dead_letters: u64,
        differences: Vec<CountDifference>,
        watch_differences: Vec<WatchDifference>,
    ) -> Findings {
        let waiting = |frames, oldest_age| Backlog { frames, oldest_age };
        Findings {
            tables: Ok(Tables::Current(Kept {
                events_counted: 5_000,
                differences,
                dead_letters,
                jobs: vec![(JobStatus::Completed, 3), (JobStatus::Failed, 1)],
                watch_differences,
                wakes: Wakes {
                    waiting: 4,
                    overdue: Some(Duration::from_secs(2)),
                },
                notifications: vec![(NotificationState::Held, 1), (NotificationState::Delivered, 9)],
            })),
            queue: Ok(Waiting {
                events: waiting(2, Some(Duration::from_secs(7))),
                hints: waiting(0, None),
            }),
        }
    }

    fn one_too_many() -> CountDifference {
        CountDifference {
            quarter: Timestamp::from_micros(1_746_057_600_000_000),
            event_type: "view".to_owned(),
            counted: 8,
            stored: 7,
        }
    }

    fn a_second_too_much() -> WatchDifference {
        WatchDifference {
            of: "movie dune".to_owned(),
            kept_millis: 61_000,
            summed_millis: 60_000,
        }
    }

    #[test]
    fn what_waits_is_explained() {
        let findings = findings(0, Vec::new(), Vec::new());
        assert!(findings.unexplained().is_empty());
        insta::assert_snapshot!(for_people(&findings, "SQLite"), @r"
        SQLite

          events                                    5000
          counts that differ from the rows             0
          dead letters                                 0
          jobs completed                               3
          jobs failed                                  1
          watch times that differ                      0
          wakes that wait for their time    4, the first for 2 s
          notifications held                           1
          notifications delivered                      9

          frames of events that wait        2, the first for 7 s
          hints of work that wait                      0

        Nothing is unexplained.
        ");
    }

    #[test]
    fn what_is_dead_or_counted_wrongly_is_not() {
        let findings = findings(2, vec![one_too_many()], vec![a_second_too_much()]);
        assert_eq!(findings.unexplained().len(), 3);
        insta::assert_snapshot!(for_people(&findings, "SQLite"), @r"
        SQLite

          events                                    5000
          counts that differ from the rows             1
            2025-05-01T00:00:00.000000Z view: 8 counted, 7 stored
          dead letters                                 2
          jobs completed                               3
          jobs failed                                  1
          watch times that differ                      1
            movie dune: 61000 ms kept, 60000 ms in sum
          wakes that wait for their time    4, the first for 2 s
          notifications held                           1
          notifications delivered                      9

          frames of events that wait        2, the first for 7 s
          hints of work that wait                      0

        To be looked at:
        * 2 dead letters hold events that were taken and are not stored: GET /api/v1/dead-letters tells why; each can be replayed or discarded
        * the counts are not those of the stored events: a defect, please report it
        * the watch time of movies or users is not the sum of its parts: a defect, please report it; `event-horizon recompute` puts it right
        ");
        insta::assert_snapshot!(for_programs(&findings), @r#"
        {"queue":{"events":{"frames":2,"oldest_seconds":7},"hints":{"frames":0,"oldest_seconds":null}},"tables":{"count_differences":[{"counted":8,"event_type":"view","quarter":"2025-05-01T00:00:00.000000Z","stored":7}],"dead_letters":2,"events_counted":5000,"jobs":{"completed":3,"failed":1},"migrations_missing":[],"notifications":{"delivered":9,"held":1},"wakes":{"overdue_seconds":2,"waiting":4},"watch_differences":[{"kept_millis":61000,"of":"movie dune","summed_millis":60000}]},"unexplained":["2 dead letters hold events that were taken and are not stored: GET /api/v1/dead-letters tells why; each can be replayed or discarded","the counts are not those of the stored events: a defect, please report it","the watch time of movies or users is not the sum of its parts: a defect, please report it; `event-horizon recompute` puts it right"]}
        "#);
    }

    #[test]
    fn parts_that_say_nothing_are_named() {
        let findings = Findings {
            tables: Ok(Tables::Outdated(vec!["2026-11-20-000000".to_owned()])),
            queue: Err("there is no connection to the broker".to_owned()),
        };
        insta::assert_snapshot!(for_people(&findings, "PostgreSQL, RabbitMQ"), @r"
        PostgreSQL, RabbitMQ

        To be looked at:
        * 1 migrations are missing (2026-11-20-000000): run `event-horizon migrate`
        * the queue does not answer: there is no connection to the broker
        ");
        assert_eq!(for_programs(&findings)["queue"], Value::Null);
    }
}
