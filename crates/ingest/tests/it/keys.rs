//! Keys: who may do what where they are required, and what becomes of those who may not.

mod sockets;
mod unseen;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use domain::api_key::{ApiKey, KeyId, KeyKind, KeyText, Secret};
use domain::time::Timestamp;
use ingest::Settings;
use records::{Class, Records};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Answer, request};
use crate::harness::TestServer;

/// Looked up all the time, so that no test has to wait.
const TRUSTED: Duration = Duration::from_millis(20);
const VIEW: &[u8] = br#"{"user_id":"u","event_type":"view","payload":{"url":"/"}}"#;
const EVERY_KIND: [Option<KeyKind>; 5] = [
    None,
    Some(KeyKind::Write),
    Some(KeyKind::Upload),
    Some(KeyKind::Read),
    Some(KeyKind::Admin),
];

fn required(settings: &mut Settings) {
    settings.keys_required = true;
    settings.key_trusted = TRUSTED;
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}

/// A new key in the table, changed as a test wants it.
fn key_with(records: &Records, kind: KeyKind, change: impl FnOnce(&mut ApiKey)) -> KeyText {
    let random = uuid::Uuid::new_v4().into_bytes();
    let text = KeyText {
        kind,
        id: KeyId::new(random[8..].try_into().unwrap()),
        secret: Secret::new([random, random].concat().try_into().unwrap()),
    };
    let mut key = ApiKey {
        id: text.id,
        kind,
        name: None,
        secret_hash: text.secret.hash(),
        origins: Vec::new(),
        created_at: now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    change(&mut key);
    records.run(Class::Background, |unit| unit.create_key(&key)).unwrap();
    text
}

fn key(records: &Records, kind: KeyKind) -> String {
    key_with(records, kind, |_| {}).reveal()
}

async fn ask(server: &TestServer, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    server.send(&request(method, target, headers, b"")).await
}

async fn get_with(server: &TestServer, target: &str, key: &str) -> Answer {
    ask(server, "GET", target, &[("x-api-key", key)]).await
}

/// What an operation of the document declares, as it is written there; `None`: it is open.
fn kinds_of(operation: &Value) -> Option<BTreeSet<String>> {
    let alternatives = operation["security"].as_array().unwrap();
    if alternatives
        .iter()
        .any(|alternative| alternative.as_object().unwrap().is_empty())
    {
        return None;
    }
    let kinds = alternatives
        .iter()
        .filter_map(|alternative| alternative["key"][0].as_str());
    Some(kinds.map(str::to_owned).collect())
}

/// Every operation of the document: its method and path, and what it declares.
fn operations() -> Vec<(String, String, Option<BTreeSet<String>>)> {
    let document: Value = serde_json::from_str(&ingest::openapi().to_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), kinds_of(operation)));
        }
    }
    operations
}

fn concrete(path: &str) -> String {
    const ID: &str = "01a1f8f8-733a-7226-93c4-73c6d51ffb22";
    let names = [
        "{job_id}",
        "{event_id}",
        "{id}",
        "{user}",
        "{slug}",
        "{stream_id}",
        "{code}",
    ];
    names
        .into_iter()
        .fold(path.to_owned(), |path, name| path.replace(name, ID))
}

/// Without a job a ticket is for more than one.
fn body_for(path: &str) -> &'static [u8] {
    match path {
        "/api/v1/tickets" => br#"{"job_id":"01a1f8f8-733a-7226-93c4-73c6d51ffb22"}"#,
        _ => b"",
    }
}

#[tokio::test]
async fn every_operation_opens_for_the_kinds_that_it_names() {
    let server = TestServer::with(required).await;
    let keys = EVERY_KIND.map(|kind| kind.map(|kind| (kind, key(&server.records, kind))));
    for (method, path, kinds) in operations() {
        for shown in &keys {
            let headers: Vec<_> = shown.iter().map(|(_, key)| ("x-api-key", key.as_str())).collect();
            let sent = request(&method, &concrete(&path), &headers, body_for(&path));
            let answer = server.send(&sent).await;
            let code = (answer.status == 401 || answer.status == 403).then(|| answer.problem());
            let opens = |kind: KeyKind| {
                kind == KeyKind::Admin || kinds.as_ref().is_some_and(|kinds| kinds.contains(kind.as_str()))
            };
            let expected = match shown {
                _ if kinds.is_none() => None,
                None => Some("key_required"),
                Some((kind, _)) => (!opens(*kind)).then_some("key_not_allowed"),
            };
            assert_eq!(
                code.as_deref(),
                expected,
                "{method} {path} with {shown:?}: {}",
                answer.text()
            );
        }
    }
}

fn opened_by(kind: KeyKind) -> Vec<String> {
    let opens = |kinds: &Option<BTreeSet<String>>| kinds.as_ref().is_some_and(|kinds| kinds.contains(kind.as_str()));
    let opened = operations().into_iter().filter(|(_, _, kinds)| opens(kinds));
    opened.map(|(method, path, _)| format!("{method} {path}")).collect()
}

/// The document is the truth, and somebody who changes it must see what he gives away.
#[test]
fn nobody_may_more_by_accident() {
    assert_eq!(
        opened_by(KeyKind::Write),
        [
            "POST /",
            "POST /events",
            "POST /v1/event",
            "POST /v1/events",
            "POST /v1/notify",
            "POST /v1/users/{user}/streams",
            "DELETE /v1/users/{user}/streams/{stream_id}",
            "PUT /v1/users/{user}/streams/{stream_id}",
        ]
    );
    assert_eq!(
        opened_by(KeyKind::Upload),
        [
            "POST /api/v1/files/upload",
            "GET /api/v1/jobs/{job_id}",
            "POST /api/v1/jobs/{job_id}/cancel",
            "GET /api/v1/jobs/{job_id}/rejects",
            "POST /api/v1/jobs/{job_id}/retry",
            "POST /api/v1/tickets",
            "GET /ws/jobs/{job_id}",
        ]
    );
    let changes: Vec<_> = opened_by(KeyKind::Read)
        .into_iter()
        .filter(|operation| !operation.starts_with("GET "))
        .collect();
    assert_eq!(
        changes,
        ["POST /api/v1/rules/dry-run", "POST /api/v1/tickets", "POST /graphql"]
    );
    let open = operations().into_iter().filter(|(_, _, kinds)| kinds.is_none());
    let open: Vec<_> = open.map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(
        open,
        [
            "GET /",
            "GET /graphql",
            "GET /livez",
            "GET /openapi.json",
            "GET /problems",
            "GET /problems/{code}",
            "GET /readyz",
        ]
    );
}

#[tokio::test]
async fn pages_for_people_need_no_key() {
    let server = TestServer::with(required).await;
    let index = ask(&server, "GET", "/", &[("accept", "text/html")]).await.expect(200);
    let asset = index
        .text()
        .split('"')
        .find(|text| text.starts_with("/console/"))
        .unwrap();
    for page in [asset, "/docs/", "/demo/", "/demo/page.js"] {
        server.get(page).await.expect(200);
    }
    for (method, page) in [("POST", "/docs/"), ("DELETE", "/demo/page.js")] {
        assert_eq!(
            ask(&server, method, page, &[]).await.expect(401).problem(),
            "key_required"
        );
    }
}

#[tokio::test]
async fn a_key_stands_in_either_header() {
    let server = TestServer::with(required).await;
    let key = key(&server.records, KeyKind::Write);
    let bearer = format!("Bearer {key}");
    for headers in [
        &[("authorization", bearer.as_str())][..],
        &[("x-api-key", &key)],
        &[("authorization", &bearer), ("x-api-key", &key)],
        &[("authorization", "Basic dTpw"), ("x-api-key", &key)],
    ] {
        server
            .send(&request("POST", "/v1/events", headers, VIEW))
            .await
            .expect(202);
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let server = TestServer::with(required).await;
    let good = key(&server.records, KeyKind::Read);
    let revoked = key_with(&server.records, KeyKind::Read, |key| key.revoked_at = Some(now()));
    let expired = key_with(&server.records, KeyKind::Read, |key| key.expires_at = Some(now()));
    let bearer = format!("Bearer {}", key(&server.records, KeyKind::Read));
    let (id, secret) = good.strip_prefix("eh_read_").unwrap().split_once('_').unwrap();
    let wrong: [&[(&str, &str)]; 9] = [
        &[("x-api-key", "")],
        &[("x-api-key", "secret")],
        &[("authorization", "Bearer secret")],
        &[("x-api-key", &format!("{good}0"))],
        &[("x-api-key", &format!("eh_read_{id}_{}", "0".repeat(64)))],
        &[("x-api-key", &format!("eh_admin_{id}_{secret}"))],
        &[("x-api-key", &format!("eh_read_0000000000000000_{secret}"))],
        &[("x-api-key", &revoked.reveal())],
        &[("x-api-key", &expired.reveal())],
    ];
    let mut details = BTreeSet::new();
    for headers in wrong
        .into_iter()
        .chain([&[("authorization", bearer.as_str()), ("x-api-key", &good)][..]])
    {
        let refused = ask(&server, "GET", "/api/v1/jobs", headers).await.expect(401);
        assert_eq!(refused.problem(), "invalid_key", "{headers:?}");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
        details.insert(refused.json()["detail"].to_string());
    }
    assert_eq!(details.len(), 1, "{details:?}");
    get_with(&server, "/api/v1/jobs", &good).await.expect(200);
}

#[tokio::test]
async fn a_key_that_is_needed_or_may_not_is_told_so() {
    let server = TestServer::with(required).await;
    let lacking = server.get("/api/v1/jobs").await.expect(401);
    assert_eq!(lacking.header("www-authenticate"), Some("Bearer"));
    let detail = "this needs a key of the kind `read` or `admin`: `Authorization: Bearer <key>`, or `X-Api-Key: <key>`";
    assert_eq!(lacking.json()["detail"], detail);
    let key = key(&server.records, KeyKind::Write);
    let refused = get_with(&server, "/api/v1/jobs", &key).await.expect(403);
    assert_eq!(refused.problem(), "key_not_allowed");
    let detail = "this key is of the kind `write`, and this needs one of the kind `read` or `admin`";
    assert_eq!(refused.json()["detail"], detail);
}

#[tokio::test]
async fn what_the_router_will_choose_is_what_the_key_must_be_for() {
    let server = TestServer::with(required).await;
    let (read, write) = (
        key(&server.records, KeyKind::Read),
        key(&server.records, KeyKind::Write),
    );
    for same in ["/v1/users", "/v1/%75sers", "/%76%31/users"] {
        get_with(&server, same, &read).await.expect(200);
        assert_eq!(
            get_with(&server, same, &write).await.expect(403).problem(),
            "key_not_allowed"
        );
    }
    ask(&server, "HEAD", "/v1/users", &[("x-api-key", &read)])
        .await
        .expect(200);
    assert_eq!(server.get("/nothing").await.expect(401).problem(), "key_required");
    assert_eq!(
        get_with(&server, "/nothing", &write).await.expect(404).problem(),
        "unknown_path"
    );
    let admin = key(&server.records, KeyKind::Admin);
    for (key, status) in [(&read, 403), (&admin, 405)] {
        ask(&server, "PUT", "/v1/users", &[("x-api-key", key)])
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_opens_nothing_a_moment_later() {
    let server = TestServer::with(required).await;
    let key = key_with(&server.records, KeyKind::Read, |_| {});
    let text = key.reveal();
    get_with(&server, "/api/v1/jobs", &text).await.expect(200);
    let revoked = server
        .records
        .run(Class::Background, |unit| unit.revoke_key(key.id, now()));
    assert!(revoked.unwrap());
    while get_with(&server, "/api/v1/jobs", &text).await.status == 200 {}
    assert_eq!(
        get_with(&server, "/api/v1/jobs", &text).await.expect(401).problem(),
        "invalid_key"
    );
}

#[tokio::test]
async fn it_is_noted_when_a_key_is_used() {
    let mut server = TestServer::with(required).await;
    let used = key_with(&server.records, KeyKind::Read, |_| {});
    let refused = key_with(&server.records, KeyKind::Read, |_| {});
    let wrong = KeyText {
        secret: Secret::new([0; 32]),
        ..refused.clone()
    };
    get_with(&server, "/api/v1/jobs", &used.reveal()).await.expect(200);
    get_with(&server, "/api/v1/jobs", &wrong.reveal()).await.expect(401);
    server.end().await;
    let used_at = |id| {
        let key = server.records.run(Class::Keys, |unit| unit.key(id));
        key.unwrap().unwrap().last_used_at
    };
    let noted = used_at(used.id).unwrap();
    assert_eq!(noted.as_micros() % 60_000_000, 0, "{noted}");
    assert!(
        noted <= now() && noted > now().minus(Duration::from_secs(120)),
        "{noted}"
    );
    assert_eq!(used_at(refused.id), None);
}

#[tokio::test]
async fn a_key_of_pages_is_good_in_these_pages_only() {
    let server = TestServer::with(|settings| {
        required(settings);
        settings.cors_origins = ["https://app.example", "https://other.example"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    let key = key_with(&server.records, KeyKind::Write, |key| {
        key.origins = vec!["https://app.example".to_owned()];
    });
    let text = key.reveal();
    let post = async |origin: Option<&str>| {
        let mut headers = vec![("x-api-key", text.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        server.send(&request("POST", "/v1/events", &headers, VIEW)).await
    };
    let taken = post(Some("https://app.example")).await.expect(202);
    assert_eq!(taken.header("access-control-allow-origin"), Some("https://app.example"));
    for (origin, from) in [
        (None, "from no page"),
        (Some("https://other.example"), "from `https://other.example`"),
        (Some("null"), "from `null`"),
    ] {
        let refused = post(origin).await.expect(403);
        assert_eq!(refused.problem(), "key_not_allowed");
        let detail = format!("this key is for pages of certain origins only, and the request comes {from}");
        assert_eq!(refused.json()["detail"], detail);
    }
}

#[tokio::test]
async fn where_keys_are_not_required_nobody_looks_at_one() {
    let server = TestServer::start().await;
    for key in ["secret", &key(&server.records, KeyKind::Write)] {
        get_with(&server, "/api/v1/jobs", key).await.expect(200);
    }
}

#[tokio::test]
async fn the_figures_of_a_process_without_a_door_need_a_key_too() {
    let server = TestServer::start().await;
    let mut settings = Settings::default();
    required(&mut settings);
    let probes = ingest::Probes {
        records: server.records.clone(),
        queue: Arc::clone(&server.queue),
        blobs: Arc::clone(&server.blobs),
        metrics: Arc::new(|| "eh_worker 1\n".to_owned()),
        settings,
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let running = tokio::spawn(ingest::serve_probes(probes, listener, stop.clone()));
    let get = async |path: &str, key: &str| {
        let shown = request("GET", path, &[("x-api-key", key)], b"");
        client::send(address, &shown).await
    };
    get("/readyz", "secret").await.expect(200);
    get("/metrics", "secret").await.expect(401);
    get("/metrics", &key(&server.records, KeyKind::Read)).await.expect(200);
    stop.cancel();
    running.await.unwrap().unwrap();
}
