//! The API document: the committed copy is current, and no answer is undeclared.

use std::path::PathBuf;

use serde_json::Value;

use crate::client::{FORM, file, form, request};
use crate::harness::{LINES, TestServer};

/// Set it to write the committed copy anew.
const UPDATE: &str = "EH_UPDATE_OPENAPI";

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

fn current() -> String {
    ingest::openapi().to_pretty_json().unwrap() + "\n"
}

#[test]
fn the_committed_copy_is_current() {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(committed().parent().unwrap()).unwrap();
        std::fs::write(committed(), current()).unwrap();
    }
    let copy = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        copy == current(),
        "docs/openapi.json is not what is served; run the test with {UPDATE}=1 and look at the difference"
    );
}

#[tokio::test]
async fn what_is_served_is_the_document() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/openapi.json").await.expect(200).text(), current());
}

const VIEW: &[u8] = br#"{"user_id":"u","event_type":"view","payload":{"url":"/"}}"#;

/// What clients may send in the place of any parameter.
const ODD: [&str; 14] = [
    "",
    "0",
    "-1",
    "1001",
    "99999999999999999999",
    "x",
    "null",
    "%00",
    "%FF",
    "%zz",
    "..%2F",
    "true",
    "%F0%9F%98%80",
    "a+b",
];

#[tokio::test]
async fn no_answer_is_undeclared() {
    let server = TestServer::start().await;
    let id = server.job_of(LINES).await.to_string();
    let document: Value = serde_json::from_str(&current()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for target in targets(path, operation, &id) {
                let body = form(&[file("a.log", LINES)]);
                let sent = match method.as_str() {
                    "post" if !takes_events(operation) => request("POST", &target, &[FORM], &body),
                    method => request(&method.to_uppercase(), &target, &[], VIEW),
                };
                let answer = server.send(&sent).await;
                let declared = &operation["responses"][answer.status.to_string()];
                assert!(
                    !declared.is_null(),
                    "{method} {target} answered {}: {}",
                    answer.status,
                    answer.text()
                );
                assert!(answer.status < 500, "{method} {target}: {}", answer.text());
                let Some(media) = answer.header("content-type") else {
                    assert_eq!(answer.status, 204, "{method} {target}");
                    continue;
                };
                let media = media.split(';').next().unwrap();
                assert!(
                    !declared["content"][media].is_null(),
                    "{method} {target} answered {media}: {declared}"
                );
            }
        }
    }
}

fn takes_events(operation: &Value) -> bool {
    operation["tags"][0] == "events"
}

fn targets(path: &str, operation: &Value, id: &str) -> Vec<String> {
    let with = |id: &str, code: &str| {
        let ids = ["{job_id}", "{event_id}", "{id}", "{user}", "{slug}", "{stream_id}"].into_iter();
        ids.fold(path.to_owned(), |path, name| path.replace(name, id))
            .replace("{code}", code)
    };
    let plain = with(id, "internal");
    let mut targets = vec![
        plain.clone(),
        format!("{plain}?unknown=1"),
        format!("{plain}?%zz"),
        format!("{plain}?&&=&"),
    ];
    for odd in ODD.iter().filter(|odd| !odd.is_empty()) {
        targets.push(with(odd, odd));
    }
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        targets.extend(ODD.iter().map(|odd| format!("{plain}?{name}={odd}")));
    }
    targets
}

#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&current()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for member in ["summary", "operationId", "tags"] {
                assert!(!operation[member].is_null(), "{method} {path} has no {member}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let has_body = !matches!(status.as_str(), "101" | "204");
                assert_eq!(has_body, response["content"].is_object(), "{method} {path} {status}");
            }
        }
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&current()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
}
