//! The statements that `docs/schema.md` gives for checking the data: after kills none of them finds anything, and each finds
//! what it is for.

use reqwest::StatusCode;
use serde_json::json;

use super::content::Content;
use super::rig::{Rig, in_both_modes};
use crate::harness::until;

const PAGE: &str = include_str!("../../../../../docs/schema.md");
const TITLE: &str = "## SQL that checks the data\n";
const SETTINGS: [(&str, &str); 3] = [
    ("EH_CHUNK_BYTES", "4KiB"),
    ("EH_WORKER_LEASE_SECONDS", "2"),
    ("EH_RULES_GRACE_SECONDS", "0"),
];
const DELAY_MS_MAX: u32 = 20;
/// Their words are PostgreSQL's.
const OF_POSTGRES: [&str; 2] = ["10", "18"];
/// What goes wrong, and which statements find it.
const DAMAGE: [(&str, &[&str]); 5] = [
    (
        "UPDATE chunks SET lines_ingested = lines_ingested + 1 WHERE chunk_no = 0",
        &["1", "2"],
    ),
    ("DELETE FROM line_rejects", &["4"]),
    (
        "UPDATE event_counts SET events = events + 1 WHERE event_type = 'watch'",
        &["8"],
    ),
    ("UPDATE user_totals SET heartbeats = heartbeats + 1", &["11"]),
    ("UPDATE watch_pairs SET heartbeats = heartbeats + 1", &["12", "15"]),
];

in_both_modes!(super::SETTINGS, what_is_stored_passes_every_check);

async fn what_is_stored_passes_every_check(mut rig: Rig) {
    let content = Content { lines: 1_000 };
    let id = rig.upload(content, DELAY_MS_MAX).await;
    let events = rig.door.at("/v1/events");
    let answer = rig.client().post(events).body(heartbeats()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let stream = rig.door.at("/v1/users/u1/streams");
    assert_eq!(
        rig.client().post(stream).send().await.unwrap().status(),
        StatusCode::CREATED
    );
    rig.until_beyond(&id, 0).await;
    rig.kill_a_worker();
    rig.assert_done(&id, content).await;

    let checks = checks(&rig);
    assert!(checks.len() >= 16, "{checks:?}");
    for (number, statement) in &checks {
        // What was killed in the middle of a batch comes again, and is found known.
        until(async || none(found(&rig, statement), number)).await;
    }
    for (damage, finders) in DAMAGE {
        rig.execute(damage);
        for finder in finders {
            let (_, statement) = checks.iter().find(|(number, _)| number == finder).unwrap();
            assert!(found(&rig, statement) > 0, "{finder} does not find: {damage}");
        }
    }
}

/// Two users and two films.
fn heartbeats() -> String {
    let beat =
        |n: u32| json!({"user": format!("u{}", n % 2), "slug": format!("m{}", n / 2 % 2), "at": n * 5}).to_string();
    (0..40).map(beat).collect::<Vec<_>>().join("\n")
}

/// Each statement by its number on the page, those that this database understands.
fn checks(rig: &Rig) -> Vec<(String, String)> {
    let section = PAGE.split_once(TITLE).unwrap().1;
    let block = section.split("```").nth(1).unwrap().strip_prefix("sql\n").unwrap();
    let statements = block.split("\n\n").map(|statement| {
        let (title, text) = statement.trim().strip_prefix("-- ").unwrap().split_once('\n').unwrap();
        let number = title.split_once('.').unwrap().0;
        (number.to_owned(), text.trim_end_matches(';').to_owned())
    });
    let is_understood =
        |(number, _): &(String, String)| rig.is_on_services() || !OF_POSTGRES.contains(&number.as_str());
    statements.filter(is_understood).collect()
}

fn found(rig: &Rig, statement: &str) -> i64 {
    rig.count_rows(&format!("SELECT count(*) AS n FROM ({statement}) found"))
}

fn none(found: i64, number: &str) -> Result<(), String> {
    if found == 0 {
        Ok(())
    } else {
        Err(format!("check {number} finds {found} rows"))
    }
}
