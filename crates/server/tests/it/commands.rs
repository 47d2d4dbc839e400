//! The command line: what each command prints, and its exit code.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Place, Server, http, text};

const LINES: &str = "{\"message\":\"one\",\"level\":\"info\"}\n{\"message\":\"two\"}\n";

#[test]
fn a_wrong_command_line_is_exit_code_1() {
    let place = Place::new();
    for wrong in [
        &["brew"][..],
        &["serve", "--brew"],
        &["upload"],
        &["completions", "tea"],
    ] {
        let ran = place.run(wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{wrong:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    for asked in ["--help", "-h", "--version"] {
        assert_eq!(place.run(&[asked]).code, 0, "{asked}");
    }
}

#[test]
fn a_mistyped_command_comes_with_the_right_one() {
    let place = Place::new();
    for (mistyped, right) in [
        (&["generat"][..], "'generate'"),
        (&["job"], "'jobs'"),
        (&["jobs", "rejcts"], "'rejects'"),
        (&["upload", "a.jsonl", "--folow"], "'--follow'"),
        (&["--dmo"], "'--demo'"),
    ] {
        let ran = place.run(mistyped);
        assert_eq!(ran.code, 1, "{mistyped:?}");
        assert!(
            ran.stderr.contains("  tip: ") && ran.stderr.contains(right),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn every_setting_is_a_flag_but_secrets() {
    let help = Place::new().run(&["--help"]).stdout;
    assert!(help.contains("--database-url <VALUE>"), "{help}");
    assert!(!help.contains("secret-access-key"), "{help}");
}

#[test]
fn completions_are_printed() {
    let place = Place::new();
    for (shell, begins) in [
        ("bash", "_event__horizon()"),
        ("zsh", "#compdef event-horizon"),
        ("fish", "complete -c event-horizon"),
        ("elvish", "set edit:completion:arg-completer[event-horizon]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = place.run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        for expected in [begins, "rejects", "demo"] {
            assert!(ran.stdout.contains(expected), "{shell}: {}", ran.stdout);
        }
    }
}

#[test]
fn the_interface_describes_itself() {
    let ran = Place::new().run(&["openapi"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let described: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        described["paths"]["/api/v1/files/upload"]["post"].is_object(),
        "{:?}",
        described["paths"]
    );
}

#[test]
fn the_tables_are_brought_up_to_date_once() {
    let place = Place::new();
    let first = place.run(&["migrate"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(
        first.stdout.starts_with("SQLite: ") && first.stdout.contains(" applied: "),
        "{}",
        first.stdout
    );
    assert_eq!(place.run(&["migrate"]).stdout, "SQLite is up to date.\n");
}

#[test]
fn what_is_kept_is_for_its_owner_only() {
    let place = Place::new();
    let _server = place.serve();
    let mode = std::fs::metadata(place.path().join("data"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_taken_port_comes_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Place::new().run(&["--bind", &address]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        format!(
            "error: the address {address} is taken by another program, perhaps by another event-horizon.\nStop that one, or \
             choose another port: event-horizon --bind 127.0.0.1:0 takes a free one\n"
        )
    );
}

#[test]
fn a_folder_that_cannot_be_written_comes_with_a_way_out() {
    let place = Place::new();
    place.write("file", "");
    let ran = place.run(&["--bind", "127.0.0.1:0", "--data-dir", "./file/data"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: the folder ./file/data cannot be written.\nMake it writable for this user, or choose another one with --data-dir \
         (or EH_DATA_DIR): Not a directory (os error 20)\n"
    );
}

#[test]
fn data_in_use_comes_with_a_way_out() {
    let place = Place::new();
    let _server = place.serve();
    let ran = place.run(&["--bind", "127.0.0.1:0"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: another process works with the data in ./data.\nStop that one first, or give this one a folder and a port of its \
         own: event-horizon --data-dir ./other --bind 127.0.0.1:0\n"
    );
}

#[test]
fn a_signal_ends_it_cleanly() {
    let place = Place::new();
    for signal in ["TERM", "INT"] {
        let server = place.serve();
        server.signal(signal);
        server.await_log("server.stopped");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

/// An upload that has begun is waited for, and this one never ends.
#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let server = place.serve();
    let address = server.url().strip_prefix("http://").unwrap();
    let mut upload = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/files/upload HTTP/1.1\r\nHost: {address}\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; 12];
    upload.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    server.signal("TERM");
    server.await_log("server.stopping");
    server.signal("TERM");
    server.await_log("server.stopped_at_once");
    assert_eq!(server.wait().code(), Some(130));
}

/// The broker is away, which no role minds at its start.
#[cfg(feature = "services")]
fn role(place: &Place, role: &str, database: &[&str]) -> Server {
    let settings = [role, "--bind", "127.0.0.1:0", "--queue-url", "amqp://127.0.0.1:1"];
    Server::spawn(&mut place.command(&[&settings, database].concat()))
}

#[cfg(feature = "services")]
fn assert_said_once(server: &Server, message: &str) {
    let said = server.log().into_iter().filter(|line| line["message"] == message);
    assert_eq!(said.count(), 1, "{message} is said once");
}

#[cfg(feature = "services")]
#[test]
fn a_worker_waits_for_the_tables_and_can_be_stopped_meanwhile() {
    let place = Place::new();
    let spawn = || {
        let server = role(&place, "worker", &[]);
        let awaited = server.await_log("database.awaited");
        let reason = awaited["reason"].as_str().unwrap();
        assert!(reason.ends_with("run `event-horizon migrate`"), "{reason}");
        server
    };
    let (impatient, mut patient) = (spawn(), spawn());
    assert_eq!(impatient.terminate().code(), Some(0));
    assert_eq!(place.run(&["migrate"]).code, 0);
    patient.await_start();
    assert_said_once(&patient, "database.awaited");
    assert_eq!(patient.terminate().code(), Some(0));
}

/// Events need no tables to be taken.
#[cfg(feature = "services")]
#[tokio::test]
async fn an_ingest_serves_before_the_tables_are_there() {
    let place = Place::new();
    let mut server = role(&place, "ingest", &[]);
    server.await_start();
    let alive = http().get(server.at("/livez")).send().await.unwrap();
    assert_eq!(alive.status(), 200);
    server.await_log("database.awaited");
    assert_eq!(place.run(&["migrate"]).code, 0);
    server.await_log("database.ready");
    assert_said_once(&server, "database.awaited");
    assert_eq!(server.terminate().code(), Some(0));
}

#[cfg(feature = "services")]
#[tokio::test]
async fn an_ingest_serves_while_the_database_is_away() {
    let place = Place::new();
    let mut server = role(
        &place,
        "ingest",
        &["--database-url", "postgres://nobody@127.0.0.1:1/nowhere"],
    );
    server.await_start();
    let readiness = http().get(server.at("/readyz")).send().await.unwrap();
    let readiness: Value = readiness.json().await.unwrap();
    assert_eq!(
        (&readiness["status"], &readiness["parts"]["database"]["status"]),
        (&"degraded".into(), &"down".into())
    );
    server.await_log("database.awaited");
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn health_is_an_exit_code() {
    let place = Place::new();
    let server = place.serve();
    let ran = place.run(&["health", "--url", server.url()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let url = server.url().to_owned();
    assert!(server.terminate().success());
    let ran = place.run(&["health", "--url", &url]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .starts_with(&format!("not ready: {url}/readyz does not answer")),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn what_is_timed_can_be_asked_for_percentiles() {
    let place = Place::new();
    let server = place.serve();
    let file = place.write("app.jsonl", LINES);
    assert_eq!(
        place
            .run(&["upload", text(&file), "--follow", "--url", server.url()])
            .code,
        0
    );
    let answer = http().get(server.at("/metrics")).send().await.unwrap();
    let metrics = answer.error_for_status().unwrap().text().await.unwrap();
    assert!(
        metrics.contains("eh_queue_publish_seconds_bucket{lane=\"hints\",le=\"0.0005\"}"),
        "{metrics}"
    );
}

#[test]
fn a_second_start_says_what_it_goes_on_with() {
    let place = Place::new();
    let slow = |place: &Place| {
        Server::start(
            place
                .command(&["--bind", "127.0.0.1:0"])
                .env("EH_LINE_DELAY_MAX_MS", "1000"),
        )
    };
    let server = slow(&place);
    let file = place.write("app.jsonl", LINES.repeat(500));
    let ran = place.run(&["upload", text(&file), "--url", server.url()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(server.terminate().success());
    let server = slow(&place);
    let started = server
        .log()
        .into_iter()
        .find(|line| line["message"] == "server.started")
        .unwrap();
    assert_eq!(started["jobs_resumed"], 1);
}
