//! What a plan makes: exactly what was asked for, in order, valid for the door, and like people.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::ids::JobId;
use domain::line::{Line, LineKind, LineOrigin, read_line};
use domain::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::commands::generate::record::LOG_LINE;

const ALL: [Kind; 4] = [Kind::Analytics, Kind::Watch, Kind::Activity, Kind::Logs];

fn plan_of(records: u64, seed: u64, kinds: &[Kind]) -> Plan {
    let day = |text: &str| Day::parse(text).unwrap();
    Plan::new(records, day("2025-05-01"), day("2025-05-29"), seed, kinds.to_vec()).unwrap()
}

fn made(plan: &Plan) -> Vec<Record> {
    plan.everything().collect::<Result<_, _>>().unwrap()
}

fn tally(records: &[Record]) -> Tally {
    let mut tally = Tally::new();
    for record in records {
        count(&mut tally, record);
    }
    tally
}

/// As the door reads it.
fn read(record: &Record) -> Line<'_> {
    let now = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
    let origin = LineOrigin {
        position_unit: domain::watch_time::PositionUnit::Seconds,
        job_id: JobId::new(Uuid::nil()),
        line_no: 1,
        job_created_at: now,
        received_at: now,
        kind: LineKind::Auto,
    };
    read_line(&record.line, &origin).unwrap()
}

fn events(records: &[Record]) -> Vec<Event> {
    let event = |record| match read(record) {
        Line::Event(event) => Some(event),
        Line::Log(_) => None,
    };
    records.iter().filter_map(event).collect()
}

fn hour(record: &Record) -> i64 {
    record.at / 3_600_000 % 24
}

/// Whoever wrote down a seed finds the same records again.
#[test]
fn the_same_arguments_make_the_same_bytes() {
    let plan = plan_of(1_000, 1, &ALL);
    assert_eq!(made(&plan), made(&plan));
    assert_ne!(made(&plan), made(&plan_of(1_000, 2, &ALL)));
    let first: Vec<_> = plan.everything().take(12).map(|record| record.unwrap().line).collect();
    insta::assert_snapshot!(first.join("\n"), @r#"
    {"timestamp":"2025-05-01T09:46:28.351000Z","level":"info","service":"catalog","message":"request started","request_id":"7f947c3f62e58187","method":"GET","path":"/"}
    {"timestamp":"2025-05-01T09:46:28.724000Z","level":"info","service":"catalog","message":"request completed","request_id":"7f947c3f62e58187","method":"GET","path":"/","status":200,"duration_ms":373}
    {"level":30,"time":1746104688542,"service":"billing","msg":"payment requested","request_id":"2cb82bb65b8a81cc","customer":"u-14"}
    {"level":50,"time":1746104688902,"service":"billing","msg":"gateway timed out","request_id":"2cb82bb65b8a81cc","customer":"u-14","duration_ms":360}
    {"event_id":"01968c6a-c433-8ab3-a7c8-80aadaa5b7b6","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:15:29.459000Z","payload":{"url":"/shows/salt-and-stone","title":"Salt and Stone"}}
    {"event_id":"01968c6c-52ad-883c-ae15-979e147421e4","event_type":"click","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:17:11.469000Z","payload":{"element_id":"play","text":"Play","xpath":"//button[@id='play']"}}
    {"event_id":"01968c6c-c819-8db1-a976-d845179f9715","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:17:41.529000Z","payload":{"url":"/","title":"Home"}}
    {"event_id":"01968c6d-10db-828b-a907-667a8c7fd5e6","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:18:00.155000Z","payload":{"url":"/pricing","title":"Pricing"}}
    {"event_id":"01968c6e-1643-8202-9b90-1dc37bdefed8","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:19:07.075000Z","payload":{"url":"/","title":"Home"}}
    {"event_id":"01968c6f-4ccc-833e-a78b-e8caa51750f0","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:20:26.572000Z","payload":{"url":"/account","title":"Your account"}}
    {"event_id":"01968c70-0319-8fe0-8893-b6a371a29218","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:21:13.241000Z","payload":{"url":"/shows/northern-lights","title":"Northern Lights"}}
    {"event_id":"01968c70-9612-8f0b-a836-065ca1c74fda","event_type":"view","user_id":"u-2","device_id":"ipad-2","timestamp":"2025-05-01T15:21:50.866000Z","payload":{"url":"/shows","title":"All shows"}}
    "#);
}

#[test]
fn there_are_exactly_as_many_as_were_asked_for() {
    for records in [1, 2, 3, 7, 100, 4_999, 20_000] {
        for kinds in [
            &ALL[..],
            &[Kind::Analytics],
            &[Kind::Watch],
            &[Kind::Logs, Kind::Activity],
        ] {
            let plan = plan_of(records, 5, kinds);
            let made = made(&plan);
            assert_eq!(made.len(), usize::try_from(records).unwrap(), "{kinds:?}");
            let lines = tally(&made).get(LOG_LINE).copied().unwrap_or_default();
            assert_eq!(lines, plan.records_of(Kind::Logs), "{records} {kinds:?}");
        }
    }
}

#[test]
fn they_are_in_order_and_within_the_days() {
    let day = |text: &str| Day::parse(text).unwrap();
    for (from, to, records) in [
        ("2025-05-01", "2025-05-29", 20_000),
        ("2024-02-29", "2024-02-29", 20_000),
        ("2024-12-31", "2025-01-01", 10),
    ] {
        let made = made(&Plan::new(records, day(from), day(to), 9, ALL.to_vec()).unwrap());
        assert!(made.is_sorted_by_key(|record| record.at));
        let date = |record: &Record| crate::commands::generate::rhythm::at(record.at).to_string()[..10].to_owned();
        assert!(date(&made[0]).as_str() >= from);
        assert!(date(made.last().unwrap()).as_str() <= to);
    }
}

/// Near the last midnight stories are shorter, not squeezed.
#[test]
fn the_last_minute_is_as_quiet_as_the_night_is() {
    let made = made(&plan_of(20_000, 3, &[Kind::Watch]));
    let end = made.last().unwrap().at;
    let last_minute = made.iter().filter(|record| end - record.at < 60_000).count();
    assert!(last_minute < 60, "{last_minute}");
}

#[test]
fn every_event_is_valid_and_has_an_id_of_its_own() {
    let made = made(&plan_of(20_000, 1, &ALL));
    let events = events(&made);
    let ids: BTreeSet<_> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), events.len());
    let logs = made.iter().filter(|record| record.counted_as == LOG_LINE).count();
    assert_eq!(events.len() + logs, made.len());
    for event in &events {
        assert!(event.client_named && event.client_timed && event.event_type.is_builtin());
        assert_eq!(event.event_id.stamped_at(), None, "it is no id of ours");
    }
}

#[test]
fn every_log_line_has_what_log_lines_have() {
    for record in made(&plan_of(2_000, 1, &[Kind::Logs])) {
        let Line::Log(entry) = read(&record) else {
            panic!("{} is an event", record.line)
        };
        assert!(
            entry.timestamp.is_some() && entry.level.is_some() && entry.message.is_some() && entry.service.is_some(),
            "{}",
            record.line
        );
    }
}

/// So that a second run with other arguments adds what it makes, and one with the same adds nothing.
#[test]
fn other_arguments_make_other_ids() {
    let ids = |plan: &Plan| {
        events(&made(plan))
            .into_iter()
            .map(|event| event.event_id)
            .collect::<BTreeSet<_>>()
    };
    let first = ids(&plan_of(500, 1, &ALL));
    assert_eq!(first, ids(&plan_of(500, 1, &ALL)));
    assert!(first.is_disjoint(&ids(&plan_of(501, 1, &ALL))));
    assert!(first.is_disjoint(&ids(&plan_of(500, 2, &ALL))));
}

#[test]
fn they_are_mixed_as_people_mix_them() {
    let made = made(&plan_of(50_000, 1, &ALL));
    let tally = tally(&made);
    let percent = |event_type: &str, of: u64| tally[event_type] * 100 / of;
    let analytics: u64 = ["view", "click", "location"].iter().map(|name| tally[name]).sum();
    assert_eq!(analytics, 20_000);
    assert!((60..75).contains(&percent("view", analytics)), "{tally:?}");
    assert!((20..32).contains(&percent("click", analytics)), "{tally:?}");
    assert!((3..10).contains(&percent("location", analytics)), "{tally:?}");
    let (launched, started) = (tally["app_launch"], tally["training_program_started"]);
    assert!(
        started < launched && tally["training_program_finished"] < started,
        "{tally:?}"
    );
    assert!(
        tally["training_program_finished"] > 3 * tally["training_program_cancelled"],
        "{tally:?}"
    );
}

#[test]
fn evenings_are_full_and_nights_are_quiet() {
    let made = made(&plan_of(50_000, 1, &ALL));
    let within = |from: i64, to: i64| made.iter().filter(|record| (from..to).contains(&hour(record))).count();
    assert!(within(19, 22) > 8 * within(2, 5), "{} {}", within(19, 22), within(2, 5));
    assert!(within(19, 22) > within(9, 12));
}

#[test]
fn a_few_pages_are_viewed_most() {
    let made = made(&plan_of(20_000, 1, &[Kind::Analytics]));
    let mut views = BTreeMap::<String, usize>::new();
    for record in made.iter().filter(|record| record.counted_as == "view") {
        let line: Value = serde_json::from_str(&record.line).unwrap();
        *views
            .entry(line["payload"]["url"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let mut counts: Vec<usize> = views.values().copied().collect();
    counts.sort_unstable();
    let all: usize = counts.iter().sum();
    assert_eq!(counts.last(), views.get("/"));
    assert!(counts.iter().rev().take(3).sum::<usize>() * 10 > all * 4, "{views:?}");
    assert_eq!(views.len(), crate::commands::generate::world::PAGES.len());
}

#[test]
fn players_beat_every_ten_seconds() {
    let made = made(&plan_of(10_000, 1, &[Kind::Watch]));
    let mut sessions = BTreeMap::<String, Vec<(i64, i64)>>::new();
    for record in &made {
        let payload = &serde_json::from_str::<Value>(&record.line).unwrap()["payload"];
        let session = payload["session_id"].as_str().unwrap().to_owned();
        let beat = (record.at, payload["at"].as_i64().unwrap());
        sessions.entry(session).or_default().push(beat);
    }
    let steps: Vec<_> = sessions
        .values()
        .flat_map(|beats| beats.windows(2))
        .map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1))
        .collect();
    let usual = steps
        .iter()
        .filter(|step| matches!(step, (10_000..=10_040, 10)))
        .count();
    assert!(usual * 100 > steps.len() * 90, "{usual} of {}", steps.len());
    assert!(steps.iter().all(|(pause, _)| *pause >= 10_000));
    assert!(steps.iter().any(|(pause, _)| *pause > 20_000), "somebody pauses");
    assert!(steps.iter().any(|(_, moved)| *moved < 0), "somebody goes back");
}

#[test]
fn days_in_the_wrong_order_are_refused() {
    let day = |text: &str| Day::parse(text).unwrap();
    let plan = |from, to| Plan::new(1, day(from), day(to), 1, ALL.to_vec());
    assert_eq!(
        plan("2025-05-02", "2025-05-01").unwrap_err().to_string(),
        "--to 2025-05-01 lies before --from 2025-05-02"
    );
    assert!(plan("1990-01-01", "2025-05-01").is_err());
}
