//! `upload` from the command line: what it says of each file, and how it ends.

use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{Place, ran_with_input, text};

const LINES: &str = "{\"message\":\"one\",\"level\":\"info\"}\n{\"message\":\"two\"}\n";
const LINES_ONE_BROKEN: &str = "{\"message\":\"one\"}\n{broken\n{\"message\":\"three\"}\n";

#[test]
fn an_upload_is_followed_to_its_end() {
    let place = Place::new();
    let server = place.serve();
    let file = place.write("app.jsonl", LINES);
    let ran = place.run(&["upload", text(&file), "--follow", "--strict", "--url", server.url()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("app.jsonl: completed, 2 of 2 lines in "),
        "{}",
        ran.stdout
    );
    assert!(
        lines[1].starts_with(&format!("Next: curl -s '{}/api/v1/jobs/", server.url())),
        "{}",
        ran.stdout
    );
    assert_eq!(lines.len(), 2);
    let is_plain = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_plain(&ran.stdout), "{:?}", ran.stdout);
}

#[test]
fn rejects_are_exit_code_4_for_the_strict() {
    let place = Place::new();
    let server = place.serve();
    let file = place.write("app.jsonl", LINES_ONE_BROKEN);
    let code = |options: &[&str]| {
        place
            .run(&[&["upload", text(&file), "--url", server.url()], options].concat())
            .code
    };
    assert_eq!(code(&["--follow"]), 0);
    assert_eq!(code(&["--strict"]), 4);
}

#[test]
fn a_failed_job_is_exit_code_3() {
    let place = Place::new();
    let server = place.serve();
    let file = place.write("app.jsonl", "{broken\n{broken too\n");
    let ran = place.run(&["upload", text(&file), "--follow", "--url", server.url()]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("app.jsonl: failed: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("(every_line_rejected)"), "{}", ran.stdout);
}

#[test]
fn a_refused_file_is_exit_code_2_and_the_next_one_has_its_turn() {
    let place = Place::new();
    let server = place.serve();
    let picture = place.write("cat.png", "no lines");
    let file = place.write("app.jsonl", LINES);
    let ran = place.run(&[
        "upload",
        text(&picture),
        text(&file),
        "--follow",
        "--json",
        "--url",
        server.url(),
    ]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let steps: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(steps[0]["step"], "refused");
    assert_eq!(steps[0]["status"], 415);
    assert_eq!(steps[0]["code"], "unsupported_file_type");
    assert_eq!(steps[1]["step"], "uploaded");
    let last = steps.last().unwrap();
    assert_eq!((&last["step"], &last["status"]), (&"ended".into(), &"completed".into()));
    assert_eq!(last["lines_ingested"], 2);
}

#[test]
fn standard_input_is_a_file_with_a_given_name() {
    let place = Place::new();
    let server = place.serve();
    let ran = place.run(&["upload", "-", "--url", server.url()]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: standard input has no name: add --name, such as --name app.jsonl\n"
    );
    let arguments = [
        "upload",
        "-",
        "--name",
        "piped.jsonl",
        "--follow",
        "--url",
        server.url(),
    ];
    let ran = ran_with_input(&mut place.command(&arguments), LINES.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("piped.jsonl: completed, 2 of 2 lines"),
        "{}",
        ran.stdout
    );
}

#[test]
fn without_a_server_or_a_file_there_is_no_upload() {
    let place = Place::new();
    let ran = place.run(&["upload", "gone.jsonl", "--url", "http://127.0.0.1:9"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: cannot read gone.jsonl: No such file or directory (os error 2)\n"
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = place.write("app.jsonl", LINES);
    let ran = place.run(&["upload", text(&file), "--url", &format!("http://{free}")]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr,
        format!(
            "app.jsonl: nothing answers at http://{free}; is the server running? `event-horizon` starts one (unreachable)\n"
        )
    );
}
