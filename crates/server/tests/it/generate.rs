//! Sample data from the command line: as a file, into a server, and into backends that no server holds.

use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{Place, http};

const A_FEW: &[&str] = &[
    "generate",
    "--events",
    "300",
    "--kinds",
    "analytics,watch,activity,logs",
];

#[test]
fn sample_data_are_the_same_every_time() {
    let place = Place::new();
    let printed = place.run(&[A_FEW, &["--out", "-"]].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(
        printed
            .stderr
            .starts_with("300 records from 2025-05-01 to 2025-05-29, seed 1\n"),
        "{}",
        printed.stderr
    );
    let written = place.run(&[A_FEW, &["--out", "sample.jsonl", "--json"]].concat());
    assert_eq!((written.code, written.stderr.as_str()), (0, ""), "{}", written.stdout);
    let file = std::fs::read_to_string(place.path().join("sample.jsonl")).unwrap();
    assert!(file == printed.stdout, "what is printed is what is written");
    let said: Value = serde_json::from_str(&written.stdout).unwrap();
    let counts = said["counts"].as_object().unwrap().values();
    assert_eq!(counts.map(|count| count.as_u64().unwrap()).sum::<u64>(), 300);
    assert_eq!(file.lines().count(), 300);
}

#[test]
fn sample_data_are_for_every_line_what_an_upload_takes() {
    let place = Place::new();
    assert_eq!(
        place
            .run(&[
                "generate",
                "--events",
                "300",
                "--kinds",
                "logs",
                "--out",
                "sample.jsonl"
            ])
            .code,
        0
    );
    let server = place.serve();
    let ran = place.run(&["upload", "sample.jsonl", "--strict", "--url", server.url()]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("300 of 300 lines"), "{}", ran.stdout);
}

#[test]
fn log_lines_go_to_a_server_as_a_file() {
    let place = Place::new();
    let server = place.serve();
    let ran = place.run(&["generate", "--events", "500", "--kinds", "logs", "--url", server.url()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let next = format!("Next: curl -s '{}/api/v1/logs?level=error&limit=10'", server.url());
    assert_eq!(ran.stdout.lines().last(), Some(next.as_str()));
}

#[tokio::test]
async fn without_a_server_the_backends_are_filled_all_the_same() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let ran = place.run(&["generate", "--events", "500", "--kinds", "logs", "--bind", &free]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nNext: event-horizon\n"), "{}", ran.stdout);
    let server = place.serve();
    let jobs = http().get(server.at("/api/v1/jobs")).send().await.unwrap();
    let jobs: Value = jobs.json().await.unwrap();
    assert_eq!(
        (&jobs["items"][0]["status"], &jobs["items"][0]["lines_ingested"]),
        (&"completed".into(), &500.into())
    );
}

#[test]
fn sample_data_that_cannot_be_are_refused() {
    let place = Place::new();
    for (wrong, said) in [
        (&["--from", "2025-13-01"][..], "not a date such as 2025-05-01"),
        (
            &["--from", "2025-06-01"],
            "--to 2025-05-29 lies before --from 2025-06-01",
        ),
        (&["--events", "0"], "0 is not in 1.."),
        (
            &["--kinds", "coffee"],
            "possible values: analytics, watch, activity, logs",
        ),
        (&["--out", "no/such/folder"], "cannot write no/such/folder"),
        (&["--out", "a", "--url", "http://127.0.0.1:9"], "cannot be used with"),
    ] {
        let ran = place.run(&[&["generate"], wrong].concat());
        assert_eq!(ran.code, 1, "{wrong:?}");
        assert!(ran.stderr.contains(said), "{wrong:?}: {}", ran.stderr);
    }
    let ran = place.run(&["generate", "--url", "http://127.0.0.1:9"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("nothing answers at http://127.0.0.1:9"),
        "{}",
        ran.stderr
    );
}
