//! The settings: where they come from, what stops the start, and what is never shown.

use serde_json::Value;

use crate::harness::{Place, Ran, Server, text};

fn shown(place: &Place, arguments: &[&str], environment: &[(&str, &str)], setting: &str) -> Value {
    let ran = place.run_with(&[&["config", "show", "--json"], arguments].concat(), environment);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    all["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["setting"] == setting)
        .unwrap()
        .clone()
}

fn value_and_origin(row: &Value) -> (&str, &str) {
    (row["value"].as_str().unwrap(), row["origin"].as_str().unwrap())
}

/// What the start says when it is refused.
fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    said(&Place::new().run_with(arguments, environment))
}

fn said(ran: &Ran) -> String {
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    ran.stderr.clone()
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let place = Place::new();
    let slots = |arguments: &[&str], environment: &[(&str, &str)]| {
        let row = shown(&place, arguments, environment, "EH_WORKER_SLOTS");
        let (value, origin) = value_and_origin(&row);
        format!("{value} ({origin})")
    };
    assert_eq!(slots(&[], &[]), "8 (default)");
    place.write("event-horizon.toml", "worker_slots = 3");
    assert_eq!(slots(&[], &[]), "3 (file event-horizon.toml)");
    assert_eq!(slots(&[], &[("EH_WORKER_SLOTS", "4")]), "4 (environment)");
    assert_eq!(
        slots(&["--worker-slots", "5"], &[("EH_WORKER_SLOTS", "4")]),
        "5 (flag --worker-slots)"
    );
}

#[test]
fn a_file_can_be_named() {
    let place = Place::new();
    place.write("event-horizon.toml", "worker_slots = 3");
    place.write(
        "other.toml",
        "cors_origins = [\"https://a.example\", \"http://localhost:3000\"]",
    );
    let origins = shown(&place, &["--config", "other.toml"], &[], "EH_CORS_ORIGINS");
    assert_eq!(
        value_and_origin(&origins),
        ("https://a.example,http://localhost:3000", "file other.toml")
    );
    let slots = shown(&place, &["--config", "other.toml"], &[], "EH_WORKER_SLOTS");
    assert_eq!(value_and_origin(&slots), ("8", "default"));
}

#[test]
fn a_named_file_must_be_there_and_be_toml() {
    assert_eq!(
        refusal(&["serve", "--config", "gone.toml"], &[]),
        "error: the settings file gone.toml cannot be read: No such file or directory (os error 2)\n"
    );
    let place = Place::new();
    place.write("event-horizon.toml", "bind: 8000");
    let said = said(&place.run(&["serve"]));
    assert!(
        said.starts_with("error: the settings file event-horizon.toml is no TOML: TOML parse error at line 1"),
        "{said}"
    );
}

#[test]
fn an_empty_variable_is_an_absent_one_and_those_of_tests_are_not_ours() {
    let environment = [
        ("EH_WORKER_SLOTS", ""),
        ("EH_TEST_DATABASE_URL", "postgres://somewhere"),
        ("OTHER", "x"),
    ];
    let row = shown(&Place::new(), &[], &environment, "EH_WORKER_SLOTS");
    assert_eq!(value_and_origin(&row), ("8", "default"));
}

#[test]
fn an_unknown_name_stops_the_start_and_the_nearest_one_is_offered() {
    assert_eq!(
        refusal(&["serve"], &[("EH_WORKER_SLOT", "3")]),
        "error: there is no setting EH_WORKER_SLOT (environment); did you mean EH_WORKER_SLOTS?\n"
    );
    assert_eq!(
        refusal(&["serve"], &[("EH_COFFEE", "black")]),
        "error: there is no setting EH_COFFEE (environment); `event-horizon config show` lists them all\n"
    );
    let place = Place::new();
    place.write("event-horizon.toml", "databse_url = \"sqlite:x.db\"");
    assert_eq!(
        said(&place.run(&["serve"])),
        "error: there is no setting databse_url (file event-horizon.toml); did you mean database_url?\n"
    );
}

#[test]
fn a_malformed_value_stops_the_start_with_what_is_allowed() {
    for (name, value, allowed) in [
        ("EH_BIND", "8000", "an address and a port, such as `127.0.0.1:8000`"),
        ("EH_API_KEYS_REQUIRED", "no", "`true` or `false`"),
        ("EH_WORKER_SLOTS", "0", "a whole number from 1 to 256"),
        ("EH_WORKER_SLOTS", "many", "a whole number from 1 to 256"),
        ("EH_LINE_DELAY_MAX_MS", "1001", "a whole number from 0 to 1000"),
        (
            "EH_UPLOAD_BYTES_MAX",
            "4 gigs",
            "a size from 1 KiB to 1 TiB, such as `1 MiB` or plain bytes",
        ),
        ("EH_LOG_FORMAT", "xml", "`pretty` or `json`"),
        (
            "EH_LOG",
            "loud",
            "a level (error, warn, info, debug, trace) or directives such as `info,worker=debug`",
        ),
        (
            "EH_QUEUE_URL",
            "redis://x",
            "what begins with `embedded:`, `amqp://` or `amqps://`",
        ),
        (
            "EH_DATABASE_URL",
            "mysql://me:***@x/y",
            "what begins with `sqlite:`, `postgres://` or `postgresql://`",
        ),
        (
            "EH_CORS_ORIGINS",
            "a.example",
            "`none`, `*`, or origins such as `https://example.org`, separated by commas",
        ),
    ] {
        let said = refusal(&["serve"], &[(name, &value.replace("***", "sesame"))]);
        assert_eq!(
            said,
            format!("error: {name} is `{value}` (environment); allowed is {allowed}\n")
        );
    }
}

#[test]
fn a_value_is_named_as_whoever_set_it_knows_it() {
    assert_eq!(
        refusal(&["serve", "--worker-slots", "0"], &[]),
        "error: EH_WORKER_SLOTS is `0` (flag --worker-slots); allowed is a whole number from 1 to 256\n"
    );
    let place = Place::new();
    place.write("event-horizon.toml", "worker_slots = 1.5");
    assert_eq!(
        said(&place.run(&["serve"])),
        "error: worker_slots is `1.5` (file event-horizon.toml); allowed is a whole number from 1 to 256\n"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let said = refusal(
        &["serve"],
        &[("EH_LOG_FORMAT", "xml"), ("EH_WORKER_SLOTS", "0"), ("EH_NONSENSE", "1")],
    );
    assert_eq!(said.lines().count(), 3, "{said}");
}

const SESAME_KEY: &str = "eh_read_0123456789abcdef_5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a3e5e5a";

#[test]
fn secrets_are_never_shown() {
    let environment = [
        ("EH_DATABASE_URL", "postgres://me:sesame@host/db?password=sesame"),
        ("EH_QUEUE_URL", "amqp://me:se/s@me:sesame@host"),
        ("AWS_ACCESS_KEY_ID", "open-sesame"),
        ("AWS_SECRET_ACCESS_KEY", "sesame"),
        ("EH_API_KEY", SESAME_KEY),
    ];
    let place = Place::new();
    for arguments in [&["config", "show"][..], &["config", "show", "--json"]] {
        let ran = place.run_with(arguments, &environment);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains("sesame"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("5e5a3e"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("postgres://me:***@host/db?password=***"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("amqp://me:***@host"), "{}", ran.stdout);
    }
    let secret = shown(&place, &[], &environment, "AWS_SECRET_ACCESS_KEY");
    assert_eq!(value_and_origin(&secret), ("***", "environment"));
}

#[test]
fn every_setting_is_shown_with_its_meaning() {
    let ran = Place::new().run(&["config", "show"]);
    assert!(
        ran.stdout
            .contains("EH_BIND = 127.0.0.1:8000   (default)\n    Address and port to listen on."),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("EH_LOG_FORMAT = [pretty on a terminal, else json]   (default)"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_settings_file_with_all_defaults_can_be_had_and_used() {
    let place = Place::new();
    let defaults = place.run(&["config", "default"]);
    place.write("event-horizon.toml", defaults.stdout);
    let row = shown(&place, &[], &[], "EH_UPLOAD_BYTES_MAX");
    assert_eq!(value_and_origin(&row), ("4 GiB", "file event-horizon.toml"));
}

#[test]
fn who_asks_nobody_for_a_key_is_warned() {
    let place = Place::new();
    let server = Server::start(&mut place.command(&["--bind", "0.0.0.0:0", "--insecure-no-auth"]));
    server.await_log("server.open_to_anyone");
    drop(server);
    let server = Server::start(
        place
            .command(&["--bind", "0.0.0.0:0"])
            .env("EH_API_KEYS_REQUIRED", "false"),
    );
    server.await_log("server.open_to_anyone");
}

#[test]
fn a_role_of_several_refuses_the_queue_of_one_process() {
    for role in ["ingest", "worker"] {
        assert_eq!(
            refusal(&[role], &[]),
            format!(
                "error: `{role}` is one role of several processes, but EH_QUEUE_URL is `embedded:`, a queue that lives inside \
                 one process.\nSet EH_QUEUE_URL to a RabbitMQ (amqp://…), or run everything in one process with \
                 `event-horizon serve`\n"
            )
        );
    }
}

/// Without the feature the binary says what it lacks, and how to get it.
#[cfg(not(feature = "services"))]
#[test]
fn a_build_without_services_says_so() {
    for (name, url, sentence) in [
        (
            "EH_DATABASE_URL",
            "postgres://localhost/x",
            "this build holds no PostgreSQL; build with `--features services` (images have it)",
        ),
        (
            "EH_QUEUE_URL",
            "amqp://localhost",
            "this build holds no RabbitMQ; build with `--features services` (images have it)",
        ),
        (
            "EH_BLOB_URL",
            "s3://bucket",
            "this build holds no S3; build with `--features services` (images have it)",
        ),
    ] {
        let place = Place::new();
        let ran = place.run_with(&["serve", "--bind", "127.0.0.1:0"], &[(name, url)]);
        let said = said(&ran);
        assert_eq!(
            said.lines().last(),
            Some(format!("error: {name}: {sentence}").as_str()),
            "{said}"
        );
    }
}

#[test]
fn the_data_folder_stands_in_other_settings() {
    let place = Place::new();
    let data = place.path().join("elsewhere");
    let server = Server::start(&mut place.command(&["--bind", "127.0.0.1:0", "--data-dir", text(&data)]));
    assert!(data.join("event-horizon.db").is_file());
    assert!(data.join("blobs").is_dir());
    drop(server);
    assert!(!place.path().join("data").exists());
}
