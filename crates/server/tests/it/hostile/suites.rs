//! Collections that others made to torture parsers: JSONTestSuite, the Big List of Naughty Strings, the hostile samples.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{GOOD, verdicts, verdicts_of};
use crate::stack::{Stack, in_both_modes};
use crate::wire::{Form, Wire};

in_both_modes!(
    hostile_files_cost_only_their_broken_lines,
    the_json_test_suite_line_by_line,
    naughty_strings_come_back_as_they_were,
    naughty_file_names_are_names_only,
);

/// Of what the suite leaves open, these two are rejected; what is not UTF-8 is rejected too, and all else is taken.
const LEFT_OPEN_AND_REJECTED: [(&str, &str); 2] = [
    ("i_structure_500_nested_arrays.json", "too_deep"),
    ("i_structure_UTF-8_BOM_empty_object.json", "invalid_json"),
];

fn samples(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../domain/tests/samples/hostile")
        .join(folder)
}

fn files_of(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(samples(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

async fn hostile_files_cost_only_their_broken_lines(stack: Stack) {
    let table: [(&str, &[&str]); 9] = [
        ("bom-utf8", &["log"; 3]),
        ("crlf", &["log"; 5]),
        ("es-bulk", &["log"; 6]),
        ("json-array", &["invalid_json", "invalid_json", "log", "invalid_json"]),
        ("no-final-newline", &["log"; 2]),
        (
            "non-objects",
            &[
                "not_an_object",
                "not_an_object",
                "not_an_object",
                "not_an_object",
                "not_an_object",
                "not_an_object",
                "log",
                "log",
            ],
        ),
        ("trailing-comma-seed3", &["invalid_json"; 2]),
        ("two-per-line", &["invalid_json", "log"]),
        ("empty", &[]),
    ];
    let files = files_of("lines");
    assert_eq!(files.len(), table.len());
    for (name, expected) in table {
        let (_, content) = files.iter().find(|(file, _)| *file == format!("{name}.jsonl")).unwrap();
        if content.is_empty() {
            assert_eq!(
                super::send(&stack, "empty.jsonl", "").await,
                super::refused(400, "empty_file")
            );
        } else {
            assert_eq!(verdicts_of(&stack, content.clone()).await, expected, "{name}");
        }
    }
}

async fn the_json_test_suite_line_by_line(stack: Stack) {
    let mut files = files_of("JSONTestSuite/test_parsing");
    files.extend(files_of("JSONTestSuite/test_transform"));
    let all = files.len();
    // A text of several lines is another text line by line; one of white space is no line.
    files
        .iter_mut()
        .for_each(|(_, text)| *text = text.strip_suffix(b"\n").unwrap_or(text).to_vec());
    files.retain(|(_, text)| !text.contains(&b'\n') && !text.trim_ascii().is_empty());
    assert!(all > 330 && all - files.len() < 10, "{} of {all}", files.len());
    let lines: Vec<_> = files.iter().flat_map(|(_, text)| [GOOD.as_bytes(), text]).collect();

    let id = stack.upload(lines.join(&b'\n'), "").await;

    let found: Vec<_> = verdicts(&stack, &id).await.into_values().collect();
    assert_eq!(found.len(), lines.len());
    for ((name, text), pair) in files.iter().zip(found.chunks(2)) {
        assert_eq!(pair[0], "log", "the neighbour of {name}");
        assert_verdict(name, text, &pair[1]);
    }
}

fn assert_verdict(name: &str, text: &[u8], verdict: &str) {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    let fixed = LEFT_OPEN_AND_REJECTED.iter().find(|(file, _)| *file == name);
    let expected: &[&str] = match fixed {
        Some((_, code)) => &[code],
        None if std::str::from_utf8(text).is_err() => &["invalid_utf8"],
        None if name.starts_with("n_") => &["invalid_json", "too_deep"],
        None if is_object => &["log"],
        None => &["not_an_object"],
    };
    assert!(expected.contains(&verdict), "{name}: {verdict} instead of {expected:?}");
}

fn naughty_strings() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/blns.json");
    let strings: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(strings.len() > 500);
    strings
}

/// As a message, as a value deep inside, and as a name.
async fn naughty_strings_come_back_as_they_were(stack: Stack) {
    let strings = naughty_strings();
    let line = |text: &String| json!({"msg": text, "x": [{"value": text}], format!("name {text}"): 1});
    let file: Vec<_> = strings.iter().map(|text| line(text).to_string()).collect();
    let id = stack.upload(file.join("\n"), "").await;
    stack.until_ended(&id).await;
    let entries = stack.all(&format!("/api/v1/jobs/{id}/entries")).await;
    assert_eq!(entries.len(), strings.len());
    for (entry, text) in entries.iter().zip(&strings) {
        let text = text.replace('\0', "\u{fffd}");
        let attributes = json!({"x": [{"value": text}], format!("name {text}"): 1});
        assert_eq!(
            (entry["message"].as_str(), &entry["attributes"]),
            (Some(&*text), &attributes)
        );
    }
    assert!(rejects_of(&stack, &id).await.is_empty());
}

async fn rejects_of(stack: &Stack, id: &str) -> Vec<Value> {
    stack.all(&format!("/api/v1/jobs/{id}/rejects")).await
}

/// Nothing but the last part of a path is kept, and it is shown, never used.
async fn naughty_file_names_are_names_only(stack: Stack) {
    let mut names: Vec<_> = naughty_strings()
        .into_iter()
        .step_by(7)
        .map(|text| text + ".jsonl")
        .collect();
    names.extend(
        [
            "../../../../tmp/escaped.jsonl",
            "/etc/passwd.jsonl",
            "..\\..\\x.jsonl",
            "a\0b.jsonl",
            "....//.jsonl/y.jsonl",
        ]
        .map(str::to_owned),
    );
    for name in names {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''{encoded}");
        let answer = Wire::open(&stack).await.send(&Form::of(&head, GOOD).request()).await;
        let base = name.rsplit(['/', '\\']).next().unwrap().trim();
        if base == ".jsonl" {
            assert_eq!(answer.problem(), (415, "unsupported_file_type".to_owned()), "{name:?}");
            continue;
        }
        assert_eq!(answer.status, 202, "{name:?}: {answer:?}");
        let shown = base.replace(char::is_control, "\u{fffd}");
        assert_eq!(
            stack.job(answer.json()["job_id"].as_str().unwrap()).await["file_name"],
            shown,
            "{name:?}"
        );
    }
    assert!(!Path::new("/tmp/escaped.jsonl").exists());
    let strangers = std::fs::read_dir(stack.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(
        strangers.filter(|name| name != "data").collect::<Vec<_>>(),
        Vec::<OsString>::new()
    );
}
