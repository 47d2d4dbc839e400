//! API keys from outside: made on the command line, shown by clients, noted in the log, and revoked.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Place, Ran, Server, http, http_showing, until};
use crate::stack::{Mode, Stack, in_each_mode, lines};

in_each_mode!(
    each_key_does_what_it_is_for,
    who_changes_something_is_named_in_the_log,
    messages_arrive_although_nobody_has_a_key_for_them,
    a_revoked_key_opens_nothing_more,
);

const REQUIRED: (&str, &str) = ("EH_API_KEYS_REQUIRED", "true");
const VIEW: &str = r#"{"user_id":"ada","event_type":"view","payload":{"url":"/"}}"#;
const TRAINED: &str = r#"[
    {"user_id":"ada","event_type":"training_program_started","timestamp":"2026-05-28T10:00:00Z",
     "payload":{"program":{"id":"p-1","title":"Legs"}}},
    {"user_id":"ada","event_type":"training_program_finished","timestamp":"2026-05-28T10:36:18Z",
     "payload":{"program":{"id":"p-1","title":"Legs"}}}
]"#;

async fn start(mode: Mode, settings: &[(&str, &str)]) -> Option<Stack> {
    mode.start(&[&[REQUIRED][..], settings].concat()).await
}

/// The key alone stands on standard output, so that a shell can take it from there.
fn made(ran: &Ran) -> String {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let key = ran.stdout.trim_end();
    assert!(key.starts_with("eh_") && !key.contains(char::is_whitespace), "{key}");
    assert!(!ran.stderr.contains(key), "{}", ran.stderr);
    key.to_owned()
}

fn key(stack: &Stack, kind: &str) -> String {
    made(&stack.run(&["keys", "create", "--kind", kind]))
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(2).unwrap()
}

fn listed(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    list["items"].as_array().unwrap().clone()
}

async fn post_view(stack: &Stack, key: &str) -> StatusCode {
    let request = http_showing(Some(key)).post(stack.at("/v1/events")).body(VIEW);
    request.send().await.unwrap().status()
}

async fn get(stack: &Stack, path: &str, key: &str) -> StatusCode {
    let request = http_showing(Some(key)).get(stack.at(path));
    request.send().await.unwrap().status()
}

async fn each_key_does_what_it_is_for(mode: Mode) {
    let Some(stack) = start(mode, &[]).await else { return };
    let [write, upload, read] = ["write", "upload", "read"].map(|kind| key(&stack, kind));
    assert_eq!(post_view(&stack, &write).await, StatusCode::ACCEPTED);
    let id = stack.upload(lines(3), "").await;
    for (key, path, status) in [
        (&write, "/v1/events", StatusCode::FORBIDDEN),
        (&upload, "/v1/events", StatusCode::FORBIDDEN),
        (&read, "/v1/events", StatusCode::OK),
        (&upload, &format!("/api/v1/jobs/{id}"), StatusCode::OK),
        (&write, &format!("/api/v1/jobs/{id}"), StatusCode::FORBIDDEN),
        (&read, "/metrics", StatusCode::OK),
    ] {
        assert_eq!(get(&stack, path, key).await, status, "{path}");
    }
    assert_eq!(post_view(&stack, &read).await, StatusCode::FORBIDDEN);
    for process in stack.processes() {
        let ask = async |path| http().get(process.at(path)).send().await.unwrap().status();
        assert_eq!(ask("/readyz").await, StatusCode::OK);
        assert_eq!(ask("/metrics").await, StatusCode::UNAUTHORIZED);
    }
    let used = until(async || {
        let keys = listed(&stack.run(&["keys", "list", "--json"]));
        let all_used = keys.iter().all(|key| key["last_used_at"].is_string());
        if all_used { Ok(keys) } else { Err(json!(keys)) }
    })
    .await;
    let kinds: Vec<_> = used.iter().map(|key| key["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["admin", "write", "upload", "read"]);
}

async fn who_changes_something_is_named_in_the_log(mode: Mode) {
    let Some(stack) = start(mode, &[]).await else { return };
    let upload = key(&stack, "upload");
    let id = stack.upload(lines(3), "").await;
    stack.until_ended(&id).await;
    let cancel = format!("/api/v1/jobs/{id}/cancel");
    let request = http_showing(Some(&upload)).post(stack.at(&cancel));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::CONFLICT);
    let wrong = format!("{}{}", &upload[..upload.len() - 4], "0000");
    get(&stack, "/api/v1/jobs", &wrong).await;
    let refused = stack.door().await_log("key.refused");
    assert_eq!(refused["key.id"], id_of(&upload), "{refused}");
    assert_eq!(refused["why"], "the secret is another", "{refused}");
    let log = stack.door().log();
    let line = log.iter().find(|line| line["path"] == cancel.as_str()).unwrap();
    assert_eq!(line["key.id"], id_of(&upload), "{line}");
    let all = json!(log).to_string();
    assert!(
        !all.contains(upload.rsplit('_').next().unwrap()),
        "a secret stands in the log"
    );
    assert!(
        !all.contains(wrong.rsplit('_').next().unwrap()),
        "what was tried stands in the log"
    );
}

async fn messages_arrive_although_nobody_has_a_key_for_them(mode: Mode) {
    let Some(stack) = start(mode, &[("EH_RULES_GRACE_SECONDS", "0")]).await else {
        return;
    };
    let write = key(&stack, "write");
    let posted = http_showing(Some(&write)).post(stack.at("/v1/events")).body(TRAINED);
    assert_eq!(posted.send().await.unwrap().status(), StatusCode::ACCEPTED);
    let received = until(async || {
        let received = stack.get("/v1/notify").await;
        let any = received["items"].as_array().is_some_and(|items| !items.is_empty());
        if any { Ok(received) } else { Err(received) }
    })
    .await;
    assert_eq!(received["items"][0]["body"]["user_id"], "ada", "{received}");
}

async fn a_revoked_key_opens_nothing_more(mode: Mode) {
    let Some(stack) = start(mode, &[]).await else { return };
    let [by_id, whole] = [key(&stack, "read"), key(&stack, "read")];
    for (key, named) in [(&by_id, id_of(&by_id)), (&whole, whole.as_str())] {
        assert_eq!(get(&stack, "/v1/users", key).await, StatusCode::OK);
        let revoked = stack.run(&["keys", "revoke", named]);
        assert_eq!(revoked.code, 0, "{}", revoked.stderr);
        assert!(revoked.stdout.contains(id_of(key)), "{}", revoked.stdout);
        until(async || match get(&stack, "/v1/users", key).await {
            StatusCode::UNAUTHORIZED => Ok(()),
            status => Err(status),
        })
        .await;
    }
    let states: Vec<_> = listed(&stack.run(&["keys", "list", "--json"]));
    let states: Vec<_> = states.iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["usable", "revoked", "revoked"]);
}

#[test]
fn without_a_key_nobody_could_come_in_so_it_does_not_start() {
    let place = Place::new();
    let refused = |bind: &str, environment: &[(&str, &str)]| {
        let ran = place.run_with(&["serve", "--bind", bind], environment);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
        let said = ran.stderr.lines().rev().take(2).collect::<Vec<_>>();
        said.into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    let expected = |bind: &str| {
        format!(
            "error: clients need an API key here, and there is none that opens anything, so nobody could come in.\nMake one \
             with `event-horizon keys create --kind admin`, or, if you trust everybody who can reach {bind}, go without: \
             EH_API_KEYS_REQUIRED=false or --insecure-no-auth"
        )
    };
    assert_eq!(refused("0.0.0.0:0", &[]), expected("0.0.0.0:0"));
    assert_eq!(refused("127.0.0.1:0", &[REQUIRED]), expected("127.0.0.1:0"));
    let key = made(&place.run(&["keys", "create", "--kind", "read"]));
    drop(Server::start(&mut place.command(&["serve", "--bind", "0.0.0.0:0"])));
    assert_eq!(place.run(&["keys", "revoke", &key]).code, 0);
    assert_eq!(refused("0.0.0.0:0", &[]), expected("0.0.0.0:0"));
}

/// Nobody knows whether there are keys, and events can be taken as soon as one can be asked.
#[cfg(feature = "services")]
#[tokio::test]
async fn a_door_whose_tables_cannot_be_asked_starts() {
    let Some(queue) = crate::stack::backends::url_of("EH_TEST_QUEUE_URL", "rabbitmq") else {
        return;
    };
    let place = Place::new();
    let server = Server::start(
        place
            .command(&["ingest", "--bind", "0.0.0.0:0"])
            .env("EH_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
            .env("EH_QUEUE_PREFIX", format!("it_{}", uuid::Uuid::new_v4().simple()))
            .env("EH_QUEUE_URL", queue),
    );
    let key = format!("eh_write_{}_{}", "0".repeat(16), "0".repeat(64));
    let url = server.url().replace("0.0.0.0", "127.0.0.1");
    let posted = http_showing(Some(&key)).post(format!("{url}/v1/events")).body(VIEW);
    let refused = posted.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
}

/// A server on loopback that asks for keys all the same.
fn asking(place: &Place) -> Server {
    let mut serve = place.command(&["serve", "--bind", "127.0.0.1:0"]);
    Server::start(serve.env(REQUIRED.0, REQUIRED.1))
}

#[test]
fn commands_show_their_key_and_say_what_to_do_without_one() {
    let place = Place::new();
    let key = made(&place.run(&["keys", "create", "--kind", "admin"]));
    let server = asking(&place);
    place.write("app.jsonl", lines(3));
    let url = server.url();
    for command in [
        &["jobs", "list", "--url", url][..],
        &["upload", "app.jsonl", "--follow", "--url", url],
        &["watch", "top", "--url", url],
        &["streams", "list", "ada", "--url", url],
        &["notifications", "list", "--url", url],
        &["generate", "--events", "10", "--url", url],
    ] {
        let without = place.run(command);
        assert_ne!(without.code, 0, "{command:?}");
        let hint = "; pass a key with --key, or set EH_API_KEY (key_required)";
        assert!(without.stderr.contains(hint), "{command:?}: {}", without.stderr);
        let with = place.run_with(command, &[("EH_API_KEY", &key)]);
        assert_eq!(with.code, 0, "{command:?}: {}", with.stderr);
        let with = place.run(&[command, &["--key", &key]].concat());
        assert_eq!(with.code, 0, "{command:?}: {}", with.stderr);
    }
    let empty = place.run_with(&["jobs", "list", "--url", url], &[("EH_API_KEY", "")]);
    assert!(empty.stderr.contains("(key_required)"), "{}", empty.stderr);
}

/// A key in a file is for the server beside it.
#[test]
fn the_key_of_a_file_goes_to_no_other_server() {
    let place = Place::new();
    let key = made(&place.run(&["keys", "create", "--kind", "admin"]));
    let server = asking(&place);
    let address = server.url().strip_prefix("http://").unwrap();
    place.write(
        "event-horizon.toml",
        format!("bind = \"{address}\"\napi_key = \"{key}\"\n"),
    );
    let own = place.run(&["jobs", "list"]);
    assert_eq!(own.code, 0, "{}", own.stderr);
    let other = place.run(&["jobs", "list", "--url", server.url()]);
    assert!(other.stderr.contains("(key_required)"), "{}", other.stderr);
}

#[test]
fn sample_data_need_a_key_at_a_door_and_none_in_the_same_process() {
    let place = Place::new();
    let made = place.run_with(&["generate", "--events", "10", "--bind", "127.0.0.1:0"], &[REQUIRED]);
    assert_eq!(made.code, 0, "{}", made.stderr);
}

#[test]
fn what_cannot_be_made_or_revoked_is_told() {
    let place = Place::new();
    for (wrong, said) in [
        (&["--kind", "owner"][..], "possible values: write, upload, read, admin"),
        (&[], "--kind"),
        (
            &["--kind", "read", "--origin", "https://a.example"],
            "--origin is for keys of the kind `write`",
        ),
        (
            &["--kind", "write", "--origin", "a.example"],
            "an origin such as https://example.org",
        ),
        (&["--kind", "read", "--expires-in-days", "0"], "0 is not in 1..=36500"),
        (&["--kind", "read", "--name", ""], "1 to 100 characters"),
    ] {
        let ran = place.run(&[&["keys", "create"], wrong].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{wrong:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let unknown = place.run(&["keys", "revoke", "0123456789abcdef"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("there is no key 0123456789abcdef"),
        "{}",
        unknown.stderr
    );
    let malformed = place.run(&["keys", "revoke", "eh_read_secret"]);
    assert_eq!(malformed.code, 1);
    assert!(!malformed.stderr.contains("secret"), "{}", malformed.stderr);
}

#[test]
fn what_was_made_is_told_to_people_and_programs() {
    let place = Place::new();
    assert_eq!(place.run(&["keys", "list"]).stdout, "There are none.\n");
    let create = [
        "keys",
        "create",
        "--kind",
        "write",
        "--name",
        "shop",
        "--origin",
        "https://Shop.example/",
    ];
    let told = place.run(&[&create[..], &["--expires-in-days", "30", "--json"]].concat());
    assert_eq!((told.code, told.stderr.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let key = told["key"].as_str().unwrap();
    assert_eq!(
        json!([
            told["key_id"],
            told["kind"],
            told["name"],
            told["origins"],
            told["state"]
        ]),
        json!([id_of(key), "write", "shop", ["https://shop.example"], "usable"])
    );
    assert!(told["expires_at"].as_str() > told["created_at"].as_str(), "{told}");
    let list = listed(&place.run(&["keys", "list", "--json"]));
    assert!(
        list.len() == 1 && list[0]["key_id"] == told["key_id"] && list[0]["key"].is_null(),
        "{list:?}"
    );
    let table = place.run(&["keys", "list"]).stdout;
    assert!(table.contains(id_of(key)) && !table.contains(key), "{table}");
}
