//! The server as a whole: which processes are alive, and what room is taken by what is kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Place, Server, http, until};
use crate::stack::{Stack, in_both_modes, lines};

in_both_modes!(
    every_process_is_known_until_it_stops,
    what_is_kept_takes_room,
    the_room_is_a_figure_too,
);

async fn replicas(stack: &Stack) -> Vec<Value> {
    let system = stack.get("/api/v1/system").await;
    system["replicas"].as_array().expect("the database is up").clone()
}

fn names(replicas: &[Value]) -> BTreeSet<&str> {
    replicas
        .iter()
        .map(|replica| replica["name"].as_str().unwrap())
        .collect()
}

/// As many as there are processes.
async fn all_replicas(stack: &Stack) -> Vec<Value> {
    until(async || {
        let found = replicas(stack).await;
        let all = found.len() == stack.processes().count();
        if all { Ok(found) } else { Err(json!(found)) }
    })
    .await
}

fn is_embedded(stack: &Stack) -> bool {
    stack.processes().count() == 1
}

async fn every_process_is_known_until_it_stops(mut stack: Stack) {
    let before = all_replicas(&stack).await;
    let roles: Vec<_> = before.iter().map(|replica| replica["role"].as_str().unwrap()).collect();
    let expected: &[&str] = if is_embedded(&stack) {
        &["serve"]
    } else {
        &["ingest", "worker", "worker", "worker"]
    };
    assert_eq!(roles, expected);
    for replica in &before {
        let works = replica["role"] != "ingest";
        let slots = if works { json!([8, 0]) } else { json!([null, null]) };
        assert_eq!(json!([replica["slots"], replica["slots_taken"]]), slots, "{replica}");
        assert_eq!(replica["version"], env!("CARGO_PKG_VERSION"));
        assert!(
            replica["started_at"].as_str() <= replica["seen_at"].as_str(),
            "{replica}"
        );
        assert!(!replica["host"].as_str().unwrap().is_empty());
    }
    // One stops in good order, and another one comes.
    stack.replace_a_worker();
    let after = until(async || {
        let found = all_replicas(&stack).await;
        let gone = names(&before).difference(&names(&found)).count();
        if gone == 1 { Ok(found) } else { Err(json!(found)) }
    })
    .await;
    assert_eq!(names(&after).difference(&names(&before)).count(), 1);
}

async fn what_is_kept_takes_room(stack: Stack) {
    let content = lines(300) + "{\"user\":\"ada\",\"slug\":\"film\",\"at\":1}\n";
    let file_bytes = content.len();
    let id = stack.upload(content, "").await;
    stack.until_ended(&id).await;
    let storage = stack.get("/api/v1/system").await["storage"].take();
    assert_eq!(
        json!([storage["files"], storage["files_bytes"]]),
        json!([1, file_bytes]),
        "{storage}"
    );
    let bytes = |name: &str| storage[name].as_u64().unwrap_or_else(|| panic!("{name} in {storage}"));
    let parts = ["events_bytes", "log_entries_bytes", "other_bytes"].map(bytes);
    assert!(parts.iter().all(|part| *part > 0), "{storage}");
    assert_eq!(parts.iter().sum::<u64>(), bytes("database_bytes"));
    if is_embedded(&stack) {
        assert!(bytes("queue_bytes") > 0);
        assert!(
            0 < bytes("disk_free_bytes") && bytes("disk_free_bytes") <= bytes("disk_bytes"),
            "{storage}"
        );
    } else {
        for elsewhere in ["queue_bytes", "disk_free_bytes", "disk_bytes"] {
            assert_eq!(storage[elsewhere], Value::Null, "{storage}");
        }
    }
}

async fn the_room_is_a_figure_too(stack: Stack) {
    let figures = stack.client.get(stack.at("/metrics")).send().await.unwrap();
    let figures = figures.text().await.unwrap();
    for of in ["database", "files"] {
        let figure = format!("eh_storage_bytes{{of=\"{of}\"}}");
        assert!(figures.contains(&figure), "{figure}\n{figures}");
    }
}

/// A process that is alone need not wait to learn that the one before it is gone.
#[tokio::test]
async fn one_that_was_killed_is_gone_when_the_next_one_begins() {
    let place = Place::new();
    let known = async |server: &Server| {
        let url = server.at("/api/v1/system");
        until(async || {
            let system: Value = http().get(&url).send().await.unwrap().json().await.unwrap();
            match system["replicas"].as_array() {
                Some(found) if !found.is_empty() => Ok(found.clone()),
                _ => Err(system),
            }
        })
        .await
    };
    let mut server = place.serve();
    let first = known(&server).await;
    server.signal("KILL");
    server.wait_for_end();
    let second = known(&place.serve()).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0]["name"], second[0]["name"]);
}
