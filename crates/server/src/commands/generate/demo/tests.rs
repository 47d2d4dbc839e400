//! What the sample data of `--demo` are: the same for the same moment, over by then, and nothing that is still to be told of.

use std::collections::BTreeMap;

use super::*;

fn month() -> Month {
    Month::until(Timestamp::parse("2026-03-15T17:30:00Z").unwrap())
}

fn made(kind: Kind, records: u64) -> Vec<Record> {
    month().of(kind, records).unwrap().collect::<Result<_, _>>().unwrap()
}

fn day(record: &Record) -> String {
    Timestamp::from_micros(record.at * 1_000).to_string()[..10].to_owned()
}

#[test]
fn they_reach_from_thirty_days_ago_until_now() {
    let visits = made(Kind::Analytics, ANALYTICS);
    assert_eq!(visits, made(Kind::Analytics, ANALYTICS));
    assert_eq!(day(&visits[0]), "2026-02-14");
    let last = visits.last().unwrap();
    assert_eq!(day(last), "2026-03-15");
    assert!(visits.iter().all(|visit| visit.at <= month().now.as_micros() / 1_000));
}

#[test]
fn every_launch_is_followed_by_a_training_of_the_same_user() {
    let activity = made(Kind::Activity, ACTIVITY);
    let kept = settled(activity.clone());
    assert!(
        kept.len() < activity.len() && kept.len() > 100,
        "{} of {}",
        kept.len(),
        activity.len()
    );
    let mut last = BTreeMap::new();
    for record in &kept {
        let written: serde_json::Value = serde_json::from_str(&record.line).unwrap();
        last.insert(written["user_id"].to_string(), record.counted_as);
    }
    assert!(last.values().all(|event_type| *event_type != "app_launch"), "{last:?}");
}

#[test]
fn a_few_lines_are_broken_each_in_its_way() {
    let lines = (0..1_500).map(|n| Ok(format!("{{\"message\":\"line {n}\"}}")));
    let lines: Vec<_> = with_broken_lines(lines).collect::<Result<_, _>>().unwrap();
    let broken: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("{\"message\":\"line ") || !line.ends_with('}'))
        .collect();
    assert_eq!(lines.len(), 1_505);
    insta::assert_debug_snapshot!(broken, @r#"
    [
        "{\"message\":",
        "    at Gateway.call (gateway.js:71:13)",
        "{\"type\":\"location\",\"user_id\":\"u-3\",\"payload\":{\"latitude\":91,\"longitude\":13.4}}",
        "{\"message\":",
        "    at Gateway.call (gateway.js:71:13)",
    ]
    "#);
}
