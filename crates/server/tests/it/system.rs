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

/// None also where the look took too long.
async fn replicas(stack: &Stack) -> Vec<Value> {
    let system = stack.get("/api/v1/system").await;
    system["replicas"].as_array().cloned().unwrap_or_default()
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
    // A look that takes too long on a busy machine is made again.
    let storage = until(async || {
        let storage = stack.get("/api/v1/system").await["storage"].take();
        let is_known = storage["database_bytes"].is_u64() && storage["files"].is_u64();
        if is_known { Ok(storage) } else { Err(storage) }
    })
    .await;
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
    until(async || {
        let figures = stack.client.get(stack.at("/metrics")).send().await.unwrap();
        let figures = figures.text().await.unwrap();
        let has = |of: &str| figures.contains(&format!("eh_storage_bytes{{of=\"{of}\"}}"));
        if has("database") && has("files") {
            Ok(())
        } else {
            Err(figures)
        }
    })
    .await;
}

/// A process that is alone need not wait to learn that the one before it is gone.
#[tokio::test]
async fn one_that_was_killed_is_gone_when_the_next_one_is_seen() {
    let place = Place::new();
    let seen_beside = async |server: &Server, known: &[Value]| {
        until(async || {
            let system = http().get(server.at("/api/v1/system")).send().await.unwrap();
            let system: Value = system.json().await.unwrap();
            match system["replicas"].as_array() {
                Some(found) if !names(found).is_subset(&names(known)) => Ok(found.clone()),
                _ => Err(system),
            }
        })
        .await
    };
    let mut server = place.serve();
    let first = seen_beside(&server, &[]).await;
    server.signal("KILL");
    server.wait_for_end();
    let second = seen_beside(&place.serve(), &first).await;
    assert_eq!((first.len(), second.len()), (1, 1), "{second:?}");
}

/// A door with neither database nor broker still says how it is.
#[cfg(feature = "services")]
#[tokio::test]
async fn what_nobody_can_be_asked_is_null() {
    let place = Place::new();
    let settings = [
        "ingest",
        "--bind",
        "127.0.0.1:0",
        "--queue-url",
        "amqp://127.0.0.1:1",
        "--database-url",
        "postgres://nobody@127.0.0.1:1/nowhere",
    ];
    let server = Server::start(&mut place.command(&settings));
    let system = http().get(server.at("/api/v1/system")).send().await.unwrap();
    let system: Value = system.json().await.unwrap();
    assert_eq!(
        json!([system["status"], system["replicas"]]),
        json!(["degraded", null]),
        "{system}"
    );
    for unknown in ["database_bytes", "events_bytes", "queue_bytes", "files", "files_bytes"] {
        assert_eq!(system["storage"][unknown], Value::Null, "{system}");
    }
    // The files of uploads lie in the data folder.
    assert!(system["storage"]["disk_free_bytes"].is_u64(), "{system}");
    assert_eq!(server.terminate().code(), Some(0));
}
